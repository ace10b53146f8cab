"""Whose history an import is, and which stored chunks it replaces.

An import speaks for its source only (`claude:0123456789abcdef`): what another source has is left alone, unless the
export holds the same conversation. A conversation is of the source that brought it last.

Two kinds of rows tell their source only in part: those from before sources were kept (none), and those of an export
that did not tell the account (`claude`). Each kind came from one history, so an import that shares a conversation with
them is of the same one, and they become its own. In the same way an export that does not tell the account is of the one
whose conversations it shares. Where nothing is shared, nothing is assumed.
"""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field

_MOST_SOURCES = 20  # of one export; one that names more accounts tells none of them
_MOST_REMOVED = 0.2  # of a source's conversations, by an import that was not told to replace it

#: Conversation → keys of its stored chunks that the export does not have.
Conversations = dict[str | None, list[bytes]]
Stored = dict[str | None, Conversations]  # by source; None: rows from before


@dataclass
class Held:
    """What an export holds."""

    keys: set[bytes] = field(default_factory=set)
    conversations: dict[str, str] = field(default_factory=dict)  # conversation → source
    unwanted: set[str] = field(default_factory=set)  # conversations that the person does not want remembered
    whole: bool = True  # False: something of it could not be read, so it may hold more


@dataclass
class Plan:
    """What an import does to the rows that are there."""

    #: Source that the export tells → the one that it is of.
    sources: dict[str, str]
    adopted: dict[str, list[bytes]]  # source → keys of rows that turn out to be of it, beside those that are replaced
    gone: list[bytes]  # keys of rows that are deleted
    kept: dict[str, int]  # source of the import → conversations that it has, and the export lacks, and that stay


def plan(held: Held, stored: Stored, replace: bool) -> Plan:
    """`replace`: what the export lacks of its sources is removed, however much it is."""
    if len(set(held.conversations.values())) > _MOST_SOURCES:
        named = {name: source.partition(":")[0] for name, source in held.conversations.items()}
        made = plan(dataclasses.replace(held, conversations=named), stored, replace)
        made.sources |= {told: made.sources[told.partition(":")[0]] for told in held.conversations.values()}
        return made
    shared = _shared(held, stored)
    sources = {told: _told_best(told, shared[told]) for told in sorted(set(held.conversations.values()))}
    of_source: dict[str, set[str | None]] = {source: {source} for source in sources.values()}
    for told, source in sources.items():
        of_source[source] |= {other for other in shared[told] if _may_be(other, source)}
    made = Plan(sources, {}, _superseded(held, stored), {})
    for source, parts in of_source.items():
        _settle(made, source, {part: stored.get(part, {}) for part in parts}, held, replace)
    return made


def _settle(made: Plan, source: str, parts: dict[str | None, Conversations], held: Held, replace: bool) -> None:
    """What becomes of the conversations of a source that the export lacks, or seems to."""
    names = {name for part in parts.values() for name in part}
    missing = {name for name in names if name not in held.conversations and name not in held.unwanted}
    keys = {other: [key for name in part if name in missing for key in part[name]] for other, part in parts.items()}
    made.adopted[source] = [key for other, found in keys.items() if other != source for key in found]
    if missing and not replace and (len(missing) > len(names) * _MOST_REMOVED or not held.whole):
        made.kept[source] = len(missing)
    else:
        made.kept[source] = 0
        made.gone += [key for found in keys.values() for key in found]


def _superseded(held: Held, stored: Stored) -> list[bytes]:
    """Of conversations that the export has: the chunks that are others now, whatever source they came from."""
    named = held.conversations.keys() | held.unwanted
    return [key for part in stored.values() for name, keys in part.items() if name in named for key in keys]


def _shared(held: Held, stored: Stored) -> dict[str, dict[str | None, int]]:
    """Source that the export tells → stored source → how many conversations both have; none that share nothing."""
    shared: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
    for source, part in stored.items():
        for name in part:
            if name in held.conversations:
                shared[held.conversations[name]][source] += 1
    return shared


def _told_best(told: str, shared: dict[str | None, int]) -> str:
    """The source, with the account of whose conversations the export has most, if it does not tell one."""
    accounts = {other: count for other, count in shared.items() if other is not None and _may_be(told, other)}
    return max(accounts, key=lambda other: (accounts[other], other), default=told)


def _may_be(vague: str | None, source: str) -> bool:
    """Whether `vague` says less than `source`, of what may be the same history."""
    return vague is None or source.startswith(f"{vague}:")
