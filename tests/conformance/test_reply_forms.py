"""Servers of the Messages API that know no JSON schemas are told from those that do, with the run's first question."""

import asyncio

import httpx
import pytest

from flows import models
from flows.errors import InvalidReply, ModelError, ModelRefusedAccess, RequestRejected
from flows.extraction.question import ChunkFacts
from flows.llm.client import open_model
from flows.llm.messages import blocks
from flows.records import Step
from tests.conformance.test_cut_off import facts_file, memory_of
from tests.unit.fake_model import KEY

HAIKU = "claude-haiku-5-5"


async def ask(client, text="I like tea.", *, name=HAIKU, step=Step.EXTRACT_FACTS):
    return await client.ask(
        step=step,
        model=name,
        system="Note facts.",
        content=blocks({"excerpt-1": [("user", text)]}),
        reply_type=ChunkFacts,
        reply_tokens=1_000,
    )


def asked(model, *faults, times=10, server, **which):
    """What so many questions at once gave, and the stand-in's count of calls."""

    async def calls():
        async with model.connected() as client:
            await model.behave(*faults, **server)
            questions = (ask(client, f"I like tea {number}.", **which) for number in range(times))
            results = await asyncio.gather(*questions, return_exceptions=True)
            return results, (await model.counted())["calls"]

    return asyncio.run(calls())


def test_a_server_that_follows_schemas_costs_no_call_more(model):
    replies, calls = asked(model, server={})
    assert all(reply.facts for reply in replies)
    assert calls["by_form"] == {"schema": 10}


@pytest.mark.parametrize("tools", ["followed", "choice_ignored"])
def test_a_server_that_ignores_schemas_is_asked_with_a_tool_after_the_first_question(model, tools):
    replies, calls = asked(model, server={"schemas": "ignored", "tools": tools})
    assert all(reply.facts for reply in replies)
    assert calls["by_form"] == {"prose": 1, "tool": 10}


def test_a_server_that_rejects_schemas_is_asked_with_a_tool_after_the_first_question(model):
    replies, calls = asked(model, server={"schemas": "rejected"})
    assert all(reply.facts for reply in replies)
    assert calls["by_status"] == {"400": 1, "200": 10}


def test_finding_out_costs_no_retry(model, monkeypatch):
    monkeypatch.setenv("MODEL_RETRY_BUDGET", "0")
    replies, _ = asked(model, server={"schemas": "rejected"})
    assert all(reply.facts for reply in replies)


@pytest.mark.parametrize(
    "server",
    [
        {"schemas": "ignored", "tools": "ignored"},
        {"schemas": "ignored", "tools": "rejected"},
        {"schemas": "rejected", "tools": "ignored"},
        {"schemas": "rejected", "tools": "rejected"},
    ],
)
def test_a_server_that_knows_neither_ends_the_run_at_its_first_question(model, server):
    results, calls = asked(model, server=server)
    assert calls["total"] == 2
    assert {type(result) for result in results} == {ModelRefusedAccess}
    assert "neither JSON schemas" in str(results[0])
    assert "a model that can call tools" in str(results[0])


@pytest.mark.parametrize("kind", ["malformed", "truncate", "refusal", "max_tokens"])
def test_one_bad_reply_of_a_good_server_does_not_switch_it(model, kind):
    results, calls = asked(model, {"kind": kind, "times": 2}, server={})
    assert sum(isinstance(result, InvalidReply) for result in results) == (1 if kind == "max_tokens" else 2)
    assert set(calls["by_form"]) == {"schema"}


def test_json_of_another_shape_is_no_sign_that_schemas_are_followed(model):
    results, calls = asked(model, {"kind": "malformed", "times": 1}, server={"schemas": "ignored"})
    assert [type(result) for result in results] == [InvalidReply, *[ChunkFacts] * 9]
    assert calls["by_form"] == {"prose": 2, "tool": 9}


def test_a_bad_reply_by_tool_is_one_bad_reply(model):
    results, _ = asked(model, {"kind": "malformed", "times": 2}, server={"schemas": "rejected"})
    assert [type(result) for result in results] == [InvalidReply, *[ChunkFacts] * 9]


def test_a_first_question_that_fails_lets_the_next_one_find_out(model, monkeypatch):
    monkeypatch.setenv("MODEL_MAX_RETRIES", "0")
    results, calls = asked(model, {"kind": "status", "status": 500, "times": 1}, server={"schemas": "ignored"})
    assert [type(result) for result in results] == [ModelError, *[ChunkFacts] * 9]
    assert calls["by_form"] == {"prose": 1, "tool": 9}


def test_a_question_that_is_rejected_for_itself_says_nothing_about_the_server(model):
    fault = {"kind": "status", "status": 400, "message": "messages: text is not valid", "times": 2}
    results, calls = asked(model, fault, server={})
    assert [type(result) for result in results] == [RequestRejected, *[ChunkFacts] * 9]
    assert calls["by_form"] == {"schema": 9}


def test_the_first_party_api_is_known_and_nobody_waits(model, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.anthropic.com")

    async def calls():
        async with model.connected() as client:
            await model.behave({"kind": "hang", "contains": "cats"})
            first = asyncio.create_task(ask(client, "I like cats."))
            try:
                async with asyncio.timeout(10):
                    return await asyncio.gather(*(ask(client) for _ in range(3)))
            finally:
                first.cancel()

    assert all(reply.facts for reply in asyncio.run(calls()))


def test_the_first_party_api_is_not_switched_by_prose(model, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
    results, calls = asked(model, server={"schemas": "ignored"}, times=3)
    assert {type(result) for result in results} == {InvalidReply}
    assert calls["by_form"] == {"prose": 3}


def test_who_waits_and_is_cancelled_does_not_keep_the_others_waiting(model):
    async def calls():
        async with model.connected() as client:
            await model.behave(latency=0.2)
            questions = [asyncio.create_task(ask(client)) for _ in range(3)]
            await asyncio.sleep(0)
            questions[1].cancel()
            return await asyncio.gather(*questions, return_exceptions=True)

    first, cancelled, last = asyncio.run(calls())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert first.facts
    assert last.facts


@pytest.mark.parametrize("name", [*models.MODELS])
@pytest.mark.parametrize("step", [Step.EXTRACT_FACTS, Step.GENERATE_MEMORY])
def test_every_known_model_is_given_a_tool_as_it_takes_one(model, name, step):
    replies, calls = asked(model, server={"schemas": "rejected"}, times=2, name=name, step=step)
    assert all(reply.facts for reply in replies)
    assert calls["by_form"] == {"tool": 2}


def test_a_memory_is_written_by_tool(model, supabase, tmp_path):
    async def generate():
        async with model.connected():
            await model.behave(schemas="ignored")
            return await memory_of(facts_file(tmp_path, 3))

    assert "I live in town number 2 by the sea." in asyncio.run(generate())


def test_what_one_thread_has_found_out_the_others_know(stand_in, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", stand_in)
    httpx.put(f"{stand_in}/_control", json={"schemas": "ignored", "latency_seconds": 0.1}).raise_for_status()

    async def task():
        async with open_model() as client:
            return await asyncio.gather(*(ask(client) for _ in range(3)))

    async def run():
        async with open_model():
            return await asyncio.gather(*(asyncio.to_thread(asyncio.run, task()) for _ in range(4)))

    assert all(reply.facts for replies in asyncio.run(run()) for reply in replies)
    assert httpx.get(f"{stand_in}/_control").json()["calls"]["by_form"] == {"prose": 1, "tool": 12}
