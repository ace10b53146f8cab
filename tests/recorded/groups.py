"""Groups of facts, each as one question of step 7 holds them."""

from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_OID, uuid5

import msgspec

from flows.records import KnownFact

_FIELDS = {"about": "subject", "stance": "stance", "from": "valid_from", "until": "valid_to"}


class Group(NamedTuple):
    name: str  # <language>-<number>
    facts: list[KnownFact]


def groups() -> list[Group]:
    """Of facts.txt, in its order."""
    found: list[Group] = []
    for line in Path(__file__).with_name("facts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            found.append(Group(line[3:], []))
        elif line and not line.startswith("# "):
            found[-1].facts.append(_fact(line, found[-1].name))
    return found


def _fact(line: str, group: str) -> KnownFact:
    kind, text, *others = (part.strip() for part in line.split(" | "))
    fields = {_FIELDS[name]: value for name, _, value in (other.partition("=") for other in others)}
    language = group.partition("-")[0]
    identity = str(uuid5(NAMESPACE_OID, f"{group} {text}"))
    known = {"kind": kind, "text": text, "id": identity, "language": None if language == "en" else language}
    return msgspec.convert(known | fields | {"said_last": "2026-01-01T00:00:00Z", "conversations": 1}, KnownFact)
