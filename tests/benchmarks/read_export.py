"""How fast and in how much memory steps 1 to 3 read an export, beside the plain way: `make bench-read`.

For every size and style an export is made, uploaded to the local gateway, and taken through the steps of the flow in a
process of its own; then the plain way (json.load, the same chunker) reads the same file in another. MB/s are of
chunk_conversations, which is what the plain way does too, in MB of uncompressed JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import httpx

from deployments.local.demo import BUCKET
from deployments.local.stack import ROOT, Stack
from tests import sample
from tests.conftest import clean_environment
from tests.integration.service import FullPassService

_MB_PER_CONVERSATION = 0.0179


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.read_export", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000], metavar="MB")
    parser.add_argument("--styles", nargs="+", default=["json", "zip"], choices=["json", "zip"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as name:
        folder = Path(name)
        print(f"{'':14}|{'the full pass, steps 1 to 3':^64}|{'plain':^18}|", flush=True)
        print(
            f"{'export':>9} {'':4}|{'download':>9}{'chunk':>10}{'chunks':>9}{'save 1,000':>11}"
            f"{'peak after each step':>25}|{'chunk':>9}{'peak':>9}| ratio",
            flush=True,
        )
        with Stack(folder / "stack", clean_environment(), tell=lambda what: None) as stack:
            for size in arguments.sizes:
                for style in arguments.styles:
                    _measure(stack, folder, size, style)


def _measure(stack: Stack, folder: Path, size: int, style: Any) -> None:
    export = folder / f"export.{style}"
    sample.write_export(export, round(size / _MB_PER_CONVERSATION), style=style)
    megabytes = _uncompressed(export) / 1e6
    ours = _steps(stack, export)
    plain = _json_of("tests.benchmarks.plain_reading", export)
    assert ours["chunks"] > 0
    seconds = ours["seconds"]
    speed, plain_speed = megabytes / seconds["chunk"], megabytes / plain["seconds"]
    peaks = " ".join(f"{peak:5.0f}" for peak in ours["peaks_mb"].values())
    print(
        f"{megabytes:6.0f} MB {style:4}|{seconds['download']:7.1f} s{speed:5.0f} MB/s"
        f"{ours['chunks']:9,}{seconds['save'] / ours['chunks'] * 1_000:9.2f} s{peaks:>22} MB|"
        f"{plain_speed:4.0f} MB/s{plain['peak_mb']:6.0f} MB| {speed / plain_speed:.2f}",
        flush=True,
    )
    export.unlink()


def _uncompressed(export: Path) -> int:
    if export.suffix == ".json":
        return export.stat().st_size
    with zipfile.ZipFile(export) as archive:
        return archive.getinfo("conversations.json").file_size


def _steps(stack: Stack, export: Path) -> dict[str, Any]:
    with FullPassService(stack) as service:
        user_id = service.new_user()
        path = f"{user_id}/{export.name}"
        headers = {"content-type": "application/octet-stream"}
        with export.open("rb") as file:
            service.supabase.post(
                f"/storage/v1/object/{BUCKET}/{path}", content=file, headers=headers, timeout=600
            ).raise_for_status()
        answer = _json_of("tests.benchmarks.steps_1_to_3", user_id, f"{BUCKET}/{path}", environment=stack.environment)
        service.supabase.delete(f"/storage/v1/object/{BUCKET}/{path}")
        service.supabase.delete(
            "/rest/v1/conversation_chunks", params={"user_id": f"eq.{user_id}"}, timeout=httpx.Timeout(600)
        )
        return answer


def _json_of(module: str, *arguments: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What a module prints in its last line, run in a process of its own."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
