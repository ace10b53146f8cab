"""What an entry of MEMORY may look like: one short line of plain text, which is no order, in the script of its facts.

The app pastes MEMORY into every chat, so what stands in it is read as if it were its author's.
"""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum

import regex

from flows import masking
from flows.llm import tokens
from flows.memory import placing
from flows.memory.orders import is_order
from flows.records import KnownFact, MemorySection

_MARGIN = 2  # tokens by which an entry may be longer than its facts' own words
_CHARACTERS_OF_A_TOKEN = 8  # at most
_LINE_TOKENS = tokens.estimate("- \n")

_MARKUP = regex.compile(r"</?\p{L}[^<>]*>?|<!|&(?:\w{2,8}|#x?\w{1,6});|```|!?\[[^\]]*\]\(|\*\*|__")
_HEADING = regex.compile(r"(?:^|\s)#{1,6}\s|^\s*(?:={3,}|-{3,})")
_ROLE = regex.compile(
    r"(?i)(?:^|[.!?\n]\s*|[\[<|(]\s*)(?:assistant|user|system|human|developer|tool|ai|chatgpt|claude|asistente|assistente"
    r"|usuario|usuário|utilisateur|benutzer|nutzer|sistema|système|ассистент|пользователь|система|助手|用户|系统|ユーザー"
    r"|アシスタント|システム|सहायक|المساعد|المستخدم|النظام)\s*[\])>|]*\s*[:：]"
)
_LINK = regex.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20})://[^\s<>\"]*")
_AFTER_LINK = ".,;:!?)]"
_SCHEME = regex.compile(r"(?i)\b(?:javascript|vbscript|data|file|blob|mailto)\s*:(?=\S)")
_JSON = regex.compile(r"^\s*[\[{].*[\]}]\s*$|[{,]\s*\"\w+\"\s*:|\"(?:text|facts|kind|n)\"\s*:", regex.S)
_BRACKETS = regex.compile(r"\[([^\[\]]{1,80})\]|\{\{?([^{}]{1,80})\}?\}|<([^<>]{1,80})>")
_FILLING = regex.compile(r"(?i)\b(?:lorem ipsum|to be (?:determined|added|filled)|tbd|todo|n/a|xxx+)\b|_{3,}|\.{4,}")
_LABEL = regex.compile(r"^[^:：]{1,60}[:：]\s*[-–—?.…]*$")
_MASK = "secret:"
_SAYS_SOMETHING = regex.compile(r"\p{L}\p{M}*\p{L}|[\p{Han}\p{Hangul}\p{N}]")
_SCRIPTS = (
    *("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Telugu", "Thai", "Georgian"),
    *("Armenian", "Han", "Hiragana", "Katakana", "Hangul"),
)
_LETTERS = {name: regex.compile(rf"\p{{{name}}}") for name in _SCRIPTS}
#: One letter is a symbol (π, C), but not where each is a word.
_WORDS = _LETTERS | {name: regex.compile(rf"\p{{{name}}}{{2}}") for name in _SCRIPTS[: _SCRIPTS.index("Han")]}


class Fault(StrEnum):
    """Why an entry is not taken, as the model that wrote it is told."""

    OMITTED = "no entry says this fact"
    FAILED = "the reply could not be read; keep it short, and of the shape that is asked for"
    NOT_ITS_FACTS = "names facts that are not there, or that another entry says already"
    EMPTY = "says nothing"
    LONG = "is much longer than its facts"
    LINES = "is not one line"
    MARKUP = "holds HTML, Markdown or JSON"
    ROLE = "is written as if somebody spoke"
    LINK = "holds a link that its facts do not hold"
    PLACEHOLDER = "holds a placeholder"
    LABEL = "is a label without anything that it labels"
    ORDER = "tells a reader what to do"
    LANGUAGE = "is not in the script of its facts"
    NAME = "holds a name that its facts do not hold, or lacks whom they are about"
    NUMBER = "holds a number that its facts do not hold"
    DATE = "holds a date that its facts do not hold"
    NEGATION = "says no where its facts say yes, or the other way round"
    WORDS = "says it in words that its facts do not hold"

    @property
    def is_unsupported(self) -> bool:
        """Whether it says something else than its facts, whatever its words."""
        return self in (Fault.NAME, Fault.NUMBER, Fault.DATE, Fault.NEGATION)


def section(fact: KnownFact) -> MemorySection:
    return fact.section or placing.section(fact.kind, fact.subject, fact.slot)


def own_words(fact: KnownFact) -> str:
    """The fact as an entry: its words in one line, with the time that they leave out."""
    text = " ".join(masking.mask(fact.text).split()).lstrip("#>*-• ")
    text = text.replace("<", "‹").replace(">", "›")
    times = [time for time in (fact.valid_from, fact.valid_to) if time and time[:4] not in text]
    return f"{text} ({' – '.join(times)})" if times else text


def may_stand(fact: KnownFact) -> bool:
    """False for what is not fit to be shown in its own words: it tells a reader what to do, or feigns who speaks."""
    text = own_words(fact)
    unfit = not _SAYS_SOMETHING.search(text) or _ROLE.search(text) or _SCHEME.search(text) or _has_bad_link(text)
    return not unfit and not is_order(text)


def line_tokens(text: str) -> int:
    """Of an entry as it stands in MEMORY."""
    return tokens.estimate(text) + _LINE_TOKENS


def room(facts: Iterable[KnownFact]) -> int:
    """Tokens that an entry which says these facts has in MEMORY at most."""
    return sum(line_tokens(own_words(fact)) + _MARGIN for fact in facts)


def fault(text: str, facts: list[KnownFact]) -> Fault | None:
    """What keeps the text from being an entry, whatever it says; it is one of these facts."""
    said = "\n".join(f"{fact.text} {fact.subject or ''}" for fact in facts)
    if len(text) > _CHARACTERS_OF_A_TOKEN * room(facts):  # before anything looks at all of it
        return Fault.LONG
    if not _SAYS_SOMETHING.search(text):
        return Fault.EMPTY
    if len(text.strip().splitlines()) > 1 or any(unicodedata.category(each) == "Cc" for each in text.strip()):
        return Fault.LINES
    if _JSON.search(text) or _adds(_MARKUP, text, said) or _HEADING.search(text):
        return Fault.MARKUP
    if _ROLE.search(text):
        return Fault.ROLE
    if (
        _SCHEME.search(text)
        or _has_bad_link(text)
        or any(link[0].rstrip(_AFTER_LINK) not in said for link in _LINK.finditer(text))
    ):
        return Fault.LINK
    if _is_filled_in(text, said):
        return Fault.PLACEHOLDER
    if _LABEL.search(text):
        return Fault.LABEL
    if is_order(text):
        return Fault.ORDER
    if _scripts(_WORDS, text) - _scripts(_LETTERS, said):
        return Fault.LANGUAGE
    return Fault.LONG if line_tokens(text) > room(facts) else None


def _adds(pattern: "regex.Pattern[str]", text: str, said: str) -> bool:
    """Tags never, other marks only where the facts have them."""
    return any(found[0][0] == "<" or found[0] not in said for found in pattern.finditer(text))


def _has_bad_link(text: str) -> bool:
    return any(link[1].lower() not in ("http", "https") for link in _LINK.finditer(text))


def _is_filled_in(text: str, said: str) -> bool:
    brackets = (next(filter(None, found.groups()), "") for found in _BRACKETS.finditer(text))
    return any(not inside.startswith(_MASK) and inside not in said for inside in brackets) or any(
        found[0] not in said for found in _FILLING.finditer(text)
    )


def _scripts(patterns: "dict[str, regex.Pattern[str]]", text: str) -> set[str]:
    return {name for name, pattern in patterns.items() if pattern.search(text)}
