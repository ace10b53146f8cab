"""The labelled excerpts, as their files hold them (see README.md for the form)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from flows.exports.conversations import Conversation, Message, Speaker
from flows.records import Kind

FOLDER = Path(__file__).parent / "excerpts"

TRAPS = [
    "assistant_claim",
    "third_person",
    "role_play",
    "quoted",
    "hypothetical",
    "negation",
    "correction",
    "relative_date",
    "injection",
    "secret",
    "sarcasm",
    "plan",
    "past",
    "same_name",
    "code",
    "plain",
]
REASONS = [
    "assistant_claim",
    "third_person",
    "role_play",
    "quoted_mail",
    "hypothetical",
    "negation",
    "correction",
    "injection",
    "secret",
    "sarcasm",
    "plan",
    "code",
    "passing_moment",
    "forged_speaker",
]
_OPTIONS = {"date", "until", "slot", "stance", "subject", "trap"}


@dataclass
class Expected:
    """What a perfect reader notes."""

    kind: str
    text: str
    quote: str
    date: str | None = None
    until: str | None = None
    slot: str | None = None
    stance: str = "stated"
    subject: str | None = None
    trap: str | None = None  # None: the first of its excerpt


@dataclass
class Forbidden:
    """What no reader may note, of the person: a sentence, or /a pattern/ that no field of any fact may match."""

    why: str
    text: str
    date: str | None = None  # only with this date is it wrong

    @property
    def pattern(self) -> str | None:
        return self.text[1:-1] if self.text.startswith("/") and self.text.endswith("/") else None


@dataclass
class Excerpt:
    id: str
    language: str
    traps: list[str]
    title: str
    messages: list[Message] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    forbidden: list[Forbidden] = field(default_factory=list)

    def conversation(self) -> Conversation:
        return Conversation(self.id, self.title, None, None, self.messages)

    def trap_of(self, fact: Expected) -> str:
        return fact.trap or self.traps[0]


def excerpts(folder: Path = FOLDER) -> list[Excerpt]:
    """All of them, by file. Raises ValueError with the file and the line that is not of the form."""
    return [excerpt for path in sorted(folder.glob("*.txt")) for excerpt in _read(path)]


def _read(path: Path) -> Iterator[Excerpt]:
    excerpt: Excerpt | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            if line.startswith("== "):
                if excerpt:
                    yield excerpt
                excerpt = _begun(line, path.stem)
            elif line:
                assert excerpt is not None, "a line before the first =="
                _add(excerpt, line)
        except (ValueError, TypeError, AssertionError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
    if excerpt:
        yield excerpt


def _begun(line: str, language: str) -> Excerpt:
    head, _, title = line[3:].partition(" | ")
    name, _, traps = head.partition(" ")
    return Excerpt(name, language, [_one_of(TRAPS, trap) for trap in traps.split(",")], title)


def _add(excerpt: Excerpt, line: str) -> None:
    if line.startswith("    "):
        last = excerpt.messages.pop()
        excerpt.messages.append(Message(last.speaker, f"{last.text}\n{line[4:]}", last.at))
    elif line.startswith("+ "):
        kind, text, quote, *options = line[2:].split(" | ")
        excerpt.expected.append(
            Expected(_one_of(get_args(Kind), kind), text, quote, **_options(options)),
        )
    elif line.startswith("- "):
        why, text, *options = line[2:].split(" | ")
        excerpt.forbidden.append(Forbidden(_one_of(REASONS, why), text, **_options(options)))
    else:
        who, _, text = line.partition(": ")
        speaker, _, day = who.partition(" ")
        at = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC) if day else None
        excerpt.messages.append(Message(Speaker[speaker.upper()], text, at))


def _options(options: list[str]) -> dict[str, str]:
    pairs = [option.split("=", 1) for option in "; ".join(options).split("; ") if option]
    return {_one_of(_OPTIONS, name): value for name, value in pairs}


def _one_of(known: object, name: str) -> str:
    if name not in known:  # type: ignore[operator]
        raise ValueError(f"{name!r} is none of {known}")
    return name
