"""Chunking exports that are large in every way, in the memory that a small machine has for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from tests import sample

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from pathlib import Path
from flows.chunks import writing
from tests.benchmarks.peak_memory import peak_mb

before = peak_mb()
found = writing.chunk_export(Path(sys.argv[1]), Path(sys.argv[1]).with_suffix(".chunks"), writing.limits())
print(found.conversations, found.messages, found.skipped.total(), found.chunks, peak_mb() - before)
"""
MB = 1_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process from /proc")


def message(text: str) -> str:
    return json.dumps({"role": "user", "content": text})


def one_conversation_of_30_mb(file: IO[str]) -> None:
    whole = next(sample.generate(1))
    nodes, text = {}, "I walked along the river and thought about the boat. " * 20
    for number in range(11_000):
        content = {"content_type": "text", "parts": [f"{number} {text}"]}
        said = {"author": {"role": "user", "metadata": {}}, "content": content, "create_time": 1.7e9, "metadata": {}}
        nodes[f"node-{number}"] = {"id": f"n{number}", "message": {**said, "weight": 1.0, "padding": "x" * 1_500}}
        nodes[f"node-{number}"]["parent"] = f"node-{number - 1}" if number else None  # type: ignore[assignment]
    json.dump([{**whole, "mapping": nodes, "current_node": f"node-{number}"}], file)


def one_message_of_5_mb(file: IO[str]) -> None:
    file.write(f'[{{"id": "a", "messages": [{message("I like tea and the sea. " * 210_000)}]}}]')


def tiny_messages(number: int) -> Callable[[IO[str]], None]:
    def write(file: IO[str]) -> None:
        file.write('[{"id": "a", "messages": [' + message("tea"))
        for _ in range(number - 1):
            file.write("," + message("tea"))
        file.write("]}]")

    return write


def conversations(number: int) -> Callable[[IO[str]], None]:
    def write(file: IO[str]) -> None:
        for each in range(number):
            file.write(f'{{"id": "{each}", "messages": [{message(f"I like tea number {each}.")}]}}\n')

    return write


def one_conversation_above_the_limit(file: IO[str]) -> None:
    file.write(f'[{{"id": "a", "messages": [{message("small")}]}}, {{"id": "b", "messages": ["')
    for _ in range(150):
        file.write("x" * MB)
    file.write('"]}]')


@pytest.mark.parametrize(
    ("write", "found", "limit"),
    [
        pytest.param(one_conversation_of_30_mb, (1, 11_000, 0), 130, id="one conversation of 30 MB"),
        pytest.param(one_message_of_5_mb, (1, 1, 0), 130, id="one message of 5 MB"),
        # A tenth of what 130 MB are for, in a tenth of the memory: it grows by the message.
        pytest.param(tiny_messages(100_000), (1, 100_000, 0), 130 / 10, id="tiny messages"),
        pytest.param(conversations(10_000), (10_000, 10_000, 0), 130 / 10, id="conversations"),
        pytest.param(one_conversation_above_the_limit, (1, 1, 1), 130, id="one conversation above the limit"),
        # The whole of it takes half a minute, and tells nothing but that no other limit stands in between.
        pytest.param(tiny_messages(1_000_000), (1, 1_000_000, 0), 130, id="a million", marks=pytest.mark.slow),
        pytest.param(conversations(100_000), (100_000, 100_000, 0), 130, id="100,000", marks=pytest.mark.slow),
    ],
)
def test_what_is_huge_is_chunked_in_little_memory(
    tmp_path: Path, write: Callable[[IO[str]], None], found: tuple[int, int, int], limit: float
) -> None:
    path = tmp_path / "export"
    with path.open("w") as file:
        write(file)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=200)
    *counts, chunks, megabytes = ran.stdout.split()
    assert tuple(map(int, counts)) == found
    assert int(chunks) > 0
    assert float(megabytes) < limit, ran.stdout
