"""What a worker does beside Prefect's: it leaves no text of killed runs on its machine."""

import logging
from unittest.mock import patch

from deployments import worker


def test_the_text_of_a_killed_run_goes_and_it_is_said_without_a_name(tmp_path, caplog):
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "export").write_text("private words")
    with caplog.at_level(logging.WARNING, "soulprint.worker"):
        worker.sweep(tmp_path)
    assert not (tmp_path / "killed").exists()
    assert [record.getMessage() for record in caplog.records] == ["removed the folders of 1 killed runs from SPOOL_DIR"]


def test_a_disk_that_cannot_be_looked_through_keeps_no_worker_from_its_work(tmp_path, caplog):
    with patch("flows.spool.fcntl.flock", side_effect=OSError(5, "Input/output error")):
        worker.sweep(tmp_path)
    assert "SPOOL_DIR cannot be looked through: Input/output error" in caplog.text
