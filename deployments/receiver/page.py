"""The status of a pass as a page: one file that loads nothing, runs nothing, and is kept nowhere."""

import base64
import hashlib
from pathlib import Path

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from deployments.receiver import plain_words
from deployments.receiver.bodies import PassStatus
from flows.runs import flow_runs

ROUTE = "/status/{user_id}"
#: A browser asks for a password then. It is the key; what it calls the user does not matter.
CHALLENGE = 'Basic realm="Soulprint full pass: the password is the key", charset="UTF-8"'
#: Of both forms of the status.
ALWAYS = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}

_REFRESH_SECONDS = 15
_AT_WORK = {"Running", "Retrying", "Rerunning"}
_STYLE = (Path(__file__).parent / "status.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = ALWAYS | {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PROBLEMS = {401: "The key is needed", 404: "There is nothing to show", 503: "No answer for now"}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.globals |= {"style": Markup(_STYLE), "words": plain_words, "runs": flow_runs}


def is_wanted(request: Request) -> bool:
    """Whether whoever asks for a status is a browser: it prefers a page to JSON, which is what all others get."""
    if getattr(request.scope.get("route"), "path", "") != ROUTE:
        return False
    wanted = _wanted(request.headers.get("accept", ""))
    return wanted.get("text/html", 0.0) > wanted.get("application/json", 0.0)


def of_status(status: PassStatus, *, refreshes: bool) -> HTMLResponse:
    """refreshes: the page is to load itself again, while there is more to come."""
    is_moving = status.status == "processing" or status.queue_place is not None
    html = _TEMPLATES.get_template("status.html.j2").render(
        status=status,
        step=plain_words.step_of(status.stage),
        error=plain_words.error(status.error) if status.error else None,
        current=_state_now(status),
        refresh_seconds=_REFRESH_SECONDS if is_moving and refreshes else None,
        is_moving=is_moving,
    )
    # A header, since nobody could stop a page that says it in itself.
    refresh = {"Refresh": str(_REFRESH_SECONDS)} if is_moving and refreshes else {}
    return HTMLResponse(html, headers=_HEADERS | refresh)


def of_problem(code: int, reason: str, headers: dict[str, str]) -> HTMLResponse:
    title = _PROBLEMS.get(code, "This cannot be shown")
    html = _TEMPLATES.get_template("problem.html.j2").render(title=title, code=code, reason=reason)
    challenge = {"WWW-Authenticate": CHALLENGE} if code == 401 else {}
    return HTMLResponse(html, code, headers=_HEADERS | headers | challenge)


def _state_now(status: PassStatus) -> str:
    """Of the run that has the user, when that says more than the row, which calls it processing."""
    owners = [run.state for run in status.runs or [] if str(run.flow_run_id) == status.flow_run_id]
    if status.status == "processing" and owners and owners[0] not in _AT_WORK:
        return plain_words.state(owners[0])
    return plain_words.STATUSES.get(status.status, status.status)


def _wanted(accept: str) -> dict[str, float]:
    """Media type → how much it is wanted, as RFC 9110 says (12.5.1)."""
    wanted = {}
    for each in accept.lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            wanted[name] = float(weights[0]) if weights else 1.0
        except ValueError:
            wanted[name] = 0.0
    return wanted
