"""The Messages API stand-in: Anthropic's wire format on loopback, answered by rules.

    python -m deployments.local.messages_api --port PORT    (MESSAGES_API_KEY set: only that key is accepted)

The flow talks to it through the same SDK as to Claude. Source of the format: Anthropic's API reference, "Messages" and
"Errors", as the SDK of the pinned version has it. Tests and benchmarks set latency and faults by PUT /_control and
read what was asked by GET /_control; see `deployments.local.faults`.
"""

import argparse
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments.local import replies
from deployments.local.faults import Control, Fault
from flows import tokens

_MAX_BODY_BYTES = 32 * 1024**2
_CONTEXT = {  # model → tokens of a prompt
    "claude-haiku-5-5": 1_000_000,
    "claude-haiku-4-5": 200_000,
    "claude-haiku-4-5-20251001": 200_000,
    "claude-sonnet-5-5": 1_000_000,
    "claude-opus-5-5": 1_000_000,
}
_PARAMETERS = {
    *("model", "max_tokens", "messages", "system", "output_config", "metadata", "stop_sequences", "stream"),
    *("service_tier", "cache_control", "thinking"),
}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    def __init__(self, status: int, message: str, retry_after: float | None = None):
        self.status, self.message, self.retry_after = status, message, retry_after


class MessagesApi:
    def __init__(self, key: str | None, control: Control):
        self._key = key
        self._control = control

    async def create(self, request: Request) -> Response:
        body, prompt, kind = await self._accepted(request)
        async with self._control.call(kind, prompt) as call:
            try:
                response = await self._answer(request, body, prompt, kind, call.fault)
            except ApiError as error:
                call.status = error.status
                raise
            call.status = response.status_code
            return response

    async def count_tokens(self, request: Request) -> Response:
        _, prompt, _ = await self._accepted(request)
        return JSONResponse({"input_tokens": tokens.estimate(prompt)})

    async def _accepted(self, request: Request) -> tuple[dict[str, Any], str, str | None]:
        """The body, all text of the prompt, and the kind of reply. Raises ApiError as Claude's API would."""
        # The SDK sends the key as a bearer token, other clients as x-api-key; the API takes both.
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        key = bearer if scheme.lower() == "bearer" else request.headers.get("x-api-key")
        if not key or (self._key is not None and key != self._key):
            raise ApiError(401, "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            raise ApiError(400, "anthropic-version: header is required")
        raw = bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > _MAX_BODY_BYTES:
                raise ApiError(413, "Request exceeds the maximum size")
        try:
            body = json.loads(bytes(raw))
        except ValueError:
            raise ApiError(400, "The request body is not valid JSON") from None
        return body, *_checked(body)

    async def _answer(
        self, request: Request, body: dict[str, Any], prompt: str, kind: str | None, fault: Fault | None
    ) -> Response:
        if fault is not None and fault.kind == "status":
            raise ApiError(fault.status, "a fault that was asked for", fault.retry_after)
        if fault is not None and fault.kind == "hang":
            await _until_gone(request)
        text = replies.reply(kind, prompt)
        stop = "end_turn"
        room = body["max_tokens"]
        match fault.kind if fault else None:
            case "truncate":
                text = text[: len(text) // 2]
            case "malformed":
                text = '{"something": "else"}'
            case "refusal":
                text, stop = "", "refusal"
            case "max_tokens":
                room = 1
        if tokens.estimate(text) > room:
            text, stop = _cut(text, room), "max_tokens"
        used = tokens.estimate(prompt), tokens.estimate(text)
        self._control.spent(*used)
        message = {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {
                "input_tokens": used[0],
                "output_tokens": used[1],
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "service_tier": "standard",
            },
        }
        if fault is not None and fault.kind == "drop":
            return StreamingResponse(_dropped(json.dumps(message)), media_type="application/json", headers=_headers())
        return JSONResponse(message, headers=_headers())


async def _not_found(request: Request) -> Response:
    raise ApiError(404, f"{request.method} {request.url.path} is not found")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    headers = _headers()
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    kind = _ERROR_TYPES.get(error.status, "api_error")
    body = {
        "type": "error",
        "error": {"type": kind, "message": error.message},
        "request_id": headers["request-id"],
    }
    return JSONResponse(body, status_code=error.status, headers=headers)


def _checked(body: Any) -> tuple[str, str | None]:
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be an object")
    model = body.get("model")
    if not isinstance(model, str):
        raise ApiError(400, "model: Field required")
    if model not in _CONTEXT:
        raise ApiError(404, f"model: {model}")
    if extra := sorted(body.keys() - _PARAMETERS):
        raise ApiError(400, f"{extra[0]}: Extra inputs are not permitted")
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        raise ApiError(400, "max_tokens: Input should be a whole number greater than 0")
    if body.get("stream"):
        raise ApiError(400, "stream: the stand-in does not stream")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise ApiError(400, "messages: at least one message is required")
    prompt = "\n".join([_text(body.get("system")), *(_text(message.get("content")) for message in messages)])
    count = tokens.estimate(prompt)
    if count > _CONTEXT[model]:
        raise ApiError(400, f"prompt is too long: {count} tokens > {_CONTEXT[model]} maximum")
    return prompt, _kind(body.get("output_config"))


def _kind(output_config: Any) -> str | None:
    match output_config:
        case {"format": {"type": "json_schema", "schema": {"title": str(title)}}}:
            return title
    return None


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return content if isinstance(content, str) else ""


def _cut(text: str, room: int) -> str:
    while text and tokens.estimate(text) > room:
        text = text[: len(text) * room // (tokens.estimate(text) + 1)]
    return text


def _headers() -> dict[str, str]:
    reset = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    limits = {"requests": 4_000, "tokens": 4_000_000}
    return {
        "request-id": f"req_{secrets.token_hex(12)}",
        **{f"anthropic-ratelimit-{what}-limit": str(limit) for what, limit in limits.items()},
        **{f"anthropic-ratelimit-{what}-remaining": str(limit - 1) for what, limit in limits.items()},
        **{f"anthropic-ratelimit-{what}-reset": reset for what in limits},
    }


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ApiError(504, "the client has gone")


async def _dropped(text: str) -> Any:
    yield text[: len(text) // 2]
    raise ConnectionAbortedError("a fault that was asked for")


def application(key: str | None = None) -> Starlette:
    control = Control()
    api = MessagesApi(key, control)
    return Starlette(
        routes=[
            Route("/v1/messages", api.create, methods=["POST"]),
            Route("/v1/messages/count_tokens", api.count_tokens, methods=["POST"]),
            *control.routes(),
            Route("/{rest:path}", _not_found, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ApiError: _refuse},
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.local.messages_api", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        application(os.environ.get("MESSAGES_API_KEY")),
        host="127.0.0.1",
        port=arguments.port,
        log_level="critical",  # a dropped connection is no news here
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
