"""The stand-in's Message Batches API (see deployments.local.messages_api).

Source: Anthropic's API reference, "Message Batches": at most 100,000 requests or 256 MB, results in any order; after 29
days a batch can be seen, and its results are gone. "Cancel a Message Batch": it is `canceling` while what cannot be
interrupted is answered, then it has ended. "Delete a Message Batch": only when it has ended.
"""

import asyncio
import contextlib
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.messages_api.faults import Control
from deployments.local.messages_api.messages import MessagesApi, error_of
from deployments.local.messages_api.prompt_cache import written
from deployments.local.messages_api.reply_forms import answered_by
from deployments.local.messages_api.wire import ApiError, checked, error_body, headers

_MAX_BYTES, _MAX_REQUESTS = 256 * 1024**2, 100_000
_CANCELING_SECONDS = 0.5
_CUSTOM_ID = re.compile("[a-zA-Z0-9_-]{1,64}")


class MessageBatches:
    """The Message Batches API. A batch is worked on for the latency that is set, and its results come in any order."""

    def __init__(self, api: MessagesApi, control: Control):
        self._api = api
        self._control = control
        self._batches: dict[str, dict[str, Any]] = {}
        self._cancelled: dict[str, asyncio.Event] = {}
        self._results: dict[str, list[dict[str, Any]]] = {}
        self._work: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        return [
            Route("/v1/messages/batches", self._create, methods=["POST"]),
            Route("/v1/messages/batches/{batch_id}", self._retrieve, methods=["GET"]),
            Route("/v1/messages/batches/{batch_id}", self._delete, methods=["DELETE"]),
            Route("/v1/messages/batches/{batch_id}/cancel", self._cancel, methods=["POST"]),
            Route("/v1/messages/batches/{batch_id}/results", self._get_results, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        body = await self._api.body(request, _MAX_BYTES)
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not 1 <= len(requests) <= _MAX_REQUESTS:
            raise ApiError(400, f"requests: 1 to {_MAX_REQUESTS} are required")
        names = [entry.get("custom_id") if isinstance(entry, dict) else None for entry in requests]
        if not all(isinstance(name, str) and _CUSTOM_ID.fullmatch(name) for name in names):
            raise ApiError(400, "requests: custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
        if len(set(names)) < len(names):
            raise ApiError(400, "requests: custom_id: must be unique")
        now = datetime.now(UTC)
        batch_id = f"msgbatch_{secrets.token_hex(12)}"
        batch = {
            "id": batch_id,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {
                "processing": len(requests),
                "succeeded": 0,
                "errored": 0,
                "canceled": 0,
                "expired": 0,
            },
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(hours=24)).isoformat(),
            "ended_at": None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        self._batches[batch_id], self._cancelled[batch_id] = batch, asyncio.Event()
        work = asyncio.create_task(self._work_on(batch, requests, str(request.base_url)))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        self._control.handed_in(len(requests))
        return JSONResponse(batch, headers=headers(request))

    async def _work_on(self, batch: dict[str, Any], requests: list[dict[str, Any]], base_url: str) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled[batch["id"]].wait(), self._control.latency_seconds)
        answered = requests
        if batch["cancel_initiated_at"]:
            await asyncio.sleep(_CANCELING_SECONDS)
            answered = requests[:1]  # could be interrupted no more
        results = [{"custom_id": entry["custom_id"], "result": self._result(entry.get("params"))} for entry in answered]
        canceled = requests[len(answered) :]
        self._control.canceled(len(canceled))
        results += [{"custom_id": entry["custom_id"], "result": {"type": "canceled"}} for entry in canceled]
        for result in results:
            batch["request_counts"]["processing"] -= 1
            batch["request_counts"][result["result"]["type"]] += 1
        self._results[batch["id"]] = results[::-1]
        batch["results_url"] = f"{base_url}v1/messages/batches/{batch['id']}/results"
        batch["ended_at"] = datetime.now(UTC).isoformat()
        batch["processing_status"] = "ended"

    def _result(self, body: Any) -> dict[str, Any]:
        try:
            prompt, kind = checked(body)
            form, cached = answered_by(body, self._control.schemas or "followed", self._control.tools), written(body)
            fault = self._control.fault(kind, prompt)
            if fault is not None and fault.kind == "expire":
                return {"type": "expired"}
            if fault is not None and (problem := error_of(fault)):
                raise problem
        except ApiError as error:
            return {"type": "errored", "error": error_body(error, f"req_{secrets.token_hex(12)}")}
        return {"type": "succeeded", "message": self._api.message(body, prompt, kind, form, fault, cached)}

    async def _retrieve(self, request: Request) -> Response:
        self._api.authenticate(request)
        batch = self._found(request)
        if self._control.is_archived(batch["id"]):
            batch = {**batch, "archived_at": datetime.now(UTC).isoformat(), "results_url": None}
        return JSONResponse(batch, headers=headers(request))

    async def _cancel(self, request: Request) -> Response:
        self._api.authenticate(request)
        batch = self._found(request)
        if batch["processing_status"] == "ended":
            raise ApiError(400, "the batch has ended")
        self._cancelled[batch["id"]].set()
        batch |= {"processing_status": "canceling", "cancel_initiated_at": datetime.now(UTC).isoformat()}
        return JSONResponse(batch, headers=headers(request))

    async def _delete(self, request: Request) -> Response:
        self._api.authenticate(request)
        batch = self._found(request)
        if batch["processing_status"] != "ended":
            raise ApiError(400, "a batch that is worked on cannot be deleted; cancel it first")
        for kept in (self._batches, self._cancelled, self._results):
            del kept[batch["id"]]
        self._control.deleted()
        return JSONResponse({"id": batch["id"], "type": "message_batch_deleted"}, headers=headers(request))

    async def _get_results(self, request: Request) -> Response:
        self._api.authenticate(request)
        batch = self._found(request)
        if batch["processing_status"] != "ended":
            raise ApiError(400, "the batch has not ended")
        lines = "".join(f"{json.dumps(result)}\n" for result in self._results[batch["id"]])
        return Response(lines, media_type="application/x-jsonl", headers=headers(request))

    def _found(self, request: Request) -> dict[str, Any]:
        batch = self._batches.get(request.path_params["batch_id"])
        if batch is None:
            raise ApiError(404, "there is no such batch")
        return batch
