"""Whether a fact that a model has found is one that a reader expects, or one that is forbidden. Asks no model."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.records import StoredFact
from tests.eval.labels import Excerpt, Expected, Forbidden

#: Of the words of two facts that one shares with the other, harmonic mean. Names and numbers are words.
LEAST_ALIKE = 0.5
_LEAST_ALIKE_QUOTED = 0.3  # where also the quotes overlap

_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_WORDS = re.compile(rf"[{_UNSPACED}]+|[^\W_]+")
_STEM = 5  # letters: lives, living


@dataclass
class Judged:
    """What became of one excerpt."""

    excerpt: Excerpt
    matched: list[tuple[Expected, StoredFact]] = field(default_factory=list)
    missed: list[Expected] = field(default_factory=list)
    wrong: list[tuple[Forbidden, StoredFact]] = field(default_factory=list)
    extra: list[StoredFact] = field(default_factory=list)
    failed: bool = False  # it has no answer

    @property
    def found(self) -> int:
        return len(self.matched) + len(self.wrong) + len(self.extra)


def judge(excerpt: Excerpt, found: Sequence[StoredFact]) -> Judged:
    """One-to-one, the most alike first; what is found twice counts once, a second wording of a fact is extra.

    A fact that is nearer to a forbidden one than to any expected one is that forbidden one.
    """
    judged, left = Judged(excerpt), []
    for fact in _distinct(found):
        wrong = _forbidden(excerpt, fact)
        if wrong is None:
            left.append(fact)
        else:
            judged.wrong.append((wrong, fact))
    pairs = [(score(a, b), i, j) for i, a in enumerate(excerpt.expected) for j, b in enumerate(left)]
    expected: dict[int, int] = {}
    for alike, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if alike and i not in expected and j not in expected.values():
            expected[i] = j
    judged.matched = [(excerpt.expected[i], left[j]) for i, j in sorted(expected.items())]
    judged.missed = [fact for i, fact in enumerate(excerpt.expected) if i not in expected]
    judged.extra = [fact for j, fact in enumerate(left) if j not in expected.values()]
    return judged


def score(expected: Expected, found: StoredFact) -> float:
    """How alike, 0 to 2; 0: another fact. Kind, slot, stance and dates are measured, and decide nothing."""
    if not _same_subject(expected, found):
        return 0.0
    words = alike(expected.text, found.text)
    quoted = found.quote is not None and overlap(expected.quote, found.quote)
    if words < (_LEAST_ALIKE_QUOTED if quoted else LEAST_ALIKE):
        return 0.0
    return words + (1.0 if quoted else 0.0)


def alike(one: str, other: str) -> float:
    """Harmonic mean of the shares of their words that the other has."""
    a, b = words(one), words(other)
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def words(text: str) -> set[str]:
    """The words of a text by their first letters; of scripts without spaces every two characters."""
    text = unicodedata.normalize("NFKC", text).casefold()
    # A combining mark is no letter to `re`, and belongs to its word.
    text = "".join(character for character in text if not unicodedata.category(character).startswith("M"))
    return {part for word in _WORDS.findall(text) for part in _parts(word)}


def _parts(word: str) -> list[str]:
    if re.match(f"[{_UNSPACED}]", word):
        return [word[at : at + 2] for at in range(max(len(word) - 1, 1))]
    return [word[:_STEM]]


def overlap(one: str, other: str) -> bool:
    """Whether one holds the other, or half of its words."""
    a, b = words(one), words(other)
    return bool(a and b) and len(a & b) / min(len(a), len(b)) >= 0.5


def _same_subject(expected: Expected, found: StoredFact) -> bool:
    if expected.subject is None or found.subject is None:
        return expected.subject is found.subject
    return bool(words(expected.subject) & words(found.subject))


def _forbidden(excerpt: Excerpt, fact: StoredFact) -> Forbidden | None:
    told = " ".join(filter(None, (fact.text, fact.quote, fact.subject)))
    for forbidden in excerpt.forbidden:
        if forbidden.pattern and re.search(forbidden.pattern, told):
            return forbidden
    nearest = max((alike(each.text, fact.text) for each in excerpt.expected if _same_subject(each, fact)), default=0.0)
    for forbidden in excerpt.forbidden:
        if forbidden.pattern or (fact.subject is not None and forbidden.why != "correction"):
            continue  # of another person it may be true
        near = alike(forbidden.text, fact.text)
        if forbidden.date is not None:
            if fact.date == forbidden.date and near >= LEAST_ALIKE:
                return forbidden
        elif near >= LEAST_ALIKE and near > nearest:
            return forbidden
    return None


def _distinct(found: Sequence[StoredFact]) -> list[StoredFact]:
    """Each text and subject once, whatever kind it has."""
    seen: dict[tuple[frozenset[str], str | None], StoredFact] = {}
    for fact in found:
        seen.setdefault((frozenset(words(fact.text)), fact.subject), fact)
    return list(seen.values())
