"""The nouns of the pipeline: its steps, what lies in a run's files, and the rows that it reads back."""

from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

Kind = Literal["preference", "project", "date", "belief", "decision"]
#: Holds now, held once and no more, is intended and not done yet.
Stance = Literal["stated", "past", "plan"]
#: Told in the chats, or by the person to the app: the latter has the last word.
Origin = Literal["chats", "person"]
#: Who wrote an entry: a model, from its facts; nobody, it is a fact's own words; the person.
EntryOrigin = Literal["model", "facts", "person"]


class Step(StrEnum):
    """The nine steps, in order. The value is the step's name in logs, task runs, `import_stage` and errors."""

    DOWNLOAD_CONVERSATIONS = "download_conversations"
    CHUNK_CONVERSATIONS = "chunk_conversations"
    SAVE_CHUNKS = "save_chunks"
    EXTRACT_FACTS = "extract_facts"
    CONSOLIDATE_FACTS = "consolidate_facts"
    HIERARCHICAL_REDUCE = "hierarchical_reduce"
    GENERATE_MEMORY = "generate_memory"
    SAVE_MEMORY = "save_memory"
    V2_REGENERATION = "v2_regeneration"


class MemorySection(StrEnum):
    """The sections of MEMORY, in order. The value stands in `memory_facts.section` and `memory_entries.section`."""

    PERSON = "person"
    PREFERENCES = "preferences"
    PROJECTS = "projects"
    DATES = "dates"
    BELIEFS = "beliefs"
    DECISIONS = "decisions"
    PEOPLE = "people"


class RunFile:
    """The files of a run's folder."""

    EXPORT = "export"  # the folder of its files, as they were uploaded
    CHUNKS = "chunks.jsonl"  # SpooledChunk
    LEFT_OUT = "left_out.jsonl"  # one LeftOut
    FOUND_FACTS = "facts.jsonl"  # FoundFact
    UNIQUE_FACTS = "unique.jsonl"  # KnownFact
    CHOSEN_FACTS = "chosen.jsonl"  # KnownFact
    ENTRIES = "entries.jsonl"  # Entry
    MEMORY = "MEMORY.md"


class ChunkRecord(Struct):
    """A chunk: its row of conversation_chunks, without the user."""

    chunk_key: str  # 32 hex digits
    conversation_id: str
    title: str
    #: Of the chunk within its conversation, and of its first and last message within it; from 0.
    position: int
    first_message: int
    last_message: int
    message_count: int
    content: str
    token_count: int
    created_at: str | None = None  # of its last message, ISO 8601, UTC
    is_recent: bool = False
    import_source: str = "app"  # whose history: see Conversation.source in flows.exports.conversations


class SpooledChunk(ChunkRecord, kw_only=True):
    """A chunk with who speaks where, and when: its whole row, and how it lies in the run's folder."""

    turns: list[int]  # at which characters of `content` a speaker's label begins; at least one
    #: When each turn was said, ISO 8601, UTC; None: the export does not tell. Empty: written before it was kept.
    turn_times: list[str | None] = []
    #: What is left in `content` of secrets that the chunk's ends cut in two: first character, end, kind.
    cut_secrets: list[tuple[int, int, str]] = []


class LeftOut(Struct):
    """What of an export is not among its chunks."""

    #: Why, in words of ours → how many entries, files or parts of messages.
    counts: dict[str, int] = {}
    #: Of them, those that nobody knows what they hold: the export may have more conversations than were read.
    unread: int = 0
    unwanted: list[str] = []  # conversations that the person does not want remembered


class StoredChunk(Struct):
    """What a row of conversation_chunks says beside its text; only the columns that were asked for are set."""

    chunk_key: str
    conversation_id: str | None = None
    import_source: str | None = None  # None: of an import from before sources were kept
    created_at: str | None = None
    token_count: int | None = None
    turns: list[int] | None = None  # None: written before they were kept


class StoredFact(Struct, omit_defaults=True):
    """A fact as a model has found it in a chunk, and as chunk_facts.facts keeps it.

    Answers from before quotes were kept have kind, text and date only.
    """

    kind: Kind
    text: str
    date: str | None = None  # on which it happened, happens or began: YYYY, YYYY-MM or YYYY-MM-DD
    until: str | None = None  # on which it ended or will end
    subject: str | None = None  # whom it is about, in the person's words; None: the person
    slot: str | None = None  # what of a life it fills, of which there is one at a time: home, work, project:boat
    stance: Stance = "stated"
    language: str | None = None  # of the text, ISO 639
    quote: str | None = None  # the person's words that say it
    message: int | None = None  # that holds the quote: its number within the conversation, from 0
    said: str | None = None  # when that message was written, ISO 8601; None: nobody knows
    noted: bool = False  # that message is a note of the assistant's about the person, and the quote its words


class ChunkOutcome(Struct, omit_defaults=True):
    """What became of a chunk: a row of chunk_facts, without the user, the prompt's version and the model."""

    chunk_key: str
    #: facts: `facts` is what the chunk says, also when that is nothing. refused: the model would not answer. failed:
    #: `error` says why there is no answer.
    outcome: Literal["facts", "refused", "failed"]
    facts: list[StoredFact] = []
    error: str | None = None
    unsupported: int = 0  # facts that the model told, and the person's words do not say


class FoundFact(StoredFact, kw_only=True):
    """A fact with the chunk that says it."""

    chunk_key: str
    conversation_id: str


class KnownFact(Struct, omit_defaults=True):
    """A fact that stands once, whoever says it how often: a row of memory_facts, without the user."""

    kind: Kind
    text: str
    id: UUID | None = None  # None: in no table
    subject: str | None = None
    slot: str | None = None
    language: str | None = None
    stance: Stance = "stated"
    status: Literal["current", "superseded"] = "current"
    superseded_by: UUID | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    said_first: str | None = None
    said_last: str | None = None
    mentions: int = 0  # messages that say it
    conversations: int = 0
    section: MemorySection | None = None  # None: of a row from before sections were kept
    origin: Origin = "chats"
    suppressed: bool = False  # the person has taken it out of MEMORY; it holds, and is found when searched for


class FactSource(Struct, frozen=True, omit_defaults=True):
    """Something that says a fact: a row of memory_fact_sources, without the user and the fact."""

    chunk_key: str
    conversation_id: str
    message: int | None
    quote: str | None
    said_at: str | None
    noted: bool = False  # as in StoredFact


class FactRow(KnownFact, kw_only=True, omit_defaults=False):
    """A fact with all that says it, as it is saved."""

    statement_keys: list[str]
    traces: list[str]  # by which it is known again in other words
    digest: str  # of everything else
    sources: list[FactSource]


class StoredRow(Struct):
    """By what a stored fact is known again."""

    id: UUID
    status: Literal["current", "superseded", "withdrawn", "forgotten"]
    statement_keys: list[str]
    digest: str | None
    traces: list[str] | None = None  # None: of a row from before they were kept
    superseded_by: UUID | None = None
    suppressed: bool = False


class PersonFact(KnownFact, kw_only=True):
    """What the person has told the app: a row of memory_facts, in which it has the last word."""

    id: UUID
    traces: list[str] | None = None  # None: no pass has seen it


class Entry(Struct):
    """An entry of MEMORY: a row of memory_entries, without the user."""

    id: UUID
    section: MemorySection
    position: int  # within its section; entries of one position stand in the order of their ids
    text: str  # one line
    fact_ids: list[UUID]  # that it says; at least one
    origin: EntryOrigin


class StoredEntry(Entry, kw_only=True):
    """An entry as it stands in MEMORY now."""

    fresh: bool  # its facts are as they were when it was written, and all of them hold


class SavedMemory(Struct):
    """MEMORY as it stands now, and how many entries differ from before."""

    memory_md: str
    added: int
    changed: int
    removed: int


class AdoptedEdits(Struct):
    """Lines of MEMORY that the person has taken out, written anew and put in."""

    deleted: int
    edited: int
    added: int


class ErasedStatement(Struct):
    """What is known of a statement by what the person has erased."""

    key: str
    erased: bool  # it says what was erased
    since: str | None = None  # not erased, but what held since then instead was: YYYY, YYYY-MM or YYYY-MM-DD


class ProfileRow(Struct):
    """What a row of user_profiles says of its pass; only the columns that were asked for are set."""

    user_id: UUID
    full_pass_status: str | None = None
    full_pass_run_id: str | None = None
    full_pass_parameters: dict[str, Any] | None = None
    full_pass_started_at: str | None = None


class Delivery(Struct):
    """What a pass is asked for: a row of full_pass_deliveries."""

    id: UUID
    user_id: UUID
    object_names: list[str]  # in the bucket
    object_versions: list[str | None]
    file_type: Literal["zip", "json"] | None = None
    conversation_count: int | None = None
    replaces: bool = False
    flow_run_id: str | None = None


class Import(Struct):
    """An upload as its chunks are known by: a row of memory_imports, without the user and the time."""

    id: UUID  # the same for the same objects in the same versions
    delivery_id: UUID | None  # None: by hand
    sources: list[str] = []
    conversations: int = 0


class Delivered(Struct):
    """What became of a delivery at the door."""

    answer: Literal["new", "same", "no_user", "no_bucket", "no_object", "conflict", "limited"]
    delivery_id: UUID | None = None
    state: Literal["waiting", "started", "ended", "superseded"] | None = None
    flow_run_id: str | None = None
    retry_after: int | None = None  # seconds


class DueDelivery(Struct):
    """A delivery whose run is to be made."""

    user_id: UUID
    delivery_id: UUID


class StoredMemory(Struct):
    """MEMORY as it stands in the row, and whose pass has written it."""

    memory_md: str | None
    full_pass_status: str | None
    full_pass_run_id: str | None


class StoredSections(Struct):
    """The profile sections as they stand in the row."""

    question: str | None  # the key of the question that they answer; None: not known
    columns: dict[str, str | None]  # column name → JSON text


class Ownership(Struct):
    """What the row says of who has the user."""

    found: bool  # False: the user has no row
    owner: str | None = None  # a flow run
    status: str | None = None
    attempts: int | None = None  # of the owner's is this one, once it has claimed the user


class DueUser(Struct):
    """A failed user whose next attempt is due."""

    user_id: UUID
    run_id: str  # of the run that failed
    attempts: int
    parameters: dict[str, Any]


class PendingBatch(Struct):
    """A message batch that has been handed in and not collected."""

    batch_id: str
    requests: dict[str, list[str]]  # custom_id → chunk keys, in the order of the excerpts


class FailedPass(Struct):
    """What became of writing that a pass has failed."""

    failed: bool  # False: the run does not own the user, or its end has been written already
    exhausted: bool  # it was the last attempt
    attempts: int = 0
    error: str = ""  # as it stands in the row
    next_retry_at: str | None = None  # None: not tried again by itself
