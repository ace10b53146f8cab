"""What a profile section may not say, whatever the model writes; each fault has a name, which the model is told.

A field that fails is left empty; a field too few costs little, an invented one is believed in every chat.
"""

import unicodedata
from collections import Counter
from typing import Literal

import regex

from flows.memory import orders
from flows.memory.names import names
from flows.memory.words import lower, plain, words

#: Fault → what the model is told when it is asked again.
REASONS = {
    "markup": "HTML, links or headings",
    "order": "orders about approving, ignoring, other users, tools, permissions, prompts or this system",
    "placeholder": "placeholders such as [insert name]",
    "apology": "apologies or words about yourself instead of the person",
    "language": "another language or script than the person's own words",
    "invented": "names or numbers that stand nowhere in the material",
    "length": "texts that are too long",
}
_LONGEST = 600  # characters of a field, or of one entry of a list
_MARKUP = regex.compile(r"</?[a-z!][^>]*>?|\bjavascript:|\bdata:\w+/|https?://|^\s*#{1,6}\s|```", regex.I)
_PLACEHOLDER = regex.compile(
    r"\[[^\]\d]{2,60}\]|\{\{?[^}]{1,60}\}?\}"
    r"|\b(?:lorem ipsum|placeholder|xxx+|your name here|insert \w+ here)\b",
    regex.I,
)
_MASK = regex.compile(r"\[secret: [A-Za-z ]{2,30}\]")
_APOLOGY = regex.compile(
    r"\b(?:i'?m sorry|i am sorry|i apologi[sz]e"
    r"|i (?:can'?t|cannot|can not|am unable to|don'?t have)\b.{0,40}\b(?:help|assist"
    r"|provide|access|information|fulfil)|as an ai\b|as a language model|es tut mir leid|als ki\b|je suis désolée?"
    r"|en tant qu'ia|lo siento|como (?:una )?ia\b|sinto muito|mi dispiace|het spijt me|przykro mi|мне жаль|извините"
    r"|на жаль|üzgünüm)|抱歉|对不起|對不起|申し訳|죄송|عذر|آسف|מצטער|माफ़? कीजि|متاسف",
    regex.I,
)
_SCRIPTS = "Latin Cyrillic Greek Arabic Hebrew Devanagari Bengali Tamil Telugu Armenian Georgian Thai Hangul Han Kana"
_SCRIPT = {
    name: regex.compile(r"[\p{Hiragana}\p{Katakana}]" if name == "Kana" else rf"\p{{{name}}}")
    for name in _SCRIPTS.split()
}
_DIGITS = regex.compile(r"\d+")
#: What a field is: its names and numbers are those of the material; it is a name itself; the model makes its names up;
#: the app has it obeyed.
Role = Literal["told", "named", "made up", "obeyed"]
_FEW_LETTERS = 3  # of another script: a name, a unit
#: The commonest short words of languages with Latin letters; those of two are left out.
_COMMON = {
    "en": "the and of to is in that it with for this they you their are who likes how not be by on",
    "de": "der die das und ist nicht mit ich ein eine zu den auf für sie er wird sich auch dem",
    "fr": "le les des et est une dans pour avec qui pas sur elle il aux du ses je vous",
    "es": "el los las y es una con para por que su del no se al muy como mi",
    "pt": "os as e é uma com para por não em do da ao seu sua muito como mais",
    "it": "il gli e è una con per non di che sono della nel suo sua molto come mi",
    "nl": "de het een en is niet met voor van op dat ik zijn ook haar hij wordt",
    "pl": "i w na nie się jest z do że to jak są dla po jego jej",
    "tr": "ve bir bu için ile çok de da ne gibi daha olarak ben onun",
}
_OF_LANGUAGE = {language: frozenset(common.split()) for language, common in _COMMON.items()}
_SURELY = 4  # common words by which a language is known, and so many for one of any other
_SPOKEN = 0.1  # of a person's common words: one of their languages


class Material:
    """What the sections are made from, for what they may hold."""

    def __init__(self, memory_md: str, own: str):
        said = plain(f"{memory_md}\n{own}")
        self._words = set(words(said))
        self._text = lower(said)
        self._numbers = set(_DIGITS.findall(said))
        self._scripts = _scripts(own or memory_md)
        common = _common(own or memory_md)
        self._languages = {name for name, count in common.items() if count > _SPOKEN * common.total()}

    def fault(self, text: str, role: Role = "told") -> str | None:
        """The first fault of a text."""
        if len(text) > _LONGEST:
            return "length"
        if _MARKUP.search(text):
            return "markup"
        if _PLACEHOLDER.search(_MASK.sub("", text)):
            return "placeholder"
        if orders.may_not_decide(text) if role == "obeyed" else orders.is_order(text):
            return "order"
        if _APOLOGY.search(unicodedata.normalize("NFKC", text).replace("’", "'")):
            return "apology"
        if not _scripts(text) <= self._scripts:
            return "language"
        return None if role == "made up" or self._knows(plain(text), role) else "invented"

    def is_other_language(self, text: str) -> bool:
        """Whether a text, of all fields together, is surely in a language that the person does not write."""
        (first, count), *others = [*_common(text).most_common(2), ("", 0)]
        second = others[0][1] if others else 0
        return bool(self._languages) and count >= _SURELY and count >= 2 * second and first not in self._languages

    def _knows(self, text: str, role: Role) -> bool:
        # A sentence begins with a capital, which a name does as well; in German all nouns do.
        asked = (
            names(f"x {text}", None) if role == "named" else names(text, None) if "de" not in self._languages else ()
        )
        known = all(name in self._words or name in self._text for name in asked)
        return known and set(_DIGITS.findall(text)) <= self._numbers


def _scripts(text: str) -> set[str]:
    return {name for name, letters in _SCRIPT.items() if len(letters.findall(text)) > _FEW_LETTERS}


def _common(text: str) -> Counter[str]:
    said = Counter(words(plain(text)))
    return Counter({name: sum(said[word] for word in common) for name, common in _OF_LANGUAGE.items()})
