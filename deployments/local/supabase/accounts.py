"""Supabase Auth as the local gateway speaks it: accounts made and deleted by who has the secret key.

Source: supabase/auth, internal/api/admin.go (adminUserCreate, adminUserDelete) and auth.go (requireAdmin). Statements
run as supabase_auth_admin, the owner of auth.users, as there.
"""

from typing import Any
from uuid import UUID

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.supabase.query_language import not_supported
from deployments.local.supabase.sessions import Connection, Sessions


class Accounts:
    """/auth/v1/admin/users."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions

    def routes(self) -> list[Route]:
        return [
            Route("/auth/v1/admin/users", self.create, methods=["POST"]),
            Route("/auth/v1/admin/users/{id}", self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        wanted = await _body(request)
        async with self._sessions.open(request) as database:
            if not await _is_admin(database):
                return _NOT_ADMIN
            if not wanted.get("email"):
                return _refused(400, "validation_failed", "Cannot create a user without either an email or phone")
            try:
                made = await database.fetchrow(
                    "insert into auth.users (id, email) values (coalesce($1, gen_random_uuid()), $2) returning *",
                    wanted.get("id"),
                    wanted["email"],
                )
            except asyncpg.UniqueViolationError:
                message = "A user with this email address has already been registered"
                return _refused(422, "email_exists", message)
        return JSONResponse(
            {
                **{"id": str(made["id"]), "email": made["email"], "created_at": made["created_at"].isoformat()},
                **{"aud": "authenticated", "role": "authenticated", "app_metadata": {}, "user_metadata": {}},
            }
        )

    async def delete(self, request: Request) -> Response:
        if (await _body(request)).get("should_soft_delete"):
            raise not_supported("a soft deletion")
        try:
            user_id = UUID(request.path_params["id"])
        except ValueError:
            return _refused(404, "validation_failed", "user_id must be an UUID")
        async with self._sessions.open(request) as database:
            if not await _is_admin(database):
                return _NOT_ADMIN
            if not await database.fetchval("delete from auth.users where id = $1 returning true", user_id):
                return _refused(404, "user_not_found", "User not found")
        return JSONResponse({})


async def _is_admin(database: Connection) -> bool:
    """Whether the caller may manage accounts; the transaction goes on as the owner of auth.users."""
    role = await database.fetchval("select auth.role()")
    await database.execute("set local role supabase_auth_admin")
    return bool(role == "service_role")


async def _body(request: Request) -> dict[str, Any]:
    return dict(await request.json()) if await request.body() else {}


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": status, "error_code": code, "msg": message}, status_code=status)


_NOT_ADMIN = _refused(403, "not_admin", "User not allowed")
