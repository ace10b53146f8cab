"""Grok's data export (accounts.x.ai), `prod-grok-backend.json`.

There is no official schema; this follows its readers (codeface-io/mac-stack, export_conversations;
NateBJones-Projects/OB1 #50, tried on a real export, March 2026; both seen in November 2026): `{conversations:
[{conversation: {id, user_id, title, create_time, modify_time}, responses: [{response: {_id, parent_response_id?,
sender: human | assistant, message, create_time, …}}]}], projects, tasks, media_posts}`. Times are ISO 8601 or
MongoDB's `{$date: {$numberLong}}`; `sender` is also seen in capitals. What goes into memory is `message`; thoughts,
searches and files have other keys and are left out. Where responses name their parents, the branch of the newest
counts.
"""

from typing import Any

import msgspec

from flows.exports import branches, parts, timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Partial, Skipped, Speaker, derived_id, type_name
from flows.exports.decoding import decoded

_SPEAKERS = {"human": Speaker.USER, "user": Speaker.USER, "assistant": Speaker.ASSISTANT}


class _About(msgspec.Struct, gc=False):
    id: Any = None
    user_id: Any = None
    title: Any = None
    create_time: Any = None
    modify_time: Any = None


class _Conversation(msgspec.Struct, gc=False):
    conversation: _About | None = None
    responses: list[msgspec.Raw] | None = None


class _Response(msgspec.Struct, gc=False):
    sender: Any = None
    message: Any = None
    create_time: Any = None


class _Link(msgspec.Struct, gc=False):
    id: Any = msgspec.field(name="_id", default=None)
    parent_response_id: Any = msgspec.UNSET
    create_time: Any = None


class _Held(msgspec.Struct, gc=False):
    response: msgspec.Raw = msgspec.Raw(b"null")


_conversation = msgspec.json.Decoder(_Conversation)
_held = msgspec.json.Decoder(_Held)
_response = msgspec.json.Decoder(_Response)
_link = msgspec.json.Decoder(_Link)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not Grok's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"responses"' not in raw or b'"conversation"' not in raw:
        return None
    entry = decoded(_conversation, raw)
    if entry is None or entry.conversation is None or entry.responses is None:
        return None
    about = entry.conversation
    messages = Decoded(_active(entry.responses), _taken)
    return Conversation(
        id=about.id if isinstance(about.id, str) and about.id else derived_id(_time(about.create_time), messages),
        title=about.title if isinstance(about.title, str) else "",
        created_at=_time(about.create_time),
        updated_at=_time(about.modify_time),
        messages=messages,
        provider="grok",
        account=about.user_id if isinstance(about.user_id, str) and about.user_id else None,
    )


def _active(held: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The responses of the branch to the newest; all in the order of their times when their parents are not told."""
    responses = [item.response for raw in held if (item := decoded(_held, raw)) is not None]
    links = [decoded(_link, raw) or _Link() for raw in responses]
    places = {link.id: place for place, link in enumerate(links) if isinstance(link.id, str)}
    orphans = sum(link.parent_response_id is msgspec.UNSET for link in links)
    if len(places) < len(links) or orphans > 1:  # of the first alone it may be left out
        times = [at.timestamp() if (at := _time(link.create_time)) else 0.0 for link in links]
        return [responses[place] for place in sorted(range(len(links)), key=times.__getitem__)]
    nodes = {link.id: branches.Node(link.parent_response_id, _time(link.create_time)) for link in links}
    return [responses[places[identity]] for identity in branches.active(nodes)]


def _taken(raw: msgspec.Raw) -> Message | Partial | None:
    response = decoded(_response, raw)
    if response is None:
        return Partial(("malformed message",))
    sender = response.sender.lower() if isinstance(response.sender, str) else response.sender
    speaker = _SPEAKERS.get(sender) if isinstance(sender, str) else None
    if speaker is None:
        return Partial((f"sender {type_name(sender)}",))
    return parts.taken(speaker, parts.text(response.message), _time(response.create_time))


def _time(value: Any) -> Any:
    """A time as MongoDB's extended JSON has it, or plain."""
    for key in ("$date", "$numberLong"):
        value = value.get(key) if isinstance(value, dict) else value
    return timestamps.parse(value)
