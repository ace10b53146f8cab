"""Whether an entry says what its facts say: a judge that shares nothing with the code that it judges.

It knows no grammar. Each number and each word with a capital letter has to stand in the facts, half of the words, too;
what the facts deny, the entry denies, and nothing else; and of each fact a third of the words has to be there. So it
cannot tell who does what to whom, and without capitals (Chinese, Japanese, Arabic, Hindi) it tells a name by its words.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum

from flows.records import KnownFact

_LEAST_SAID = 0.5
_LEAST_TOLD = 1 / 3
_BEGINNING = 4  # letters by which a word is known in another form

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE = re.compile(r"(?:^|[.!?:]\s+)[\"'“«(]*$")
_GROUPED = re.compile(r"(?<=\d)[.,' ](?=\d{3}(?!\d))")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

_NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
#: What may begin an English sentence about anybody.
_BEGINNINGS = {
    *("a", "an", "the", "i", "my", "our", "we", "you", "your", "he", "his", "she", "her", "it", "its", "they", "their"),
    *("this", "that", "user", "person", "in", "on", "at", "is", "are", "was", "were", "has", "have", "had", "does"),
    *("do", "did", "will", "would", "can", "works", "lives", "likes", "wants", "believes"),
}

_NO = re.compile(
    r"\b(?:no|not|never|none|nobody|without|cannot|hates?|against|stop(?:s|ped)?|\w+n['’]t|won['’]t)\b"
    r"|\b(?:kein\w*|nicht|nie|nichts|ohne)\b|\b(?:ne|n['’]\w+|pas|plus|rien|jamais|sans)\b|\b(?:sin|nunca|jamás)\b"
    r"|\b(?:não|nunca|sem)\b|\b(?:non|mai|senza)\b|\b(?:niet|geen|nooit|zonder)\b|\b(?:nie|nigdy|bez)\b"
    r"|\b(?:не|нет|никогда|без)\b|\b\w+(?:miyor|mıyor|muyor|müyor|emiyor)\w*\b|\bdeğil\b|不|没|無|ません|ない"
    r"|(?:^|\s)(?:لا|ليس|ليست|لن|لم)\s|नहीं|मत\b",
    re.IGNORECASE,
)


class Unsupported(StrEnum):
    NUMBER = "a number that no fact holds"
    NAME = "a name that no fact holds"
    NEGATION = "a no for a yes, or the other way round"
    WORDS = "words that no fact holds"
    UNTOLD = "nothing of a fact that it names"


def unsupported(text: str, facts: Sequence[KnownFact]) -> Unsupported | None:
    """What is wrong with the entry; None: nothing. In the facts' own words nothing is."""
    said = " ".join(_said(facts))
    if _numbers(text) - _numbers(said):
        return Unsupported.NUMBER
    words = {_known_by(word) for word in _words(said)}
    if any(_known_by(name) not in words for name in _names(text)):
        return Unsupported.NAME
    if bool(_NO.search(text)) != any(_NO.search(fact.text) or fact.stance == "past" for fact in facts):
        own = len(facts) == 1 and facts[0].text in text  # "I used to" says no without a word for it
        if not own:
            return Unsupported.NEGATION
    if _share(text, said) < _LEAST_SAID:
        return Unsupported.WORDS
    return Unsupported.UNTOLD if any(_share(fact.text, text) < _LEAST_TOLD for fact in facts) else None


def _said(facts: Sequence[KnownFact]) -> Iterator[str]:
    for fact in facts:
        yield from filter(None, (fact.text, fact.subject, fact.valid_from, fact.valid_to, fact.said_last))


def _words(text: str) -> list[str]:
    """Of scripts without spaces, the characters."""
    return _WORD.findall(_UNSPACED.sub(r" \g<0> ", unicodedata.normalize("NFKC", text)))


def _known_by(word: str) -> str:
    return re.sub(r"['’].*", "", word.casefold())[:_BEGINNING]


def _share(text: str, of: str) -> float:
    words, known = _words(text), {_known_by(word) for word in _words(of)}
    return sum(_known_by(word) in known for word in words) / len(words) if words else 0.0


def _numbers(text: str) -> set[str]:
    digits = re.findall(r"\d+", _GROUPED.sub("", unicodedata.normalize("NFKC", text)))
    words = {word.lower() for word in _words(text)}
    written = {str(number) for number, word in enumerate(_NUMBER_WORDS) if word in words - {"one"}}
    return {str(int(each)) for each in digits} | written


def _names(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text):
        begins = _SENTENCE.search(text[: found.start()])
        if found[0][0].isupper() and not (begins and found[0].casefold() in _BEGINNINGS) and found[0] != "I":
            yield found[0]
