"""A database that a test asks in SQL, as whom it likes."""

import asyncio
import functools
import json
import threading
from typing import Any

import asyncpg

USER, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


class Database:
    """Its connections are kept, since a new one has every function to compile; `close` ends them."""

    def __init__(self, url: str):
        self.url = url
        self._pool: asyncpg.Pool | None = None

    def close(self) -> None:
        if self._pool is not None:
            _done(self._pool.close())

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
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self.url, min_size=0, max_size=10)
            async with self._pool.acquire() as connection:
                return await work(connection)

        return _done(run())


def _done(work: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop for the connections of all databases: they are bound to the one that has made them."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
