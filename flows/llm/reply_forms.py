"""How replies get their shape: by a JSON schema, or as the input of a tool, where a server does not know the first.

Anthropic's own API knows both. Of any other server it is found out with the run's first question about each model, at
no extra cost where the server is good; other questions wait until it is answered. A server that takes no notice of the
schema answers with prose, one that minds it with 400, and then the same question is asked with the tool.

What local servers do, by their own code, 2026-11: Ollama (anthropic/anthropic.go) drops the schema and `tool_choice`,
so the model has to be told to call the tool; llama.cpp (tools/server/server-chat.cpp) drops the schema and makes the
tool required; vLLM (vllm/entrypoints/anthropic) has both since 0.22, and dropped the schema before.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from anthropic.types import Message

from flows.errors import ModelRefusedAccess, RequestRejected
from flows.llm.messages import is_prose, tool_call
from flows.providers import Form

#: In what a server says of a request when it is the schema that it does not take.
_ABOUT_THE_SCHEMA = ("output_config", "output_format", "json_schema", "structured", "allowedpartnermodelfeatures")

Ask = Callable[[Form], Awaitable[Message]]


class ReplyForms:
    """Shared by all calls of a run, also from several threads. `known`: the form, where nothing has to be found out."""

    def __init__(self, known: Form | None = None):
        self._known = known
        self._found: dict[str, Form | ModelRefusedAccess] = {}  # by model: of one server, not all take the schema
        self._finding: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    async def answered(self, model: str, ask: Ask, fits: Callable[[Message], bool]) -> Message:
        """What `ask` gives in the form that the server knows; `fits`: whether an answer has the shape.

        Raises what `ask` raises, and ModelRefusedAccess for a server that knows neither form.
        """
        while (form := self._known or self._found.get(model)) is None:
            with self._lock:
                others = self._finding.get(model)
                mine = None if others or model in self._found else self._finding.setdefault(model, Future())
            if mine is not None:
                try:
                    return await self._find(model, ask, fits)
                finally:
                    with self._lock:
                        del self._finding[model]
                    mine.set_result(None)
            elif others is not None:
                # Shielded: who waits may be cancelled, and the others must still be told.
                await asyncio.shield(asyncio.wrap_future(others))
        if isinstance(form, ModelRefusedAccess):
            raise form
        return await ask(form)

    async def _find(self, model: str, ask: Ask, fits: Callable[[Message], bool]) -> Message:
        try:
            message = await ask("schema")
        except RequestRejected as rejected:
            return await self._find_with_tool(model, ask, rejected)
        if is_prose(message):
            return await self._find_with_tool(model, ask)
        if fits(message):
            self._found[model] = "schema"
        return message  # of another shape, cut off, a refusal: that says nothing about the server

    async def _find_with_tool(self, model: str, ask: Ask, rejected: RequestRejected | None = None) -> Message:
        try:
            message = await ask("tool")
        except RequestRejected:
            if rejected is not None and not any(words in str(rejected).lower() for words in _ABOUT_THE_SCHEMA):
                raise rejected from None  # it was about this question
            raise self._refused(model) from None
        if tool_call(message) is not None:
            self._found[model] = "tool"
        elif is_prose(message):
            raise self._refused(model)
        return message

    def _refused(self, model: str) -> ModelRefusedAccess:
        self._found[model] = error = ModelRefusedAccess(
            f"the server that is asked for {model} gives its replies no shape: it knows neither JSON schemas "
            "(output_config.format) nor tools; set a model that can call tools, or a server that knows one of the two"
        )
        return error
