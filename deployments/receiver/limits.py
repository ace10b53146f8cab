"""How long and how much a request may be, and its one line in the log: time, answer, user, run; no token, no path."""

import asyncio
import logging
import re
import time
from uuid import UUID, uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.receiver.refusal import Refusal

logger = logging.getLogger("soulprint.receiver")

MAX_BODY_BYTES = 32_768
BODY_SECONDS = 5.0  # until the body has come
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class LoggedRequests:
    """Outermost: whatever becomes of a request, it is said once."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex[:16]
        scope["state"] = {**scope.get("state", {}), "told": {}}
        began, status = time.monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            told = {"request": request_id, **scope["state"]["told"]}
            said = "".join(f" {name}={value}" for name, value in told.items())
            # The route, not the path: in that stands what somebody sent.
            route = getattr(scope.get("route"), "path", "unknown")
            milliseconds = round((time.monotonic() - began) * 1000)
            logger.info("%s %s status=%s ms=%d%s", scope["method"], route, status or "gone", milliseconds, said)


def tell(scope: Scope, **what: UUID | str | None) -> None:
    """Adds ids to the line of the request."""
    scope["state"]["told"] |= {name: value for name, value in what.items() if value is not None}


async def body_of(receive: Receive) -> bytes:
    """The whole body. Raises Refusal when it is too large, or does not come in time; ClientGone."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise Refusal(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {BODY_SECONDS:.0f} seconds") from None


class ClientGone(Exception):
    """Nobody is there to be answered."""
