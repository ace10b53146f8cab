"""Rules that find first-person facts in what a person says, for the Messages API stand-in: no model, their sentences.

A fact is a whole sentence of a message that begins like one of the patterns below. Code blocks, quoted lines and
questions hold no facts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

MAX_FACT_CHARACTERS = 500

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH = "|".join(_MONTHS)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY = "|".join(_WEEKDAYS)

#: How sentences of a kind begin, in the languages that the rules know. The first kind that matches counts.
_BEGINNINGS = {
    "date": (
        rf"My birthday is |I was born |We got married on |I moved to .{{1,80}}? in \d{{4}}"
        rf"|On (?:\d{{4}}-\d\d-\d\d|\d{{1,2}} (?:{_MONTH})|(?:{_MONTH}) \d{{1,2}}).{{0,12}}? I "
        rf"|My [^.!?]{{1,80}}? is (?:on (?:\d|{_MONTH})|tomorrow|(?:on|next) (?:{_WEEKDAY})\b)"
        "|Mein Geburtstag ist |Mi cumpleaños es |Mon anniversaire est "
    ),
    "decision": (
        "I decided |I've decided |I have decided |I chose |We decided |I'm going to stop "
        "|Ich habe beschlossen|He decidido |J'ai décidé "
    ),
    "project": (
        "I'm working on |I am working on |I'm building |I am building |I'm writing |I am writing |I started a project "
        "|My project |Ich arbeite an |Estoy trabajando en |Je travaille sur "
    ),
    "preference": (
        "I prefer |I love |I like |I hate |I can't stand |I always |I never |I'm allergic to |I am allergic to "
        r"|My favou?rite .{1,60}? is |Ich bevorzuge |Ich mag |Ich esse keine? |Prefiero |Me gustan? "
        "|Je préfère |J'adore |私は[^。]{1,80}?が好き"
    ),
    "belief": (
        "I believe |I'm convinced |My name is |I live in |I work as |I'm an? |I am an? "
        "|Ich wohne in |Ich glaube,? |Ich heiße |Vivo en |Creo que |J'habite |Je crois |私は[^。]{1,80}?に住んで"
    ),
}
_FACT = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _BEGINNINGS.items()))

#: What of a life those fill that there is one of at a time.
_SLOTS = {
    "name": "My name is |Ich heiße ",
    "home": "I live in |Ich wohne in |Vivo en |J'habite |私は[^。]{1,80}?に住んで",
    "work": "I work as ",
    "birthday": "My birthday is |I was born |Mein Geburtstag ist |Mi cumpleaños es |Mon anniversaire est ",
}
_SLOT = re.compile("|".join(f"(?P<{slot}>{pattern})" for slot, pattern in _SLOTS.items()))

#: By how a sentence begins; of the languages that the rules know, and English is all else.
_LANGUAGES = {
    "de": "Ich |Mein ",
    "es": "Mi |Estoy |Prefiero |Me gusta|He |Vivo |Creo ",
    "fr": "Mon |Je |J'",
    "ja": "私",
}
_LANGUAGE = re.compile("|".join(f"(?P<{code}>{pattern})" for code, pattern in _LANGUAGES.items()))

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"""[^.!?。！？\n]+(?:[.!?](?![\s"'”’)\]]|\Z)[^.!?。！？\n]*)*[.!?。！？]*""")
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}}) ({_MONTH}),? (\d{{4}})\b")
_RELATIVE = re.compile(rf" is (?:tomorrow|(?:on|next) ({_WEEKDAY}))\b")
_MONTH_DAY = re.compile(rf"\b({_MONTH}) (\d{{1,2}}),? (\d{{4}})\b")


@dataclass(frozen=True, slots=True)
class Fact:
    kind: str
    text: str  # which is its own quote
    date: str | None
    slot: str | None
    language: str


def facts(said: Iterable[str | tuple[str, str | None]]) -> list[Fact]:
    """The facts of a person's messages, each once, in their order; of messages with the day on which they were said, as
    in "Fri 2024-01-05", also the dates that count from it."""
    found: dict[str, Fact] = {}
    for each in said:
        message, day = (each, None) if isinstance(each, str) else each
        for sentence in sentences(message):
            match = _FACT.match(sentence)
            if (
                match
                and match.lastgroup
                and not sentence.endswith(("?", "？"))
                and len(sentence) <= MAX_FACT_CHARACTERS
            ):
                found.setdefault(sentence, _fact(match.lastgroup, sentence, day))
    return list(found.values())


def _fact(kind: str, sentence: str, day: str | None) -> Fact:
    slot, language = _SLOT.match(sentence), _LANGUAGE.match(sentence)
    return Fact(
        kind,
        sentence,
        _date(sentence) or _relative_date(sentence, day),
        slot.lastgroup if slot else None,
        (language.lastgroup if language else None) or "en",
    )


def sentences(message: str) -> Iterator[str]:
    """The sentences of a message without its code blocks and quoted lines."""
    for line in _FENCE.sub("\n", message).split("\n"):
        if not line.lstrip().startswith(">"):
            for match in _SENTENCE.finditer(line):
                sentence = match.group().strip()
                if sentence:
                    yield sentence


def _date(sentence: str) -> str | None:
    if match := _ISO.search(sentence):
        return match.group()
    if match := _DAY_MONTH.search(sentence):
        day, month, year = match.groups()
    elif match := _MONTH_DAY.search(sentence):
        month, day, year = match.groups()
    else:
        return None
    return f"{year}-{_MONTHS.index(month) + 1:02d}-{int(day):02d}"


def _relative_date(sentence: str, day: str | None) -> str | None:
    if day is None or not (match := _RELATIVE.search(sentence)):
        return None
    said = date.fromisoformat(day.split()[-1])
    if match[1] is None:
        return str(said + timedelta(days=1))
    return str(said + timedelta(days=(_WEEKDAYS.index(match[1]) - said.weekday() - 1) % 7 + 1))
