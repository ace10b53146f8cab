"""Names that a text holds, as far as its script shows them: a name that the other text lacks makes it another fact."""

from collections.abc import Iterator

import regex

from flows.memory.quantities import is_calendar_name
from flows.memory.words import lower, words

_CAPITALISED = regex.compile(r"(?<![\p{L}\p{M}\p{N}])\p{Lu}[\p{L}\p{M}\p{N}]*")
#: A name also where a sentence begins: FastAPI, C.
_INNER_CAPITAL = regex.compile(r"\p{Lu}.*\p{Lu}|\p{Lu}.*\p{N}|^[B-DF-HJ-NP-TV-XZ]$")
_BEGINNING = regex.compile(r"(?:^|[.!?:;…]\s)[\s\p{P}]*$")
_BEFORE = 20  # characters that tell whether a sentence begins
_QUOTED = regex.compile(r'["“”„«»「『]\s*([^"“”„«»「」『』]{1,80}?)\s*["“”«»」』]')
_KATAKANA = regex.compile(r"[\p{Katakana}ー]{2,}")
_LATIN_IN_UNSPACED = regex.compile(r"[A-Za-z][A-Za-z0-9]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
#: What a name follows in scripts without capitals.
_INTRODUCED = regex.compile(
    r"叫(\p{Han}{2,3})|名前は(\w{1,5}?)(?:です|だ|と|$)|नाम ([\p{L}\p{M}]+)|(?:اسم\w*|يدعى|تدعى) (\w+)"
    r"|(?:住在|搬到|来自)(\p{Han}{2})"
)
#: In German all nouns have capitals; those after these are no names.
_BEFORE_NOUN = regex.compile(
    r"(?:d(?:er|ie|as|en|em|es)|(?:m|d|s)?ein\w*|kein\w*|ihr\w*|unser\w*|euer\w*|eur\w*|zum|zur|im|am|vom|beim|ins|ans|viel\w*"
    r"|jed\w+|dies\w+|all\w+)"
)
#: With what a sentence begins that names nobody.
_BEGINNINGS = (
    "i i'm my we our the a an it there this that in on at as for since when if with she he they her his"
    " ich mein meine wir unser unsere der die das ein eine seit bei im am es"
    " je j mon ma mes nous nos notre le la les un une il elle yo mi mis me nuestro nuestra el los las una en"
    " eu o os as minha meu nossa nosso um uma no na я мой моя мои мы наш наша у мне в на"
    " ben benim biz bizim bu"
)
_NO_NAME = frozenset(_BEGINNINGS.split())


def names(text: str, language: str | None) -> set[str]:
    """In lower case. Words that begin a sentence are left out, since all do with a capital."""
    found = {lower(quoted) for quoted in _QUOTED.findall(text)} | set(_KATAKANA.findall(text))
    found |= {lower(name) for groups in _INTRODUCED.findall(text) for name in groups if name}
    if _UNSPACED.search(text):
        found |= {lower(name) for name in _LATIN_IN_UNSPACED.findall(text)}
    return found | {lower(name) for name in _capitalised(text, language)}


def _capitalised(text: str, language: str | None) -> Iterator[str]:
    for name in _CAPITALISED.finditer(text):
        before = text[: name.start()][-_BEFORE:]
        begins = _BEGINNING.search(before) and not _INNER_CAPITAL.search(name[0])
        elided = len(name[0]) == 1 and text[name.end() :].startswith("'")  # J'ai
        if not (
            begins or elided or name[0] == "I" or is_calendar_name(name[0]) or (language == "de" and _is_noun(before))
        ):
            yield name[0]


def _is_noun(before: str) -> bool:
    last = words(before)[-1:]
    return bool(last and _BEFORE_NOUN.fullmatch(last[0]))


def beginning(text: str) -> str | None:
    """The capitalised word that the text begins with, if it can be a name: Lisbon is where …"""
    first = _CAPITALISED.match(text)
    return lower(first[0]) if first and lower(first[0]) not in _NO_NAME else None


def lacks(text: str, any_of: set[str], language: str | None) -> bool:
    """Whether the text lacks one of the names, also at a sentence's beginning; in Russian, in all of its cases."""
    found, lowered = set(words(text)), lower(text)
    return not all(
        name in (lowered if _UNSPACED.search(name) or " " in name else found)
        or (language == "ru" and any(_is_case_of(name, word) for word in found))
        for name in any_of
    )


#: Endings of the two declensions that most names follow. Александр and Александра stay two: an ending against none of
#: the first declension is never -а.
_CASE = regex.compile(r"(ого|ому|ой|ей|ом|ем|[аеуыиюя])?$")


def _is_case_of(name: str, word: str) -> bool:
    first, second = _CASE.search(name), _CASE.search(word)
    if not (first and second) or name[: first.start()] != word[: second.start()] or len(name) - len(first[0]) < 3:
        return False
    return not ({first[0], second[0]} & {"а", "я"} and "" in (first[0], second[0]))
