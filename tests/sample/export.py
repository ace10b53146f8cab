"""The generator of the synthetic ChatGPT export.

The format is that of ChatGPT's data export: `conversations.json` is an array of conversations, each a `mapping` of
nodes with `current_node` as the end of the branch that the person sees (flows/exports/chatgpt.py says more). The same
seed and number always make the same conversation, whatever the others are.
"""

import json
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.sample import phrases

SEED = 20261001
CONVERSATIONS = 300

_START = datetime(2023, 10, 2, 8, tzinfo=UTC).timestamp()
_SPAN = datetime(2026, 10, 30, tzinfo=UTC).timestamp() - _START
_ZIP_TIME = (2026, 10, 31, 12, 0, 0)

#: Where a fact is planted; every second conversation takes the next of these.
PLACES = (
    "message_start",
    "message_middle",
    "message_end",
    "long_message_start",
    "edited_branch",
    "abandoned_branch",
    "custom_instructions",
    "foreign_language",
    "title",
    "long_message_middle",
    "hidden_message",
    "transcription",
    "code_neighbour",
    "assistant_says",
    "message_middle",
    "long_message_end",
    "foreign_language",
    "system_message",
)
#: Not on the branch that the person sees, or not the person's words.
_LOST = {"abandoned_branch", "hidden_message", "assistant_says", "system_message"}
#: Those that hold the facts about Ana before the numbered ones.
_PLAIN = [place for place in PLACES if place not in _LOST | {"foreign_language"}]

Json = dict[str, Any]


@dataclass(frozen=True)
class PlantedFact:
    text: str  # the whole sentence
    kind: str  # preference, project, date, belief or decision
    where: str  # one of PLACES
    conversation_id: str
    survives: bool  # whether it must be in a chunk; else it must be in none


def conversations(count: int = CONVERSATIONS, seed: int = SEED) -> Iterator[Json]:
    """The conversations of the export, one at a time."""
    for number in range(count):
        yield _Conversation(number, seed).as_json()


def planted_facts(count: int = CONVERSATIONS, seed: int = SEED) -> Iterator[PlantedFact]:
    """What is planted in `conversations(count, seed)`."""
    for number in range(count):
        if fact := _planted(number, seed):
            yield fact


def write_export(path: Path, count: int = CONVERSATIONS, seed: int = SEED) -> None:
    """Writes the export to `path`: a zip as ChatGPT sends it, or with another suffix the bare conversations.json."""
    if path.suffix != ".zip":
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_array(count, seed))
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open(_entry("conversations.json"), "w", force_zip64=True) as member:
            for part in _array(count, seed):
                member.write(part.encode())
        user = {"id": "user-5eed", "email": "ana@example.org", "chatgpt_plus_user": True, "birth_year": 1990}
        archive.writestr(_entry("user.json"), json.dumps(user))
        archive.writestr(_entry("message_feedback.json"), "[]")
        archive.writestr(_entry("shared_conversations.json"), "[]")
        archive.writestr(_entry("chat.html"), "<!doctype html><title>ChatGPT Data Export</title>")


def _array(count: int, seed: int) -> Iterator[str]:
    before = "["
    for conversation in conversations(count, seed):
        yield before + json.dumps(conversation)
        before = ",\n"
    yield "]" if before != "[" else "[]"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _planted(number: int, seed: int) -> PlantedFact | None:
    if number % 2:
        return None
    turn = number // 2
    where = PLACES[turn % len(PLACES)]
    core = turn // len(PLACES) * len(_PLAIN) + sum(place in _PLAIN for place in PLACES[: turn % len(PLACES)])
    if where == "foreign_language":
        kind, text = phrases.FOREIGN_FACTS[turn // 2 % len(phrases.FOREIGN_FACTS)]
    elif where in _PLAIN and core < len(phrases.CORE_FACTS):
        kind, text = phrases.CORE_FACTS[core]
    else:
        kind, text = phrases.FACTS[turn % len(phrases.FACTS)]
    return PlantedFact(text.format(n=1_000 + number), kind, where, _identity(number, seed), where not in _LOST)


def _identity(number: int, seed: int) -> str:
    return _uuid(random.Random(f"{seed} {number} id"))


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class _Conversation:
    def __init__(self, number: int, seed: int):
        self._number = number
        self._chance = random.Random(f"{seed} {number}")
        self._fact = _planted(number, seed)
        self._id = _identity(number, seed)
        # Spread over three years in no order of the numbers, the same for any count.
        self._created = _START + (number * 2_654_435_761 % 1_000_003) / 1_000_003 * _SPAN
        self._now = self._created
        self._nodes: dict[str, Json] = {}
        self._end: str | None = None

    def as_json(self) -> Json:
        self._add(None)
        self._opening()
        turns = self._chance.choice((1, 2, 3, 4, 5, 6, 8, 11, 16))
        planted_at = self._chance.randrange(turns)
        for turn in range(turns):
            self._turn(self._fact if turn == planted_at else None)
        title = self._chance.choice(phrases.TITLES)
        if self._fact and self._fact.where == "title":
            title = self._fact.text
        return {
            "title": None if self._number % 29 == 7 and self._place != "title" else title,
            "create_time": None if self._number % 41 == 9 else self._created,
            "update_time": self._now,
            "mapping": self._nodes,
            "moderation_results": [],
            "current_node": self._end,
            "plugin_ids": None,
            "conversation_id": self._id,
            "conversation_template_id": None,
            "gizmo_id": None,
            "is_archived": self._number % 17 == 3,
            "safe_urls": [],
            "default_model_slug": self._chance.choice(("gpt-4", "gpt-4o", "gpt-5")),
            "voice": "cove" if self._place == "transcription" else None,
            "id": self._id,
        }

    @property
    def _place(self) -> str | None:
        return self._fact.where if self._fact else None

    # Nodes

    def _add(self, message: Json | None, parent: str | None = None) -> str:
        """Adds a node below `parent`, by default below the last one, and goes on from it."""
        identity = _uuid(self._chance)
        parent = parent or self._end
        if message is not None:
            message["id"] = identity
        self._nodes[identity] = {"id": identity, "message": message, "parent": parent, "children": []}
        if parent is not None:
            self._nodes[parent]["children"].append(identity)
        self._end = identity
        return identity

    def _message(self, role: str, content: Json, **fields: Any) -> Json:
        self._now += self._chance.uniform(5, 400)
        return {
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": self._now,
            "update_time": None,
            "content": content,
            "status": "finished_successfully",
            "end_turn": True if role == "assistant" else None,
            "weight": 1.0,
            "metadata": {},
            "recipient": "all",
            "channel": None,
            **fields,
        }

    def _text(self, role: str, text: str, **fields: Any) -> Json:
        return self._message(role, {"content_type": "text", "parts": [text]}, **fields)

    # What is said

    def _opening(self) -> None:
        system = self._fact.text if self._fact and self._place == "system_message" else ""
        hidden = {"is_visually_hidden_from_conversation": True}
        self._add(self._text("system", system, weight=0, metadata=hidden))
        if self._fact and self._place == "custom_instructions":
            content = {
                "content_type": "user_editable_context",
                "user_profile": f"About the person who asks: {self._chance.choice(phrases.TITLES)}.\n{self._fact.text}",
                "user_instructions": "Answers should name their sources.",
            }
            self._add(self._message("user", content, metadata=hidden))

    def _turn(self, fact: PlantedFact | None) -> None:
        place = fact.where if fact else None
        if fact and place == "hidden_message":
            self._add(self._text("user", fact.text, metadata={"is_visually_hidden_from_conversation": True}))
        if fact and place in ("edited_branch", "abandoned_branch"):
            self._edited(fact)
        else:
            self._add(self._said(fact))
        self._detour()
        answer = self._answer()
        if fact and place == "assistant_says":
            answer = f"{answer} {fact.text}"
        before = self._end
        if self._chance.random() < 0.1:  # an answer that was thrown away and asked for again
            self._add(self._text("assistant", self._answer()))
        self._add(self._text("assistant", answer), parent=before)

    def _edited(self, fact: PlantedFact) -> None:
        """A prompt, the answer to it, and then the prompt in another form: only that one stays."""
        before = self._end
        kept, dropped = self._remarks(), self._remarks()
        if fact.where == "edited_branch":
            kept = f"{kept} {fact.text}"
        else:
            dropped = f"{dropped} {fact.text}"
        self._add(self._text("user", dropped))
        self._add(self._text("assistant", self._answer()))
        self._add(self._text("user", kept), parent=before)

    def _said(self, fact: PlantedFact | None) -> Json:
        chance, text = self._chance, fact.text if fact else ""
        match fact.where if fact else None:
            case "message_start":
                return self._text("user", f"{text} {self._remarks()}")
            case "message_middle":
                return self._text("user", f"{self._remarks()} {text} {self._remarks()}")
            case "message_end":
                return self._text("user", f"{self._remarks()}\n\n{text}")
            case "long_message_start":
                return self._text("user", f"{text}\n\n{self._article()}")
            case "long_message_middle":
                return self._text("user", f"{self._article()} {text} {self._article()}")
            case "long_message_end":
                return self._text("user", f"{self._article()}\n{text}")
            case "foreign_language":
                before, after = chance.sample(phrases.FOREIGN_REMARKS, 2)
                return self._text("user", f"{before} {text} {after}")
            case "code_neighbour":
                return self._text("user", f"{self._remarks()}\n\n{phrases.CODE}\n\n{text} {self._remarks()}")
            case "transcription":
                parts = [
                    {"content_type": "audio_transcription", "text": f"{self._remarks()} {text}", "direction": "in"},
                    {"content_type": "audio_asset_pointer", "asset_pointer": "file-service://file-1", "format": "wav"},
                ]
                return self._message("user", {"content_type": "multimodal_text", "parts": parts})
        if chance.random() < 0.02:
            return self._text("user", self._article())
        if chance.random() < 0.02:
            code = "\n".join(chance.choices(phrases.CODE_LINES, k=chance.randint(100, 350)))
            return self._text("user", f"{self._remarks()}\n\n```python\ndef run(rows, rate):\n{code}\n```")
        if chance.random() < 0.06:
            image = {
                "content_type": "image_asset_pointer",
                "asset_pointer": "file-service://file-2",
                "size_bytes": 81_920,
                "width": 1024,
                "height": 768,
            }
            content = {"content_type": "multimodal_text", "parts": [image, self._remarks()]}
            return self._message("user", content)
        if chance.random() < 0.08:
            return self._text("user", chance.choice(phrases.FOREIGN_REMARKS))
        return self._text("user", self._remarks())

    def _detour(self) -> None:
        """Now and then the assistant thinks, runs code or looks something up before it answers."""
        kind = self._chance.random()
        if kind < 0.05:
            thoughts = [{"summary": "Weighing the options", "content": "The person asks for a plan."}]
            self._add(self._message("assistant", {"content_type": "thoughts", "thoughts": thoughts}))
            self._add(
                self._message("assistant", {"content_type": "reasoning_recap", "content": "Thought for 8 seconds"})
            )
        elif kind < 0.1:
            code = {"content_type": "code", "language": "python", "text": "sum(range(10))"}
            self._add(self._message("assistant", code, recipient="python"))
            self._add(self._message("tool", {"content_type": "execution_output", "text": "45"}))
        elif kind < 0.13:
            quote = {
                "content_type": "tether_quote",
                "url": "example.org",
                "domain": "example.org",
                "text": self._chance.choice(phrases.ARTICLE),
                "title": "An article",
            }
            self._add(self._message("tool", quote))

    def _remarks(self) -> str:
        said = self._chance.sample(phrases.REMARKS, self._chance.randint(1, 5))
        return " ".join([*said, self._chance.choice(phrases.QUESTIONS)])

    def _answer(self) -> str:
        said = self._chance.sample(phrases.ANSWERS, self._chance.randint(4, 14))
        return "\n\n".join(" ".join(said[start : start + 3]) for start in range(0, len(said), 3))

    def _article(self) -> str:
        length = self._chance.choice((40, 80, 160, 320))
        said = self._chance.choices(phrases.ARTICLE, k=length)
        return "\n\n".join(" ".join(said[start : start + 6]) for start in range(0, length, 6))
