"""The status as people see it in a browser, and as a program reads it."""

import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx
import pytest
from prefect.client.schemas.objects import StateType

from deployments.receiver import last_runs, page, plain_words
from flows.records import Step
from flows.runs import flow_runs
from tests.unit.fake_supabase import USER
from tests.unit.receiver.conftest import KEY, OTHER_KEY

#: What Chromium and Firefox send when somebody opens an address.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HOSTILE = """</code><script>alert(1)</script><img src=x onerror=alert(1)>" onload='alert(1)"""


def password(key: str = KEY, user: str = "anybody") -> str:
    return f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"


@pytest.fixture
def opened(receiver):
    """Opens the page as a browser does; returns the answer."""

    def open_(path: str = f"/status/{USER}", authorization: str = password(), **headers: str) -> httpx.Response:
        given = {"Accept": BROWSER, "Authorization": authorization, **headers}
        answer: httpx.Response = receiver.ask("GET", path, headers=given)
        return answer

    return open_


@pytest.fixture
def running(supabase):
    """The row of a user whose pass is at step 4."""
    row = supabase.row()
    row |= {"full_pass_status": "processing", "stage": "extract_facts", "percent": 42, "cost_usd": 0.84}
    return row


def text_of(answer: httpx.Response) -> str:
    """What a reader is told, without the marks and the style."""
    words: list[str] = []

    class Words(HTMLParser):
        inside = ""

        def handle_starttag(self, tag, attrs):
            self.inside = tag

        def handle_data(self, data):
            if self.inside != "style":
                words.append(data)

    Words().feed(answer.text)
    return " ".join(" ".join(words).split())


def tags_of(answer: httpx.Response) -> list[tuple[str, dict[str, str | None]]]:
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Tags().feed(answer.text)
    return found


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("Text/HTML;charset=utf-8;q=0.9, application/json;q=0.8", True),
        ("*/*", False),
        ("", False),
        ("text/*", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        (",;,q=", False),
    ],
)
def test_a_browser_gets_a_page_and_everybody_else_json(receiver, accept, is_page):
    answer = receiver.ask("GET", f"/status/{USER}", headers={"Accept": accept, "Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == ("text/html" if is_page else "application/json")
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Accept, Authorization")


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
@pytest.mark.parametrize("user", ["", "anybody", "me:"])
def test_the_key_is_the_password_of_whoever_opens_it(opened, key, user):
    assert opened(authorization=password(key, user)).status_code == (200 if user != "me:" else 401)


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic !", "Basic é", f"Basic {KEY}", password("k" * 31), password(""), password("", KEY)]
)
def test_a_browser_without_the_key_is_asked_for_it_and_told_how(opened, given):
    answer = opened(authorization=given.encode("latin-1"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "give the key as the password" in text_of(answer)


def test_who_is_no_browser_is_not_asked_for_a_password(receiver):
    answer = receiver.ask("GET", f"/status/{USER}", headers={"Authorization": password("wrong")})
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, None)
    assert "WEBHOOK_KEY" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/process-full-v2", "/retry-full-pass", "/webhooks/supabase"])
def test_a_password_changes_nothing_since_a_browser_sends_it_by_itself(receiver, path):
    headers = {"Authorization": password(), "Accept": BROWSER}
    answer = receiver.ask("POST", path, json={"user_id": str(USER)}, headers=headers)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, None)


def test_neither_the_key_nor_the_user_name_gets_into_the_log(opened, caplog):
    for authorization in (password(user="somebody"), password("wrong" * 9, "somebody")):
        opened(authorization=authorization)
    for secret in (KEY, "somebody", "wrong", password(user="somebody")):
        assert secret not in caplog.text


def test_a_running_pass_shows_how_far_it_is_in_words_and_loads_itself_again(opened, running):
    answer = opened()
    assert answer.headers["refresh"] == "15"
    said = text_of(answer)
    for words in ("Full pass: running", "42 % done", "Step 4 of 9: finding facts in the conversations", "$0.84"):
        assert words in said
    (bar,) = (attributes for tag, attributes in tags_of(answer) if tag == "progress")
    assert (bar["value"], bar["max"]) == ("42", "100")
    assert "<title>42 % running — full pass of " in answer.text.replace("\n", "")


def test_who_reads_it_can_stop_that(opened, running):
    answer = opened(f"/status/{USER}?refresh=off")
    assert "refresh" not in answer.headers
    assert "does not load itself again" in text_of(answer)


def test_what_has_ended_stays_as_it_is(opened, supabase):
    for status in ("complete", "failed", "pending"):
        supabase.row()["full_pass_status"] = status
        assert "refresh" not in opened().headers
    supabase.row()["queue_place"] = 3
    answer = opened()
    assert "Place in the queue 3" in text_of(answer)
    assert answer.headers["refresh"]


def test_nothing_is_run_loaded_framed_or_kept(opened, running):
    answer = opened()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    for unsafe in ("unsafe", "script", "http", "*"):
        assert unsafe not in policy
    assert {tag for tag, _ in tags_of(answer)}.isdisjoint({"script", "iframe", "img", "form", "input"})
    assert not [attribute for _, given in tags_of(answer) for attribute in given if attribute.startswith("on")]
    assert [given for _, given in tags_of(answer) if "style" in given] == []


def test_hostile_text_is_shown_as_text(opened, supabase, prefect):
    supabase.row().update({"full_pass_status": "failed", "full_pass_error": f"step=save_chunks: StoreError: {HOSTILE}"})
    run = prefect.run(StateType.FAILED, USER, f"failed at save_chunks: StoreError: {HOSTILE}", name=HOSTILE)
    run.tags = [flow_runs.tag_of(USER)]
    answer = opened()
    assert answer.text.count("<script") == 0
    assert text_of(answer).count("<script>alert(1)</script>") == 2


@pytest.mark.parametrize("step", Step)
def test_each_step_has_words(step):
    number, words = plain_words.step_of(step) or (0, "")
    assert words
    assert step not in words
    assert list(Step)[number - 1] == step


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        ("step=chunk_conversations: ExportError: the zip is empty (permanent: …)", "cannot be read", "deliver it"),
        ("step=extract_facts: Crashed: the process …", "its process has died", "later"),
        ("step=extract_facts: CutOff: …", "no answer that can be used", "later"),
        ("step=extract_facts: ValueError: unexpected", "Something unexpected", "Whoever runs the service"),
        ("something that an older system wrote", "Something unexpected", "Whoever runs the service"),
        ("", "Something unexpected", "Whoever runs the service"),
    ],
)
def test_an_error_is_said_in_plain_words_with_what_to_do(error, what, remedy):
    explained = plain_words.error(error)
    assert what in explained.what
    assert remedy in explained.remedy
    assert ("in step" in explained.what) is error.startswith("step=")


def test_every_error_that_a_pass_may_end_with_has_words_of_its_own():
    from flows import errors

    known = {*plain_words._ERRORS, *plain_words._MODEL_ERRORS}
    elsewhere = {"FullPassError", "UserNotFound", "NoMemory", "MemoryChanged"}  # of no pass, or of no row
    assert {kind.__name__ for kind in errors._with_subclasses(errors.FullPassError)} <= known | elsewhere


def test_a_failed_pass_says_when_it_is_tried_again_or_what_to_do(opened, supabase):
    error = "step=extract_facts: StoreError: the database does not answer (attempt 1 of 5, …)"
    supabase.row().update({"full_pass_status": "failed", "full_pass_error": error})
    assert "What to do Try it again later." in text_of(opened())
    supabase.row()["next_retry_at"] = datetime(2099, 1, 2, 3, 4, tzinfo=UTC).isoformat()
    said = text_of(opened())
    assert "Nothing: it is tried again by itself at 2099-01-02 03:04 UTC" in said
    assert error in said
    supabase.row()["full_pass_error"] = "step=extract_facts: SpendLimitReached: the account's credit is used up"
    said = text_of(opened())
    assert "Whoever runs the service has to act" in said
    assert "It is tried again by itself at 2099-01-02 03:04 UTC" in said
    assert "Nothing: " not in said


def made(prefect, state, attempt, message=None, name=None, cost=None, minutes=14):
    run = prefect.run(state, USER, message, name=flow_runs.name_of(USER, attempt))
    run.tags, run.start_time = [flow_runs.tag_of(USER)], run.created
    run.end_time = run.created + timedelta(minutes=minutes) if run.state.is_final() else None
    run.state.name = name or run.state.name
    run.labels = {} if cost is None else {flow_runs.COST_LABEL: cost}
    return run


def test_the_last_runs_say_which_attempt_when_how_it_ended_and_what_it_cost(opened, receiver, prefect):
    failed = "failed at extract_facts: StoreError: away; next attempt 14:20 UTC"
    made(prefect, StateType.FAILED, 1, failed, cost=0.3)
    made(prefect, StateType.CRASHED, 2, "private words of a library")
    made(prefect, StateType.COMPLETED, 3, "complete: 12 conversations, 30 chunks", cost=1.25)
    answer = opened()
    rows = re.findall(r"<tr>(.*?)</tr>", answer.text, re.DOTALL)[1:]
    said = [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in rows]
    assert said[0].startswith("3 2026-11-01 00:02 UTC completed, after 14 min complete: 12 conversations, 30 chunks")
    assert said[0].endswith("$1.25")
    assert "cut off: its process has died, after 14 min not known" in said[1]
    assert "step=extract_facts: StoreError: away" in said[2]
    assert "private words" not in answer.text
    newest, *_ = receiver.ask("GET", f"/status/{USER}").json()["runs"]
    assert (newest["attempt"], newest["state"], newest["cost_usd"]) == (3, "Completed", 1.25)


def test_other_users_runs_are_not_shown(opened, prefect):
    run = made(prefect, StateType.COMPLETED, 7)
    run.tags = ["user:00000000-0000-4000-8000-00000000000f"]
    assert "There is none yet." in text_of(opened())


def test_a_pass_that_an_operator_has_suspended_is_not_called_running(opened, running, prefect):
    run = made(prefect, StateType.PAUSED, 1, name="Suspended")
    running["full_pass_run_id"] = str(run.id)
    assert "Full pass: suspended by an operator" in text_of(opened())


def test_without_prefect_the_rest_is_shown(opened, receiver, running, prefect, monkeypatch):
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(prefect, "read_flow_runs", never)
    monkeypatch.setattr(last_runs, "_SECONDS", 0.01)
    said = text_of(opened())
    assert "42 % done" in said
    assert "Prefect, which has them, does not answer" in said
    assert receiver.ask("GET", f"/status/{USER}").json()["runs"] is None


def test_a_user_who_is_not_there_or_is_none_is_a_page_too(opened):
    nobody = opened("/status/00000000-0000-4000-8000-00000000000f")
    assert (nobody.status_code, nobody.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "has no row" in text_of(nobody)
    wrong = opened(f"/status/{HOSTILE.replace('/', '')}")
    assert wrong.status_code == 422
    assert "<script" not in wrong.text


def test_an_owner_that_is_no_run_of_prefects_breaks_nothing(opened, running):
    running["full_pass_run_id"] = "of another system"
    assert opened().status_code == 200


def test_every_page_has_a_language_a_title_and_one_heading_of_the_first_level(opened, running):
    for answer in (opened(), opened(authorization=""), opened("/status/00000000-0000-4000-8000-00000000000f")):
        tags = tags_of(answer)
        assert ("html", {"lang": "en"}) in tags
        assert [tag for tag, _ in tags].count("h1") == [tag for tag, _ in tags].count("main") == 1
        assert re.search(r"<title>\s*\S", answer.text)


def test_a_problem_is_a_page_only_where_there_is_one(receiver):
    answer = receiver.ask("GET", "/nowhere", headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "application/json"
    assert page.ROUTE.startswith("/status/")
