"""A database that a test asks in SQL, as whom it likes."""

import asyncio
import json
from typing import Any

import asyncpg

USER, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


class Database:
    def __init__(self, url: str):
        self.url = url

    def run(self, sql: str, *arguments: Any, role: str | None = None, user: str | None = None) -> Any:
        """The rows of one statement; as `role`, else as the owner of everything."""

        async def run(connection: asyncpg.Connection) -> Any:
            async with connection.transaction():
                claims = json.dumps({"role": role, "sub": user})
                await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
                if role:
                    await connection.execute(f"set local role {role}")
                return await connection.fetch(sql, *arguments)

        return self._with_connection(run)

    def script(self, sql: str) -> None:
        """Many statements, in a transaction."""

        async def run(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                await connection.execute(sql)

        self._with_connection(run)

    def value(self, sql: str, *arguments: Any, **who: str) -> Any:
        return self.run(sql, *arguments, **who)[0][0]

    def sign_up(self, *users: str) -> None:
        """Accounts of Supabase Auth."""
        self.run("insert into auth.users (id) select unnest($1::uuid[]) on conflict do nothing", list(users))

    def claim(self, run_id: str, replaces: str | None = None) -> Any:
        return json.loads(
            self.value("select full_pass_claim($1, $2, '{}', $3)", USER, run_id, replaces, role="service_role")
        )

    def row(self) -> Any:
        return self.run("select * from user_profiles where user_id = $1", USER)[0]

    def _with_connection(self, work: Any) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(self.url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(run())
