"""The stand-in's Messages API: one request, one answer by rules (see deployments.local.messages_api)."""

import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from deployments.local.messages_api import mistakes, replies, streaming, thinking
from deployments.local.messages_api.faults import Control, Fault
from deployments.local.messages_api.prompt_cache import Beginning
from deployments.local.messages_api.reply_forms import Form, Schemas, answered_by
from deployments.local.messages_api.wire import PROBLEMS, ApiError, checked, effort, headers, token_count

_MAX_BODY_BYTES = 32 * 1024**2


class MessagesApi:
    def __init__(self, key: str | None, control: Control):
        self._key = key
        self._control = control

    async def create(self, request: Request) -> Response:
        return await self.answer(request, await self.body(request))

    async def answer(self, request: Request, body: Any, schemas: Schemas = "followed") -> Response:
        """What the request is answered with; `schemas`: unless a test has set it."""
        prompt, kind = checked(body)
        async with self._control.call(kind, prompt) as call:
            try:
                form = answered_by(body, self._control.schemas or schemas, self._control.tools)
                cached = self._control.prompt_cache.look_up(body)
                self._begin(request, body["model"], prompt, cached)
                await self._control.delay()
                response = await self._answer(request, body, prompt, kind, form, call.fault, cached)
            except ApiError as error:
                call.status = error.status
                raise
            call.status = response.status_code
            return response

    async def count_tokens(self, request: Request) -> Response:
        body = await self.body(request)
        return JSONResponse({"input_tokens": token_count(body["model"], checked(body)[0])}, headers=headers(request))

    async def body(self, request: Request, most: int = _MAX_BODY_BYTES) -> Any:
        """The JSON of a request with the right key, of `most` bytes at most."""
        self.authenticate(request)
        return await self.read(request, most)

    async def read(self, request: Request, most: int = _MAX_BODY_BYTES) -> Any:
        """The JSON of a request, whoever makes it."""
        raw = bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > most:
                raise ApiError(413, "Request exceeds the maximum size")
        try:
            return json.loads(bytes(raw))
        except ValueError:
            raise ApiError(400, "The request body is not valid JSON") from None

    def authenticate(self, request: Request) -> None:
        # The SDK sends the key as a bearer token, other clients as x-api-key; the API takes both.
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        key = bearer if scheme.lower() == "bearer" else request.headers.get("x-api-key")
        if not key or (self._key is not None and key != self._key):
            raise ApiError(401, "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            raise ApiError(400, "anthropic-version: header is required")

    def _begin(self, request: Request, model: str, prompt: str, cached: Beginning) -> None:
        """Counts the request towards the model's rate limits. Raises ApiError when it exceeds one."""
        limits = self._control.rate_limits.of(model)
        try:
            limits.begin(token_count(model, prompt) - (cached.tokens if cached.is_read else 0))
        finally:
            request.state.rate_limits = limits.headers()

    async def _answer(
        self,
        request: Request,
        body: dict[str, Any],
        prompt: str,
        kind: str | None,
        form: Form,
        fault: Fault | None,
        cached: Beginning,
    ) -> Response:
        if fault is not None:
            if fault.kind == "html":
                return HTMLResponse("<html><body>a fault that was asked for</body></html>", fault.status)
            if problem := error_of(fault):
                raise problem
            if fault.kind == "hang":
                await _until_gone(request)
        message = self.message(body, prompt, kind, form, fault, cached)
        self._control.prompt_cache.answered(cached)
        produced = self._control.rate_limits.of(body["model"]).produced
        sent = headers(request)
        if body.get("stream"):
            events = streaming.events(message, fault, request, produced)
            return StreamingResponse(events, media_type="text/event-stream", headers=sent)
        produced(message["usage"]["output_tokens"])
        if fault is not None and fault.kind == "drop":
            return StreamingResponse(_dropped(json.dumps(message)), media_type="application/json", headers=sent)
        return JSONResponse(message, headers=sent)

    def message(
        self, body: dict[str, Any], prompt: str, kind: str | None, form: Form, fault: Fault | None, cached: Beginning
    ) -> dict[str, Any]:
        """The answer, without the faults that concern its transport."""
        model, text, stop = body["model"], replies.reply(kind if form != "prose" else None, prompt), "end_turn"
        self._control.answers_by(form)
        thought = thinking.tokens(effort(body), prompt, self._control.thinking_tokens)
        room = body["max_tokens"]
        match fault.kind if fault else None:
            case "truncate":
                text = text[: len(text) // 2]
            case "malformed":
                text = '{"something": "else"}'
            case "refusal":
                text, stop = "", "refusal"
            case "max_tokens":
                room = thought + 1
            case str(mistake) if mistake in mistakes.KINDS and text.startswith("{"):
                text = mistakes.mistaken(mistake, text, prompt)
        thought = min(thought, room)
        if token_count(model, text) > room - thought:
            text, stop = _cut(model, text, room - thought), "max_tokens"
        used = token_count(model, prompt), thought + token_count(model, text)
        self._control.spent(*used)
        return {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [*thinking.blocks(thought), *_content(body, text, form)],
            "stop_reason": "tool_use" if form == "tool" and stop == "end_turn" else stop,
            "stop_sequence": None,
            "usage": _usage(*used, thought, cached),
        }


def _usage(input_tokens: int, output_tokens: int, thought: int, cached: Beginning) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens - cached.tokens,
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thought},
        **cached.usage(),
        "service_tier": "standard",
    }


def _content(body: dict[str, Any], text: str, form: Form) -> list[dict[str, Any]]:
    if not text or form != "tool":
        return [{"type": "text", "text": text}] if text else []
    try:
        given = json.loads(text)
    except ValueError:  # it was cut off
        given = {}
    name = body["tools"][0]["name"]
    return [{"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": name, "input": given}]


def error_of(fault: Fault) -> ApiError | None:
    """The error answer that the fault stands for."""
    if fault.kind == "status":
        return ApiError(fault.status, fault.message or "a fault that was asked for", fault.retry_after)
    return PROBLEMS.get(fault.kind)


def _cut(model: str, text: str, room: int) -> str:
    while text and (count := token_count(model, text)) > room:
        text = text[: len(text) * room // (count + 1)]
    return text


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ApiError(504, "the client has gone")


async def _dropped(text: str) -> Any:
    yield text[: len(text) // 2]
    raise ConnectionAbortedError("a fault that was asked for")
