"""What is shown of the rows: sections of entries, each with its facts, what was true before, and who says so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from deployments.local.memory_page import dates, texts
from deployments.local.memory_page.rows import EntryRow, FactRow, MemoryRows, SourceRow
from flows.records import EntryOrigin, MemorySection

_TITLES = {
    MemorySection.PERSON: "Who you are",
    MemorySection.PREFERENCES: "Preferences",
    MemorySection.PROJECTS: "Projects",
    MemorySection.DATES: "Important dates",
    MemorySection.BELIEFS: "Beliefs & values",
    MemorySection.DECISIONS: "Decisions & context",
    MemorySection.PEOPLE: "People",
}
# A fact that a person repeats every day still opens to something that can be read.
_CONVERSATIONS_SHOWN = 6
_QUOTES_SHOWN = 3  # of a conversation
_QUOTE_LENGTH, _TITLE_LENGTH = 400, 120


@dataclass(frozen=True)
class Quote:
    """The person's words. `day`: YYYY-MM-DD, UTC."""

    text: str
    day: str | None


@dataclass(frozen=True)
class Conversation:
    """What of a conversation says a fact, the latest first. `title`: None where it has none."""

    title: str | None
    is_stored: bool
    days: list[str]  # on which it was said
    quotes: list[Quote]
    is_noted: bool  # by an assistant, about the person: the quotes are its words


@dataclass(frozen=True)
class Fact:
    """A fact with what says it. `before`: what was true before, the latest first."""

    id: UUID
    text: str
    language: str
    when: str
    is_told: bool  # by the person, to the app
    conversations: list[Conversation]  # the latest ones
    earlier: int  # conversations that are not shown
    before: "list[Fact]"


@dataclass(frozen=True)
class Entry:
    """An entry of MEMORY. `said`: how often and when, in words."""

    id: UUID
    text: str
    language: str
    origin: EntryOrigin
    said: str
    facts: list[Fact]
    is_whole: bool  # all of its facts are still known


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    entries: list[Entry]


@dataclass(frozen=True)
class Remembered:
    """A person's memory in the order in which it is read; sections without entries are left out."""

    sections: list[Section]
    facts: int  # that it is made from
    more: int  # facts that are known and not in MEMORY
    conversations: int
    first: str | None  # day on which the first and the last of it was said
    last: str | None
    changed: str | None  # day of the last change

    @property
    def entries(self) -> int:
        return sum(len(section.entries) for section in self.sections)


def remembered(rows: MemoryRows) -> Remembered:
    """Orders the rows; what they refer to and is not there is left out."""
    facts = _Facts(rows)
    cited = {fact_id for row in rows.entries for fact_id in row.fact_ids if facts.is_current(fact_id)}
    days = sorted(day for source in rows.sources if (day := dates.day(source.said_at)))
    return Remembered(
        sections=list(_sections(rows.entries, facts)),
        facts=len(cited),
        more=max(0, rows.known - len(cited)),
        conversations=len({source.conversation_id for source in rows.sources}),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        changed=max((day for row in rows.entries if (day := dates.day(row.updated_at))), default=None),
    )


def _sections(rows: Sequence[EntryRow], facts: "_Facts") -> Iterator[Section]:
    for section, title in _TITLES.items():
        own = sorted((row for row in rows if row.section == section), key=lambda row: (row.position, str(row.id)))
        if own:
            yield Section(section, title, [_entry(row, facts) for row in own])


def _entry(row: EntryRow, facts: "_Facts") -> Entry:
    shown = [facts.fact(fact_id) for fact_id in dict.fromkeys(row.fact_ids) if facts.is_known(fact_id)]
    languages = {fact.language for fact in shown}
    return Entry(
        id=row.id,
        text=texts.line(row.text),
        language=languages.pop() if len(languages) == 1 else "",
        origin=row.origin,
        said=facts.said(row),
        facts=shown,
        is_whole=len(shown) == len(set(row.fact_ids)),
    )


class _Facts:
    """The facts of a person, with what says them."""

    def __init__(self, rows: MemoryRows):
        self._rows = {row.id: row for row in rows.facts}
        self._titles = rows.titles
        self._sources: dict[UUID, list[SourceRow]] = defaultdict(list)
        for source in rows.sources:
            self._sources[source.fact_id].append(source)
        self._replaced: dict[UUID, list[FactRow]] = defaultdict(list)
        for row in rows.facts:
            if row.superseded_by:
                self._replaced[row.superseded_by].append(row)

    def is_known(self, fact_id: UUID) -> bool:
        return fact_id in self._rows

    def is_current(self, fact_id: UUID) -> bool:
        return self.is_known(fact_id) and self._rows[fact_id].status == "current"

    def fact(self, fact_id: UUID, *, with_before: bool = True) -> Fact:
        row = self._rows[fact_id]
        conversations = _conversations(self._sources[fact_id], self._titles)
        return Fact(
            id=row.id,
            text=texts.line(row.text),
            language=texts.language(row.language),
            when=_when(row),
            is_told=row.origin == "person",
            conversations=conversations[:_CONVERSATIONS_SHOWN],
            earlier=max(0, len(conversations) - _CONVERSATIONS_SHOWN),
            before=[self.fact(each, with_before=False) for each in self._before(fact_id)] if with_before else [],
        )

    def said(self, entry: EntryRow) -> str:
        """How often the entry's facts were said, and when last; by the person themselves, if it is their own."""
        sources = [source for fact_id in entry.fact_ids for source in self._sources[fact_id]]
        if not sources:
            return "your own words" if entry.origin == "person" else ""
        count = len({source.conversation_id for source in sources})
        days = sorted(day for source in sources if (day := dates.day(source.said_at)))
        often = "said in one conversation" if count == 1 else f"said in {count:,} conversations"
        when = f", {'last ' if days[0] != days[-1] else ''}{dates.human(days[-1])}" if days else ""
        return ("your own words, " if entry.origin == "person" else "") + often + when

    def _before(self, fact_id: UUID) -> list[UUID]:
        """All that it has superseded, and that these have, the latest first."""
        found: dict[UUID, FactRow] = {}
        open_ids = [fact_id]
        while open_ids:
            new = [row for row in self._replaced[open_ids.pop()] if row.id not in found and row.id != fact_id]
            found |= {row.id: row for row in new}
            open_ids.extend(row.id for row in new)
        return [row.id for row in sorted(found.values(), key=self._recency, reverse=True)]

    def _recency(self, row: FactRow) -> tuple[str, str, str]:
        said = max((source.said_at or "" for source in self._sources[row.id]), default="")
        return row.valid_to or said, row.valid_from or "", said


def _when(row: FactRow) -> str:
    start, end = (dates.human(date) if date else "" for date in (row.valid_from, row.valid_to))
    is_event = row.kind == "date" or row.stance != "stated"
    mark = {"plan": "planned", "past": "in the past"}.get(row.stance, "")
    if start and end and row.status == "superseded" and is_event:
        when = f"{start}, as it stood until {end}"  # the end of a date is when another took its place
    elif start and end:
        when = start if start == end else f"{start} to {end}"
    elif end:
        when = f"until {end}"
    else:
        when = f"since {start}" if start and not is_event else start
    return ", ".join(part for part in (mark, when) if part)


def _conversations(sources: Iterable[SourceRow], titles: Mapping[str, str | None]) -> list[Conversation]:
    """The one in which it was said last first."""
    of: dict[str, list[SourceRow]] = defaultdict(list)
    for source in sorted(sources, key=lambda source: (source.said_at or "", source.message or 0), reverse=True):
        of[source.conversation_id].append(source)
    return [_conversation(said, titles, conversation_id) for conversation_id, said in of.items()]


def _conversation(said: list[SourceRow], titles: Mapping[str, str | None], conversation_id: str) -> Conversation:
    quotes = {
        (text, dates.day(source.said_at)): None
        for source in said
        if (text := texts.line(source.quote or "", _QUOTE_LENGTH))
    }
    return Conversation(
        title=texts.line(titles.get(conversation_id) or "", _TITLE_LENGTH) or None,
        is_stored=conversation_id in titles,
        days=sorted({day for source in said if (day := dates.day(source.said_at))}),
        quotes=[Quote(text, day) for text, day in list(quotes)[:_QUOTES_SHOWN]],
        is_noted=all(source.noted for source in said),
    )
