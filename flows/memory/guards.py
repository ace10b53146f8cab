"""What a model may not decide of two facts, whatever it says.

Facts wrongly made one are lost, facts kept apart cost little. So each guard is strict: what it cannot tell keeps facts
apart, and a model's "same" stands only where numbers, units, names, symbols, denials, subject, stance and dates agree.
"""

import datetime
from collections import Counter

import regex

from flows.memory.fingerprint import fingerprint
from flows.memory.names import beginning, lacks, names
from flows.memory.polarity import are_opposed, denials, is_limited
from flows.memory.quantities import calendar_names, numbers, units
from flows.memory.statements import Statement
from flows.memory.stems import folded, stems
from flows.memory.words import plain, skeleton, words

#: Mathematical signs, emoji, what tells C++ and C#, @ana and #ana apart; currencies and signs of numbers are elsewhere.
_SYMBOL = regex.compile(r"[\p{Sm}\p{So}\p{Sk}\p{Emoji_Modifier}#@&*/\\^_~|]|\p{RI}")
#: Between what these join, the order decides: tea rather than coffee, A before B.
_ORDERING = (
    "to than over rather before after als vor nach lieber statt que plutôt avant après antes después depois чем до"
    " после से من قبل بعد daha önce sonra 比 よ"
)
ORDERED = frozenset(_ORDERING.split())
_DENYING_AFFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "des", "mal", "on", "не", "ne", "anti")
_SHORT = 3  # letters of a word; on + to is no denial
_YEAR = regex.compile(r"\d{4}")
_SHARED = 0.2  # of the shorter text
_REPLACED_WORDS = 2  # that stand in one place of two texts which are else the same


def may_be_same(first: Statement, second: Statement) -> bool:
    """False when subject, stance, dates, numbers, units, names, symbols or denials differ."""
    if folded(first.subject or "") != folded(second.subject or "") or first.stance != second.stance:
        return False
    if not (_agree(first.date, second.date) and _agree(first.until, second.until)):
        return False
    if fingerprint(first.text) == fingerprint(second.text):
        return True
    return not (
        _numbers_differ(first, second)
        or _names_differ(first, second)
        or _signs_differ(first.text, second.text)
        or _denials_differ(first, second)
        or one_place_differs(words(plain(first.text)), words(plain(second.text)))
        or _share_too_little(first, second)
    )


def may_replace(newer: Statement, older: Statement) -> bool:
    """Only of one subject and slot, said later, about no earlier time, and neither a plan nor the same text.

    What the older one says to be over is replaced by nothing.
    """
    if not newer.slot or folded(newer.slot) != folded(older.slot or "") or newer.stance == "plan":
        return False
    if folded(newer.subject or "") != folded(older.subject or "") or older.stance == "past":
        return False
    if fingerprint(newer.text) == fingerprint(older.text) or _is_earlier(newer.date, older.date):
        return False
    said, before = _instant(newer.said_last), _instant(older.said_last)
    return said is not None and before is not None and said > before


def symbols(text: str) -> set[str]:
    """What is neither letter, digit nor punctuation, and tells C++ from C#."""
    return set(_SYMBOL.findall(text))


def _agree(first: str | None, second: str | None) -> bool:
    """Whether one of the dates can mean the other: it is none, or the other lies within it."""
    shorter, longer = sorted((first or "", second or ""), key=len)
    return longer.startswith(shorter)


def _is_earlier(date: str | None, than: str | None) -> bool:
    return bool(date and than) and not _agree(date, than) and (date or "") < (than or "")


def _instant(said: str | None) -> datetime.datetime | None:
    """ISO 8601; without an offset it is UTC."""
    try:
        instant = datetime.datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)


def _numbers_differ(first: Statement, second: Statement) -> bool:
    texts = plain(first.text), plain(second.text)
    ours, theirs = numbers(texts[0], first.language), numbers(texts[1], second.language)
    own, other = {number for number, _ in ours}, {number for number, _ in theirs}
    if own - other - _years(second) or other - own - _years(first):
        return True
    if len(own & other) > 1 and ours != theirs:  # two cats and three dogs
        return True
    return units(texts[0], first.language) != units(texts[1], second.language) or (
        calendar_names(texts[0]) != calendar_names(texts[1])
    )


def _years(statement: Statement) -> set[str]:
    """The years of its dates: where one text names the year, the other's date may."""
    return set(_YEAR.findall(f"{(statement.date or '')[:4]} {(statement.until or '')[:4]}"))


def _names_differ(first: Statement, second: Statement) -> bool:
    if lacks(second.text, names(first.text, first.language), second.language):
        return True
    if lacks(first.text, names(second.text, second.language), first.language):
        return True
    one, other = beginning(first.text), beginning(second.text)
    if not (one and other):
        return False
    return lacks(second.text, {one}, second.language) and lacks(first.text, {other}, first.language)


def _signs_differ(first: str, second: str) -> bool:
    return symbols(first) != symbols(second)


def _denials_differ(first: Statement, second: Statement) -> bool:
    texts = plain(first.text), plain(second.text)
    denied = denials(texts[0], first.language)
    if denied != denials(texts[1], second.language) or is_limited(texts[0]) != is_limited(texts[1]):
        return True
    ours, theirs = words(texts[0]), words(texts[1])
    if Counter(ours) == Counter(theirs) and (denied or ORDERED & set(ours)):
        return ours != theirs
    return are_opposed(*texts) or _words_are_opposed(set(ours) - set(theirs), set(theirs) - set(ours))


def _words_are_opposed(ours: set[str], theirs: set[str]) -> bool:
    """Also by words that only accents or vowel signs tell apart."""
    if deny_each_other(ours, theirs):
        return True
    return any(len(word) > 1 for word in set(map(skeleton, ours)) & set(map(skeleton, theirs)))


def deny_each_other(ours: set[str], theirs: set[str]) -> bool:
    """Happy, unhappy."""
    return bool(_denied(ours) & theirs or _denied(theirs) & ours)


def _denied(plain_words: set[str]) -> set[str]:
    return {affix + word for affix in _DENYING_AFFIXES for word in plain_words if len(word) > _SHORT}


def _share_too_little(first: Statement, second: Statement) -> bool:
    """Whether a model must have meant another fact. Not told of two languages, or of what can fill one slot."""
    if first.language != second.language or (first.slot and first.slot == second.slot):
        return False
    ours, theirs = stems(first.text), stems(second.text)
    return length(ours & theirs) < _SHARED * min(length(ours), length(theirs))


def length(of_stems: set[str]) -> int:
    """How much they say: long words more than short ones; of what is written without spaces, all pieces are short."""
    return sum(1 if stem >= "\u2e80" else max(0, len(stem) - 2) for stem in of_stems)


def one_place_differs(ours: list[str], theirs: list[str]) -> bool:
    """Whether, in two texts that are else the same, something stands where something else does: another value."""
    shared = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        shared += 1
    ours, theirs = ours[shared:], theirs[shared:]
    rest = len(ours)
    while ours and theirs and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    return bool(ours and theirs) and shared + rest > len(ours) and max(len(ours), len(theirs)) <= _REPLACED_WORDS
