"""How many tokens a text is, near enough to plan with."""


def estimate(text: str) -> int:
    """Estimated tokens of `text`; the API's own figures are what is billed and reported.

    Four characters of Latin text are about a token, a Chinese or Japanese character is about one, Cyrillic or Arabic
    lie between: the bytes that UTF-8 needs beyond one a character tell them apart without looking at each.
    """
    characters = len(text)
    extra_bytes = len(text.encode("utf-8", "replace")) - characters
    return round(characters / 4 + extra_bytes * 0.4) + 1 if text else 0
