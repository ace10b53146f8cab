"""The generator of the synthetic ChatGPT export.

There is no official schema. This follows what exports of 2023 to 2026 hold, as their parsers describe it
(mohamed-chs/convoviz, docs/dev/chatgpt-spec.md; pionxzh/chatgpt-exporter; flows/exports/chatgpt.py says what is read
of it): a zip with `conversations.json`, an array of conversations, and small files about the account. A conversation
is a tree of nodes (`mapping`); `current_node` is the end of the branch that the person sees, edited prompts and
regenerated answers are side branches. Real exports list the newest conversation first; these stand in phases of
eight that are about the same topic, so that a conversation does not depend on how many there are.

The same seed and number always make the same conversation, whatever the others are.
"""

import json
import random
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from tests.sample import persona
from tests.sample.persona import Bank, Topic

SEED = 20261001
CONVERSATIONS = 300

_DAY = 86_400.0
_START = datetime(2023, 10, 2, 7, tzinfo=UTC).timestamp()
_END = datetime(2026, 10, 30, tzinfo=UTC).timestamp()
_FIRST_YEAR = 365 * _DAY
_RECENT = datetime(2026, 8, 1, 9, tzinfo=UTC).timestamp()  # when old conversations are taken up again
_PHASE = 8  # conversations about one topic within a fortnight
_MODELS = (  # first used, slug
    (_START, "gpt-4"),
    (datetime(2024, 5, 14, tzinfo=UTC).timestamp(), "gpt-4o"),
    (datetime(2025, 8, 8, tzinfo=UTC).timestamp(), "gpt-5"),
    (datetime(2026, 1, 10, tzinfo=UTC).timestamp(), "gpt-5-2"),
)
_THINKING_SINCE = datetime(2024, 12, 5, tzinfo=UTC).timestamp()
_BROWSER_UNTIL = datetime(2024, 11, 1, tzinfo=UTC).timestamp()
_CLIENT_ROOT_SINCE = datetime(2025, 2, 1, tzinfo=UTC).timestamp()
_ZIP_TIME = (2026, 10, 31, 12, 0, 0)
_USER_ID = "user-5eed5eed5eed5eed5eed5eed"
_CONTEXT = (  # what ChatGPT puts around custom instructions
    "The user provided the following information about themselves. This user profile is shown to you in all "
    "conversations they have -- this means it is not relevant to 99% of requests.\nUser profile:\n```{}```",
    "The user provided the additional info about how they would like you to respond:\n```{}```",
)

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
    "message_middle",
    "hidden_message",
    "transcription",
    "code_neighbour",
    "message_start",
    "foreign_language",
    "long_message_end",
    "assistant_says",
    "old_conversation_recent",
    "message_middle",
    "code_neighbour",
    "foreign_language",
    "message_end",
    "system_message",
)
#: Not on the branch that the person sees, or not the person's words.
LOST = frozenset({"abandoned_branch", "hidden_message", "assistant_says", "system_message"})
_FOREIGN = "foreign_language"
_ENGLISH = [place for place in PLACES if place not in LOST and place != _FOREIGN]
_CORE_ENGLISH = [fact for fact in persona.CORE_FACTS if fact[0] == "en"]
_CORE_FOREIGN = [fact for fact in persona.CORE_FACTS if fact[0] != "en"]
_MORE_ENGLISH = [("en", kind, text) for kind, text in persona.MORE_FACTS]
_MORE_FOREIGN = list(persona.MORE_FOREIGN_FACTS)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

Json = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True)
class PlantedFact:
    id: str
    text: str  # the whole sentence; no other text of the export holds it
    kind: str  # preference, project, date, belief or decision
    where: str  # one of PLACES
    conversation_id: str
    survives: bool  # whether it is what the person said and still sees; title facts stand in the title only


def generate(conversations: int = CONVERSATIONS, seed: int = SEED) -> Iterator[Json]:
    """The conversations of the export, one at a time, each as it stands in conversations.json."""
    for number in range(conversations):
        yield _Conversation(number, seed).as_json()


def planted_facts(conversations: int = CONVERSATIONS, seed: int = SEED) -> list[PlantedFact]:
    """What is planted in `generate(conversations, seed)`, in the same order; at most one in a conversation."""
    return [plan[0] for number in range(conversations) if (plan := _planted(number, seed))]


def write_export(
    path: Path,
    conversations: int = CONVERSATIONS,
    seed: int = SEED,
    style: Literal["zip", "json"] = "zip",
) -> list[PlantedFact]:
    """Writes the export to `path` (zip: as ChatGPT sends it, json: the bare conversations.json); returns its facts.

    The same arguments give the same bytes, but for the compression, which may differ with the version of zlib. The
    file appears when it is complete. Raises OSError when it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.part")
    if style == "json":
        with unfinished.open("wb") as file:
            file.writelines(_array(generate(conversations, seed)))
    else:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open(_entry("conversations.json"), "w", force_zip64=True) as member:
                for part in _array(generate(conversations, seed)):
                    member.write(part)
            for name, text in _account(conversations, seed).items():
                archive.writestr(_entry(name), text)
    unfinished.replace(path)
    return planted_facts(conversations, seed)


def _array(conversations: Iterable[Json]) -> Iterator[bytes]:
    before = "["
    for conversation in conversations:
        yield (before + json.dumps(conversation)).encode()
        before = ", "
    yield b"[]" if before == "[" else b"]"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _account(conversations: int, seed: int) -> dict[str, str]:
    """The other files of the zip: name → text."""
    first = list(generate(min(conversations, 3), seed))
    feedback = [
        {
            "id": conversation["current_node"],
            "conversation_id": conversation["id"],
            "user_id": _USER_ID,
            "rating": "thumbs_up",
            "create_time": datetime.fromtimestamp(conversation["update_time"], UTC).isoformat(),
            "content": "{}",
        }
        for conversation in first[:2]
    ]
    shared = [
        {
            "id": conversation["current_node"],
            "conversation_id": conversation["id"],
            "title": conversation["title"],
            "is_anonymous": True,
        }
        for conversation in first[2:]
    ]
    user = {
        "id": _USER_ID,
        "email": "ana@example.org",
        "chatgpt_plus_user": True,
        "birth_year": 1990,
        "phone_number": None,
    }
    page = (
        '<!doctype html>\n<html><head><meta charset="utf-8"><title>ChatGPT Data Export</title></head>\n'
        '<body><div id="root">The conversations are in conversations.json.</div></body></html>\n'
    )
    return {
        "user.json": json.dumps(user),
        "message_feedback.json": json.dumps(feedback),
        "shared_conversations.json": json.dumps(shared),
        "chat.html": page,
    }


# What is planted where


def _planted(number: int, seed: int) -> tuple[PlantedFact, str] | None:
    """The fact of a conversation and its language."""
    if number % 2:
        return None
    turn, position = divmod(number // 2, len(PLACES))
    where = PLACES[position]
    # How many of its sort were planted in the conversations before.
    sort = {_FOREIGN} if where == _FOREIGN else LOST if where in LOST else set(_ENGLISH)
    earlier = turn * sum(place in sort for place in PLACES) + sum(place in sort for place in PLACES[:position])
    if where == _FOREIGN:
        language, kind, text = _nth(earlier, _CORE_FOREIGN, _MORE_FOREIGN)
    else:
        # The lost ones must not use up what makes the person.
        language, kind, text = _nth(earlier, [] if where in LOST else _CORE_ENGLISH, _MORE_ENGLISH)
    at = datetime.fromtimestamp(_created(number, where), UTC)
    past, soon = at - timedelta(days=4 + number % 31), at + timedelta(days=9 + number % 47)
    text = text.format(
        n=101 + number,
        past=f"{past.day} {_MONTHS[past.month - 1]} {past.year}",
        past_iso=past.date().isoformat(),
        soon=f"{soon.day} {_MONTHS[soon.month - 1]} {soon.year}",
        soon_us=f"{_MONTHS[soon.month - 1]} {soon.day}, {soon.year}",
    )
    identity = _identity(number, seed)
    return PlantedFact(f"fact-{number:06d}", text, kind, where, identity, where not in LOST), language


def _nth(number: int, once: list[tuple[str, str, str]], again: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    return once[number] if number < len(once) else again[(number - len(once)) % len(again)]


def _created(number: int, where: str | None) -> float:
    phase, position = divmod(number, _PHASE)
    # Multiples of the golden ratio fill the years evenly, however many phases there are.
    share = phase * 2_654_435_769 % 2**32 / 2**32
    span = _FIRST_YEAR if where == "old_conversation_recent" else _END - _START - 15 * _DAY
    hour = number * 7_919 % 54_000  # seconds into a day from seven to ten
    return _START + share * span // _DAY * _DAY + (position * 1.7) // 1 * _DAY + hour


def _identity(number: int, seed: int) -> str:
    return _uuid(random.Random(f"{seed}/{number}/id"))


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


# One conversation


class _Conversation:
    def __init__(self, number: int, seed: int):
        self._number = number
        self._round = number // (2 * len(PLACES))  # a place has several forms, which take turns
        self._chance = random.Random(f"{seed}/{number}")
        plan = _planted(number, seed)
        self._fact = plan[0] if plan else None
        self._place = self._fact.where if self._fact else None
        self._id = _identity(number, seed)
        self._created = self._now = _created(number, self._place)
        self._model = [slug for since, slug in _MODELS if since <= self._created][-1]
        self._nodes: dict[str, Json] = {}
        self._end: str | None = None
        self._topic: Topic = persona.TOPICS[number // _PHASE % len(persona.TOPICS)]
        if plan and plan[1] != "en":
            self._topic = persona.TONGUES[plan[1]]
        elif self._place is None and self._happens(0.12):
            self._topic = self._one(tuple(persona.TONGUES.values()))

    def as_json(self) -> Json:
        root = "client-created-root" if self._created >= _CLIENT_ROOT_SINCE else _uuid(self._chance)
        self._nodes[root] = {"id": root, "message": None, "parent": None, "children": []}
        self._end = root
        self._opening()
        turns = self._turns()
        planted_at = turns - 1 if self._place == "old_conversation_recent" else self._below(turns)
        for turn in range(turns):
            if turn == planted_at and self._place == "old_conversation_recent":
                self._now = _RECENT + self._below(75) * _DAY + self._number % 3_600
            self._turn(turn, self._fact if turn == planted_at else None)
        title: str | None = self._one(self._topic.titles)
        if self._fact and self._place == "title":
            title = self._fact.text
        elif self._number % 29 == 7:
            title = None
        return {
            "title": title,
            "create_time": None if self._number % 41 == 9 else self._created,
            "update_time": self._now,
            "mapping": self._nodes,
            "moderation_results": [],
            "current_node": self._end,
            "plugin_ids": None,
            "conversation_id": self._id,
            "conversation_template_id": None,
            "gizmo_id": None,
            "gizmo_type": None,
            "is_archived": self._number % 17 == 3,
            "is_starred": None,
            "safe_urls": [],
            "blocked_urls": [],
            "default_model_slug": self._model,
            "conversation_origin": None,
            "voice": "cove" if self._place == "transcription" else None,
            "async_status": None,
            "disabled_tool_ids": [],
            "is_do_not_remember": False,
            "memory_scope": "global_enabled",
            "id": self._id,
        }

    # Chance. Only `random` and `getrandbits` are promised to give the same numbers in every version of Python.

    def _below(self, limit: int) -> int:
        return int(self._chance.random() * limit)

    def _between(self, low: int, high: int) -> int:
        return low + self._below(high - low + 1)

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _one(self, choices: tuple[_T, ...]) -> _T:
        return choices[self._below(len(choices))]

    def _some(self, bank: Bank, count: int) -> list[str]:
        """Different sentences of a bank."""
        size = bank.sentences
        position, stride, filling = self._below(size), self._one(bank.strides), self._below(persona.FILLINGS)
        return [
            bank.filled[(filling + step) % persona.FILLINGS * size + (position + step * stride) % size]
            for step in range(min(count, size))
        ]

    def _turns(self) -> int:
        if self._place in ("long_message_start", "long_message_middle", "long_message_end"):
            return self._between(1, 4)
        kind = self._chance.random()
        if kind < 0.4:
            return self._between(2, 3) if self._place == "old_conversation_recent" else self._between(1, 2)
        if kind < 0.68:
            return self._between(3, 5)
        return self._between(6, 10) if kind < 0.9 else self._between(12, 19)

    # Nodes

    def _add(self, message: Json, parent: str | None = None) -> None:
        """Adds a node below `parent`, by default below the last one, and goes on from it."""
        identity, parent = _uuid(self._chance), parent or self._end
        assert parent is not None
        message["id"] = identity
        if message["author"]["role"] in ("assistant", "tool"):
            message["metadata"]["parent_id"] = parent
        self._nodes[identity] = {"id": identity, "message": message, "parent": parent, "children": []}
        self._nodes[parent]["children"].append(identity)
        self._end = identity

    def _message(self, role: str, content: Json, metadata: Json | None = None, **fields: Any) -> Json:
        if role in ("user", "system"):
            self._now = round(self._now + 20 + self._chance.random() * 400, 6)
            given: Json = {"timestamp_": "absolute", "message_type": None}
        else:
            self._now = round(self._now + 1 + self._chance.random() * 20, 6)
            given = {
                "citations": [],
                "message_type": "next",
                "model_slug": self._model,
                "default_model_slug": self._model,
                "timestamp_": "absolute",
            }
        return {
            "id": "",
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": self._now,
            "update_time": None,
            "content": content,
            "status": "finished_successfully",
            "end_turn": None,
            "weight": 1.0,
            "metadata": given | metadata if metadata else given,
            "recipient": "all",
            "channel": None,
            **fields,
        }

    def _user(self, text: str, **fields: Any) -> Json:
        if self._place == "transcription":
            return self._message("user", self._spoken(text, "in"), **fields)
        return self._message("user", {"content_type": "text", "parts": [text]}, **fields)

    def _assistant(self, text: str) -> Json:
        if self._place == "transcription":
            return self._message("assistant", self._spoken(text, "out"), end_turn=True)
        stop = {"finish_details": {"type": "stop", "stop_tokens": [200_002]}, "is_complete": True}
        channel = "final" if self._model.startswith("gpt-5") else None
        content = {"content_type": "text", "parts": [text]}
        return self._message("assistant", content, stop, end_turn=True, channel=channel)

    def _call(self, tool: str, language: str, code: str) -> Json:
        content = {"content_type": "code", "language": language, "response_format_name": None, "text": code}
        return self._message("assistant", content, recipient=tool, end_turn=False)

    def _tool(self, name: str, content: Json, metadata: Json | None = None) -> Json:
        return self._message("tool", content, metadata, author={"role": "tool", "name": name, "metadata": {}})

    def _spoken(self, text: str, direction: str) -> Json:
        """A message of a voice conversation: the transcription is its text."""
        seconds = round(len(text) / 15, 2)
        audio = {
            "content_type": "audio_asset_pointer",
            "asset_pointer": f"sediment://file_{self._chance.getrandbits(64):016x}",
            "size_bytes": int(seconds * 48_000),
            "format": "wav",
            "metadata": {"start": 0.0, "end": seconds, "interruptions": None, "transcription": None},
        }
        if direction == "in":
            audio = {
                "content_type": "real_time_user_audio_video_asset_pointer",
                "frames_asset_pointers": [],
                "video_container_asset_pointer": None,
                "audio_asset_pointer": audio,
                "audio_start_timestamp": 0.5,
            }
        words = {"content_type": "audio_transcription", "text": text, "direction": direction, "decoding_id": None}
        return {"content_type": "multimodal_text", "parts": [words, audio]}

    # What happens

    def _opening(self) -> None:
        planted_here = self._place == "system_message" and self._round % 2 == 0
        text = self._fact.text if self._fact and planted_here else ""
        self._add(
            self._message(
                "system",
                {"content_type": "text", "parts": [text]},
                {"is_visually_hidden_from_conversation": True},
                create_time=None,
                weight=0.0,
                end_turn=True,
            )
        )
        if self._fact and self._place == "custom_instructions":
            about, how = self._one(persona.ABOUT_HER), self._one(persona.HOW_TO_ANSWER)
            if self._round % 2:
                about = f"{about}\n{self._fact.text}"
            else:
                how = f"{self._fact.text} {how}"
            self._instructions(about, how)
        elif self._place is None and self._happens(0.15):
            self._instructions(self._one(persona.ABOUT_HER), self._one(persona.HOW_TO_ANSWER))

    def _instructions(self, about: str, how: str) -> None:
        metadata: Json = {"is_visually_hidden_from_conversation": True, "is_user_system_message": True}
        if self._round % 3:
            metadata["user_context_message_data"] = {"about_user_message": about, "about_model_message": how}
        content = {
            "content_type": "user_editable_context",
            "user_profile": _CONTEXT[0].format(about),
            "user_instructions": _CONTEXT[1].format(how),
        }
        self._add(self._message("user", content, metadata, create_time=None))

    def _turn(self, turn: int, fact: PlantedFact | None) -> None:
        place = fact.where if fact else None
        if fact and place == "hidden_message":
            # One sign of a hidden message is enough.
            if self._round % 2:
                self._add(self._user(f"{self._remarks()} {fact.text}", weight=0.0))
            else:
                self._add(self._user(fact.text, metadata={"is_visually_hidden_from_conversation": True}))
        if fact and place == "system_message" and self._round % 2:
            self._add(self._message("system", {"content_type": "text", "parts": [fact.text]}))
        if place in ("edited_branch", "abandoned_branch") or (fact is None and self._happens(0.04)):
            self._edited(turn, fact)
        else:
            self._add(self._said(turn, fact))
        self._detour()
        answer = self._answer()
        if fact and place == "assistant_says":
            answer = f"{answer}\n\n{fact.text}"
        before = self._end
        if self._happens(0.08):  # an answer that was thrown away and asked for again
            self._add(self._assistant(self._answer()))
        self._add(self._assistant(answer), parent=before)

    def _edited(self, turn: int, fact: PlantedFact | None) -> None:
        """A prompt, what followed it, and then the prompt in another form: only that one stays."""
        before = self._end
        dropped, kept, later = self._prompt(turn), self._prompt(turn), self._happens(0.4)
        if fact and fact.where == "edited_branch":
            kept = f"{kept} {fact.text}"
        elif fact and not later:
            dropped = f"{fact.text} {dropped}"
        self._add(self._user(dropped))
        self._add(self._assistant(self._answer()))
        if later:
            prompt = self._prompt(turn + 1)
            self._add(self._user(f"{prompt} {fact.text}" if fact and fact.where == "abandoned_branch" else prompt))
            self._add(self._assistant(self._answer()))
        self._add(self._user(kept), parent=before)

    def _said(self, turn: int, fact: PlantedFact | None) -> Json:
        text, space = fact.text if fact else "", self._topic.space
        match fact.where if fact else None:
            case "message_start":
                return self._user(f"{text} {self._prompt(turn)}")
            case "message_middle" | "transcription" | "old_conversation_recent":
                return self._user(f"{self._remarks()} {text} {self._prompt(turn)}")
            case "message_end":
                return self._user(f"{self._prompt(turn)}\n\n{text}")
            case "long_message_start":
                return self._user(f"{text}\n\n{self._article(self._long())}")
            case "long_message_middle":
                half = self._long() // 2
                return self._user(f"{self._article(half)} {text} {self._article(half)}")
            case "long_message_end":
                return self._user(f"{self._article(self._long())}\n{text}")
            case "foreign_language":
                return self._user(f"{self._remarks()}{space}{text}{space}{self._remarks()}")
            case "code_neighbour":
                around = (self._remarks(), persona.SNIPPET, f"{text} {self._one(persona.FOLLOW_UPS)}")
                return self._user("\n\n".join(around))
        return self._unplanted(turn)

    def _unplanted(self, turn: int) -> Json:
        kind = self._chance.random()
        if kind < 0.01:
            return self._user(f"{self._prompt(turn)}\n\n{self._article(self._long())}")
        if kind < 0.02:
            return self._user(f"{self._prompt(turn)}\n\n```python\n{self._code(self._between(8_000, 20_000))}```")
        if kind < 0.03:
            return self._user(f"{self._prompt(turn)}\n\n{persona.TRACEBACK}")
        if kind < 0.05:
            return self._user(f"{self._remarks()}\n\n{self._one(persona.QUOTES)}\n\n{self._prompt(turn)}")
        if kind < 0.09 and self._place != "transcription":
            image = {
                "content_type": "image_asset_pointer",
                "asset_pointer": f"file-service://file-{self._chance.getrandbits(64):016x}",
                "size_bytes": 81_920 + self._below(900_000),
                "width": 1_024,
                "height": 768,
                "fovea": None,
                "metadata": None,
            }
            content = {"content_type": "multimodal_text", "parts": [image, self._prompt(turn)]}
            return self._message("user", content)
        return self._user(self._prompt(turn))

    def _detour(self) -> None:
        """Now and then the assistant thinks, runs code or looks something up before it answers."""
        kind = self._chance.random()
        if self._place == "transcription":
            return
        if kind < 0.08 and self._created >= _THINKING_SINCE:
            self._think()
        elif kind < 0.12:
            self._run_python()
        elif kind < 0.16 and self._created < _BROWSER_UNTIL:
            self._browse()

    def _think(self) -> None:
        said = self._some(self._topic.answers, 3)
        thought = {"summary": "Weighing the options", "content": " ".join(said), "chunks": said, "finished": True}
        content = {"content_type": "thoughts", "thoughts": [thought], "source_analysis_msg_id": _uuid(self._chance)}
        self._add(self._message("assistant", content, {"reasoning_status": "is_reasoning"}, end_turn=False))
        seconds = self._between(3, 59)
        recap = {"content_type": "reasoning_recap", "content": f"Thought for {seconds}s"}
        ended = {"reasoning_status": "reasoning_ended", "finished_duration_sec": seconds}
        self._add(self._message("assistant", recap, ended, end_turn=False))

    def _run_python(self) -> None:
        low, high = self._between(2, 40), self._between(50, 400)
        code = f"values = [n * n for n in range({low}, {high})]\nprint(sum(values), max(values))"
        self._add(self._call("python", "unknown", code))
        squares = [n * n for n in range(low, high)]
        content = {"content_type": "execution_output", "text": f"{sum(squares)} {max(squares)}\n"}
        result = {
            "status": "success",
            "run_id": _uuid(self._chance),
            "start_time": self._now,
            "update_time": self._now,
            "end_time": self._now,
            "code": code,
            "final_expression_output": None,
            "in_kernel_exception": None,
            "system_exception": None,
            "messages": [],
            "jupyter_messages": [],
            "timeout_triggered": None,
        }
        self._add(self._tool("python", content, {"aggregate_result": result, "is_complete": True}))

    def _browse(self) -> None:
        title, bank = self._one(persona.ARTICLES)
        self._add(self._call("browser", "unknown", f'search("{title}")'))
        url = f"https://example.org/{self._below(9_000)}"
        display = {
            "content_type": "tether_browsing_display",
            "result": f"# 【0†{title}†example.org】\n{self._some(bank, 1)[0]}",
            "summary": None,
            "assets": None,
            "tether_id": None,
        }
        source = {"type": "webpage", "title": title, "url": url, "text": self._some(bank, 1)[0]}
        self._add(self._tool("browser", display, {"_cite_metadata": {"metadata_list": [source]}, "command": "search"}))
        self._add(self._call("browser", "unknown", "mclick([0])"))
        quote = {
            "content_type": "tether_quote",
            "url": url,
            "domain": "example.org",
            "text": " ".join(self._some(bank, 5)),
            "title": title,
            "tether_id": None,
        }
        self._add(self._tool("browser", quote, {"command": "mclick"}))

    # What is said

    def _prompt(self, turn: int) -> str:
        topic = self._topic
        if turn == 0:
            said = self._some(topic.openers, 1 if topic.openers is not topic.remarks else 3)
        elif self._happens(0.2):
            return self._one(persona.FOLLOW_UPS)
        else:
            said = self._some(topic.remarks, self._between(1, 4))
        if topic.questions is not topic.remarks:
            said += self._some(topic.questions, 1 if self._happens(0.8) else 2)
        return topic.space.join(said)

    def _remarks(self) -> str:
        return self._topic.space.join(self._some(self._topic.remarks, self._between(1, 4)))

    def _answer(self) -> str:
        topic = self._topic
        said = self._some(topic.answers, self._between(3, 13))
        size = self._between(2, 4)
        paragraphs = [topic.space.join(said[start : start + size]) for start in range(0, len(said), size)]
        form = self._chance.random()
        if form < 0.3 and topic.steps is not topic.answers:
            steps = self._some(topic.steps, self._between(3, 6))
            if form < 0.15:
                steps = [f"{number}. **{step}.**" for number, step in enumerate(steps, start=1)]
            else:
                steps = [f"- {step}" for step in steps]
            paragraphs.insert(1, "\n".join(steps))
        elif form < 0.45 and topic.openers is not topic.remarks:
            paragraphs[0] = f"{self._one(persona.LEADS)} {paragraphs[0]}"
        elif form < 0.52 and topic is persona.SOFTWARE:
            paragraphs.insert(1, f"```python\n{self._function()}```")
        return "\n\n".join(paragraphs)

    def _long(self) -> int:
        """How many characters at least of a pasted text: mostly a few pages, at times a whole essay."""
        return self._one((9_000, 14_000, 21_000, 32_000))

    def _article(self, least: int) -> str:
        title, bank = self._one(persona.ARTICLES)
        parts, size = [title], 0
        while size < least:
            said = self._some(bank, self._between(4, 8))
            if self._happens(0.5):
                said[0] = f"{said[0][:-1]} [{self._between(1, 99)}]."  # a footnote, as copied from an encyclopedia
            paragraph = " ".join(said)
            parts.append(paragraph)
            size += len(paragraph)
        return "\n\n".join(parts)

    def _code(self, least: int) -> str:
        parts = ["import csv\nfrom decimal import Decimal\n"]
        size = 0
        while size < least:
            parts.append(self._function())
            size += len(parts[-1])
        return "\n\n".join(parts)

    def _function(self) -> str:
        return self._one(persona.FUNCTIONS).format(t=self._one(persona.THINGS), k=self._between(2, 99))
