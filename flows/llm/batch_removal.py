"""Message batches of a person who is erased: cancelled, and deleted at the API with what was asked and answered.

Source: Anthropic's API reference, "Cancel a Message Batch" (before processing ends; requests that cannot be interrupted
are answered first, meanwhile it is `canceling`) and "Delete a Message Batch" (only when processing has ended).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import anthropic

from flows.llm.connection import connect
from flows.providers import PROVIDERS
from flows.settings import ModelSettings

_TRIES = 3


async def cancel(batch_ids: Iterable[str]) -> None:
    """No answer is paid for any more, but those that are being given. What cannot be cancelled is left to `delete`."""
    async with _connected() as sdk:
        if sdk is not None:
            await asyncio.gather(*(_cancel(sdk, batch_id) for batch_id in batch_ids))


async def delete(batch_ids: Sequence[str], seconds: float, poll_seconds: float = 5.0) -> list[str]:
    """Deletes each as soon as it has ended, for `seconds` at most; returns those that are still there.

    So are those of which the API cannot be asked: it has none for the provider that is set, or accepts no key.
    """
    until = time.monotonic() + seconds
    async with _connected() as sdk:
        if sdk is None:
            return list(batch_ids)
        gone = await asyncio.gather(*(_is_gone(sdk, batch_id, until, poll_seconds) for batch_id in batch_ids))
    return [batch_id for batch_id, is_gone in zip(batch_ids, gone, strict=True) if not is_gone]


@asynccontextmanager
async def _connected() -> AsyncIterator[anthropic.AsyncAnthropic | None]:
    settings = ModelSettings()
    if not PROVIDERS[settings.model_provider].has_batches or settings.anthropic_api_key is None:
        yield None
        return
    sdk = connect(settings, max_retries=_TRIES)
    assert isinstance(sdk, anthropic.AsyncAnthropic)
    async with sdk:
        yield sdk


async def _cancel(sdk: anthropic.AsyncAnthropic, batch_id: str) -> None:
    try:
        if (await sdk.messages.batches.retrieve(batch_id)).processing_status == "in_progress":
            await sdk.messages.batches.cancel(batch_id)
    except anthropic.APIError:
        return


async def _is_gone(sdk: anthropic.AsyncAnthropic, batch_id: str, until: float, poll_seconds: float) -> bool:
    while True:
        try:
            if (await sdk.messages.batches.retrieve(batch_id)).processing_status == "ended":
                await sdk.messages.batches.delete(batch_id)
                return True
        except anthropic.NotFoundError:
            return True
        except anthropic.APIError:
            return False
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(poll_seconds)
