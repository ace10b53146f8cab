"""What Supabase answers instead of data, and what the full pass makes of it: waits, or says what to do."""

import pytest

from flows.errors import NotOwner, StoreError
from flows.records import Step

pytestmark = pytest.mark.xdist_group("project")

HTML = "<!DOCTYPE html><html><body><h1>Bad gateway: private words</h1></body></html>"
INVALID_KEY = {"message": "Invalid API key", "hint": "Double check your Supabase `anon` or `service_role` API key."}
NO_NAME = {"message": "name resolution failed"}
RESTRICTED = {"message": "Service for this project is restricted due to the following violations: exceed_egress_quota."}
DISK_FULL = {"code": "53100", "message": "could not extend file: private words", "details": None, "hint": None}
NO_CACHE = {"code": "PGRST002", "message": "Could not query the database for the schema cache. Retrying."}


def progress(project, user_id, patience=0.0, **environment):
    async def move(store):
        await store.passes.progress(user_id, "run", Step.SAVE_CHUNKS, 6)

    return project.use(move, patience, **environment)


@pytest.fixture
def user_id(project):
    user_id = project.new_user()
    project.db.run("select full_pass_claim($1, 'run', '{}', null)", user_id, role="service_role")
    return user_id


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, NO_NAME), (503, DISK_FULL), (503, NO_CACHE), (502, HTML), (200, HTML), (403, HTML), (429, HTML), (544, "")],
)
def test_an_outage_is_waited_for(project, user_id, status, body):
    project.refuses(status, body, times=1)
    progress(project, user_id, patience=1)
    assert project.db.value("select progress_percent from user_profiles where user_id = $1", user_id) == 6


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, NO_NAME, r"does not answer \(status 503\); see the status of the Supabase project"),
        (503, NO_CACHE, r"does not answer \(code PGRST002\)"),
        (200, HTML, "what answered 200 is not Supabase; check SUPABASE_URL"),
        (403, HTML, "what answered 403 is not Supabase; check SUPABASE_URL"),
        (503, DISK_FULL, r"takes no writes, as when its disk is full \(code 53100\)"),
    ],
)
def test_an_outage_that_lasts_is_told(project, user_id, status, body, says):
    project.refuses(status, body)
    with pytest.raises(StoreError, match=says) as told:
        progress(project, user_id)
    assert "private words" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, INVALID_KEY, "does not accept the key; set SUPABASE_SERVICE_KEY to a secret key of this project"),
        (401, "", "does not accept the key"),
        (402, RESTRICTED, r"restricted the project \(exceed_egress_quota\); see its usage and billing"),
        (403, {"message": "You cannot consume this service"}, "not to a publishable or anon key"),
        (404, {"message": "no Route matched with those values"}, "check SUPABASE_URL"),
        (301, HTML, "check SUPABASE_URL"),
        (540, HTML, "project is paused; restore it"),
    ],
)
def test_what_waiting_does_not_mend_is_told_at_once(project, user_id, status, body, says):
    project.asked()
    project.refuses(status, body)
    with pytest.raises(StoreError, match=says):
        progress(project, user_id, patience=60)
    assert sum(project.asked().values()) == 1


def test_a_database_that_takes_no_writes_is_waited_for_and_told(project, user_id):
    project.behaves(read_only=True)
    with pytest.raises(StoreError, match=r"takes no writes, as when its disk is full \(code 25006\); make room or enl"):
        progress(project, user_id, patience=0.4)
    assert project.asked()["POST /rest/v1/rpc/full_pass_progress"] == 2


def test_reading_goes_on_while_nothing_can_be_written(project, user_id):
    project.behaves(read_only=True)
    rows = project.use(lambda store: store.passes.rows([user_id], "user_id,full_pass_status"))
    assert rows[user_id].full_pass_status == "processing"


@pytest.mark.parametrize("body", [HTML, {"message": "soon"}, ""])
def test_rows_that_are_none_are_an_outage_and_no_type_error(project, user_id, body):
    project.refuses(200, body)
    with pytest.raises(StoreError, match="what answered 200 is not Supabase"):
        project.use(lambda store: store.passes.rows([user_id], "user_id,full_pass_status"))


def test_a_run_that_has_lost_its_user_is_told_whose_it_is(project, user_id):
    with pytest.raises(NotOwner, match="flow run run has this user"):
        project.use(lambda store: store.memory.save(user_id, "another", []))
