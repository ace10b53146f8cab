"""Whether the stand-in takes notice of JSON schemas and tools: as Claude does, or as other servers of its API.

Sources, 2026-11: Anthropic's documentation, "Structured outputs" and "Tool use"; the code of Ollama
(anthropic/anthropic.go: no `format`, `tool_choice` is dropped, 400 for models without tools), llama.cpp
(tools/server/server-chat.cpp: no `output_config`) and vLLM (vllm/entrypoints/anthropic/protocol.py).
"""

from typing import Any, Literal

from deployments.local.messages_api.wire import ApiError

#: What is done with `output_config.format`.
Schemas = Literal["followed", "ignored", "rejected"]
#: What is done with `tools`; choice_ignored: a tool is called when the prompt says so, whatever `tool_choice` says.
Tools = Literal["followed", "choice_ignored", "ignored", "rejected"]

Form = Literal["schema", "tool", "prose"]


def answered_by(body: dict[str, Any], schemas: Schemas, tools: Tools) -> Form:
    """How the request is answered. Raises ApiError for what such a server rejects."""
    has_schema, has_tools = bool((body.get("output_config") or {}).get("format")), bool(body.get("tools"))
    if has_schema and schemas == "rejected":
        raise ApiError(400, "output_config.format: Extra inputs are not permitted")
    if has_tools and tools == "rejected":
        raise ApiError(400, f"{body['model']} does not support tools")
    if has_tools and tools != "ignored" and _calls(body, tools):
        return "tool"
    return "schema" if has_schema and schemas == "followed" else "prose"


def _calls(body: dict[str, Any], tools: Tools) -> bool:
    choice = (body.get("tool_choice") or {}).get("type", "auto")
    if choice in ("any", "tool") and tools == "followed":
        return True
    return choice != "none" and any(str(tool["name"]) in str(body.get("system")) for tool in body["tools"])
