"""The webhook receiver: the web app tells it that an export is uploaded, it starts the flow run.

    python -m deployments.webhook --host 0.0.0.0 --port 8000        (or any ASGI server with deployments.webhook:app)

    POST /process-full-v2   Authorization: Bearer $WEBHOOK_KEY
                            {"user_id", "storage_path", "conversation_count"?, "file_type"?}
                            202 {"flow_run_id"}
    GET  /health            200 {"status": "ok"} when the Prefect API answers, else 503

The same delivery twice makes one run. Deliveries are the same when their `Idempotency-Key` headers are; without that
header, when their bodies are, as long as the run that the first one made has not ended.
"""

import argparse
import hashlib
import hmac
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID

import httpx
import uvicorn
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows import store
from flows.errors import ExportError, SettingsError
from flows.settings import WebhookSettings, check

_MAX_BODY_BYTES = 16_384
_MAX_KEY_CHARACTERS = 255


class Delivery(BaseModel):
    """The body of POST /process-full-v2."""

    model_config = ConfigDict(extra="ignore")

    user_id: UUID
    storage_path: str = Field(min_length=1, max_length=1_024)
    conversation_count: int | None = Field(default=None, ge=0, le=10_000_000)
    file_type: Literal["zip", "json"] | None = None


class Refusal(Exception):
    """The delivery is answered with `status` and the reason."""

    def __init__(self, status: int, reason: str):
        self.status, self.reason = status, reason


async def process_full(request: Request) -> JSONResponse:
    settings = WebhookSettings()
    _authenticate(request, settings)
    delivery = await _delivery(request)
    try:
        store.object_name(delivery.storage_path, delivery.user_id, settings.storage_bucket)
    except ExportError as error:
        raise Refusal(403, str(error)) from None
    given = request.headers.get("idempotency-key", "")
    if len(given) > _MAX_KEY_CHARACTERS:
        raise Refusal(422, f"Idempotency-Key is longer than {_MAX_KEY_CHARACTERS} characters")
    try:
        run = await (_start(settings, delivery, f"key {given}") if given else _start_unless_running(settings, delivery))
    except ObjectNotFound:
        raise Refusal(
            503,
            f"the deployment {settings.full_pass_deployment} does not exist; run python -m deployments.apply",
        ) from None
    except httpx.HTTPError:
        raise Refusal(503, "the Prefect API cannot be reached; deliver again later") from None
    return JSONResponse({"flow_run_id": str(run.id)}, status_code=202)


async def health(request: Request) -> JSONResponse:
    async with get_client() as prefect:
        problem = await prefect.api_healthcheck()
    if problem is not None:
        return JSONResponse({"status": "the Prefect API does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})


def _authenticate(request: Request, settings: WebhookSettings) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    # Compared as bytes: compare_digest refuses text beyond ASCII, which a header may hold.
    expected = settings.webhook_key.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), expected):
        raise Refusal(
            401,
            "the bearer key is missing or wrong; send Authorization: Bearer with the value of WEBHOOK_KEY",
        )


async def _delivery(request: Request) -> Delivery:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise Refusal(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
    try:
        return Delivery.model_validate_json(body)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise Refusal(422, problems) from None


async def _start_unless_running(settings: WebhookSettings, delivery: Delivery) -> FlowRun:
    """The run that the same body made last, if it has not ended; else a new one.

    The new run's key names the one before it, so that two deliveries at the same moment make the same run.
    """
    async with get_client() as prefect:
        runs = await prefect.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[_digest(delivery)])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        )
    last = runs[0] if runs else None
    if last and last.state and not last.state.is_final():
        return last
    return await _start(settings, delivery, f"{_digest(delivery)} after {last.id if last else 'none'}")


async def _start(settings: WebhookSettings, delivery: Delivery, key: str) -> FlowRun:
    return await arun_deployment(
        settings.full_pass_deployment,
        parameters=delivery.model_dump(mode="json"),
        tags=[_digest(delivery)],
        # The user is part of every key, so a key that two users happen to send does not meet.
        idempotency_key=hashlib.sha256(f"{delivery.user_id} {key}".encode()).hexdigest(),
        timeout=0,
        as_subflow=False,
    )


def _digest(delivery: Delivery) -> str:
    """What a delivery's body asks for, as a tag of the run that it makes."""
    return f"delivery-{hashlib.sha256(delivery.model_dump_json().encode()).hexdigest()[:16]}"


async def _refuse(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)
    return JSONResponse({"error": refusal.reason}, status_code=refusal.status)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    check(WebhookSettings)
    yield


app = Starlette(
    routes=[
        Route("/process-full-v2", process_full, methods=["POST"]),
        Route("/health", health),
    ],
    exception_handlers={Refusal: _refuse},
    lifespan=_lifespan,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.webhook", description="The webhook receiver.")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s, which only this machine reaches")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        check(WebhookSettings)  # here for a message without a stack trace
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
