"""Sections that are written without a pass, in SQL: whose row is touched, what stays, what it has cost."""

import json

import asyncpg
import pytest

from tests.integration.store.sql import USER

SERVICE = {"role": "service_role"}
SAVE = "select full_pass_save_regenerated_sections($1, 'run-2', $2, $3, $4, 'print')"


def save(db, owner="run-1", memory_md="memory", **sections):
    return db.value(SAVE, USER, owner, memory_md, json.dumps(sections), **SERVICE)


@pytest.fixture
def ended(db):
    """A user whose pass is complete."""
    db.claim("run-1")
    db.run("update user_profiles set memory_md = 'memory', tools_md = 'old' where user_id = $1", USER)
    db.run("select full_pass_complete($1, 'run-1')", USER, **SERVICE)
    return db


def test_what_is_not_named_stays_the_pass_stays_and_each_change_is_a_version(ended):
    before = dict(ended.row())
    for soul in ("one", "one", "two"):
        assert save(ended, soul_md=soul, user_md=None)
    changed = {name: value for name, value in ended.row().items() if value != before[name]}
    assert changed == {"soul_md": "two", "soulprint_text": "print"}
    versions = ended.run("select run_id, sections from memory_versions where user_id = $1 order by version", USER)
    souls = [(row["run_id"], json.loads(row["sections"])["soul_md"]) for row in versions]
    assert souls == [(None, None), ("run-2", "one"), ("run-2", "two")]


def test_a_pass_that_has_the_user_or_had_them_since_is_not_disturbed(ended):
    ended.claim("run-3")
    for owner in ("run-1", "run-3"):
        with pytest.raises(asyncpg.PostgresError) as refused:
            save(ended, owner, soul_md="new")
        assert refused.value.sqlstate == "FP001"
    ended.run("select full_pass_complete($1, 'run-3')", USER, **SERVICE)
    with pytest.raises(asyncpg.PostgresError):
        save(ended, "run-1", soul_md="new")
    assert ended.row()["soul_md"] is None


def test_sections_of_another_memory_are_not_written(ended):
    assert save(ended, memory_md="what was forgotten", soul_md="new") is False
    assert ended.row()["soul_md"] is None


def test_costs_are_added_up_and_stay_beside_those_of_the_pass(ended):
    for dollars in (0.5, 0.25):
        cost = json.dumps({"total": {"calls": 1, "cost_usd": dollars}, "by_step": []})
        ended.run("select full_pass_add_regeneration_cost($1, $2)", USER, cost, **SERVICE)
    ended.run("select full_pass_save_cost($1, 'run-1', $2)", USER, json.dumps({"total": {"calls": 9}}), **SERVICE)
    kept = json.loads(ended.row()["import_cost_json"])
    assert (kept["total"], kept["regenerations"]) == ({"calls": 9}, {"calls": 2, "cost_usd": 0.75})


def test_users_may_call_neither(ended):
    mine = {"role": "authenticated", "user": USER}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ended.run(SAVE, USER, "run-1", "memory", "{}", **mine)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ended.run("select full_pass_add_regeneration_cost($1, '{}')", USER, **mine)
