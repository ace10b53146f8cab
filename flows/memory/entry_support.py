"""Whether the facts that an entry names say it: their names, numbers, dates and denials, and most of its words.

A check without a model, in any language: what it cannot tell is asked again, and then stands in the facts' own words.
So a false alarm costs a nicer sentence, and what comes through it would stand in MEMORY for good.
"""

from collections.abc import Iterable

import regex

from flows.memory import guards, wording
from flows.memory.entry_form import Fault
from flows.memory.guards import ORDERED, deny_each_other, one_place_differs
from flows.memory.names import beginning, lacks, names
from flows.memory.polarity import are_opposed, denials, is_limited
from flows.memory.quantities import calendar_names, numbers, units
from flows.memory.stems import stems
from flows.memory.words import plain, skeleton, words
from flows.records import KnownFact

#: Of an entry's words, how much its facts have to hold; and of a fact, how much an entry that names it.
_LEAST_SAID = 0.5
_LEAST_TOLD = 0.3
_LEAST_HELD = 0.35
_LEAST_OF_OTHER_TIMES = 0.85
_BEGINNING = 2  # letters

_DAY = len("2024-05-01")
_ISO = regex.compile(r"(?<!\d)\d{4}-\d{2}(?:-\d{2})?(?!\d)")
_GROUPED = regex.compile(r"(?<=\d)[.,'\u00a0\u202f ](?=\d{3}(?!\d))")
_SIGNED = regex.compile(r"\b\p{L}(?:\+\+|#)")
_HAN = regex.compile(r"\p{Han}")
_SIGNS = regex.compile(r"[.;:()]")
_MAY = regex.compile(r"\bmay\b")
_MAY_IS = 4  # the number of the month


def told(text: str, facts: Iterable[KnownFact]) -> list[KnownFact]:
    """Those of the facts of which the text says something: naming a fact is not telling it."""
    return [fact for fact in facts if wording.share(fact.text, text) >= _LEAST_TOLD]


def fault(text: str, facts: list[KnownFact]) -> Fault | None:
    """What the text says that the facts do not; None: nothing."""
    said = " ".join(f"{fact.text} {fact.subject or ''}" for fact in facts)
    language = _language(facts)
    if _adds_number(text, facts, said, language):
        return Fault.NUMBER
    if _adds_date(text, facts, said):
        return Fault.DATE
    if _adds_name(text, facts, said, language) or _hides_whom(text, facts):
        return Fault.NAME
    if _denies_otherwise(text, facts, language):
        return Fault.NEGATION
    return Fault.WORDS if _says_too_much(text, said) or _turns_time(text, facts) else None


def _says_too_much(text: str, said: str) -> bool:
    """Of the words' parts, and of their beginnings, of which the long ones say more."""
    ours = stems(text)
    new = guards.length(ours & stems(said)) < _LEAST_HELD * guards.length(ours)
    return new or wording.share(text, said) < _LEAST_SAID


def _turns_time(text: str, facts: list[KnownFact]) -> bool:
    """Whether what held once, or is intended, may read as if it held now: which words say so is not known."""
    return any(fact.stance != "stated" and wording.share(fact.text, text) < _LEAST_OF_OTHER_TIMES for fact in facts)


def _language(facts: list[KnownFact]) -> str | None:
    """None: of several, in which case the words of all are looked for."""
    languages = {fact.language or "en" for fact in facts}
    return languages.pop() if len(languages) == 1 else None


def _adds_number(text: str, facts: list[KnownFact], said: str, language: str | None) -> bool:
    rest = _ISO.sub(" ", text)
    ours, theirs = _numbers(rest, language), _numbers(said, language)
    known = {number for number, _ in theirs}
    if any(number not in known | _parts_of_dates(facts) for number, _ in ours):
        return True
    if units(plain(rest), language) - units(plain(said), language) and theirs:
        return True
    counted = {following for _, following in theirs if following}
    return any(following in counted and (number, following) not in theirs for number, following in ours)


def _numbers(text: str, language: str | None) -> set[tuple[str, str]]:
    found = numbers(_GROUPED.sub("", plain(text)), language)
    return {(number.lstrip("0") or "0", following) for number, following in found}


def _parts_of_dates(facts: list[KnownFact]) -> set[str]:
    """Days, months and years of when it holds; of when it was said only the years, which nothing else is like."""
    held = {part.lstrip("0") for date in _dates(facts) for part in date.split("-")}
    return held | {date[:4] for date in _said(facts)}


def _adds_date(text: str, facts: list[KnownFact], said: str) -> bool:
    known = {*_dates(facts), *_said(facts), *_ISO.findall(said)}
    if any(not any(date.startswith(written) for date in known) for written in _ISO.findall(text)):
        return True
    months = {int(date[5:7]) - 1 for date in known if len(date) >= len("2024-05")}
    added = _calendar_names(text) - _calendar_names(said) - months
    return bool(added - {_MAY_IS} if _MAY.search(text) else added)


def _calendar_names(text: str) -> set[int]:
    return calendar_names(_SIGNS.sub(" ", text))


def _dates(facts: list[KnownFact]) -> list[str]:
    return [date for fact in facts for date in (fact.valid_from, fact.valid_to) if date]


def _said(facts: list[KnownFact]) -> list[str]:
    return [date[:_DAY] for fact in facts for date in (fact.said_first, fact.said_last) if date]


def _adds_name(text: str, facts: list[KnownFact], said: str, language: str | None) -> bool:
    if lacks(said, names(text, language), language) or set(_SIGNED.findall(text)) != set(_SIGNED.findall(said)):
        return True
    if len(facts) == 1 and _is_another_han_word(plain(text), plain(said)):
        return True
    one = beginning(text)
    begun = {name for fact in facts if (name := beginning(fact.text))}
    return bool(
        one and begun and not _is_like_a_word(one, said) and not any(_is_like_a_word(name, text) for name in begun)
    )


def _is_another_han_word(text: str, fact: str) -> bool:
    """Of two texts that are else the same: 南京, 北京. Kana are endings as well."""
    ours, theirs = words(text), words(fact)
    differ = {word for word in set(ours) ^ set(theirs) if _HAN.search(word)}
    return bool(differ) and one_place_differs(ours, theirs)


def _is_like_a_word(name: str, of: str) -> bool:
    """Vivo, vive: what begins a sentence is mostly no name, but a verb in another form."""
    return any(word[:_BEGINNING] == skeleton(name)[:_BEGINNING] for word in map(skeleton, words(plain(of))))


def _hides_whom(text: str, facts: list[KnownFact]) -> bool:
    """Whether what is somebody else's reads as the person's own."""
    return any(
        fact.subject and not wording.share(fact.subject, text) and wording.share(fact.subject, fact.text)
        for fact in facts
    )


def _denies_otherwise(text: str, facts: list[KnownFact], language: str | None) -> bool:
    ours, theirs = plain(text), [plain(fact.text) for fact in facts]
    denied, each = denials(ours, language), [denials(their, language) for their in theirs]
    over = sum(fact.stance == "past" for fact in facts)  # no longer
    if denied > sum(each) + over or (any(each) and not denied) or (len(facts) == 1 and denied < each[0]):
        return True
    said = ". ".join(theirs)
    return (
        is_limited(ours) != is_limited(said)
        or are_opposed(ours, said)
        or deny_each_other(_new(ours, said), _new(said, ours))
        or _denies_another_part(ours, said, language)
        or any(_is_turned_round(ours, their) for their in theirs)
    )


def _new(text: str, beside: str) -> set[str]:
    return set(words(text)) - set(words(beside))


def _denies_another_part(text: str, said: str, language: str | None) -> bool:
    """Fish but no meat, meat but no fish."""
    denied, affirmed = _by_denial(text, language)
    others_denied, others_affirmed = _by_denial(said, language)
    return bool(denied & others_affirmed and affirmed & others_denied)


def _by_denial(text: str, language: str | None) -> tuple[set[str], set[str]]:
    """Stems that stand only where something is denied, and those that stand only elsewhere."""
    found: tuple[set[str], set[str]] = (set(), set())
    for clause in _CLAUSE.split(text):
        found[not denials(clause, language)].update(stems(clause))
    return found[0] - found[1], found[1] - found[0]


def _is_turned_round(text: str, fact: str) -> bool:
    """Whether what stands before a word like than, or to, in the one stands behind it in the other."""
    ours, theirs = words(text), words(fact)
    shared = set(ours) & set(theirs)
    for word in ORDERED & shared:
        before, behind = _around(word, ours)
        others_before, others_behind = _around(word, theirs)
        if before & others_behind and behind & others_before:
            return True
    return False


def _around(word: str, of: list[str]) -> tuple[set[str], set[str]]:
    """What stands only before it, and only behind it."""
    before, behind = set(of[: of.index(word)]), set(of[of.index(word) + 1 :])
    return before - behind, behind - before


_CLAUSE = regex.compile(
    r"[.,;:!?。，；、！？،؛]\s*|\b(?:but|and|yet|aber|und|sondern|mais|et|pero|sino|mas|e|y|но|а|и|ama|ve|لكن|लेकिन|और)\b"
)
