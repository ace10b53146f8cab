"""Exports of one person that were made one after the other: each holds what the earlier ones hold, and what came later.

The sample's conversations go through the same three years again and again, so a longer one is not a later one.
"""

import json
from pathlib import Path

from tests.sample.chatgpt_export import PlantedFact, generate, planted_facts


class GrowingExport:
    """Of so many conversations in the end."""

    def __init__(self, conversations: int):
        self._conversations = conversations
        times = [(conversation["update_time"], number) for number, conversation in enumerate(generate(conversations))]
        self._order = [number for _, number in sorted(times)]

    def write(self, path: Path, conversations: int) -> list[PlantedFact]:
        """The earliest so many as conversations.json; returns what is planted in them."""
        numbers = set(self._order[:conversations])
        ids = set()
        with path.open("w", encoding="utf-8") as file:
            before = "["
            for number, conversation in enumerate(generate(self._conversations)):
                if number in numbers:
                    ids.add(conversation["conversation_id"])
                    file.write(before + json.dumps(conversation))
                    before = ", "
            file.write("]")
        return [fact for fact in planted_facts(self._conversations) if fact.conversation_id in ids]
