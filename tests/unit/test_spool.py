import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from deployments.local.stack import ROOT
from flows import spool
from flows.errors import SpoolError


def test_a_folder_is_the_runs_own_and_goes_with_it(tmp_path):
    with spool.folder(tmp_path / "spool", "run-1") as folder:
        (folder / "export").write_text("private words")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@contextmanager
def another_run(parent: Path) -> Iterator[Path]:
    """A living one in its own process, which is killed at the end; its export."""
    script = (
        "import sys; from pathlib import Path; from flows import spool;\n"
        "with spool.folder(Path(sys.argv[1]), 'other') as folder:\n"
        "    (folder / 'export').write_text('x'); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(parent)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        yield parent / "other" / "export"
        other.kill()


def test_what_a_killed_run_has_left_goes_with_the_next_run_and_a_living_ones_stays(tmp_path):
    with another_run(tmp_path) as export, spool.folder(tmp_path, "run-1"):
        assert export.exists()
    assert export.exists()
    with spool.folder(tmp_path, "run-2"):
        assert not export.exists()


def test_what_a_killed_run_has_left_goes_without_another_run_and_a_living_ones_stays(tmp_path):
    with another_run(tmp_path) as export:
        assert spool.remove_abandoned(tmp_path) == 0
        assert export.exists()
    assert spool.remove_abandoned(tmp_path) == 1
    assert not export.parent.exists()
    assert spool.remove_abandoned(tmp_path) == 0


def test_a_machine_that_never_ran_a_pass_has_nothing_to_remove(tmp_path):
    assert spool.remove_abandoned(tmp_path / "spool") == 0


def test_what_a_link_points_to_is_not_the_spools(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "link").symlink_to(tmp_path / "elsewhere")
    assert spool.remove_abandoned(tmp_path / "spool") == 0
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_cannot_be_removed_is_said_and_stops_no_run(tmp_path):
    (tmp_path / "stubborn" / ".lock").mkdir(parents=True)
    with patch("shutil.rmtree"), pytest.raises(SpoolError, match=r"1 folders .* cannot be removed"):
        spool.remove_abandoned(tmp_path)
    with spool.folder(tmp_path, "run-1") as folder:
        assert folder.exists()


def test_a_place_that_takes_no_folder_says_what_to_set(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match="SPOOL_DIR"), spool.folder(tmp_path / "spool", "run-1"):
        pass
