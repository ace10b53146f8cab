"""Texts of the person and of their chats, made harmless to look at: whoever wrote them, they only stand there."""

import regex

_CONTROLS = regex.compile(r"[\p{Cc}\p{Cs}\u2028\u2029]+")
_LANGUAGE = regex.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", regex.IGNORECASE)


def line(text: str, most: int | None = None) -> str:
    """In one line and without control characters; of `most` characters as readers count them at most."""
    clean = " ".join(_CONTROLS.sub(" ", text).split())
    if most is None or len(clean) <= most:
        return clean
    # A cluster of characters has no bound, so neither has what is looked at; one that is cut off is left out.
    cuts = [found.start() for found in regex.finditer(r"\X", clean[: 8 * most])]
    return clean[: cuts[min(most, len(cuts) - 1)]].rstrip() + "…" if len(cuts) > most else clean[:most] + "…"


def language(tag: str | None) -> str:
    """For `lang`, where empty means unknown."""
    return tag if tag and _LANGUAGE.fullmatch(tag) else ""
