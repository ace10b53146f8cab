"""Model calls through the real SDK against the stand-in, each fault as the steps see it."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from deployments.local.processes import Port, Service
from deployments.local.stack import ROOT
from deployments.local.supervisor import Supervisor
from flows.errors import (
    InvalidReply,
    ModelError,
    ModelRefusedAccess,
    OutOfRetries,
    PromptTooLong,
    RequestRejected,
    SpendLimitReached,
)
from flows.extraction.question import ChunkFacts
from flows.llm import batch_removal
from flows.llm.client import open_model
from flows.llm.messages import blocks
from flows.records import Step
from tests.conftest import clean_environment

KEY = "key-of-the-test"

pytestmark = pytest.mark.xdist_group("messages")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port, folder = Port(0), tmp_path_factory.mktemp("messages")
    with Supervisor(folder) as supervisor:
        service = Service(
            "messages",
            [sys.executable, "-m", "deployments.local.messages_api", "--port", str(port.number)],
            supervisor=supervisor,
            log=folder / "log",
            environment={**clean_environment(), "MESSAGES_API_KEY": KEY},
            cwd=ROOT,
        )
        service.start()
        service.wait_until_listening("127.0.0.1", port.number)
        with httpx.Client(base_url=f"http://127.0.0.1:{port.number}", timeout=60) as client:
            yield client
    port.release()


@pytest.fixture(autouse=True)
def settings(monkeypatch, stand_in):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", str(stand_in.base_url))
    monkeypatch.setenv("MODEL_MAX_RETRIES", "0")
    monkeypatch.setenv("MODEL_THROTTLED_SECONDS", "0")
    monkeypatch.setenv("MODEL_TIMEOUT_SECONDS", "5")
    stand_in.put("/_control", json={}).raise_for_status()
    stand_in.delete("/_control").raise_for_status()


async def ask_one(
    client, text="I like tea. My birthday is 14 March 1990.", model="claude-haiku-5-5", reply_tokens=1_000
):
    return await client.ask(
        step=Step.EXTRACT_FACTS,
        model=model,
        system="Note facts.",
        content=blocks({"excerpt-1": [("user", text)]}),
        reply_type=ChunkFacts,
        reply_tokens=reply_tokens,
    )


def ask(*arguments, times=1, **options):
    async def calls():
        async with open_model() as client:
            replies = await asyncio.gather(*(ask_one(client, *arguments, **options) for _ in range(times)))
            return replies, client.usage.total()

    return asyncio.run(calls())


def test_facts_come_back_validated_and_what_they_cost_is_known(stand_in):
    (reply,), total = ask()
    assert [(fact.kind, fact.text, fact.date) for fact in reply.facts] == [
        ("preference", "I like tea.", None),
        ("date", "My birthday is 14 March 1990.", "1990-03-14"),
    ]
    assert total.calls == 1
    counted = stand_in.get("/_control").json()["tokens"]
    assert (total.input_tokens, total.output_tokens) == (counted["input"], counted["output"])


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (400, RequestRejected, "rejects the request .*: a fault that was asked for"),
        (401, ModelRefusedAccess, "set ANTHROPIC_API_KEY"),
        (402, SpendLimitReached, "add credit"),
        (403, ModelRefusedAccess, "may not use"),
        (404, ModelRefusedAccess, "set EXTRACTION_MODEL"),
        (413, PromptTooLong, "larger than the Messages API takes"),
        (429, ModelError, "429"),
        (500, ModelError, "500"),
        (529, ModelError, "529"),
    ],
)
def test_an_error_answer_says_what_to_do_and_whether_trying_again_helps(stand_in, status, error, says):
    stand_in.put("/_control", json={"faults": [{"kind": "status", "status": status}]}).raise_for_status()
    with pytest.raises(error, match=says) as caught:
        ask()
    assert caught.value.permanent == (error in (ModelRefusedAccess, PromptTooLong))


@pytest.mark.parametrize("kind", ["truncate", "malformed", "refusal", "max_tokens"])
def test_a_reply_that_cannot_be_used_is_an_error_without_the_reply_in_it(stand_in, kind):
    stand_in.put("/_control", json={"faults": [{"kind": kind}]}).raise_for_status()
    with pytest.raises(InvalidReply) as caught:
        ask("I like secret tea.")
    assert "secret" not in str(caught.value)


def test_a_reply_that_needs_more_room_than_it_may_have_is_an_error():
    with pytest.raises(InvalidReply, match="max_tokens"):
        ask(" ".join(f"I like tea number {number}." for number in range(200)), reply_tokens=50)


def test_a_connection_that_breaks_in_the_answer_is_a_passing_error(stand_in):
    stand_in.put("/_control", json={"faults": [{"kind": "drop"}]}).raise_for_status()
    with pytest.raises(ModelError, match="could not be reached"):
        ask()


def test_a_call_without_an_answer_ends_at_the_time_limit(stand_in, monkeypatch):
    monkeypatch.setenv("MODEL_TIMEOUT_SECONDS", "0.5")
    stand_in.put("/_control", json={"faults": [{"kind": "hang"}]}).raise_for_status()
    started = time.monotonic()
    with pytest.raises(ModelError, match="no answer in time"):
        ask()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("kind", "answered"), [("stall", False), ("slow", True)])
def test_the_time_limit_is_on_silence_and_not_on_length(stand_in, monkeypatch, kind, answered):
    monkeypatch.setenv("MODEL_TIMEOUT_SECONDS", "0.5")
    stand_in.put("/_control", json={"faults": [{"kind": kind}]}).raise_for_status()
    started = time.monotonic()
    if answered:
        assert len(ask()[0]) == 1
        assert time.monotonic() - started > 0.5
    else:
        with pytest.raises(ModelError, match="no answer in time"):
            ask()


def test_a_passing_error_is_tried_again(stand_in, monkeypatch):
    monkeypatch.setenv("MODEL_MAX_RETRIES", "2")
    monkeypatch.setenv("MODEL_THROTTLED_SECONDS", "20")
    fault = {"kind": "status", "status": 529, "retry_after": 0.01, "times": 2}
    stand_in.put("/_control", json={"faults": [fault]}).raise_for_status()
    (reply,), _ = ask()
    assert len(reply.facts) == 2
    assert stand_in.get("/_control").json()["calls"]["by_status"] == {"529": 2, "200": 1}


def test_a_call_that_is_turned_away_holds_back_all_others(stand_in, monkeypatch):
    monkeypatch.setenv("MODEL_THROTTLED_SECONDS", "30")
    fault = {"kind": "status", "status": 429, "retry_after": 1, "times": 1}
    stand_in.put("/_control", json={"latency_seconds": 0.05, "faults": [fault]}).raise_for_status()
    answered = []

    async def lane(client, began):
        for _ in range(5):
            await ask_one(client)
            answered.append(time.monotonic() - began)

    async def lanes():
        async with open_model() as client:
            began = time.monotonic()
            await asyncio.gather(*(lane(client, began) for _ in range(3)))

    asyncio.run(lanes())
    assert len(answered) == 15
    assert sum(seconds < 1 for seconds in answered) <= 2  # what was in flight with the one that was turned away


def test_retries_of_a_run_are_limited_whatever_each_call_may_do(stand_in, monkeypatch):
    monkeypatch.setenv("MODEL_MAX_RETRIES", "10")
    monkeypatch.setenv("MODEL_RETRY_BUDGET", "1")
    stand_in.put("/_control", json={"faults": [{"kind": "status", "status": 500}]}).raise_for_status()
    with pytest.raises(OutOfRetries) as caught:
        ask()
    assert not caught.value.permanent
    assert stand_in.get("/_control").json()["calls"]["total"] == 2


def test_nobody_there_is_a_passing_error(monkeypatch):
    with socket.socket() as listener:  # bound, so nobody else takes the port, but not listening
        listener.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(ModelError, match="could not be reached"):
            ask()


def test_a_wrong_key_and_an_unknown_model_are_refused(monkeypatch):
    with pytest.raises(ModelRefusedAccess, match="no model claude-nobody"):
        ask(model="claude-nobody")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    with pytest.raises(ModelRefusedAccess, match="does not accept the key") as caught:
        ask()
    assert "another" not in str(caught.value)


def test_fifty_calls_at_a_time_are_fifty_in_flight(stand_in):
    stand_in.put("/_control", json={"latency_seconds": 2}).raise_for_status()
    replies, _ = ask(times=51)  # the first goes alone: it finds out the limits, and what the server can do
    assert len(replies) == 51
    assert stand_in.get("/_control").json()["in_flight"]["max"] == 50


def handed_in(requests: int) -> str:
    parameters = {
        "model": "claude-haiku-5-5",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "I like tea."}],
    }

    async def hand_in() -> str:
        async with open_model() as model:
            asked = {f"question-{number}": parameters for number in range(requests)}
            return await model.create_batch(Step.EXTRACT_FACTS, "claude-haiku-5-5", asked)

    return asyncio.run(hand_in())


def test_a_batch_of_somebody_who_is_erased_is_cancelled_and_deleted(stand_in):
    stand_in.put("/_control", json={"latency_seconds": 3_600}).raise_for_status()
    batch_id = handed_in(3)
    assert asyncio.run(batch_removal.delete([batch_id], seconds=0)) == [batch_id]
    ids = [batch_id, "msgbatch_of_another_key"]
    asyncio.run(batch_removal.cancel(ids))
    assert asyncio.run(batch_removal.delete(ids, seconds=60, poll_seconds=0.1)) == []
    counted = stand_in.get("/_control").json()["batches"]
    assert counted == {"total": 1, "requests": 3, "canceled_requests": 2, "deleted": 1}


def test_batches_that_the_api_does_not_let_be_deleted_are_named(monkeypatch):
    batch_id = handed_in(1)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    assert asyncio.run(batch_removal.delete([batch_id], seconds=60)) == [batch_id]
    monkeypatch.setenv("MODEL_PROVIDER", "bedrock")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "a key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert asyncio.run(batch_removal.delete([batch_id], seconds=60)) == [batch_id]


def test_parameters_that_the_api_does_not_know_are_refused(stand_in):
    headers = {"x-api-key": KEY, "anthropic-version": "2026-10-21"}
    body = {"model": "claude-haiku-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    assert stand_in.post("/v1/messages", json=body, headers=headers).status_code == 200
    answer = stand_in.post("/v1/messages", json={**body, "temperature": 0}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    too_long = {**body, "model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "字" * 250_000}]}
    assert (
        "prompt is too long" in stand_in.post("/v1/messages", json=too_long, headers=headers).json()["error"]["message"]
    )
