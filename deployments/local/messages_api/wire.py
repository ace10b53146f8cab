"""Anthropic's wire format as the stand-in checks and writes it: requests, headers, errors.

Source: Anthropic's API reference, "Messages" and "Errors", as the SDK of the pinned version has it.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from flows.llm import tokens


@dataclass(frozen=True)
class Model:
    """What the API knows of a model. Source: Anthropic's "Models overview" and each model's own page, 2026-11."""

    context: int  # tokens of prompt and reply together
    max_output: int
    #: Tokens for each that `flows.llm.tokens` estimates: about 30 % more since Claude 4.7.
    tokens: float
    #: The efforts that it takes, the first of which it thinks with unless it is told otherwise; none: it does not.
    efforts: tuple[str, ...] = ()
    may_be_silenced: bool = True
    #: Tokens of the shortest beginning of a prompt that is cached. Source: "Prompt caching", 2026-11.
    cached_from: int = 512


_MEDIUM = ("medium", "low", "high", "xhigh", "max")
_HIGH = ("high", "low", "medium", "xhigh", "max")
MODELS = {
    "claude-haiku-5-5": Model(1_000_000, 128_000, 1.3, _MEDIUM),
    "claude-haiku-4-5": Model(200_000, 64_000, 1.0, cached_from=4_096),
    "claude-haiku-4-5-20251001": Model(200_000, 64_000, 1.0, cached_from=4_096),
    "claude-opus-5": Model(1_000_000, 128_000, 1.3, _HIGH),
    "claude-sonnet-5-5": Model(1_000_000, 128_000, 1.3, _HIGH, may_be_silenced=False),
    "claude-opus-5-5": Model(1_000_000, 128_000, 1.3, _MEDIUM, may_be_silenced=False),
}
_PARAMETERS = {
    *("model", "max_tokens", "messages", "system", "output_config", "metadata", "stop_sequences", "stream"),
    *("service_tier", "cache_control", "thinking", "tools", "tool_choice"),
}
_TOOL_NAME = re.compile("[a-zA-Z0-9_-]{1,64}")
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
    def __init__(self, status: int, message: str, retry_after: float | None = None, code: str | None = None):
        self.status, self.message, self.retry_after, self.code = status, message, retry_after, code


#: What has the status of a mistake, or of a limit that passes, and is neither. The wordings are as public issue threads
#: quote them (anthropics/claude-code 58367, 38035, 54839); of the code, the SDK's types and "Errors", 2026-11.
PROBLEMS = {
    "content_filter": ApiError(400, "Output blocked by content filtering policy"),
    "spend_limit": ApiError(
        400, "You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC."
    ),
    "low_credit": ApiError(
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    "monthly_cap": ApiError(
        429, "Your organization has reached its monthly spend limit.", code="enforced_spend_limit_reached"
    ),
}


def error_body(error: ApiError, request_id: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(error.status, "api_error")
    details = {"details": {"error_code": error.code}} if error.code else {}
    return {
        "type": "error",
        "error": {"type": kind, "message": error.message, **details},
        "request_id": request_id,
    }


def token_count(model: str, text: str) -> int:
    return round(tokens.estimate(text) * MODELS[model].tokens)


def effort(body: dict[str, Any]) -> str | None:
    """How much the model thinks about the request; None: not at all."""
    efforts = MODELS[body["model"]].efforts
    if not efforts or body.get("thinking", {}).get("type") == "disabled":
        return None
    return str((body.get("output_config") or {}).get("effort") or efforts[0])


def checked(body: Any) -> tuple[str, str | None]:
    """All text of the prompt, and the kind of reply that is asked for. Raises ApiError as Claude's API would."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be an object")
    model = body.get("model")
    if not isinstance(model, str):
        raise ApiError(400, "model: Field required")
    if model not in MODELS:
        raise ApiError(404, f"model: {model}")
    if extra := sorted(body.keys() - _PARAMETERS):
        raise ApiError(400, f"{extra[0]}: Extra inputs are not permitted")
    _check_reply(body, MODELS[model])
    _check_tools(body, MODELS[model])
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise ApiError(400, "messages: at least one message is required")
    prompt = "\n".join([_text(body.get("system")), *(_text(message.get("content")) for message in messages)])
    count, most = token_count(model, prompt), MODELS[model].context
    if count > most:
        raise ApiError(400, f"prompt is too long: {count} tokens > {most} maximum")
    return prompt, _kind(body)


def _check_reply(body: dict[str, Any], model: Model) -> None:
    """What is said of the reply. Raises ApiError for what the model does not do."""
    room = body.get("max_tokens")
    if not isinstance(room, int) or room < 1:
        raise ApiError(400, "max_tokens: Input should be a whole number greater than 0")
    if room > model.max_output:
        raise ApiError(
            400,
            f"max_tokens: {room} > {model.max_output}, which is the maximum allowed number of output tokens for "
            f"{body['model']}",
        )
    thinking = body.get("thinking", {"type": "adaptive"} if model.efforts else {"type": "disabled"})
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in (("adaptive", "disabled") if model.efforts else ("enabled", "disabled")):
        raise ApiError(400, f"thinking: {kind} is not supported by {body['model']}")
    if kind == "disabled" and not model.may_be_silenced:
        raise ApiError(400, f"thinking: disabled is not supported by {body['model']}")
    config = body.get("output_config") or {}
    if "effort" in config and config["effort"] not in model.efforts:
        raise ApiError(400, f"output_config: this effort is not supported by {body['model']}")


def _check_tools(body: dict[str, Any], model: Model) -> None:
    """Raises ApiError for tools, or a choice of them, that the model does not take."""
    names = []
    for tool in body.get("tools", []):
        match tool:
            case {"name": str(name), "input_schema": {"type": "object"}} if _TOOL_NAME.fullmatch(name):
                names.append(name)
            case _:
                raise ApiError(400, "tools: a name and an input_schema of type object are required")
    match body.get("tool_choice"):
        case None | {"type": "auto" | "none"}:
            return
        case {"type": "any"} if names:
            pass
        case {"type": "tool", "name": name} if name in names:
            pass
        case _:
            raise ApiError(400, "tool_choice: may only be specified for tools that are provided")
    if not model.may_be_silenced:
        raise ApiError(400, f"tool_choice: forced tool use is not supported by {body['model']}")
    if effort(body) is not None:
        raise ApiError(400, "Thinking may not be enabled when tool_choice forces tool use.")


def _kind(body: dict[str, Any]) -> str | None:
    match body:
        case {"output_config": {"format": {"type": "json_schema", "schema": {"title": str(title)}}}}:
            return title
        case {"tools": [{"input_schema": {"title": str(title)}}]}:
            return title
    return None


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return content if isinstance(content, str) else ""


def headers(request: Request) -> dict[str, str]:
    """Of an answer to the request: its id, and what is left of the rate limits that it counts towards."""
    return {"request-id": f"req_{secrets.token_hex(12)}", **getattr(request.state, "rate_limits", {})}
