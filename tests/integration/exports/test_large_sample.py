"""The generator of large exports for benchmarks."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process from /proc")
def test_thousands_of_conversations_are_written_in_little_memory(tmp_path):
    # Not getrusage: what it says of a child includes what the parent had at the fork.
    program = (
        "import sys; from pathlib import Path; from tests import sample\n"
        "facts = sample.write_export(Path(sys.argv[1]), 4_000, style='json')\n"
        "(peak,) = (line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(len(facts), peak)"
    )
    path = tmp_path / "big.json"
    command = [sys.executable, "-c", program, path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    planted, kilobytes = map(int, run.stdout.split())
    assert planted == 2_000
    assert path.stat().st_size > 40_000_000
    assert kilobytes < 50_000
