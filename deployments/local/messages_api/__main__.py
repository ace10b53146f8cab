"""The Messages API stand-in: Anthropic's wire format on loopback, answered by rules.

    python -m deployments.local.messages_api --port PORT    (MESSAGES_API_KEY set: only that key is accepted)

The flow talks to it through the same SDK as to Claude. Tests and benchmarks set latency and faults by PUT /_control
and read what was asked by GET /_control; see `deployments.local.messages_api.faults`.
"""

import argparse
import os

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.messages_api.clouds import Clouds
from deployments.local.messages_api.faults import Control
from deployments.local.messages_api.message_batches import MessageBatches
from deployments.local.messages_api.messages import MessagesApi
from deployments.local.messages_api.wire import ApiError, error_body, headers


async def _not_found(request: Request) -> Response:
    raise ApiError(404, f"{request.method} {request.url.path} is not found")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    sent = headers(request)
    if error.retry_after is not None:
        sent["retry-after"] = str(error.retry_after)
    return JSONResponse(error_body(error, sent["request-id"]), status_code=error.status, headers=sent)


def application(key: str | None = None) -> Starlette:
    control = Control()
    api = MessagesApi(key, control)
    return Starlette(
        routes=[
            *MessageBatches(api, control).routes(),
            Route("/v1/messages", api.create, methods=["POST"]),
            Route("/v1/messages/count_tokens", api.count_tokens, methods=["POST"]),
            *Clouds(api, key).routes(),
            *control.routes(),
            Route("/{rest:path}", _not_found, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={ApiError: _refuse},
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.local.messages_api", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        application(os.environ.get("MESSAGES_API_KEY")),
        host="127.0.0.1",
        port=arguments.port,
        log_level="critical",  # a dropped connection is no news here
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
