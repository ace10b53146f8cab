"""By what a statement is known again in other words when its own are not kept: texts that can be hashed one by one.

Stems say what it is about. They do not tell a statement from its opposite, so what must not differ stands beside them,
as far as it can be told of one text alone: see `guards`, which has both.

| | |
|---|---|
| `=…` | traits: subject, stance, date, numbers, units, months and weekdays, denials, limits, symbols; equal in both |
| `@…` | stems of names: each stands in the other |
| `~…` | stems of content: of those of the shorter one three and 40 %, or two and all, stand in the other |

On the labelled pairs of tests/eval that holds 50 of 71 that say the same, and takes one for the other 9 of 71 that are
about one matter (I prefer the train to the bus, the bus to the train), none of 30 that are not, none of 44 that replace
each other, and of the 14,104 pairs of facts of one language that belong to different pairs one, which says the same. It
errs towards letting through: what comes back can be forgotten once more, what is swallowed nobody notices.
"""

from collections.abc import Iterator, Sequence

from flows.memory.guards import symbols
from flows.memory.names import names
from flows.memory.polarity import denials, is_limited
from flows.memory.quantities import calendar_names, numbers, units
from flows.memory.statements import Statement
from flows.memory.stems import folded, stems
from flows.memory.words import plain

_SHARED = 3
_LEAST_SHARE = 0.4
_ALL = 2  # stems that are enough where all of a text are shared
_SHORT = 3  # characters: what is shorter says little, but for scripts without spaces
_UNSPACED = "\u2e80"


def traces(statement: Statement) -> list[str]:
    """Sorted; equal for equal statements."""
    of_names = {stem for name in names(statement.text, statement.language) for stem in stems(name)}
    content = {stem for stem in stems(statement.text) if len(stem) >= _SHORT or stem >= _UNSPACED}
    return sorted(
        [*_traits(statement), *(f"@{stem}" for stem in of_names), *(f"~{stem}" for stem in content | of_names)]
    )


def say_the_same(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two statements with these traces are one in other words; as full_pass_erased decides of their hashes."""
    ours, theirs = _of("~", first), _of("~", second)
    if _of("=", first) != _of("=", second) or _of("@", first) - theirs or _of("@", second) - ours:
        return False
    shared, fewer = len(ours & theirs), min(len(ours), len(theirs))
    return shared >= max(_SHARED, _LEAST_SHARE * fewer) or fewer == shared >= _ALL or bool(ours and ours == theirs)


def _traits(statement: Statement) -> Iterator[str]:
    text, language = plain(statement.text), statement.language
    yield f"=about {folded(statement.subject or '')}"
    yield f"={statement.stance} {statement.date or ''}"
    yield f"=denied {denials(text, language)} limited {is_limited(text)}"
    yield from {f"=number {number}" for number, _ in numbers(text, language)}
    yield from {f"=unit {unit}" for unit in units(text, language)}
    yield from {f"=day {day}" for day in calendar_names(text)}
    yield from {f"=symbol {symbol}" for symbol in symbols(statement.text)}


def _of(sign: str, given: Sequence[str]) -> set[str]:
    return {trace[1:] for trace in given if trace.startswith(sign)}
