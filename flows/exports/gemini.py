"""Gemini's activity in Google's Takeout: "My Activity", Gemini Apps, as JSON.

There is no schema that names Gemini; this follows what its readers report of real exports (420AI's gemini-export.ts
of 1,452 records; Superkikim/nexus-ai-chat-importer, gemini-types.ts, May 2026; both seen in November 2026). The file
is one list of records, the newest first: `{header: "Gemini Apps", title: "Prompted …", time, products: ["Gemini
Apps"], safeHtmlItem: [{html}], subtitles, activityControls, …}`. Its name, its folder, the header and the verb are in
the language of the account (`MyActivity.json`, `MeineAktivitäten.json`); the names Gemini and Bard stay. What goes
into memory:

| | taken |
|---|---|
| `title` | the prompt, without the verb; where the verb is not known here, the whole title, if there is an answer |
| `safeHtmlItem` | the answer, as text |
| records of what is no prompt (canvas, feedback, settings) | no, counted |
| records of other products | no, counted |
| `subtitles`, attached files | no: they hold names only |

No record says which conversation it is of. Those that are less than half an hour apart make one, as for the readers
above; its id comes of its oldest record, so that it stays when the conversation goes on.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from flows.exports import markup, timestamps
from flows.exports.conversations import Message, Skipped, Speaker
from flows.exports.decoding import decoded
from flows.exports.grouping import Record

OTHER_PRODUCT = Skipped("activity outside of Gemini", unread=False)
NO_PROMPT = Skipped("activity that is no prompt", unread=False)

_GAP = timedelta(minutes=30)
_PROMPT = re.compile(
    r"(?:Prompted(?: with:)?|Live Prompt|Asked(?: (?:Gemini|Bard):)?|Said|Branched|Answered|Eingegebener Prompt:)\s"
)
_NO_PROMPT = re.compile(
    r"(?:Added|Created|Deleted|Edited|Exported|Gave|Pinned|Renamed|Searched|Selected|Shared|Updated|Used|Viewed|Visited)\s"
)
_ATTACHED = re.compile(r"Attached \d{1,4} files?\.?\Z")
_ATTACHED_CHARACTERS = 30


class _Activity(msgspec.Struct, rename="camel", gc=False):
    header: Any = None
    title: Any = None
    time: Any = None
    products: Any = None
    safe_html_item: Any = None


_activity = msgspec.json.Decoder(_Activity)


def record(raw: bytes) -> Record | Skipped | None:
    """The prompt and the answer of one record; None when it is no activity of Google's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"header"' not in raw or b'"time"' not in raw:
        return None
    activity = decoded(_activity, raw)
    if activity is None or not (isinstance(activity.header, str) and isinstance(activity.title, str)):
        return None
    products = activity.products if isinstance(activity.products, list) else []
    if not any(re.search("gemini|bard", name, re.IGNORECASE) for name in [activity.header, *map(str, products)]):
        return OTHER_PRODUCT
    if not _prompt(activity):
        return NO_PROMPT
    return Record("gemini", raw, _messages, timestamps.parse(activity.time), gap=_GAP)


def _messages(raw: bytes) -> Iterator[Message]:
    activity = decoded(_activity, raw)
    if activity is None:
        return
    at = timestamps.parse(activity.time)
    yield Message(Speaker.USER, _prompt(activity), at)
    if answer := _answer(activity):
        yield Message(Speaker.ASSISTANT, answer, at)


def _prompt(activity: _Activity) -> str:
    """What the person said; "" when the record is of something else."""
    title: str = activity.title.strip()
    if verb := _PROMPT.match(title):
        title = title[verb.end() :]
    elif _NO_PROMPT.match(title) or not _answer(activity):
        return ""
    if attached := _ATTACHED.search(title, max(len(title) - _ATTACHED_CHARACTERS, 0)):
        title = title[: attached.start()]
    return title.strip()


def _answer(activity: _Activity) -> str:
    items = activity.safe_html_item if isinstance(activity.safe_html_item, list) else []
    found = [item.get("html") for item in items if isinstance(item, dict)]
    return "\n".join(markup.text(html) for html in found if isinstance(html, str)).strip()
