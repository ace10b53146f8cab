"""What is sent to the Messages API, and what an answer has to be."""

import secrets
from functools import cache
from typing import Any, TypeVar

from anthropic import transform_schema
from anthropic.types import Message
from pydantic import BaseModel, ValidationError

from flows import models
from flows.errors import CutOff, InvalidReply, Refused
from flows.models import Thinking

Reply = TypeVar("Reply", bound=BaseModel)


def request(
    *, model: str, system: str, content: str, reply_type: type[BaseModel], max_tokens: int, thinking: Thinking
) -> dict[str, Any]:
    """The parameters of a call that is answered as `reply_type`."""
    chosen = models.thinking_parameters(model, thinking)
    effort = {"effort": chosen.pop("effort")} if "effort" in chosen else {}
    return {
        "model": model,
        "max_tokens": max_tokens,
        "system": system,
        "messages": [{"role": "user", "content": content}],
        "output_config": {"format": {"type": "json_schema", "schema": _schema(reply_type)}, **effort},
        **chosen,
    }


def parsed(message: Message, reply_type: type[Reply], max_tokens: int) -> Reply:
    """The answer as `reply_type`. Raises CutOff, Refused or InvalidReply, none of which quotes it."""
    if message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        raise CutOff(f"{message.model} had more to say than max_tokens of {max_tokens}")
    if message.stop_reason == "refusal":
        raise Refused(f"{message.model} refused to answer")
    if message.stop_reason != "end_turn":
        raise InvalidReply(f"{message.model} stopped with {message.stop_reason}")
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        return reply_type.model_validate_json(text)
    except ValidationError as error:
        # Not the error's own text: it quotes the reply.
        raise InvalidReply(
            f"{message.model} answered with something that is no {reply_type.__name__} ({error.error_count()} problems)"
        ) from None


def block(name: str, text: str) -> str:
    """`text` between tags that the text itself cannot close, because the tag ends in random digits."""
    tag = f"{name}-{secrets.token_hex(8)}"
    return f"<{tag}>\n{text}\n</{tag}>"


@cache
def _schema(reply_type: type[BaseModel]) -> dict[str, Any]:
    return transform_schema(reply_type)
