"""How long step 5 takes without its model, and in how much memory, by the number of facts: `make bench-memory`.

Of the facts, in eight languages, a third say what another one says, written otherwise, of another kind or in another
chunk. How many there are is known, and what comes out is compared with it. Each size has a process of its own; the
seconds are of its CPU, so a busy machine does not show.
"""

import argparse
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, get_args
from uuid import UUID

from flows import spool
from flows.memory import fact_rows, grouping
from flows.memory.merging import Merged
from flows.records import FoundFact, Kind
from tests.benchmarks.peak_memory import peak_mb

_SEED = 20261001
_REPEATED = 1 / 3
_FACTS_A_CHUNK = 4
_KINDS = get_args(Kind)
#: Each with a number, which makes it another fact, and written in a second way.
_SENTENCES = (
    ("I'm learning C++ and I don't like lesson {}.", "I am learning C++ and I do not like lesson {}"),
    ("My sister Ida, who is a vet, lives at number {}.", "My sister Ida, who is a vet, lives at number {}!"),
    ("J’ai lu « Dune » {} fois, et j’y pense souvent.", "j'ai lu “Dune” {} fois, et j'y pense souvent"),
    ("Ich wohne seit langem in der Straße {} in Köln.", "ich wohne seit langem in der Straße {} in Köln"),
    ("Я читаю «Войну и мир», страница {}.", "я читаю „Войну и мир“, страница {}"),
    ("मुझे चाय पसंद है, कप संख्या {}।", "मुझे चाय पसंद है, कप संख्या {}"),
    ("أحب القهوة في الصباح، الكوب رقم {}.", "أحب القهوة في الصبـــاح، الكوب رقم {}"),
    ("私は猫が好きです。{}匹います。", "私は 猫が好きです。 {} 匹います"),
)


class Measured(NamedTuple):
    seconds: float
    unique: int
    peak_mb: float  # of the process
    imported_mb: float  # of that, what it had before


def found(count: int) -> Iterator[FoundFact]:
    """So many facts; exactly those that are no repetition are unique."""
    chances, unique = random.Random(_SEED), 0
    for position in range(count):
        repeats = unique > 0 and chances.random() < _REPEATED
        number = chances.randrange(unique) if repeats else unique
        unique += not repeats
        text = _SENTENCES[number % len(_SENTENCES)][repeats].format(number)
        day = f"{2019 + position % 7}-{position % 12 + 1:02}-{position % 28 + 1:02}T10:00:00+00:00"
        chunk = position // _FACTS_A_CHUNK
        yield FoundFact(
            chances.choice(_KINDS),
            text,
            quote=text,
            message=position % _FACTS_A_CHUNK,
            said=day,
            chunk_key=f"{chunk:032x}",
            conversation_id=f"{chunk // 2:032x}",
        )


def measured(facts_file: Path) -> Measured:
    before, began = peak_mb(), time.process_time()
    said = grouping.grouped(spool.read(facts_file, FoundFact))
    rows = fact_rows.rows(UUID(int=1), Merged({each.statement.key: each for each in said}), [])
    return Measured(time.process_time() - began, len(rows), peak_mb(), before)


def _row(folder: Path, count: int) -> Measured:
    facts_file = folder / f"{count}.jsonl"
    spool.write(facts_file, found(count))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        row = process.submit(measured, facts_file).result()
    planted = len({"".join(filter(str.isdecimal, fact.text)) for fact in found(count)})
    assert row.unique == planted, f"{row.unique} unique facts of {planted}"
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.consolidate", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], metavar="FACTS")
    arguments = parser.parse_args()
    print("| facts | unique | CPU time | of a fact | growth | peak | more than before |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    last: tuple[int, Measured] | None = None
    with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as folder:
        for count in arguments.sizes:
            row = _row(Path(folder), count)
            growth = f"× {row.seconds / last[1].seconds:.1f} for × {count / last[0]:g}" if last else ""
            print(
                f"| {count:,} | {row.unique:,} | {row.seconds:.2f} s | {row.seconds / count * 1e6:.0f} µs | {growth} "
                f"| {row.peak_mb:.0f} MB | {row.peak_mb - row.imported_mb:.0f} MB |",
                flush=True,
            )
            last = count, row


if __name__ == "__main__":
    main()
