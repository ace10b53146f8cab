"""What is known of a fact when facts are compared: for `candidates` and `guards`."""

from msgspec import Struct

from flows.records import Kind, Stance


class Statement(Struct):
    key: bytes  # 16 bytes, another one for each statement, and the same one in the next import
    text: str  # one sentence, in the person's language
    subject: str | None  # None: the person; else who it is about, as the person calls them
    kind: Kind
    slot: str | None  # the place in a life that holds one thing at a time: home, diet, project:<name>
    stance: Stance
    language: str | None  # of `text`, ISO 639
    date: str | None  # when it happened, happens or began: YYYY, YYYY-MM or YYYY-MM-DD
    until: str | None  # when it ended or will end, the same
    said_first: str | None  # ISO 8601, UTC
    said_last: str | None
