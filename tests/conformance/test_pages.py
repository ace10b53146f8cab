""" "Max rows": a project returns at most so many rows an answer, from 1 to any number, and says so nowhere."""

from datetime import timedelta

import pytest

from flows import spool
from flows.chunks import saving
from flows.records import PendingBatch, SpooledChunk

pytestmark = pytest.mark.xdist_group("project")

KEY_OF_MODEL = ("v1", "claude-haiku-5-5")


def with_chunks(project, count):
    """A user with so many chunks, each answered; a run owns the user."""
    user_id = project.new_user()
    project.db.run("select full_pass_claim($1, 'run', '{}', null)", user_id, role="service_role")
    project.db.run(
        "insert into conversation_chunks (user_id, chunk_key, conversation_id, import_source, content)"
        " select $1, lpad(to_hex(n), 32, '0'), 'c', 'app', 'text' from generate_series(1, $2::int) n",
        user_id,
        count,
    )
    project.db.run(
        "insert into chunk_facts (user_id, chunk_key, prompt_version, model, outcome, facts)"
        " select $1, lpad(to_hex(n), 32, '0'), $3, $4, 'facts', '[]' from generate_series(1, $2::int) n",
        user_id,
        count,
        *KEY_OF_MODEL,
    )
    project.asked()
    return user_id


def chunk(key):
    return SpooledChunk(key, "c", "T", 0, 0, 0, 1, "the new one", 3, None, turns=[5])


def keys_of(project, user_id):
    async def read(store):
        return [key async for key in store.chunks.keys(user_id)]

    return project.use(read)


@pytest.mark.parametrize(
    ("max_rows", "count", "requests"),
    [
        (500, 1_200, 3),
        (500, 1_000, 2),
        (7, 20, 3),
        (1, 3, 3),
        (5_000, 1_200, 2),
        (5_000, 1_000, 1),
        (1_000, 458, 1),
        (1_000, 0, 1),
    ],
)
def test_every_row_is_read_whatever_the_limit_and_no_request_is_in_vain(project, max_rows, count, requests):
    user_id = with_chunks(project, count)
    project.behaves(max_rows=max_rows)
    assert keys_of(project, user_id) == [f"{number:032x}" for number in range(1, count + 1)]
    assert project.asked() == {"GET /rest/v1/conversation_chunks": requests}


def test_no_answer_that_is_paid_for_is_asked_again(project):
    user_id = with_chunks(project, 1_200)
    project.behaves(max_rows=500)

    async def answered(store):
        return [row.chunk_key async for row in store.answers.of_chunks(user_id, *KEY_OF_MODEL, "chunk_key,outcome")]

    assert len(project.use(answered)) == 1_200


def test_no_stale_chunk_stays(project, tmp_path):
    user_id = with_chunks(project, 1_200)
    project.behaves(max_rows=500)
    spool.write(tmp_path / "chunks", [chunk("f" * 32)])
    saved = project.use(lambda store: saving.save(store.chunks, user_id, "run", tmp_path / "chunks"))
    assert (saved.written, saved.pruned) == (1, 1_200)


def test_a_limit_that_is_lowered_while_pages_are_read_loses_nothing(project):
    user_id = with_chunks(project, 40)
    project.behaves(max_rows=20)

    async def read(store):
        found = []
        async for key in store.chunks.keys(user_id):
            found.append(key)
            project.behaves(max_rows=3)
        return found

    assert len(project.use(read)) == 40


def test_rows_that_come_while_pages_are_read_do_not_push_others_out(project):
    user_id = with_chunks(project, 20)
    project.behaves(max_rows=10)

    async def read(store):
        found = []
        async for key in store.chunks.keys(user_id):
            found.append(key)
            if len(found) == 10:
                await store.chunks.save(user_id, "run", [chunk(f"{key}{letter}") for letter in "abc"])
        return found

    assert f"{20:032x}" in project.use(read)


def test_few_rows_are_no_exception(project):
    """Users by their ids, and batches that are worked on."""
    users = [project.new_user() for _ in range(5)]
    for number in range(3):
        project.db.run(
            "insert into extraction_batches (batch_id, user_id, prompt_version, model, requests, created_at)"
            " values ($1, $2, $3, $4, '{}', now() - make_interval(hours => $5))",
            f"batch-{users[0]}-{number}",
            users[0],
            *KEY_OF_MODEL,
            number,
        )
    project.behaves(max_rows=2)

    async def read(store):
        rows = await store.passes.rows(users, "user_id,full_pass_status")
        return set(rows), await store.answers.batches(users[0], *KEY_OF_MODEL)

    found, batches = project.use(read)
    assert found == set(users)
    assert batches == [PendingBatch(f"batch-{users[0]}-{number}", {}) for number in (2, 1, 0)]


def test_no_due_user_is_taken_and_cut_off(project):
    users = {project.new_user() for _ in range(4)}
    project.db.run(
        "update user_profiles set full_pass_status = 'failed', full_pass_next_retry_at = now(),"
        " full_pass_run_id = 'r', full_pass_parameters = '{}' where user_id = any($1)",
        list(users),
    )
    project.behaves(max_rows=1)

    taken = project.use(lambda store: store.passes.take_due(3, timedelta(minutes=5)))
    assert len(taken) == 3
    left = project.use(lambda store: store.passes.take_due(3, timedelta(minutes=5)))
    assert {due.user_id for due in (*taken, *left)} == users
