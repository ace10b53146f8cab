"""What the Messages API stand-in replies: for each kind of reply that the flow asks for, one function of the prompt.

The kind is the title of the JSON schema that the request wants the reply to follow. Everything is taken from the
prompt; nothing is made up, and the documents say who wrote them.
"""

import json
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from deployments.local.messages_api import fact_rules, marks

_AUTHOR = "Written by the rule-based stand-in, not by Claude: sentences are copied, not understood."
_COPIED_CHARACTERS = 200

Json = dict[str, Any]
Blocks = dict[str, marks.Block]


def reply(kind: str | None, prompt: str) -> str:
    """The text of the reply: JSON for a kind that is known, else a sentence."""
    make = _REPLIES.get(kind or "")
    if make is None:
        return "I am the rule-based stand-in and answer only the requests of the full pass."
    return json.dumps(make(marks.blocks(prompt)), ensure_ascii=False)


def _chunk_facts(blocks: Blocks) -> Json:
    return {
        "facts": [
            _told(fact, int(name.removeprefix("excerpt-")))
            for name, block in blocks.items()
            if name.startswith("excerpt-")
            for fact in fact_rules.facts(block.said_by_person())
        ]
    }


def _told(fact: fact_rules.Fact, excerpt: int) -> Json:
    told = {"kind": fact.kind, "text": fact.text, "excerpt": excerpt, "quote": fact.text}
    optional = {"date": fact.date, "slot": fact.slot, "language": None if fact.language == "en" else fact.language}
    return told | {name: value for name, value in optional.items() if value}


def _decisions(blocks: Blocks) -> Json:
    """Same: the same words, whatever their order and signs. Replaced: what fills one slot and begins with one word, by
    what was said last."""
    clusters = []
    for name, block in blocks.items():
        lines = [json.loads(line) for line in block.text.splitlines()]
        groups: dict[frozenset[str], list[int]] = {}
        slots: dict[tuple[str, str], list[int]] = {}
        for line in lines:
            groups.setdefault(frozenset(re.findall(r"\w+", line["text"].casefold())), []).append(line["n"])
            slots.setdefault((line.get("slot", ""), line["text"].partition(" ")[0]), []).append(line["n"])
        pairs = [
            {"older": older, "newer": newer}
            for (slot, _), numbers in slots.items()
            if slot
            for older, newer in pairwise(numbers)
        ]
        number = int(name.removeprefix("cluster-"))
        clusters.append({"cluster": number, "groups": list(groups.values()), "replaced": pairs})
    return {"clusters": clusters}


def _memory_entries(blocks: Blocks) -> Json:
    """An entry for each fact, in its own words; one for those that say the same."""
    numbers: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    for fact in _facts(blocks):
        key = _normal(f"{fact['text']} {fact.get('about', '')}")
        numbers.setdefault(key, []).append(fact["n"])
        texts.setdefault(key, fact["text"])
    return {"entries": [{"text": texts[key], "facts": of} for key, of in numbers.items()]}


def _profile_sections(blocks: Blocks) -> Json:
    """What the person says, copied; null for what needs understanding. Each wish is a rule in its own words."""
    entries = [line[2:] for line in _lines(blocks, "memory") if line.startswith("- ")]
    said = [text for text, _ in blocks["conversations"].said_by_person()] if "conversations" in blocks else []
    wishes = [line.partition(". ")[2] for line in _lines(blocks, "wishes")]
    return {
        "soul": {
            "tone_preferences": None,
            "humor_style": None,
            "formality_level": None,
            "communication_style": said[0][:_COPIED_CHARACTERS] if said else None,
            "personality_traits": [],
            "boundaries": [],
            "emotional_patterns": None,
        },
        "identity": {
            "ai_name": None,
            "archetype": None,
            "vibe": None,
            "emoji": "\N{ROBOT FACE}",
            "emoji_style": None,
            "signature_greeting": None,
        },
        "user": {
            "name": _first(entries, r"My name is (.+?)[.!]?$"),
            "location": _first(entries, r"I live in (.+?)[.!]?$"),
            "occupation": _first(entries, r"I work as (?:an? )?(.+?)[.!]?$"),
            "relationships": [],
            "interests": list(_after(entries, r"I (?:love|like|prefer) (.+?)[.!]?$"))[:20],
            "life_context": None,
            "preferred_address": _first(entries, r"My name is (\w+)"),
        },
        "agents": {
            "response_style": None,
            "behavioral_rules": [{"rule": wish, "wish": number} for number, wish in enumerate(wishes, 1)],
            "context_adaptation": None,
            "memory_directives": [],
            "do_not": [],
        },
        "tools": {
            "likely_usage": list(_after(entries, r"I(?:'m| am) (?:working on|building|writing) (.+?)[.!]?$"))[:20],
            "capabilities_emphasis": [],
            "output_preferences": None,
            "depth_preference": None,
        },
    }


_REPLIES: dict[str, Callable[[Blocks], Json]] = {
    "ChunkFacts": _chunk_facts,
    "Decisions": _decisions,
    "MemoryEntries": _memory_entries,
    "ProfileSections": _profile_sections,
}


def _facts(blocks: Blocks) -> list[Json]:
    return [json.loads(line) for line in _lines(blocks, "facts") if line.startswith("{")]


def _lines(blocks: Blocks, name: str) -> list[str]:
    return blocks[name].text.splitlines() if name in blocks else []


def _normal(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!。！")


def _after(entries: Iterable[str], pattern: str) -> Iterable[str]:
    return (match[1] for entry in entries if (match := re.match(pattern, entry)))


def _first(entries: Iterable[str], pattern: str) -> str | None:
    return next(iter(_after(entries, pattern)), None)
