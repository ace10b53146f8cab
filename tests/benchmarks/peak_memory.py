"""The peak of this process's memory."""

from pathlib import Path


def peak_mb() -> float:
    """Peak resident set in MB. Not getrusage: what that says of a child includes what its parent had at the fork."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return kilobytes * 1024 / 1e6
