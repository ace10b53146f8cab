import subprocess
import sys

import pytest

from deployments.local.stack import ROOT
from flows import spool
from flows.errors import SpoolError


def test_a_folder_is_the_runs_own_and_goes_with_it(tmp_path):
    with spool.folder(tmp_path / "spool", "run-1") as folder:
        (folder / "export").write_text("private words")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_what_a_killed_run_has_left_goes_with_the_next_run_and_a_living_ones_stays(tmp_path):
    script = (
        "import sys; from pathlib import Path; from flows import spool;\n"
        "with spool.folder(Path(sys.argv[1]), 'other') as folder:\n"
        "    (folder / 'export').write_text('x'); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with spool.folder(tmp_path, "run-1"):
            assert (tmp_path / "other" / "export").exists()
        other.kill()
    assert (tmp_path / "other" / "export").exists()
    with spool.folder(tmp_path, "run-2"):
        assert not (tmp_path / "other").exists()


def test_a_place_that_takes_no_folder_says_what_to_set(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolError, match="SPOOL_DIR"), spool.folder(tmp_path / "spool", "run-1"):
        pass
