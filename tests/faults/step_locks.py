"""Holds a run where a step begins, so that a fault can meet it in just that step.

At each boundary a run tells its row where it is. A trigger on the row makes that update wait for an advisory lock,
which the test has: the run stands in the step until the lock is released, whatever part is killed meanwhile.
"""

import asyncio
import time
from types import TracebackType
from typing import Any
from uuid import UUID

import asyncpg

_WAIT_SECONDS = 600  # nine runs that begin at once, on a busy machine

_TRIGGER = """
    create table if not exists public.fault_holds (user_id uuid primary key, stage text not null, lock bigint not null);
    create or replace function public.fault_hold() returns trigger language plpgsql security definer as $$
    declare
        v_lock bigint;
    begin
        select lock into v_lock from public.fault_holds where user_id = new.user_id and stage = new.import_stage;
        -- A claim names the first step too, at 0 percent.
        if found and new.full_pass_status = 'processing' and new.progress_percent > 0
            and (old.import_stage, old.progress_percent) is distinct from (new.import_stage, new.progress_percent)
        then
            perform pg_advisory_xact_lock_shared(v_lock);
        end if;
        return new;
    end $$;
    create or replace trigger fault_hold before update on public.user_profiles
        for each row execute function public.fault_hold();
"""


class Holds:
    """Holds of several users; all are released at the end."""

    def __init__(self, database_url: str):
        self._url = database_url
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[Any] | None = None
        self._locks: dict[UUID, int] = {}

    def __enter__(self) -> "Holds":
        self._connection = self._runner.run(asyncpg.connect(self._url))
        self._run("execute", _TRIGGER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        finally:
            self._runner.close()

    def place(self, user_id: UUID, stage: str) -> None:
        """The user's run will stand where the step `stage` begins."""
        lock = self._locks[user_id] = user_id.int & 0x7FFF_FFFF
        self._run("fetchval", "select pg_advisory_lock($1)", lock)
        sql = "insert into public.fault_holds values ($1, $2, $3) on conflict (user_id) do update set stage = $2"
        self._run("execute", sql, user_id, stage, lock)

    def reached(self, *users: UUID) -> None:
        """Returns when the runs of all these users stand where they are to."""
        wanted = {self._locks[user_id] for user_id in users}
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            sql = "select objid::bigint from pg_locks where locktype = 'advisory' and not granted"
            held = {row[0] for row in self._run("fetch", sql)}
            if wanted <= held:
                return
            assert time.monotonic() < deadline, f"{len(wanted - held)} of {len(wanted)} runs do not get there"
            time.sleep(0.1)

    def release(self, *users: UUID) -> None:
        """Lets the runs of these users go on; of all, when none is named."""
        for user_id in users or tuple(self._locks):
            self._run("execute", "delete from public.fault_holds where user_id = $1", user_id)
            self._run("fetchval", "select pg_advisory_unlock($1)", self._locks.pop(user_id))

    def lose(self) -> None:
        """To be called when the database has been away: it has let go of everything itself."""
        self._locks.clear()
        self._connection = self._runner.run(asyncpg.connect(self._url))
        self._run("execute", "delete from public.fault_holds")

    def _run(self, method: str, *arguments: Any) -> Any:
        return self._runner.run(getattr(self._connection, method)(*arguments))
