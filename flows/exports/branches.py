"""Of edited prompts and retried answers those that count: the ones that the person sees last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    parent: Any
    at: datetime | None


def active(nodes: Mapping[str, Node], current: Any = None) -> list[str]:
    """The ids from the root to `current`, or where that is none of them, to the newest leaf. A circle is cut."""
    at = current if isinstance(current, str) and current in nodes else _newest_leaf(nodes)
    path: dict[str, None] = {}
    while isinstance(at, str) and at in nodes and at not in path:
        path[at] = None
        at = nodes[at].parent
    return list(reversed(path))


def _newest_leaf(nodes: Mapping[str, Node]) -> str | None:
    inner = {node.parent for node in nodes.values() if isinstance(node.parent, str)}
    newest, newest_at = None, float("-inf")
    for identity, node in nodes.items():
        seconds = node.at.timestamp() if node.at else 0.0
        if identity not in inner and seconds >= newest_at:  # of one time, the later in the export
            newest, newest_at = identity, seconds
    return newest
