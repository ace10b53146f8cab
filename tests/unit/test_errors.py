import errno
import os
import pickle

import postgrest
import pytest
from pydantic import BaseModel

from flows.errors import ExportError, InvalidReply, ReportedError, StepFailed, describe, failed_message, reported
from flows.records import Step


class Model(BaseModel):
    number: int


def test_an_error_names_its_step_type_and_remedy():
    error = StepFailed(Step.DOWNLOAD_CONVERSATIONS, ExportError("the export is empty; upload it again"))
    assert str(error) == "step=download_conversations: ExportError: the export is empty; upload it again"
    assert error.permanent


def test_what_may_pass_by_itself_is_not_permanent():
    assert not StepFailed(Step.EXTRACT_FACTS, InvalidReply("cut off")).permanent
    assert not StepFailed(Step.EXTRACT_FACTS, ZeroDivisionError()).permanent


def test_an_error_is_never_longer_than_its_column():
    assert len(str(StepFailed(Step.SAVE_CHUNKS, ExportError("x" * 2_000)))) == 500


def test_what_libraries_quote_of_the_users_text_is_left_out():
    with pytest.raises(ValueError, match="private words") as invalid:
        Model.model_validate({"number": "private words"})
    row = {"code": "23502", "message": "null value", "details": "Failing row contains (private words)."}
    for error in (invalid.value, postgrest.APIError(row), KeyError("private words"), ValueError("private words")):
        assert "private words" not in describe(error)
        assert type(error).__name__ in describe(error)


def test_an_error_survives_being_pickled():
    error = pickle.loads(pickle.dumps(StepFailed(Step.SAVE_MEMORY, ExportError("no"))))
    assert (str(error), error.step, error.permanent) == ("step=save_memory: ExportError: no", "save_memory", True)


def test_an_error_is_read_back_out_of_what_prefect_keeps_of_it():
    step = "step=extract_facts: BudgetReached: $1.0000 are spent\nand more"
    assert reported(f"Flow run encountered an exception: StepFailed: {step}") == ReportedError(
        step, "BudgetReached", True
    )
    assert reported(
        "Flow run encountered an exception: SettingsError: SUPABASE_URL: is missing (set it)"
    ) == ReportedError("SettingsError: SUPABASE_URL: is missing (set it)", "SettingsError", True)
    assert (
        reported("Flow run encountered an exception: StepFailed: step=save_chunks: KeyError: unexpected").permanent
        is False
    )


@pytest.mark.parametrize(
    "message", [None, "", "Flow run encountered an exception: ValueError: private words", "Traceback: private words"]
)
def test_of_an_error_that_is_not_ours_only_the_type_is_read(message):
    error = reported(message)
    assert "private words" not in error.text
    assert error.text.endswith(": unexpected; the flow run's log shows where")
    assert not error.permanent


@pytest.mark.parametrize(
    "outlook", ["", "next attempt 14:20 UTC", "that was the last attempt", "not tried again by itself"]
)
def test_an_error_is_read_back_without_what_comes_next(outlook):
    error = "step=chunk_conversations: ExportError: the export is empty; upload it again"
    assert reported(failed_message(error, outlook)) == ReportedError(error, "ExportError", True)


def test_why_a_run_was_not_to_begin_is_read_back():
    assert reported("not run: NotOwner: flow run x has this user").type == "NotOwner"


def test_a_full_disk_says_where_to_make_room():
    assert "make room below SPOOL_DIR" in describe(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
