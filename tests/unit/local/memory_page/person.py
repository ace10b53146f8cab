"""Somebody's memory as rows, and the page of it as a tree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from deployments.local.memory_page.page import page
from deployments.local.memory_page.remembered import remembered
from deployments.local.memory_page.rows import EntryRow, FactRow, MemoryRows, SourceRow
from flows.records import EntryOrigin, Kind, MemorySection

_VOID = {"meta", "img", "br", "link", "input"}


class Person:
    """Collects rows. `fact` and `entry` return what they have added."""

    def __init__(self):
        self.rows = MemoryRows()

    def fact(self, text: str, *, kind: Kind = "belief", **columns: Any) -> FactRow:
        row = FactRow(id=_id(f"fact {len(self.rows.facts)}"), kind=kind, text=text, **columns)
        self.rows.facts.append(row)
        self.rows.known += row.status == "current"
        return row

    def was(self, text: str, now: FactRow, **columns: Any) -> FactRow:
        """What was true before this fact."""
        return self.fact(text, status="superseded", superseded_by=now.id, **columns)

    def said(
        self,
        fact,
        conversation="c1",
        at="2024-05-12T10:00:00+00:00",
        *,
        title="Plans",
        quote=None,
        message=0,
        noted=False,
    ):
        self.rows.titles[conversation] = title
        self.rows.sources.append(SourceRow(fact.id, conversation, message, quote or fact.text, at, noted))

    def entry(
        self,
        text: str,
        *facts: FactRow,
        section: MemorySection = MemorySection.PERSON,
        position: int = 0,
        origin: EntryOrigin = "model",
    ) -> EntryRow:
        identity = _id(f"entry {len(self.rows.entries)}")
        row = EntryRow(identity, section, position, text, [fact.id for fact in facts], origin)
        self.rows.entries.append(row)
        return row

    def html(self, remark: str | None = None) -> str:
        return page(remembered(self.rows), remark)

    def page(self) -> "Node":
        return parsed(self.html())


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str]
    children: "list[Node | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts()).split())

    def all(self, tag: str | None = None, **attributes: object) -> "list[Node]":
        """In here with this tag and these attributes; `_` stands for `-`, and `class_` for class."""
        wanted = {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
        return [
            node
            for node in self._nodes()
            if tag in (None, node.tag) and all(node.attributes.get(name) == wanted[name] for name in wanted)
        ]

    def one(self, tag: str | None = None, **attributes: object) -> "Node":
        (node,) = self.all(tag, **attributes)
        return node

    def _nodes(self) -> "Iterator[Node]":
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child._nodes()

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, Node):
                yield " "
                yield from child._texts()
            else:
                yield child


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Node("", {})]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parsed(html: str) -> Node:
    """Fails where elements are not closed in their order."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    (root,) = parser.open
    return root


def _id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)
