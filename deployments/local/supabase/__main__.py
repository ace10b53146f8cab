"""The local Supabase gateway: the part of Supabase's REST, RPC and Storage protocol that the flows use, over Postgres.

    python -m deployments.local.supabase --port PORT --database-url URL --storage-dir DIR    (SUPABASE_JWT_SECRET set)

Each request is one transaction under the role and claims of its key, so row level security is in force as in a real
project. What is not supported answers 501 and says what it was.
Tests set faults and "Max rows" by PUT /_control; see `deployments.local.supabase.faults`.
Source: PostgREST's documentation, "Errors", and its Error.hs.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.supabase.accounts import Accounts
from deployments.local.supabase.faults import Control, Faults
from deployments.local.supabase.gateway import GatewayError
from deployments.local.supabase.object_storage import ObjectStorage, StorageError
from deployments.local.supabase.query_language import QueryError, not_supported
from deployments.local.supabase.rest import Rest
from deployments.local.supabase.sessions import Sessions

#: SQLSTATE, or its first characters → HTTP status, as PostgREST has it (Error.hs, mapSQLtoHTTP); anything else is 400.
_STATUS = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "23503": 409,
    "23505": 409,
    "25": 500,
    "25006": 405,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "42501": 403,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53": 503,
    "53400": 500,
    "54": 500,
    "55": 500,
    "57": 500,
    "57P01": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,
    "XX": 500,
}


async def _unsupported(request: Request) -> Response:
    raise not_supported(f"{request.method} {request.url.path}")


def _from_database(error: asyncpg.PostgresError, role: str) -> QueryError:
    code = error.sqlstate or "XX000"
    if code == "42501" and role == "anon":  # who might do it with a token is asked for one
        return QueryError(401, code, error.message or "")
    status = next((_STATUS[code[:size]] for size in (5, 2) if code[:size] in _STATUS), 400)
    return QueryError(status, code, error.message or "the database refused the request")


async def _refuse(request: Request, error: Exception) -> Response:
    details = None
    if isinstance(error, asyncpg.PostgresError):
        details = error.detail
        error = _from_database(error, request.state.role)
    if isinstance(error, StorageError | GatewayError):
        return error.response()
    assert isinstance(error, QueryError)
    if request.url.path.startswith("/storage/"):
        return StorageError.of(error).response()
    body = {"code": error.code, "message": error.message, "details": details, "hint": error.hint}
    return JSONResponse(body, status_code=error.status)


def application(database_url: str, jwt_secret: str, storage: Path) -> Starlette:
    control = Control()
    sessions = Sessions(database_url, jwt_secret, control)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await sessions.close()

    everything = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[
            *control.routes(),
            *Rest(sessions, control).routes(),
            *ObjectStorage(sessions, storage).routes(),
            *Accounts(sessions).routes(),
            Route("/{rest:path}", _unsupported, methods=everything),
        ],
        middleware=[Middleware(Faults, control)],
        exception_handlers={
            error: _refuse for error in (GatewayError, QueryError, StorageError, asyncpg.PostgresError)
        },
        lifespan=lifespan,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deployments.local.supabase", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--storage-dir", type=Path, required=True)
    arguments = parser.parse_args()
    secret = os.environ.get("SUPABASE_JWT_SECRET")
    if not secret:
        sys.exit("SUPABASE_JWT_SECRET is not set")
    uvicorn.run(
        application(arguments.database_url, secret, arguments.storage_dir),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
