"""What of a stored row is believed when a pass is to be run again."""

from uuid import UUID

import pytest

from flows.runs.flow_runs import stored_request

USER, OTHER = UUID("00000000-0000-4000-8000-0000000000ab"), UUID("00000000-0000-4000-8000-000000000002")
OWN = {"user_id": str(USER), "storage_path": f"imports/{USER}/export.zip"}


@pytest.mark.parametrize("path", [f"imports/{USER}/export.zip", f"{USER}/export.zip", f"{USER}/2026/export.zip"])
def test_a_pass_over_an_own_export_is_run_again(path):
    request = stored_request({**OWN, "storage_path": path, "of an older version": 1}, USER, "imports")
    assert request is not None
    assert (request.user_id, request.storage_path) == (USER, path)
    assert stored_request({**OWN, "user_id": str(USER).upper()}, USER, "imports") is not None


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"user_id": str(USER)},
        {**OWN, "user_id": str(OTHER)},
        {**OWN, "storage_path": f"imports/{OTHER}/export.zip"},
        {**OWN, "storage_path": f"imports/{USER}/../{OTHER}/export.zip"},
        {"user_id": str(OTHER), "storage_path": f"imports/{OTHER}/export.zip"},
        {**OWN, "storage_path": ""},
    ],
)
def test_what_is_no_pass_of_this_user_over_an_own_export_is_not_run(parameters):
    assert stored_request(parameters, USER, "imports") is None
