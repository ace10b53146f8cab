"""Tokens and passwords in addresses (RFC 3986): in the user's part, in parameters, and in links that open something."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from flows.masking.folding import Folded
from flows.masking.passwords import looks_like_password
from flows.masking.secret import Secret, is_placeholder, looks_random

_ADDRESS = re.compile(r"://[^\s<>\"`“”«»]{4,}")
_USER = re.compile(r"://([^\s/:@]{0,200})(?::([^\s/]{1,200}))?@")
_NO_PASSWORDS = {
    "password",
    "pass",
    "passwd",
    "pwd",
    "pw",
    "secret",
    "token",
    "mypassword",
    "yourpassword",
    "user",
    "root",
}
_TEMPLATE = re.compile(r"^[$<{%\[*]")
_PARAMETER = re.compile(r"[?&#;]([\w.\[\]-]{1,60})=([^&#\s\"'<>;)\]]{4,})")
_TOKEN = re.compile(
    r"(?:^|.*[_.-])(?:token|auth|key|apikey|sig|signature|secret|jwt|session|sessionid|sid|code|credential)$"
)
_TOKEN_IN_ONE_WORD = re.compile(r"(?:access|refresh|id|auth)token|clientsecret|authkey")
_PASSWORD = re.compile(r"(?:.*[_.-])?(?:password|passwd|pwd|pass|passwort)$")
_OPENING_LINK = re.compile(
    r"/[\w-]{0,40}(?:reset|verify|confirm|activate|invit|magic|unsubscribe|recover|passwor|webhook|token)[\w-]{0,40}"
    r"/([A-Za-z0-9_-]{20,}+)(?=[/?#.,;)!\s]|$)"
)
_SHORTEST_PARAMETER = 12


def found(text: Folded) -> Iterator[Secret]:
    if "://" not in text.text:
        return
    for address in _ADDRESS.finditer(text.text):
        start, end = address.span()
        yield from _in_user(text.text, start, end)
        yield from _in_parameters(text.text, start, end)
        for link in _OPENING_LINK.finditer(text.text, start, end):
            if looks_random(link[1], 20):
                yield Secret(*link.span(1), "token")


def _in_user(text: str, start: int, end: int) -> Iterator[Secret]:
    user = _USER.match(text, start, end)
    if user is None:
        return
    password = user[2]
    if password is None:
        if looks_random(user[1], 20):
            yield Secret(*user.span(1), "token")
    elif password.lower() not in _NO_PASSWORDS and not _TEMPLATE.match(password) and not is_placeholder(password):
        yield Secret(*user.span(2), "password")


def _in_parameters(text: str, start: int, end: int) -> Iterator[Secret]:
    for parameter in _PARAMETER.finditer(text, start, end):
        name, value = parameter[1].lower(), unquote(parameter[2])
        if _PASSWORD.match(name) and looks_like_password(value):
            yield Secret(*parameter.span(2), "password")
        elif (_TOKEN.match(name) or _TOKEN_IN_ONE_WORD.search(name)) and looks_random(value, _SHORTEST_PARAMETER):
            yield Secret(*parameter.span(2), "token")
