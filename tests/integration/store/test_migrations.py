"""What the functions of the migrations do on a real Postgres, and who may do what."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_users_and_strangers_may_execute_no_function_of_the_full_pass(db, role):
    functions = db.run("select oid::regprocedure::text as name from pg_proc where proname like 'full\\_pass\\_%'")
    assert len(functions) >= 10
    for function in functions:
        assert not db.value("select has_function_privilege($1, $2, 'execute')", role, function["name"])
        assert db.value("select has_function_privilege('service_role', $1, 'execute')", function["name"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        db.run("select full_pass_complete($1, 'x')", USER, role=role, user=USER)


def test_a_user_reads_only_the_own_rows_and_changes_none(db):
    db.run("insert into conversation_chunks (user_id, content) values ($1, 'mine'), ($2, 'theirs')", USER, OTHER)
    who = {"role": "authenticated", "user": USER}
    assert [str(row["user_id"]) for row in db.run("select user_id from user_profiles", **who)] == [USER]
    assert [row["content"] for row in db.run("select content from conversation_chunks", **who)] == ["mine"]
    assert db.run("update user_profiles set memory_md = 'x' returning user_id", **who) == []
    assert db.run("delete from conversation_chunks returning id", **who) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        db.run("insert into conversation_chunks (user_id, content) values ($1, 'x')", USER, **who)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        db.run("select user_id from user_profiles", role="anon")


def test_a_run_keeps_the_user_until_it_ends(db):
    assert db.claim("run-1") == {"found": True, "claimed": True, "owner": "run-1", "attempts": 1}
    assert db.claim("run-2") == {"found": True, "claimed": False, "owner": "run-1"}
    assert db.claim("run-1")["claimed"]  # a run whose claim got no answer asks again
    assert db.row()["full_pass_attempts"] == 1
    assert not db.value("select full_pass_complete($1, 'run-2')", USER)
    assert not fail(db, "run-2")["failed"]
    with pytest.raises(asyncpg.PostgresError) as refused:
        db.run("select full_pass_save_memory($1, 'run-2', 'theirs')", USER)
    assert refused.value.sqlstate == "FP001"
    assert db.value("select full_pass_complete($1, 'run-1')", USER)
    assert db.claim("run-2")["claimed"]


@pytest.mark.parametrize("ended", ["full_pass_fail($1, 'run-1', 'X: y')", "full_pass_complete($1, 'run-1')"])
def test_a_run_that_is_begun_again_is_another_attempt_and_what_it_has_cost_is_kept(db, ended):
    db.claim("run-1")
    db.run("select full_pass_save_cost($1, 'run-1', $2)", USER, '{"total": {"calls": 3}}')
    db.run(f"select {ended}", USER)
    assert [db.claim("run-1")["attempts"] for _ in range(2)] == [2, 2]
    assert json.loads(db.row()["import_cost_json"]) == {"earlier_runs": {"calls": 3}}


def test_of_many_runs_at_the_same_moment_one_gets_the_user(db):
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda number: db.claim(f"run-{number}"), range(8)))
    assert sum(claim["claimed"] for claim in claims) == 1
    assert len({claim["owner"] for claim in claims}) == 1


def test_a_dead_run_can_be_replaced_by_name_only(db):
    db.claim("run-1")
    assert not db.claim("run-2", replaces="run-0")["claimed"]
    assert db.claim("run-2", replaces="run-1")["claimed"]
    assert not db.claim("run-3", replaces="run-1")["claimed"]


def test_progress_never_goes_back_within_a_run(db):
    db.claim("run-1")
    for percent in (10, 50, 30):
        db.run("select full_pass_progress($1, 'run-1', 'extract_facts', $2)", USER, percent)
    assert db.row()["progress_percent"] == 50
    db.value("select full_pass_complete($1, 'run-1')", USER)
    db.claim("run-2")
    assert db.row()["progress_percent"] == 0


def fail(db, run_id, error="Crashed: x", retry="10 minutes", most=3):
    sql = "select full_pass_fail($1, $2, $3, $4::text::interval, $5)"
    return json.loads(db.value(sql, USER, run_id, error, retry, most, role="service_role"))


def test_a_failure_names_its_step_is_short_and_says_what_will_come_of_it(db):
    waits = []
    for attempt in (1, 2, 3):
        db.claim(f"run-{attempt}")
        db.run("select full_pass_progress($1, $2, 'save_chunks', 6)", USER, f"run-{attempt}")
        answer = fail(db, f"run-{attempt}", "Crashed: " + "x" * 900)
        row = db.row()
        assert answer["failed"]
        assert answer["exhausted"] == (attempt == 3)
        assert answer["error"] == row["full_pass_error"]
        assert row["full_pass_error"].startswith("step=save_chunks: Crashed: x")
        assert len(row["full_pass_error"]) == 500
        assert row["full_pass_completed_at"] is not None
        next_retry = row["full_pass_next_retry_at"]
        waits.append(next_retry and (next_retry - row["full_pass_completed_at"]).total_seconds() / 60)
        shown = f", the next about {next_retry:%Y-%m-%d %H:%M} UTC)" if next_retry else ": not tried again by itself)"
        assert row["full_pass_error"].endswith(f"(attempt {attempt} of 3{shown}")
    assert waits[2] is None
    assert 8 <= waits[0] <= 12  # a fifth more or less, by chance
    assert 16 <= waits[1] <= 24


def test_waits_differ_by_chance_and_never_pass_a_day(db):
    waits = set()
    for attempt in range(1, 15):
        db.claim(f"run-{attempt}")
        fail(db, f"run-{attempt}", retry="5 days", most=99)
        row = db.row()
        waits.add((row["full_pass_next_retry_at"] - row["full_pass_completed_at"]).total_seconds())
    assert len(waits) > 10
    assert 86_400 * 0.8 <= min(waits) < max(waits) <= 86_400 * 1.2


def test_a_permanent_failure_says_so_and_is_never_due(db):
    db.claim("run-1")
    assert not fail(db, "run-1", "step=chunk_conversations: ExportError: the export is empty", retry=None)["exhausted"]
    row = db.row()
    assert row["full_pass_error"] == (
        "step=chunk_conversations: ExportError: the export is empty (permanent: not tried again by itself)"
    )
    assert row["full_pass_next_retry_at"] is None


def test_a_failure_for_want_of_money_is_tried_again_at_its_date_and_does_not_count(db):
    sql = "select full_pass_fail($1, $2, 'step=extract_facts: x', '1 minute', 1, '2099-01-01 00:00+00')"
    for attempt in (1, 2):
        db.claim(f"run-{attempt}")
        answer = json.loads(db.value(sql, USER, f"run-{attempt}", role="service_role"))
        assert not answer["exhausted"]
        row = db.row()
        assert row["full_pass_attempts"] == 0
        assert f"{row['full_pass_next_retry_at']:%Y-%m-%d}" == "2099-01-01"
        assert row["full_pass_error"].startswith(
            "step=extract_facts: x (not counted as an attempt, the next about 2099-01-01 00:"
        )


def test_a_new_export_begins_to_count_anew(db):
    for attempt in (1, 2, 3):
        db.claim(f"run-{attempt}")
        fail(db, f"run-{attempt}")
    assert db.row()["full_pass_attempts"] == 3
    db.value("select full_pass_claim($1, 'run-4', '{\"storage_path\": \"new\"}')", USER, role="service_role")
    assert db.row()["full_pass_attempts"] == 1


def together(*calls):
    """The results of calls that are made at the same moment."""
    barrier = threading.Barrier(len(calls))

    def one(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(one, call) for call in calls]]


def test_of_ends_at_the_same_moment_only_the_owners_counts_and_only_once(db):
    db.claim("run-1")
    answers = together(*(lambda number=number: fail(db, f"run-{number}") for number in (1, 1, 1, 2, 3)))
    assert sorted(answer["failed"] for answer in answers) == [False, False, False, False, True]
    assert db.row()["full_pass_attempts"] == 1


def test_a_claim_and_an_end_at_the_same_moment_leave_one_owner_with_its_own_status(db):
    complete = "select full_pass_complete($1, $2)"
    for number in range(20):
        old, new = f"old-{number}", f"new-{number}"
        db.claim(old)
        _, claimed = together(lambda old=old: db.value(complete, USER, old), lambda new=new: db.claim(new))
        row = db.row()
        expected = ("processing", new) if claimed["claimed"] else ("complete", old)
        assert (row["full_pass_status"], row["full_pass_run_id"]) == expected
        db.value(complete, USER, row["full_pass_run_id"])


def due(db, user, at, status="failed"):
    db.run(
        "update user_profiles set full_pass_status = $2, full_pass_parameters = '{}',"
        " full_pass_next_retry_at = $3::text::timestamptz where user_id = $1",
        user,
        status,
        at,
    )


def take(db, limit=5):
    taken = db.run("select full_pass_take_due($1, interval '10 minutes')", limit, role="service_role")
    return [json.loads(row[0])["user_id"] for row in taken]


def test_only_who_is_due_is_taken_and_who_waits_longest_comes_first(db):
    due(db, USER, "2026-01-02")
    due(db, OTHER, "2026-01-01")
    assert take(db, 1) == [OTHER]
    due(db, OTHER, "2026-01-01")
    assert take(db) == [OTHER, USER]
    assert take(db) == []  # taken, until the lease is over
    due(db, OTHER, "2999-01-01")
    due(db, USER, "2026-01-01", status="complete")
    assert take(db) == []


def test_ticks_at_the_same_moment_take_each_user_once_and_do_not_wait_for_each_other(db):
    users = [f"00000000-0000-4000-8000-0000000001{number:02}" for number in range(40)]
    db.sign_up(*users)
    for user in users:
        db.run("insert into user_profiles (user_id) values ($1)", user)
        due(db, user, "2026-01-01")
    taken = [user for some in together(*[lambda: take(db, 10)] * 4) for user in some]
    assert len(taken) == len(set(taken))
    while more := take(db, 10):
        taken += more
    assert sorted(taken) == users

    async def locked():
        holder = await asyncpg.connect(db.url)
        try:
            transaction = holder.transaction()
            await transaction.start()
            await holder.execute("select from user_profiles where user_id = $1 for update", users[0])
            return await asyncio.wait_for(asyncio.to_thread(take, db, 50), 20)
        finally:
            await holder.close()

    for user in users[:3]:
        due(db, user, "2026-01-01")
    assert asyncio.run(locked()) == users[1:3]


def test_replies_are_kept_until_the_pass_is_complete(db):
    db.claim("run-1")
    save = "select full_pass_save_reply($1, 'k', $2)"
    for reply in ('{"n": 1}', '{"n": 2}'):
        db.run(save, USER, reply, role="service_role")
    assert json.loads(db.value("select reply from model_replies", role="service_role")) == {"n": 1}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        db.run("select reply from model_replies", role="authenticated", user=USER)
    fail(db, "run-1")
    assert db.value("select count(*) from model_replies") == 1
    db.claim("run-2")
    db.value("select full_pass_complete($1, 'run-2')", USER)
    assert db.value("select count(*) from model_replies") == 0
