"""Switches of the Supabase stand-in for tests, and its count of what was asked.

PUT    /_control   {"max_rows": 1000, "read_only": false, "faults": [{"method"?, "path"?, "status"?, "body"?,
                   "after_bytes"?, "times"?}]}      replaces the behaviour
GET    /_control   {"requests": {"GET /rest/v1/user_profiles": 3, …}}
DELETE /_control   zeroes the count
"""

from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Fault(BaseModel):
    """Something that goes wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    #: Only requests of this method; None: all.
    method: str | None = None
    #: Only requests whose path begins with it.
    path: str = "/"
    #: Answered instead; `body`: an object is sent as JSON, a text as HTML.
    status: int = Field(default=503, ge=200, le=599)
    body: dict[str, Any] | str = ""
    #: Instead of that, the right answer breaks off after so many bytes of its body.
    after_bytes: int | None = Field(default=None, ge=0)
    #: How many requests it hits; None: all.
    times: int | None = Field(default=None, ge=0)

    def answer(self) -> Response:
        kind = HTMLResponse if isinstance(self.body, str) else JSONResponse
        return kind(self.body, status_code=self.status)


class Behaviour(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: "Max rows" of the project's Data API settings, db-max-rows of PostgREST; 1,000 on a new project.
    max_rows: int = Field(default=1_000, ge=1)
    #: What the platform does when the disk is full.
    read_only: bool = False
    faults: list[Fault] = []


class Control:
    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self._requests: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        return [
            Route("/_control", self._set, methods=["PUT"]),
            Route("/_control", self._get, methods=["GET"]),
            Route("/_control", self._reset, methods=["DELETE"]),
        ]

    def asked(self, method: str, path: str) -> Fault | None:
        """Counts a request, and says which fault it shall have."""
        self._requests[f"{method} {path}"] += 1
        for fault in self.behaviour.faults:
            if fault.method in (None, method) and path.startswith(fault.path) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    async def _set(self, request: Request) -> Response:
        try:
            self.behaviour = Behaviour.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204)

    async def _get(self, request: Request) -> Response:
        return JSONResponse({"requests": self._requests})

    async def _reset(self, request: Request) -> Response:
        self._requests.clear()
        return Response(status_code=204)


class Faults:
    """Middleware: what goes wrong with a request goes wrong before anything else sees it."""

    def __init__(self, app: ASGIApp, control: Control):
        self._app, self._control = app, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http" and scope["path"] != "/_control":
            fault = self._control.asked(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.after_bytes is None:
            await fault.answer()(scope, receive, send)
        else:
            await self._app(scope, receive, _cut(send, fault.after_bytes))


def _cut(send: Send, after_bytes: int) -> Send:
    left = after_bytes

    async def cut(message: Message) -> None:
        nonlocal left
        body = message.get("body", b"")
        if message["type"] == "http.response.body" and len(body) >= left:
            await send({"type": "http.response.body", "body": body[:left], "more_body": True})
            raise ConnectionAbortedError("a fault that was asked for")
        left -= len(body)
        await send(message)

    return cut
