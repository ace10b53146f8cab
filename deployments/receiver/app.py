"""The receiver's routes, and how each problem is answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

import httpx
from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPBase
from prefect import get_client
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import BaseModel, ValidationError

from deployments.receiver import deliveries, last_runs, limits, page, readiness
from deployments.receiver.bodies import (
    Accepted,
    Alive,
    DatabaseEvent,
    Delivery,
    Ignored,
    PassStatus,
    Problem,
    Readiness,
    Retry,
    RetryAccepted,
)
from deployments.receiver.keys import authenticate
from deployments.receiver.refusal import Refusal
from deployments.receiver.starter import Starter
from flows.errors import StoreError
from flows.runs import flow_runs
from flows.settings import StoreSettings, WebhookSettings, check
from flows.store.client import open_store

Body = TypeVar("Body", bound=BaseModel)
Answer = TypeVar("Answer")

ANSWER_SECONDS = 5.0  # whoever asks can ask again
_AGAIN_SECONDS = 10

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same key with the same body is the same delivery, also when its pass has ended",
    "schema": {"type": "string", "maxLength": deliveries.MAX_KEY_CHARACTERS},
}

_DESCRIPTION = """\
Starts the full pass over uploaded exports. Whoever asks sends `Authorization: Bearer` with one of the keys of
WEBHOOK_KEY, or signs as Standard Webhooks does."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    check(WebhookSettings, StoreSettings)
    settings = WebhookSettings()  # once: to read them takes longer than to answer
    async with open_store(patience=0) as store, get_client() as prefect:
        starter = Starter(store, prefect, settings.full_pass_deployment)
        yield {"starter": starter, "settings": settings}
        await starter.stop()


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


_ASKED = _problems(401, 404, 408, 413, 422, 429, 500, 503)
app = FastAPI(
    title="Soulprint full pass",
    version="2",
    description=_DESCRIPTION,
    lifespan=_lifespan,
    docs_url=None,
    redoc_url=None,
)
app.add_middleware(limits.LoggedRequests)


def _takes(shape: type[BaseModel]) -> dict[str, Any]:
    """The body in the OpenAPI document: FastAPI would read it before the key is checked."""
    content = {"application/json": {"schema": shape.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


#: The document says that a key or a signature is needed; what is sent is checked with the body.
_KEYED: dict[str, Any] = {
    "dependencies": [
        Depends(HTTPBearer(auto_error=False, scheme_name="key", description="one of the keys of WEBHOOK_KEY")),
        Depends(
            APIKeyHeader(
                name="webhook-signature",
                auto_error=False,
                scheme_name="signature",
                description="of Standard Webhooks, with the headers webhook-id and webhook-timestamp",
            )
        ),
    ]
}


@app.post(
    "/process-full-v2",
    status_code=202,
    responses=_ASKED | _problems(403),
    openapi_extra=_takes(Delivery) | {"parameters": [_IDEMPOTENCY_KEY]},
    **_KEYED,
)
async def process_full(request: Request) -> Accepted:
    """An export is uploaded: it is read at once, or when the pass of its user that is active has ended."""
    delivery = _read(await _authenticated(request), Delivery)
    key = request.headers.get("idempotency-key") or request.headers.get("webhook-id", "")
    return await _accepted(request, delivery, key)


@app.post(
    "/webhooks/supabase",
    status_code=202,
    responses={200: {"model": Ignored}} | _ASKED | _problems(403),
    openapi_extra=_takes(DatabaseEvent),
    response_model=Accepted,
    **_KEYED,
)
async def supabase_event(request: Request) -> Accepted | JSONResponse:
    """A row of storage.objects, or of the app's own table of uploads, was inserted."""
    event = _read(await _authenticated(request), DatabaseEvent)
    try:
        delivery = deliveries.told_by(event, request.state.settings)
    except ValidationError as error:
        raise Refusal(422, _told(error)) from None
    if isinstance(delivery, str):
        return JSONResponse(Ignored(reason=delivery).model_dump())
    return await _accepted(request, delivery, "")


@app.post(
    "/retry-full-pass",
    status_code=202,
    responses=_ASKED | _problems(409),
    openapi_extra=_takes(Retry),
    **_KEYED,
)
async def retry_full_pass(request: Request) -> RetryAccepted:
    """The next attempt of a user whose pass has failed, now."""
    user_id = _read(await _authenticated(request), Retry).user_id
    limits.tell(request.scope, user=user_id)
    run_id = await _in_time(_retried(request.state.starter, user_id, request.state.settings))
    limits.tell(request.scope, run=run_id)
    return RetryAccepted(user_id=user_id, flow_run_id=run_id)


#: A page stands beside the JSON, for browsers.
_PAGE: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}
_SHOWN: dict[int | str, dict[str, Any]] = {200: _PAGE}
_SHOWN |= {code: each | _PAGE for code, each in _problems(401, 404, 408, 413, 422, 500, 503).items()}
#: Not FastAPI's HTTPBasic, which answers by itself when it cannot read a password.
_BY_PASSWORD = HTTPBase(
    scheme="basic", auto_error=False, scheme_name="password", description="one of the keys; any user name"
)


@app.get(
    page.ROUTE,
    responses=_SHOWN,
    response_model=PassStatus,
    dependencies=[*_KEYED["dependencies"], Depends(_BY_PASSWORD)],
)
async def pass_status(
    request: Request,
    response: Response,
    user_id: Annotated[str, Path(json_schema_extra={"format": "uuid"})],
    refresh: Annotated[str, Query(description='"off": the page does not load itself again')] = "",
) -> PassStatus | HTMLResponse:
    """How far a user's full pass is: as JSON, or for a browser as a page, which takes the key as a password."""
    await _authenticated(request, by_password=True)
    try:
        identity = UUID(user_id)
    except ValueError:
        raise Refusal(422, "user_id: is no UUID") from None
    limits.tell(request.scope, user=identity)
    starter: Starter = request.state.starter
    row, runs = await asyncio.gather(
        _in_time(starter.store.deliveries.status(identity)), last_runs.of_user(starter.prefect, identity)
    )
    if row is None:
        raise Refusal(404, f"user_profiles has no row for user {identity}")
    status = PassStatus.model_validate({"user_id": identity, **row, "runs": runs})
    if page.is_wanted(request):
        return page.of_status(status, refreshes=refresh != "off")
    response.headers.update(page.ALWAYS)
    return status


@app.get("/health")
async def health() -> Alive:
    """The process lives."""
    return Alive()


@app.get("/ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Whether what the receiver needs answers, or what is missing."""
    found = await readiness.look(request.state.starter)
    response.status_code = 200 if found.status == "ready" else 503
    return found


async def _accepted(request: Request, delivery: Delivery, key: str) -> Accepted:
    limits.tell(request.scope, user=delivery.user_id)
    accepted = await _in_time(deliveries.accept(request.state.starter, delivery, key, request.state.settings))
    limits.tell(request.scope, run=accepted.flow_run_id, delivery=accepted.job_id)
    return accepted


async def _retried(starter: Starter, user_id: UUID, settings: WebhookSettings) -> UUID:
    columns = "user_id,full_pass_status,full_pass_run_id,full_pass_parameters"
    row = (await starter.store.passes.rows([user_id], columns)).get(user_id)
    if row is None:
        raise Refusal(404, f"user_profiles has no row for user {user_id}")
    status = row.full_pass_status
    if status != "failed":
        raise Refusal(409, f"the full pass of this user is {status}; only a failed one can be retried", status=status)
    again = flow_runs.stored_request(row.full_pass_parameters, user_id, settings.storage_bucket)
    if again is None:
        raise Refusal(409, "it is not known what to retry; deliver the export again", status=status)
    deployment_id = await starter.deployment_id()
    run = await flow_runs.start_retry(starter.prefect, deployment_id, again, row.full_pass_run_id or "")
    return run.id


async def _authenticated(request: Request, *, by_password: bool = False) -> bytes:
    body = await limits.body_of(request.receive)
    authenticate(request.headers, body, request.state.settings, by_password=by_password)
    return body


def _read(body: bytes, shape: type[Body]) -> Body:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(422, _told(error)) from None


def _told(error: ValidationError) -> str:
    """Where and what, and nothing of what was sent."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    )


async def _in_time(work: Awaitable[Answer]) -> Answer:
    """Raises Refusal(503) for whatever does not answer, within ANSWER_SECONDS."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await work
    except StoreError as error:
        raise Refusal(503, str(error), retry_after=_AGAIN_SECONDS) from None
    except TimeoutError:
        problem = f"no answer from Prefect or Supabase within {ANSWER_SECONDS:.0f} seconds; deliver again later"
        raise Refusal(503, problem, retry_after=_AGAIN_SECONDS) from None
    except PrefectHTTPStatusError as error:
        raise Refusal(503, readiness.refused(error), retry_after=_AGAIN_SECONDS) from None
    except httpx.HTTPError:
        raise Refusal(
            503, "the Prefect API cannot be reached; deliver again later", retry_after=_AGAIN_SECONDS
        ) from None


@app.exception_handler(Refusal)
async def _refuse(request: Request, refusal: Refusal) -> Response:
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if page.is_wanted(request):
        return page.of_problem(refusal.code, refusal.reason, headers)
    return JSONResponse({"error": refusal.reason, **refusal.more}, status_code=refusal.code, headers=headers)


@app.exception_handler(404)
async def _unknown(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "there is no such address here"}, status_code=404)


@app.exception_handler(limits.ClientGone)
async def _gone(request: Request, error: limits.ClientGone) -> Response:
    return Response(status_code=499)  # read by nobody
