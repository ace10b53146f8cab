"""What has been delivered for a user in the database: remembered, told apart, and started one after the other."""

import json

import pytest

from tests.integration.store.sql import OTHER, USER

SERVICE = {"role": "service_role"}
NAME = f"{USER}/export.zip"


def deliver(
    db, version='"a"', *, user=USER, key=None, body="body", replaces=False, most=20, most_usd=None, names=(NAME,)
):
    sql = "select full_pass_deliver($1, $2, $3, 'zip', 12, $4, $5, $6, $7, $8)"
    arguments = (user, list(names), [version] * len(names), replaces, key, body, most, most_usd)
    return json.loads(db.value(sql, *arguments, **SERVICE))


def take(db, user=USER, limit=10):
    found = db.run("select full_pass_take_deliveries($1, $2)", user, limit, **SERVICE)
    return [json.loads(row[0])["delivery_id"] for row in found]


def claim(db, run, delivery_id, user=USER):
    parameters = json.dumps({"user_id": user, "delivery_id": delivery_id})
    return json.loads(db.value("select full_pass_claim($1, $2, $3)", user, run, parameters, **SERVICE))


def complete(db, run, user=USER):
    assert db.value("select full_pass_complete($1, $2)", user, run, **SERVICE)


def fail(db, run, user=USER):
    db.value("select full_pass_fail($1, $2, 'step=x: y', '10 minutes')", user, run, **SERVICE)


def states(db):
    return [row["state"] for row in db.run("select state from full_pass_deliveries order by received_at, id")]


@pytest.fixture
def active(db):
    """A delivery whose pass is at work."""
    db.first = deliver(db)["delivery_id"]
    claim(db, "run-1", db.first)
    return db


def test_a_delivery_starts_at_once_where_no_pass_is_active(db):
    answer = deliver(db)
    assert (answer["answer"], answer["state"]) == ("new", "started")


def test_a_delivery_for_nobody_is_refused(db):
    assert deliver(db, user="00000000-0000-4000-8000-000000000009") == {"answer": "no_user"}


def test_the_same_object_again_is_the_same_delivery_until_its_pass_has_ended(active):
    again = deliver(active)
    assert (again["answer"], again["delivery_id"], again["flow_run_id"]) == ("same", active.first, "run-1")
    complete(active, "run-1")
    assert deliver(active)["answer"] == "new"


def test_an_object_that_was_overwritten_is_another_delivery_and_waits(active):
    newer = deliver(active, '"b"')
    assert (newer["answer"], newer["state"]) == ("new", "waiting")
    assert take(active) == []
    complete(active, "run-1")
    assert take(active) == [newer["delivery_id"]]
    assert take(active) == []


def test_also_after_a_pass_that_failed_the_waiting_delivery_is_next(active):
    newer = deliver(active, '"b"')
    fail(active, "run-1")
    assert take(active, user=None) == [newer["delivery_id"]]


def test_of_several_versions_that_wait_the_newest_is_started_and_only_that(active):
    deliver(active, '"b"')
    newest = deliver(active, '"c"')
    complete(active, "run-1")
    assert take(active) == [newest["delivery_id"]]
    assert states(active) == ["ended", "superseded", "started"]


def test_deliveries_of_other_objects_are_passed_over_by_none_and_start_in_their_order(active):
    claude = deliver(active, names=[f"{USER}/claude.zip"])["delivery_id"]
    deliver(active, names=[f"{USER}/may/1.zip"])
    grok = deliver(active, names=[f"{USER}/grok.zip"])["delivery_id"]
    both = deliver(active, names=[f"{USER}/may/1.zip", f"{USER}/may/2.zip"])["delivery_id"]
    assert states(active) == ["started", "waiting", "superseded", "waiting", "waiting"]
    complete(active, "run-1")
    assert deliver(active, '"b"')["state"] == "waiting"  # not before those that have come before
    for number, expected in enumerate((claude, grok, both)):
        assert take(active, user=None) == [expected]
        claim(active, f"next-{number}", expected)
        complete(active, f"next-{number}")


def objects_of(db, delivery_id):
    sql = "select object_names, object_versions from full_pass_deliveries where id = $1"
    (row,) = db.run(sql, delivery_id)
    return dict(zip(row["object_names"], row["object_versions"], strict=True))


def test_what_a_pass_was_to_try_again_is_read_with_what_starts_instead(active):
    waiting = deliver(active, names=[f"{USER}/claude.zip"])["delivery_id"]
    fail(active, "run-1")
    assert take(active) == [waiting]
    assert objects_of(active, waiting) == {NAME: '"a"', f"{USER}/claude.zip": '"a"'}
    claim(active, "run-2", waiting)
    fail(active, "run-2")
    newer = deliver(active, '"b"')
    assert newer["state"] == "started"
    assert objects_of(active, newer["delivery_id"]) == {NAME: '"b"', f"{USER}/claude.zip": '"a"'}


def test_what_has_failed_for_good_is_not_read_again(active):
    active.run("update user_profiles set full_pass_status = 'failed', full_pass_next_retry_at = null")
    active.run("update full_pass_deliveries set state = 'ended'")
    other = deliver(active, names=[f"{USER}/claude.zip"])["delivery_id"]
    assert list(objects_of(active, other)) == [f"{USER}/claude.zip"]


def test_a_delivery_waits_for_a_pass_that_was_started_by_hand_too(db):
    db.claim("by-hand")
    assert deliver(db)["state"] == "waiting"


def test_a_key_that_comes_again_has_its_answer_also_after_the_end(active):
    complete(active, "run-1")
    first = deliver(active, '"b"', key="k")
    claim(active, "run-2", first["delivery_id"])
    complete(active, "run-2")
    again = deliver(active, '"c"', key="k")
    assert (again["answer"], again["delivery_id"], again["flow_run_id"]) == ("same", first["delivery_id"], "run-2")
    assert deliver(active, '"b"', key="k", body="something else") == {"answer": "conflict"}
    assert deliver(active, user=OTHER, key="k", body="something else")["answer"] == "new"


def test_a_run_that_was_never_made_is_made_later(db):
    lost = deliver(db)["delivery_id"]
    assert take(db) == []
    db.run("update full_pass_deliveries set started_at = now() - interval '2 minutes'")
    assert take(db, user=None) == [lost]
    db.value("select full_pass_delivery_started($1, $2, 'run-1')", USER, lost, **SERVICE)
    db.run("update full_pass_deliveries set started_at = now() - interval '2 minutes'")
    assert take(db) == []


def test_a_run_that_ended_without_the_user_does_not_keep_the_next_waiting(db):
    lost = deliver(db)["delivery_id"]
    newer = deliver(db, '"b"')["delivery_id"]
    db.run("select full_pass_end_deliveries($1, false)", [lost], **SERVICE)
    assert take(db) == [newer]


def test_what_a_run_has_not_read_because_the_user_was_taken_waits_again(db):
    taken = deliver(db)["delivery_id"]
    db.claim("by-hand")
    db.run("select full_pass_end_deliveries($1, true)", [taken], **SERVICE)
    assert take(db) == []
    complete(db, "by-hand")
    assert take(db) == [taken]


def test_a_user_has_so_many_passes_a_day_and_is_told_when_there_is_another(db):
    for version in "ab":
        delivery = deliver(db, version, most=2)
        claim(db, version, delivery["delivery_id"])
        complete(db, version)
    refused = deliver(db, "c", most=2)
    assert refused["answer"] == "limited"
    assert 86_000 < refused["retry_after"] <= 86_400
    assert deliver(db, "c", user=OTHER, most=2)["answer"] == "new"


def test_what_was_superseded_before_it_began_is_no_pass(active):
    for version in "bcdef":
        assert deliver(active, version, most=3)["answer"] == "new"


def test_a_user_has_so_many_dollars_a_month(active):
    cost = json.dumps({"total": {"cost_usd": 0.6}, "earlier_runs": {"cost_usd": 0.5}})
    active.value(
        "select full_pass_save_cost($1, 'run-1', $2)", USER, json.dumps({"total": {"cost_usd": 0.6}}), **SERVICE
    )
    assert deliver(active, "b", most_usd=1)["answer"] == "new"
    active.run("update user_profiles set import_cost_json = $1 where user_id = $2", cost, USER)
    assert deliver(active, "c", most_usd=1)["answer"] == "limited"
    assert deliver(active, "c", most_usd=2)["answer"] == "new"


def status(db, user=USER):
    return json.loads(db.value("select full_pass_status_of($1)", user, **SERVICE))


def test_what_waits_knows_its_place(active):
    assert status(active)["queue_place"] is None
    deliver(active, "b")
    assert (status(active)["queue_place"], status(active)["status"]) == (1, "processing")
    deliver(active, user=OTHER, names=[f"{OTHER}/export.zip"])
    assert (status(active, OTHER)["queue_place"], status(active, OTHER)["status"]) == (2, "pending")
    complete(active, "run-1")
    assert status(active)["queue_place"] == 1
    assert active.value("select full_pass_status_of(gen_random_uuid())", **SERVICE) is None


def test_another_delivery_is_another_matter_and_a_retry_is_the_next_attempt(active):
    fail(active, "run-1")
    claim(active, "run-2", active.first)
    assert active.row()["full_pass_attempts"] == 2
    fail(active, "run-2")
    claim(active, "run-3", deliver(active, "b")["delivery_id"])
    assert active.row()["full_pass_attempts"] == 1


def test_what_is_long_over_is_forgotten(active):
    complete(active, "run-1")
    active.run("update full_pass_deliveries set received_at = now() - interval '63 days'")
    deliver(active, "b")
    assert states(active) == ["started"]


def deliver_stored(db, *names, bucket="imports"):
    sql = "select full_pass_deliver_stored($1, $2, $3, 'zip', 12, false, null, 'body', 20, null)"
    return json.loads(db.value(sql, USER, bucket, list(names), **SERVICE))


@pytest.fixture
def stored(db):
    """Two objects in Storage."""
    add = "insert into storage.objects (bucket_id, name, metadata) values ('imports', $1, $2)"
    for name in ("a.zip", "b.zip"):
        db.run(add, f"{USER}/{name}", json.dumps({"eTag": f'"{name}"'}))
    return db


def test_a_delivery_has_the_versions_that_its_objects_have_in_storage(stored):
    names = [f"{USER}/b.zip", f"{USER}/a.zip"]
    assert deliver_stored(stored, *names)["answer"] == "new"
    assert stored.value("select object_versions from full_pass_deliveries") == ['"b.zip"', '"a.zip"']
    assert deliver_stored(stored, *names)["answer"] == "same"
    stored.run('update storage.objects set metadata = \'{"eTag": "new"}\' where name = $1', names[0])
    assert deliver_stored(stored, *names)["answer"] == "new"


def test_what_is_not_in_storage_is_told_apart_from_a_bucket_that_is_not(stored):
    assert deliver_stored(stored, f"{USER}/a.zip", f"{USER}/c.zip") == {"answer": "no_object"}
    assert deliver_stored(stored, f"{USER}/a.zip", bucket="others") == {"answer": "no_bucket"}
    assert stored.value("select count(*) from full_pass_deliveries") == 0
