"""What the files in a zip are, by their names: conversations, what exports have beside them, and the person's own."""

import re
import zipfile
from dataclasses import dataclass, field

_CONVERSATIONS = re.compile(r"(?:^|[/\\])conversations(?:-(\d+))?\.json$", re.IGNORECASE)
_NOTES = re.compile(r"(?:^|[/\\])(?:projects(?:-\d+)?|projects[/\\][^/\\]+|(memories)(?:-\d+)?)\.json$", re.IGNORECASE)
_PARTS = re.compile(
    r"(?:^|[/\\])(?:Conversations__[^/\\]*|(?:conversations|projects|memories)(?:-\d+)?)\.zip$", re.IGNORECASE
)
_ATTACHED = re.compile(r"(?:^|[/\\])Files__", re.IGNORECASE)
#: What macOS and Windows put into folders.
_JUNK = re.compile(r"(?:^|[/\\])(?:__MACOSX[/\\]|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_USER = re.compile(r"(?:^|[/\\])users?\.json$")
#: Takeout's folder, in any language; beside it lies what the person searched and watched.
_GEMINI = re.compile(r"(?:^|[/\\])[^/\\]*(?:gemini|bard)[^/\\]*[/\\][^/\\]*\.json$", re.IGNORECASE)
#: JSON of exports that holds no conversations.
_OTHER = re.compile(r"(?:^|[/\\])(?:message_feedback|shared_conversations|export_manifest)\.json$")
_ENDING = re.compile(r"\.([^./\\]+)$")

_KINDS = {
    "JSON files": ("json", "jsonl", "ndjson"),
    "zips": ("zip", "7z", "rar", "gz", "tgz", "tar"),
    "web pages": ("html", "htm"),
    "images": ("png", "jpg", "jpeg", "webp", "gif", "heic", "heif", "avif", "bmp", "tif", "tiff", "svg"),
    "recordings": ("wav", "mp3", "m4a", "ogg", "opus", "flac", "aac", "mp4", "mov", "webm", "mkv"),
    "documents": ("pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "csv", "txt", "md", "rtf", "epub"),
}
_KIND_OF = {ending: kind for kind, endings in _KINDS.items() for ending in endings}

Members = list[zipfile.ZipInfo]
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\\-]")
_LONGEST_NAME = 200


@dataclass
class Named:
    """The members of one zip, each in one list."""

    conversations: Members = field(default_factory=list)  # shards in the order of their numbers
    notes: Members = field(default_factory=list)  # projects, then memories, which name them
    accounts: Members = field(default_factory=list)
    zips: Members = field(default_factory=list)  # those that may hold conversations
    json: Members = field(default_factory=list)  # under any other name
    unopened: Members = field(default_factory=list)


def named(members: Members) -> Named:
    """What each member is. Folders, and what systems put beside files, are nothing."""
    found = Named()
    conversations: list[tuple[int, str, zipfile.ZipInfo]] = []
    notes: list[tuple[bool, str, zipfile.ZipInfo]] = []
    parts: Members = []
    zips: Members = []
    for member in members:
        name = member.filename
        if name.endswith("/") or _JUNK.search(name):
            continue
        if _ATTACHED.search(name) or _OTHER.search(name):
            found.unopened.append(member)
        elif match := _CONVERSATIONS.search(name):
            conversations.append((int(match[1] or -1), name, member))
        elif match := _NOTES.search(name):
            notes.append((match[1] is not None, name, member))
        elif _USER.search(name):
            found.accounts.append(member)
        elif _PARTS.search(name):
            parts.append(member)
        elif (ending := _ending(name)) == "zip":
            zips.append(member)
        else:
            (found.json if _KIND_OF.get(ending) == "JSON files" else found.unopened).append(member)
    found.conversations = [member for _, _, member in sorted(conversations, key=lambda item: item[:2])]
    found.notes = [member for _, _, member in sorted(notes, key=lambda item: item[:2])]
    if any(_GEMINI.search(member.filename) for member in found.json):
        found.unopened += [member for member in found.json if not _GEMINI.search(member.filename)]
        found.json = [member for member in found.json if _GEMINI.search(member.filename)]
    attached = parts or conversations
    found.zips = parts if attached else zips
    found.unopened += zips if attached else []
    return found


def name_on_disk(number: int, name: str) -> str:
    """How a file of an upload is called on disk: with what its name tells of its kind, and without folders.

    These are told by a backslash, which the patterns above take for the same.
    """
    plain = _UNSAFE.sub("_", name.replace("/", "\\"))
    half = _LONGEST_NAME // 2
    return f"{number:04d}\\{plain if len(plain) <= _LONGEST_NAME else plain[:half] + plain[-half:]}"


def is_attachment(name: str) -> bool:
    """Whether a file of this name is never opened: a person's attachment, or one that cannot hold conversations."""
    if _ATTACHED.search(name) or _OTHER.search(name) or _JUNK.search(name):
        return True
    return _KIND_OF.get(_ending(name), "zips") not in ("JSON files", "zips")


def kind(member: zipfile.ZipInfo) -> str:
    """The kind of file that it is by its ending, in words of ours: a name may say anything."""
    return _KIND_OF.get(_ending(member.filename), "other files")


def _ending(name: str) -> str:
    match = _ENDING.search(name)
    return match[1].lower() if match else ""
