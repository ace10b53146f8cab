"""A user's runs are stopped, whether or not somebody is there to tell them."""

import asyncio
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import StateType

from flows.runs import user_runs
from tests.unit.fake_prefect import DEPLOYMENT

USER, OTHER = uuid4(), uuid4()


def stop(prefect, patience=0.0):
    return asyncio.run(user_runs.stop(prefect, DEPLOYMENT, USER, patience))


@pytest.mark.parametrize("waiting", [StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED])
def test_a_run_that_has_not_begun_is_cancelled_at_once(prefect, waiting):
    run = prefect.run(waiting, USER)
    assert stop(prefect) == 1
    assert run.state.type == StateType.CANCELLED


def test_a_run_whose_worker_is_gone_is_cancelled_in_the_end(prefect):
    run = prefect.run(StateType.RUNNING, USER)
    assert stop(prefect) == 1
    assert run.state.type == StateType.CANCELLED


def test_a_running_one_is_waited_for(prefect, monkeypatch):
    run = prefect.run(StateType.RUNNING, USER)
    seen = []

    async def pause(seconds):
        seen.append(run.state.type)
        run.state = prefect.run(StateType.CANCELLED).state  # as its worker does

    monkeypatch.setattr(asyncio, "sleep", pause)
    assert stop(prefect, patience=60) == 1
    assert seen == [StateType.CANCELLING]


def test_what_has_ended_and_what_is_of_others_is_left_alone(prefect):
    ended, theirs = prefect.run(StateType.COMPLETED, USER), prefect.run(StateType.RUNNING, OTHER)
    assert stop(prefect) == 0
    assert (ended.state.type, theirs.state.type) == (StateType.COMPLETED, StateType.RUNNING)
