"""Anthropic's wire format as the stand-in checks and writes it: requests, headers, errors.

Source: Anthropic's API reference, "Messages" and "Errors", as the SDK of the pinned version has it.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.llm import tokens

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


def error_body(error: ApiError, request_id: str) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(error.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": request_id}


def checked(body: Any) -> tuple[str, str | None]:
    """All text of the prompt, and the kind of reply that is asked for. Raises ApiError as Claude's API would."""
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


def headers() -> dict[str, str]:
    reset = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    limits = {"requests": 4_000, "tokens": 4_000_000}
    return {
        "request-id": f"req_{secrets.token_hex(12)}",
        **{f"anthropic-ratelimit-{what}-limit": str(limit) for what, limit in limits.items()},
        **{f"anthropic-ratelimit-{what}-remaining": str(limit - 1) for what, limit in limits.items()},
        **{f"anthropic-ratelimit-{what}-reset": reset for what in limits},
    }
