"""The words of a fact as the guards compare them: in lower case, with their accents and vowel signs."""

import unicodedata

import regex

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
_WORD = regex.compile(
    rf"[{_UNSPACED}]|[[\p{{L}}\p{{N}}]--[{_UNSPACED}]][[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]*", regex.V1
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’ʼ‘`´", "'"))
_NOT = regex.compile(r"(?i)(?<=\w)n't\b")  # don't: its n is no letter of the verb's


def plain(text: str) -> str:
    """With one form of digits and apostrophes, and n't as a word."""
    text = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    if not text.isascii():
        text = "".join(map(_digit, text))
    return str(_NOT.sub(" not", text))


def words(text: str) -> list[str]:
    """Of a plain text; each Chinese or Japanese character is one."""
    found: list[str] = _WORD.findall(lower(text))
    return found


def lower(text: str) -> str:
    return text.replace("İ", "i").lower()


def skeleton(word: str) -> str:
    """Without what a hasty writer leaves out: accents, vowel signs, the dot of i."""
    parts = unicodedata.normalize("NFKD", word.replace("ı", "i").replace("ß", "ss"))
    return "".join(part for part in parts if not unicodedata.category(part).startswith("M"))


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
