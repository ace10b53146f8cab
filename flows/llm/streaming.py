"""One answer of the Messages API, streamed: what tells a long answer from none is silence, not length.

Between two bytes the connection's own limit holds (MODEL_TIMEOUT_SECONDS); while the model thinks the API sends pings.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anthropic
import httpx2
from anthropic.lib.streaming import AsyncMessageStream
from anthropic.types import Message, Usage

from flows.llm.connection import Sdk, credentials_problem

OnHeaders = Callable[[Mapping[str, str]], None]
OnBegun = Callable[[Usage], None]


async def answer(sdk: Sdk, parameters: dict[str, Any], on_headers: OnHeaders, on_begun: OnBegun) -> Message:
    """The whole message; before it is there, `on_headers` and `on_begun` are told of its headers and its first usage.

    Raises anthropic.APIError, also for what breaks off in the middle, and ModelRefusedAccess when there are no
    credentials to sign the request with.
    """
    try:
        return await _answer(sdk, parameters, on_headers, on_begun)
    except Exception as error:
        raise credentials_problem(sdk, error) from None


async def _answer(sdk: Sdk, parameters: dict[str, Any], on_headers: OnHeaders, on_begun: OnBegun) -> Message:
    async with sdk.messages.stream(**parameters) as stream:
        on_headers(stream.response.headers)
        try:
            if not stream.response.headers.get("content-type", "").startswith("text/event-stream"):
                raise _broken(stream, "it is no event stream")
            async for event in stream:
                if event.type == "message_start":
                    on_begun(event.message.usage)
            message: Message = stream.current_message_snapshot
        except httpx2.TimeoutException:
            raise anthropic.APITimeoutError(stream.response.request) from None
        except (httpx2.HTTPError, ValueError, AssertionError):
            # The SDK wraps what happens up to the headers only; what it cannot read is the rest of an answer, too.
            raise _broken(stream, "it broke off") from None
        if message.stop_reason is None:
            raise _broken(stream, "it ended early")
        return message


def _broken(stream: AsyncMessageStream[Any], how: str) -> anthropic.APIConnectionError:
    return anthropic.APIConnectionError(message=f"the answer cannot be used: {how}", request=stream.response.request)
