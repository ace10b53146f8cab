"""What the tags of a prompt mark, read as its system prompt says: blocks, and who speaks within them.

Only tags that end in the digits of their own block count, and what stands above the first of them is nobody's word.
"""

import re
from typing import NamedTuple

_BLOCK = re.compile(
    r"<(excerpt-\d+|cluster-\d+|facts|kept|again|memory|conversations)-([0-9a-f]{8,64})>\n(.*?)\n</\1-\2>", re.DOTALL
)


class Part(NamedTuple):
    name: str  # user, assistant, instructions, notes, title or conversation
    text: str
    on: str | None = None  # the day in its tag, "Fri 2024-01-05"


class Block(NamedTuple):
    text: str
    digits: str  # in which its tags end

    def parts(self) -> list[Part]:
        _, *marked = re.split(rf"(?:\A|\n)<([a-z]+)-{self.digits}(?: on=\"([^\"\n]*)\")?>\n", self.text)
        return list(map(Part, marked[::3], marked[2::3], marked[1::3]))

    def said_by_person(self) -> list[tuple[str, str | None]]:
        """Each text, and the day on which it was said; also what is noted about them."""
        return [(part.text, part.on) for part in self.parts() if part.name in ("user", "instructions", "notes")]


def blocks(prompt: str) -> dict[str, Block]:
    """Name → block."""
    return {match[1]: Block(match[3], match[2]) for match in _BLOCK.finditer(prompt)}


def without_tags(prompt: str) -> str:
    """What was asked, the same in each call: the digits of its tags are others each time."""
    parts = prompt.split("<")
    return "<".join(part.split(">", 1)[-1] if "-" in part.split(">", 1)[0][:20] else part for part in parts)
