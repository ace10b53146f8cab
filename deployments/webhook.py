"""The webhook receiver: the web app tells it that an export is uploaded, it starts the flow run.

    python -m deployments.webhook --host 0.0.0.0 --port 8000        (or any ASGI server with deployments.webhook:app)

    POST /process-full-v2   Authorization: Bearer $WEBHOOK_KEY
                            {"user_id", "storage_path", "conversation_count"?, "file_type"?, "replace"?}
                            202 {"flow_run_id"}
    POST /retry-full-pass   Authorization: as above; {"user_id"}
                            202 {"flow_run_id"} when the user's row says failed, else 409 {"error", "status"}
    GET  /health            200 {"status": "ok"} when the Prefect API answers, else 503

The same delivery twice makes one run. Deliveries are the same when their `Idempotency-Key` headers are; without that
header, when their bodies are, as long as the run that the first one made has not ended.
"""

import argparse
import hmac
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import httpx
import uvicorn
from prefect import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows.errors import ExportError, SettingsError, StoreError
from flows.runs import flow_runs
from flows.runs.flow_runs import PassRequest
from flows.settings import StoreSettings, WebhookSettings, check
from flows.store.client import open_store
from flows.store.exports import object_name

Body = TypeVar("Body", bound=BaseModel)

_MAX_BODY_BYTES = 16_384
_MAX_KEY_CHARACTERS = 255
_PATIENCE_SECONDS = 5  # with a database that does not answer; whoever asks can ask again


class RetryRequest(BaseModel):
    """The body of POST /retry-full-pass."""

    model_config = ConfigDict(extra="ignore")

    user_id: UUID


class Refusal(Exception):
    """The request is answered with `code` and the reason, and what else is to be said."""

    def __init__(self, code: int, reason: str, **more: str | None):
        self.code, self.reason, self.more = code, reason, more


async def process_full(request: Request) -> JSONResponse:
    settings = WebhookSettings()
    _authenticate(request, settings)
    delivery = await _body(request, PassRequest)
    try:
        object_name(delivery.storage_path, delivery.user_id, settings.storage_bucket)
    except ExportError as error:
        raise Refusal(403, str(error)) from None
    given = request.headers.get("idempotency-key", "")
    if len(given) > _MAX_KEY_CHARACTERS:
        raise Refusal(422, f"Idempotency-Key is longer than {_MAX_KEY_CHARACTERS} characters")
    deployment = settings.full_pass_deployment
    if given:
        return await _started(deployment, flow_runs.start(deployment, delivery, f"key {given}"))
    return await _started(deployment, flow_runs.start_unless_active(deployment, delivery))


async def retry_full_pass(request: Request) -> JSONResponse:
    settings = WebhookSettings()
    _authenticate(request, settings)
    user_id = (await _body(request, RetryRequest)).user_id
    columns = "user_id,full_pass_status,full_pass_run_id,full_pass_parameters"
    try:
        async with open_store(patience=_PATIENCE_SECONDS) as store:
            row = (await store.passes.rows([user_id], columns)).get(user_id)
    except StoreError as error:
        raise Refusal(503, str(error)) from None
    if row is None:
        raise Refusal(404, f"user_profiles has no row for user {user_id}")
    status = row.full_pass_status
    if status != "failed":
        raise Refusal(409, f"the full pass of this user is {status}; only a failed one can be retried", status=status)
    again = flow_runs.stored_request(row.full_pass_parameters, user_id, settings.storage_bucket)
    if again is None:
        raise Refusal(409, "it is not known what to retry; deliver the export again", status=status)
    deployment = settings.full_pass_deployment
    return await _started(deployment, flow_runs.start_retry(deployment, again, row.full_pass_run_id or ""))


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


async def _started(deployment: str, start: Awaitable[FlowRun]) -> JSONResponse:
    try:
        run = await start
    except ObjectNotFound:
        problem = f"the deployment {deployment} does not exist; run python -m deployments.apply"
        raise Refusal(503, problem) from None
    except (httpx.HTTPError, PrefectHTTPStatusError):
        raise Refusal(503, "the Prefect API cannot be reached; deliver again later") from None
    return JSONResponse({"flow_run_id": str(run.id)}, status_code=202)


async def _body(request: Request, shape: type[Body]) -> Body:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise Refusal(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise Refusal(422, problems) from None


async def _refuse(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)
    return JSONResponse({"error": refusal.reason, **refusal.more}, status_code=refusal.code)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    check(WebhookSettings, StoreSettings)
    yield


app = Starlette(
    routes=[
        Route("/process-full-v2", process_full, methods=["POST"]),
        Route("/retry-full-pass", retry_full_pass, methods=["POST"]),
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
        check(WebhookSettings, StoreSettings)  # here for a message without a stack trace
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
