"""How long search_memory takes for a person with 50,000 facts among 1,000 users: `make bench-memory`.

Each of the others has 200 facts in the same words, so that frequent words are frequent for everybody. Asked as the
signed-in user, with row level security in force: words that nearly all facts hold, some, one and none of them, other
endings, misspelt ones, Chinese. Seconds are those that the database takes, over one connection.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.supabase import database

_SEED = 20261126
_USER = UUID(int=1)
_RUNS = 3  # of which the best of each search counts: another program on the machine is no part of it
_WORDS = 8_000  # of the made-up language, the n-th as frequent as 1/n
_SYLLABLES = [a + b for a in "bcdfghjklmn" for b in "aeiou"]
_HAN = "我你他在北京上海喜欢吃辣工作学习五年女儿儿子住搬到音乐电影跑步咖啡茶朋友"


class Language:
    def __init__(self) -> None:
        self._chances = random.Random(_SEED)
        self.words = sorted({self._word() for _ in range(_WORDS * 2)})[:_WORDS]
        self._chances.shuffle(self.words)
        self._weights = list(accumulate(1 / (number + 1) for number in range(len(self.words))))

    def _word(self) -> str:
        return "".join(self._chances.choices(_SYLLABLES, k=self._chances.randint(1, 4)))

    def sentence(self, number: int) -> str:
        if number % 10 == 9:
            return "".join(self._chances.choices(_HAN, k=12))
        return " ".join(["I", *self._chances.choices(self.words, cum_weights=self._weights, k=9), f"no{number}."])

    def query(self) -> str:
        kind = self._chances.randrange(6)
        word = self._chances.choice(self.words)
        rare = self._chances.choices(self.words, cum_weights=self._weights, k=2)
        match kind:
            case 0:
                return " ".join(self.words[:3])
            case 1:
                return f"{rare[0]} {rare[1]} {word}"
            case 2:
                return f"no{self._chances.randrange(50_000)}"
            case 3:
                return word[:-1] + "q"
            case 4:
                return "".join(self._chances.choices(_HAN, k=3))
        return f"{word} nowhere"


async def _fill(connection: asyncpg.Connection, language: Language, facts: int, users: int) -> None:
    for number in range(users):
        user = uuid5(_USER, str(number)) if number else _USER
        count = facts if number == 0 else 200
        await connection.execute("insert into auth.users (id) values ($1)", user)
        await connection.execute("insert into user_profiles (user_id) values ($1)", user)
        rows = [(uuid5(user, str(each)), user, "belief", language.sentence(each)) for each in range(count)]
        await connection.copy_records_to_table("memory_facts", records=rows, columns=["id", "user_id", "kind", "text"])
        sources = [(user, row[0], f"k{row[0]}", "c", f"{row[3]} {language.sentence(0)}") for row in rows]
        await connection.copy_records_to_table(
            "memory_fact_sources",
            records=sources,
            columns=["user_id", "fact_id", "chunk_key", "conversation_id", "quote"],
        )
    await connection.execute("analyze")


async def _measured(connection: asyncpg.Connection, queries: list[str]) -> tuple[list[float], int]:
    """Milliseconds of each, and how many found something."""
    took, found = [], 0
    claims = json.dumps({"role": "authenticated", "sub": str(_USER)})
    for query in queries:
        async with connection.transaction():
            await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
            await connection.execute("set local role authenticated")
            began = time.perf_counter()
            rows = await connection.fetch("select * from search_memory($1)", query)
            took.append((time.perf_counter() - began) * 1000)
            found += bool(rows)
    return took, found


async def _run(url: str, facts: int, users: int, count: int) -> None:
    await database.prepare(url)
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        language = Language()
        await _fill(connection, language, facts, users)
        queries = [language.query() for _ in range(count)]
        await _measured(connection, queries[:20])
        runs = [await _measured(connection, queries) for _ in range(_RUNS)]
        took, found = [min(times) for times in zip(*(run[0] for run in runs), strict=True)], runs[0][1]
        cuts = statistics.quantiles(took, n=100)
        print("| facts of the user | users | searches | found something | p50 | p95 | p99 | slowest |")
        print("|---:|---:|---:|---:|---:|---:|---:|---:|")
        print(
            f"| {facts:,} | {users:,} | {count:,} | {found:,} | {cuts[49]:.1f} ms | {cuts[94]:.1f} ms"
            f" | {cuts[98]:.1f} ms | {max(took):.1f} ms |"
        )
    finally:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.search", description=__doc__)
    parser.add_argument("--facts", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--searches", type=int, default=500)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="soulprint-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        server.create_database("search")
        asyncio.run(_run(server.url("search"), arguments.facts, arguments.users, arguments.searches))


if __name__ == "__main__":
    main()
