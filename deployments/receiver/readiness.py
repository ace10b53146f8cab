"""Whether what the receiver needs is there."""

import asyncio
from uuid import UUID

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from deployments.receiver.bodies import Readiness
from deployments.receiver.refusal import Refusal
from deployments.receiver.starter import Starter
from flows.errors import StoreError

_SECONDS = 3.0
_NOBODY = UUID(int=0)


async def look(starter: Starter) -> Readiness:
    """Asks Prefect for the deployment, and Supabase for a row, at the same time."""
    prefect, supabase = await asyncio.gather(_prefect(starter), _supabase(starter))
    ready = prefect == supabase == "ok"
    return Readiness(status="ready" if ready else "not ready", prefect=prefect, supabase=supabase)


def refused(error: PrefectHTTPStatusError) -> str:
    """What an answer of the Prefect API means that is none."""
    status = error.response.status_code
    if status in (401, 403):
        return (
            "the Prefect API does not accept the key; set PREFECT_API_AUTH_STRING or PREFECT_API_KEY for the receiver"
        )
    return f"the Prefect API answered {status}; deliver again later"


async def _prefect(starter: Starter) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            await starter.deployment_id(again=True)
    except Refusal as refusal:
        return refusal.reason
    except PrefectHTTPStatusError as error:
        return refused(error)
    except (httpx.HTTPError, TimeoutError):
        return "the Prefect API does not answer"
    return "ok"


async def _supabase(starter: Starter) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            await starter.store.deliveries.status(_NOBODY)
    except StoreError as error:
        return str(error)
    except TimeoutError:
        return "Supabase does not answer"
    return "ok"
