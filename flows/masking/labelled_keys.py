"""Random values that the text calls a key, a token or a secret: in prose, in settings, in source code, in headers."""

import re
from collections.abc import Iterator

from flows.masking.folding import Folded
from flows.masking.secret import Secret, looks_random

_LABELS = {
    "AWS secret key": r"secret[ _-]?access[ _-]?key",
    "private key": r"private[ _-]?key|wallet key",
    "API key": (
        r"api[ _-]?key|api[ _-]?schlüssel|clave (?:de )?api|clé (?:d['’])?api|chiave api|chave (?:da |de )?api"
        r"|(?:secret|access|account|auth|signing|encryption|subscription|service|master|licen[sc]e)[ _-]?key"
        r"|api[ _-]?token"
    ),
    "token": r"token|secret|bearer|basic",
}
_KINDS = list(_LABELS)
_FOR_WHAT = r"(?:[ \t]+(?:for|from|of|to|von|für|de|del|para|pour|per)(?:[ \t]+[\w.'’-]{1,30}){1,4}?)?"
_SAYS = r"(?:[ \t]*(?:=>|:=|->|→|[:=])|[ \t]+(?:is|was|ist|lautet|es|est|é|è)\b:?|是|は)?"
_LABEL = re.compile(
    "(?:" + "|".join(f"({label})" for label in _LABELS.values()) + ")"
    rf"""["'\])]{{0,2}}{_FOR_WHAT}{_SAYS}\s{{0,4}}["'`“”‘’„«「]{{0,2}}(?:bearer |0x)?$"""
)
_HINTS = ("key", "token", "secret", "bearer", "basic", "api")
_LABEL_IS_WITHIN = 100  # characters before the value
_VALUE = re.compile(r"[A-Za-z0-9_\-+/.~]{16,}+={0,2}")
_NAME = re.compile(r"[A-Za-z_]+[0-9]*[A-Za-z_]*[0-9]*[A-Za-z_]*")
_DIGIT = re.compile("[0-9]")


def found(text: Folded) -> Iterator[Secret]:
    if not text.long_runs or not any(hint in text.lower for hint in _HINTS):
        return
    for start, end in text.long_runs:
        for value in _VALUE.finditer(text.text, start, end + 2):
            if _is_a_key(text.text, value) and (kind := _label(text.lower, value.start())):
                yield Secret(value.start(), value.start() + len(value.group().rstrip(".")), kind)


def _is_a_key(text: str, value: re.Match[str]) -> bool:
    """Whether it was drawn, and is no name in a program: many of those have large letters within."""
    key = value.group().rstrip(".")
    if not _DIGIT.search(key) or not looks_random(key) or text[value.end() : value.end() + 1] == "(":
        return False
    parts = key.split(".")
    return len(parts) == 1 or not all(map(_NAME.fullmatch, parts))


def _label(lower: str, start: int) -> str | None:
    label = _LABEL.search(lower, max(start - _LABEL_IS_WITHIN, 0), start)
    return _KINDS[next(number for number, found in enumerate(label.groups()) if found)] if label else None
