"""What the tags of a prompt mark, read as its system prompt says: blocks, and who speaks within them.

Only tags that end in the digits of their own block count, and what stands above the first of them is nobody's word.
"""

import re
from typing import NamedTuple

_BLOCK = re.compile(r"<(excerpt-\d+|facts|memory|conversations)-([0-9a-f]{8,64})>\n(.*?)\n</\1-\2>", re.DOTALL)


class Block(NamedTuple):
    text: str
    digits: str  # in which its tags end

    def parts(self) -> list[tuple[str, str]]:
        """(name, text) of each part: user, assistant, instructions, title or conversation."""
        _, *marked = re.split(rf"(?:\A|\n)<([a-z]+)-{self.digits}>\n", self.text)
        return list(zip(marked[::2], marked[1::2], strict=True))

    def said_by_person(self) -> list[str]:
        return [text for name, text in self.parts() if name in ("user", "instructions")]


def blocks(prompt: str) -> dict[str, Block]:
    """Name → block."""
    return {match[1]: Block(match[3], match[2]) for match in _BLOCK.finditer(prompt)}
