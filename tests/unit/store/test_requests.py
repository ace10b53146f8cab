"""What Supabase answers, and what is made of it: waited for, refused, or read page by page."""

import asyncio
import json
import math

import httpx
import pytest
from postgrest import AsyncPostgrestClient

from flows.errors import NotOwner, StoreError
from flows.store.requests import Query, SupabaseRequests, pages
from tests.unit.fake_supabase import FakeSupabase


def answered(ask, *answers, patience=0.0):
    """What the question gives when the service answers so, one after the other; and the requests it has got."""
    left, seen = list(answers), []

    def answer(request):
        seen.append(request)
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        status, body = given
        return httpx.Response(status, json=body)

    async def asked():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            client = AsyncPostgrestClient("http://supabase.test/rest/v1", http_client=http, retry_enabled=False)
            return await ask(SupabaseRequests(client, patience))

    return asyncio.run(asked()), seen


def call(requests):
    return requests.rpc("full_pass_pause", {"p_model": "m", "p_seconds": 1})


def error(code, details=None):
    return {"code": code, "message": "private words", "details": details, "hint": None}


def test_a_function_is_called_with_its_arguments():
    result, (request,) = answered(call, (200, 7.5))
    assert result == 7.5
    assert request.url.path == "/rest/v1/rpc/full_pass_pause"
    assert json.loads(request.content) == {"p_model": "m", "p_seconds": 1}


def test_a_query_says_which_rows_in_which_order():
    asked = Query("t", "a,b", equal={"a": "1"}, among={"b": ["x", "y"]}, order="a", after="0", limit=5)
    page, (request,) = answered(lambda requests: requests.select(asked), (200, [{"a": "1", "b": "x"}]))
    assert page.rows == [{"a": "1", "b": "x"}]
    assert sorted(request.url.params.multi_items()) == [
        ("a", "eq.1"),
        ("a", "gt.0"),
        ("b", "in.(x,y)"),
        ("limit", "5"),
        ("order", "a.asc"),
        ("select", "a,b"),
    ]


@pytest.mark.parametrize("first", [(503, error("PGRST000")), (500, error("57014")), httpx.ConnectError("away")])
def test_a_service_that_is_away_is_waited_for(first):
    result, seen = answered(call, first, (200, 1), patience=1)
    assert result == 1
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, error("PGRST301")), "does not accept the key"),
        ((403, error("42501")), "not to a publishable or anon key"),
        ((404, error("PGRST202")), "apply deployments/supabase/migrations"),
        ((400, error("42703")), "apply deployments/supabase/migrations"),
        ((400, error("23502")), "refused the request with code 23502"),
        ((503, error("PGRST001")), "does not answer"),
        (httpx.ConnectError("private words"), "could not be reached"),
    ],
)
def test_what_is_not_answered_in_the_end_says_what_to_do_and_nothing_of_the_user(answer, says):
    with pytest.raises(StoreError, match=says) as refused:
        answered(call, answer)
    assert "private words" not in str(refused.value)


def test_a_run_that_does_not_own_the_user_is_told_who_does():
    with pytest.raises(NotOwner, match="flow run r2 has this user"):
        answered(call, (400, error("FP001", "r2")))


@pytest.mark.parametrize("max_rows", [7, 500, 1_000, 5_000])
@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_500])
def test_all_pages_are_read_and_none_in_vain(count, max_rows):
    fake = FakeSupabase(max_rows)
    fake.tables["conversation_chunks"] = [{"chunk_key": f"{number:032x}", "user_id": "u"} for number in range(count)]
    asked = Query("conversation_chunks", "chunk_key", equal={"user_id": "u"}, order="chunk_key")

    async def read():
        return [row["chunk_key"] async for row in pages(fake, asked)]

    assert asyncio.run(read()) == [f"{number:032x}" for number in range(count)]
    assert fake.selects == max(1, math.ceil(count / min(max_rows, 1_000)))
