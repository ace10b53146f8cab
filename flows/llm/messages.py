"""What is sent to the Messages API, and what an answer has to be.

All text that a model gets goes through `blocks`, and all that it writes through `parsed`: secrets are masked there.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from anthropic import transform_schema
from anthropic.types import Message, ToolUseBlock
from pydantic import BaseModel, ValidationError

from flows import masking, models
from flows.errors import CutOff, InvalidReply, Refused
from flows.llm import tokens
from flows.models import Thinking
from flows.providers import Form

Reply = TypeVar("Reply", bound=BaseModel)

#: What stands in a block: one text, or parts of it, each a tag and its text. A tag is a name and maybe, behind a space,
#: attributes: `user on="Fri 2024-01-05"`. They are ours, never somebody's words.
Text = str | Sequence[tuple[str, str]]

_DIGIT_BYTES = 4  # few, because every turn of a conversation bears them


def request(
    *,
    model: str,
    system: str,
    content: str,
    reply_type: type[BaseModel],
    max_tokens: int,
    thinking: Thinking,
    form: Form = "schema",
    repeated: bool = False,
) -> dict[str, Any]:
    """The parameters of a call that is answered as `reply_type`.

    repeated: whether other calls begin with the same `system` within minutes, so that caching it pays off.
    """
    chosen = models.thinking_parameters(model, thinking)
    if form == "tool":
        chosen |= _tool(reply_type, forced=not models.thinks(model, thinking))
        system = f"{system}\n\nGive the whole reply as the input of one call of the tool {reply_type.__name__}."
    else:
        chosen.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": _schema(reply_type)}
    return {
        "model": model,
        "max_tokens": max_tokens,
        "system": _cached(system) if repeated and models.caches(model, tokens.estimate(system)) else system,
        "messages": [{"role": "user", "content": content}],
        **chosen,
    }


def prompt_version(system: str, reply_type: type[BaseModel]) -> str:
    """Twelve hexadecimal digits that change with the system prompt and with the shape of the reply."""
    return hashlib.sha256(json.dumps([system, reply_type.model_json_schema()]).encode()).hexdigest()[:12]


def _cached(system: str) -> list[dict[str, Any]]:
    """For five minutes from when it was used last. Source: Anthropic's documentation, "Prompt caching", 2026-11."""
    return [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]


def prompt_of(parameters: Mapping[str, Any]) -> tuple[str, int]:
    """What the model reads in a call, and the estimated tokens of its beginning that are cached."""
    system, content = parameters["system"], parameters["messages"][0]["content"]
    if isinstance(system, str):
        return system + content, 0
    text = "".join(block["text"] for block in system)
    return text + content, tokens.estimate(text)


def _tool(reply_type: type[BaseModel], *, forced: bool) -> dict[str, Any]:
    """A model that thinks is only offered the tool: forcing it is refused by the models that always think.

    Source: Anthropic's documentation, "What's new in Claude Opus 5.5" and "… Sonnet 5.5", 2026-11: "forced tool use
    returns an error"; with other models and adaptive thinking, versions of "Thinking in tool workflows" differ.
    """
    name = reply_type.__name__
    choice = {"type": "tool", "name": name} if forced else {"type": "auto"}
    return {
        "tools": [{"name": name, "description": "Takes the reply.", "input_schema": _schema(reply_type)}],
        "tool_choice": {**choice, "disable_parallel_tool_use": True},
    }


def parsed(message: Message, reply_type: type[Reply], max_tokens: int) -> Reply:
    """The answer as `reply_type`. Raises CutOff, Refused or InvalidReply, none of which quotes it."""
    if message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        raise CutOff(f"{message.model} had more to say than max_tokens of {max_tokens}")
    if message.stop_reason == "refusal":
        raise Refused(f"{message.model} refused to answer")
    if message.stop_reason not in ("end_turn", "tool_use"):
        raise InvalidReply(f"{message.model} stopped with {message.stop_reason}")
    call = tool_call(message)
    try:
        reply = reply_type.model_validate_json(_text(message) if call is None else json.dumps(call.input))
        return without_secrets(reply)
    except ValidationError as error:
        # Not the error's own text: it quotes the reply.
        raise InvalidReply(
            f"{message.model} answered with something that is no {reply_type.__name__} ({error.error_count()} problems)"
        ) from None


def without_secrets(reply: Reply) -> Reply:
    """The reply with masks: a model can tell what it was not meant to see, and older replies are of older masks."""
    return reply.model_copy(update={name: _masked_value(value) for name, value in reply})


def _masked_value(value: Any) -> Any:
    if isinstance(value, str):
        return masking.mask(value)
    if isinstance(value, list):
        return [_masked_value(item) for item in value]
    return without_secrets(value) if isinstance(value, BaseModel) else value


def masked(texts: Mapping[str, Text]) -> dict[str, Text]:
    """The texts as a model may read them."""
    return {name: _masked_text(text) for name, text in texts.items()}


def _masked_text(text: Text) -> Text:
    return masking.mask(text) if isinstance(text, str) else [(tag, masking.mask(part)) for tag, part in text]


def blocks(texts: Mapping[str, Text]) -> str:
    """Each text between tags with its name, and in it each part below the part's tag.

    No text can end its block or begin a part: the names in all tags end in the same random digits, and those stand in
    none of the texts. They are others in each call, so an answer that is kept is kept under `texts`, as `masked` gives
    them.
    """
    texts = masked(texts)
    digits = _digits_outside([said for text in texts.values() for said in _said(text)])
    return "\n\n".join(_block(name, text, digits) for name, text in texts.items())


def _said(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else [part for _, part in text]


def _digits_outside(texts: list[str]) -> str:
    digits = secrets.token_hex(_DIGIT_BYTES)
    while any(digits in text for text in texts):
        digits = secrets.token_hex(_DIGIT_BYTES)
    return digits


def _block(name: str, text: Text, digits: str) -> str:
    inside = text if isinstance(text, str) else "\n".join(f"{_opening(tag, digits)}\n{part}" for tag, part in text)
    return f"<{name}-{digits}>\n{inside}\n</{name}-{digits}>"


def _opening(tag: str, digits: str) -> str:
    name, space, attributes = tag.partition(" ")
    return f"<{name}-{digits}{space}{attributes}>"


def fits(message: Message, reply_type: type[BaseModel]) -> bool:
    """Whether the answer is of that shape."""
    try:
        parsed(message, reply_type, 0)
    except InvalidReply:
        return False
    return True


def tool_call(message: Message) -> ToolUseBlock | None:
    return next((block for block in message.content if block.type == "tool_use"), None)


def is_prose(message: Message) -> bool:
    """Whether the answer is of no shape at all, whole or cut off; neither a refusal nor silence is an answer."""
    text = _text(message).lstrip()
    return bool(text) and text[0] != "{" and message.stop_reason != "refusal" and tool_call(message) is None


def _text(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@cache
def _schema(reply_type: type[BaseModel]) -> dict[str, Any]:
    return transform_schema(reply_type)
