"""Who a request of the local gateway is from, and its transaction on the database as that role."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import jwt
from starlette.requests import Request

from deployments.local.supabase.faults import Control
from deployments.local.supabase.gateway import Gateway
from deployments.local.supabase.query_language import QueryError

_ROLES = {"anon", "authenticated", "service_role"}
_POOL_SIZE = 12

Connection = Any  # asyncpg.Connection or the pool's proxy of one

UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection was cut while a statement was being cancelled
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database takes no connections
)

#: The role, what its token says, and the timeouts that are set for the role or else for `authenticator`, as which the
#: API logs in. Sources: PostgREST's documentation, "Impersonated Role Settings"; Supabase's, "Timeouts".
_CONFIGURE = """
    select set_config(name, value, true) from (values ('role', $1), ('request.jwt.claims', $2)) as given (name, value)
    union all
    select set_config(name, value, true) from (
        select distinct on (name) name, value
        from pg_roles, unnest(rolconfig) as line,
            lateral (select split_part(line, '=', 1) as name, split_part(line, '=', 2) as value) as setting
        where rolname in ($1, 'authenticator') and name in ('statement_timeout', 'lock_timeout')
        order by name, rolname = 'authenticator'
    ) as timeouts
"""
#: DATABASE_STATEMENT_TIMEOUT in src/config.ts of supabase/storage.
_STORAGE_LIMITS = "set local statement_timeout = '30s'; set local lock_timeout = 0"


class Sessions:
    def __init__(self, database_url: str, jwt_secret: str, control: Control):
        self._url = database_url
        self._gateway = Gateway(jwt_secret)
        self._control = control
        self._pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Connection]:
        """A transaction as the caller's role with the caller's claims, so that row level security applies.

        Raises GatewayError for a key and QueryError 401 for a token that is not ours, QueryError 503 while the database
        cannot be reached.
        """
        role, claims = self._caller(request)
        request.state.role = role
        read_only = self._control.behaviour.read_only
        try:
            pool = await self._connected()
            async with pool.acquire(timeout=10) as connection, connection.transaction(readonly=read_only):
                await connection.execute(_CONFIGURE, role, claims)
                if request.url.path.startswith("/storage/"):
                    await connection.execute(_STORAGE_LIMITS)
                yield connection
        except (*UNREACHABLE, TimeoutError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError):
            raise QueryError(503, "PGRST000", "Could not connect with the database") from None

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    async def _connected(self) -> asyncpg.Pool:
        if self._pool is None:
            # No connection is made before the first request, and a broken one is replaced at its next use.
            self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=_POOL_SIZE, timeout=5)
        return self._pool

    def _caller(self, request: Request) -> tuple[str, str]:
        try:
            claims = self._gateway.claims(request)
        except jwt.ExpiredSignatureError:
            raise QueryError(401, "PGRST303", "JWT expired") from None
        except jwt.PyJWTError:
            raise QueryError(401, "PGRST301", "JWT could not be verified") from None
        if claims is None:  # only Storage is asked without a key
            raise QueryError(401, "InvalidRequest", "headers must have required property 'authorization'")
        role = claims.get("role")
        if role not in _ROLES:
            raise QueryError(401, "PGRST301", "the key names no role of the platform")
        return role, json.dumps(claims)
