"""What ChatGPT and Claude put into texts for their own pages to show something: nobody said it.

ChatGPT: U+E200, a kind, U+E202 before each argument, U+E201 (`cite`, `filecite`, `navlist`, …, and `entity` with a JSON
list whose second element is the name that is shown); U+E203 and U+E204 around what a citation is for; 【4†source】 of
file search. Sources: pionxzh/chatgpt-exporter #276, December 2024; daugaard47/ChatGPT_Conversations_To_Markdown #8,
November 2025. Claude: a code block that says that the page cannot show what it stands for, in `text` of its messages.
"""

import re

import msgspec

_MARKER = re.compile("( ?)\ue200(\\w*)((?:\ue202[^\ue200\ue201\ue202]*)*)\ue201")
_CUT_OFF = re.compile("[\ue200\ue202]\\w*|[\ue201\ue203-\ue20f]")
_SOURCE = re.compile(r" ?【\d{1,4}(?::\d{1,4})?†[^】\n]{0,200}】")
_UNSUPPORTED = re.compile(
    r"```\s*(?:This block is not supported on your current device yet|"
    r"Viewing artifacts created via the Analysis Tool web feature preview isn[’']t yet supported on mobile)\.\s*```"
)


def without_citations(text: str) -> str:
    """ChatGPT's text as the person reads it: an entity by its name, without the rest."""
    if text.isascii():
        return text
    if "\ue200" in text or "\ue203" in text:
        text = _CUT_OFF.sub("", _MARKER.sub(_shown, text))
    # Not "†": its lower byte is that of a blank, which Python's search stops at.
    return _SOURCE.sub("", text) if "【" in text else text


def without_placeholders(text: str) -> str:
    """Claude's text without what stands for blocks that it does not show."""
    return _UNSUPPORTED.sub("", text).strip() if "supported on " in text else text


def _shown(marker: re.Match[str]) -> str:
    if marker[2] != "entity":
        return ""
    try:
        entity = msgspec.json.decode(marker[3].lstrip("\ue202").encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return ""
    name = entity[1] if isinstance(entity, list) and len(entity) > 1 else None
    return marker[1] + name if isinstance(name, str) else ""
