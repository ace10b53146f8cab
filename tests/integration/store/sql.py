"""A database that a test asks in SQL, as whom it likes."""

import asyncio
import contextlib
import functools
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import asyncpg

_Answer = TypeVar("_Answer")

USER, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


class Database:
    """Its connections are kept, since a new one has every function to compile; `close` ends them."""

    def __init__(self, url: str):
        self.url = url
        self._pool: asyncpg.Pool | None = None
        self._only: asyncpg.Connection | None = None

    def close(self) -> None:
        if self._pool is not None:
            _done(self._pool.close())

    @contextlib.contextmanager
    def taking_back(self) -> Iterator[None]:
        """Whatever is done in here, to the schema too, is done in one transaction and taken back at the end."""

        async def begin() -> Any:
            self._only = await (await self._connected()).acquire()
            transaction = self._only.transaction()
            await transaction.start()
            return transaction

        async def take_back(transaction: Any) -> None:
            await transaction.rollback()
            await (await self._connected()).release(self._only)
            self._only = None

        transaction = _done(begin())
        try:
            yield
        finally:
            _done(take_back(transaction))

    def run(self, sql: str, *arguments: Any, role: str | None = None, user: str | None = None) -> Any:
        """The rows of one statement; as `role`, else as the owner of everything."""

        async def run(connection: asyncpg.Connection) -> Any:
            async with connection.transaction():
                claims = json.dumps({"role": role, "sub": user})
                await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
                if role:
                    await connection.execute(f"set local role {role}")
                rows = await connection.fetch(sql, *arguments)
                if role:
                    await connection.execute("set local role none")  # of a larger transaction, the rest is the owner's
                return rows

        return self.ask(run)

    def script(self, sql: str) -> None:
        """Many statements, in a transaction."""

        async def run(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                await connection.execute(sql)

        self.ask(run)

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

    def ask(self, work: Callable[[asyncpg.Connection], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """What `work` gives, which is called with a connection."""

        async def run() -> _Answer:
            if self._only is not None:
                return await work(self._only)
            async with (await self._connected()).acquire() as connection:
                return await work(connection)

        return _done(run())

    async def _connected(self) -> asyncpg.Pool:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(self.url, min_size=0, max_size=10)
        return self._pool


def _done(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop for the connections of all databases: they are bound to the one that has made them."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
