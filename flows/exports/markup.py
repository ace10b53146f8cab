"""HTML as text."""

import html
import re

_UNSEEN = re.compile(r"<(script|style|head|template)\b", re.IGNORECASE)
_TAG = re.compile(r"<(?:!--[^>]*+|/?+(?P<name>[a-zA-Z][a-zA-Z0-9]*+)[^<>]*+)>")
_BLOCKS = frozenset(
    (
        *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer", "form", "header"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table"),
        *("tr", "ul"),
    )
)
_SPACES = re.compile(r"[ \t\r\f\v]++")
_LINES = re.compile(r"[ ]?\n[ \n]*+")


def text(markup: str) -> str:
    """What a reader sees of the markup: each block on a line of its own, list items marked, nothing of tags.

    Time grows with the length alone, whatever the markup is: exports are not trusted.
    """
    seen = _TAG.sub(_shown, _without_unseen(markup))
    return _LINES.sub("\n", _SPACES.sub(" ", html.unescape(seen))).strip()


def _shown(tag: re.Match[str]) -> str:
    name = (tag["name"] or "").lower()
    if name == "li" and not tag[0].startswith("</"):
        return "\n- "
    if name in ("td", "th"):
        return " "
    return "\n" if name in _BLOCKS else ""


def _without_unseen(markup: str) -> str:
    kept, at = [], 0
    lower = markup.lower()
    while opening := _UNSEEN.search(markup, at):
        end = lower.find(f"</{opening[1].lower()}", opening.end())
        if end < 0:
            break
        kept.append(markup[at : opening.start()])
        at = end
    return "".join([*kept, markup[at:]])
