"""The boundaries of a step: its lines, the user's progress, and the error that names it."""

import asyncio
import json
import pickle
import re

import psutil
import pytest

from flows.chunks.writing import chunk_export
from flows.errors import ExportError, NotOwner, StepFailed, StoreError
from flows.exports import Limits
from flows.records import Step
from flows.steps import STARTS_AT_PERCENT, Progress, step
from tests.unit.fake_supabase import RUN, USER


@pytest.fixture(autouse=True)
def run(supabase, run_log, monkeypatch):
    monkeypatch.setattr("flows.steps.run_id", lambda: RUN)
    supabase.owned()


def lines(run_log):
    """Each with 0.0 in place of how long it took, which a busy machine decides."""
    return [re.sub(r"\bseconds=\d+\.\d\b", "seconds=0.0", record.getMessage()) for record in run_log.records]


def performed(work=None, name=Step.SAVE_CHUNKS, **figures):
    async def body():
        async with step(name, USER) as told:
            told.add(figures)
            if work:
                work()

    asyncio.run(body())


def raising(error):
    def work():
        raise error

    return work


def test_a_step_says_that_it_begins_and_how_it_ended(supabase, run_log):
    performed(written=3, pruned=0)
    started, completed = lines(run_log)
    assert started == f"[FullPass] user_id={USER} step=save_chunks status=started"
    assert completed == f"[FullPass] user_id={USER} step=save_chunks status=completed seconds=0.0 written=3 pruned=0"
    assert supabase.progress == [("save_chunks", 6)]


def test_an_error_names_the_step_and_what_was_counted_until_then(run_log):
    with pytest.raises(StepFailed, match="step=save_chunks: ExportError: empty") as failed:
        performed(raising(ExportError("empty")), written=3)
    assert failed.value.permanent
    assert failed.value.__cause__ is None
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)
    _, boundary, error = lines(run_log)
    assert boundary.endswith("status=failed seconds=0.0 error=ExportError written=3")
    assert error == "ExportError: empty"


def test_a_failed_step_holds_no_file_open_although_its_error_is_kept(tmp_path):
    export, chunks = tmp_path / "export.json", tmp_path / "chunks.jsonl"
    said = [{"role": "user", "content": "I like tea. " * 2_000}]
    export.write_text(json.dumps([{"id": f"c{number}", "messages": said} for number in range(3)]))
    chunks.with_suffix(".unfinished").symlink_to("/dev/full")
    with pytest.raises(StepFailed, match="No space left on device") as failed:
        performed(lambda: chunk_export(export, chunks, Limits()), Step.CHUNK_CONVERSATIONS)
    assert failed.value.step == Step.CHUNK_CONVERSATIONS
    assert not [file for file in psutil.Process().open_files() if file.path == str(export)]


def test_an_error_that_is_not_ours_shows_where_and_never_what(run_log):
    with pytest.raises(StepFailed) as failed:
        performed(raising(ValueError("private words")))
    said = "\n".join(lines(run_log))
    assert "private words" not in said + str(failed.value)
    assert "test_steps.py" in said


def test_a_step_that_is_interrupted_says_so(run_log):
    with pytest.raises(KeyboardInterrupt):
        performed(raising(KeyboardInterrupt()))
    assert lines(run_log)[-1].endswith("status=interrupted seconds=0.0 error=KeyboardInterrupt")


def test_a_run_that_has_lost_its_user_does_not_begin_the_step(supabase):
    supabase.owned(run_id="another run")
    with pytest.raises(StepFailed, match="NotOwner: flow run another run has this user"):
        performed(raising(AssertionError("begun")))


def test_progress_moves_within_the_range_of_its_step(supabase, run_log):
    async def advance():
        progress = Progress(Step.EXTRACT_FACTS, USER, total=4, every=0)
        for _ in range(4):
            await progress.advance(1)

    asyncio.run(advance())
    assert [percent for _, percent in supabase.progress] == [27, 45, 62, 80]
    assert lines(run_log)[-1].endswith("step=extract_facts status=progress done=4 total=4")


def test_progress_is_told_now_and_then(supabase):
    async def advance():
        progress = Progress(Step.EXTRACT_FACTS, USER, total=4, every=60)
        await progress.advance(1)

    asyncio.run(advance())
    assert supabase.progress == []


def test_progress_that_cannot_be_written_is_let_go_and_a_lost_user_is_not(supabase, monkeypatch):
    def fails(error):
        async def rpc(function, arguments):
            raise error

        return rpc

    async def advance():
        await Progress(Step.EXTRACT_FACTS, USER, total=4, every=0).advance(1)

    monkeypatch.setattr(supabase, "rpc", fails(StoreError("away")))
    asyncio.run(advance())
    monkeypatch.setattr(supabase, "rpc", fails(NotOwner("lost")))
    with pytest.raises(NotOwner):
        asyncio.run(advance())


def test_every_step_starts_after_the_one_before():
    assert list(STARTS_AT_PERCENT) == list(Step)
    assert list(STARTS_AT_PERCENT.values()) == sorted(set(STARTS_AT_PERCENT.values()))
