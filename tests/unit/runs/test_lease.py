"""A pass goes on when the lease on its deployment's limit is lost."""

import asyncio
import logging
from uuid import uuid4

import httpx
from prefect import flow_engine
from prefect.concurrency import _leases

from flows import full_pass  # noqa: F401  which the engine imports before it begins
from tests.unit.waiting import until


class Away:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def renew_concurrency_lease(self, **_):
        raise httpx.ConnectError("the Prefect server is away")


def test_a_lease_that_cannot_be_renewed_ends_no_pass(monkeypatch, caplog):
    monkeypatch.setattr(_leases, "get_client", lambda **_: Away())
    monkeypatch.setattr(_leases, "_RENEWAL_MAX_ATTEMPTS", 1)

    async def work():
        as_the_engine_does = vars(flow_engine)["amaintain_concurrency_lease"]
        async with as_the_engine_does(uuid4(), 300, raise_on_lease_renewal_failure=True):
            await until(lambda: any("no longer reserved" in record.message for record in caplog.records))
            await asyncio.sleep(0.1)
            return "done"

    with caplog.at_level(logging.WARNING, "prefect.concurrency"):
        assert asyncio.run(work()) == "done"
