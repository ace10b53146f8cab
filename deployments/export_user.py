"""Everything that the full pass has of a person, as one JSON file: `python -m deployments.export_user <user id>`.

    {"user_id", "exported_at", "uploads": [names in Storage], "tables": {table: [rows]}}

A page of rows at a time, so it may be of any size. The uploads themselves are in Storage, as the person made them.
"""

import argparse
import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import UUID

from flows.errors import FullPassError
from flows.store.client import Store, open_store


async def export(user_id: UUID, to: Path) -> dict[str, int]:
    """Writes the file, readable by its owner only, when it is whole; returns table → rows. Raises StoreError."""
    unfinished = to.with_name(f"{to.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        async with open_store() as store:
            counts = await _write(store, user_id, file)
    unfinished.replace(to)
    return counts


async def _write(store: Store, user_id: UUID, file: IO[str]) -> dict[str, int]:
    head = {
        "user_id": str(user_id),
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "uploads": await store.account.uploads(user_id),
    }
    file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "tables": {')
    counts = {}
    for number, table in enumerate(await store.persons.tables()):
        file.write(f"{',' if number else ''}\n{json.dumps(table)}: [")
        counts[table] = await _write_table(store, user_id, table, file)
        file.write("]")
    file.write("\n}}\n")
    return counts


async def _write_table(store: Store, user_id: UUID, table: str, file: IO[str]) -> int:
    count = 0
    async for row in store.persons.rows(user_id, table):
        file.write(("," if count else "") + "\n" + json.dumps(row, ensure_ascii=False))
        count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.export_user",
        description="Everything that the full pass has of a person, as one JSON file. Reads SUPABASE_URL and "
        "SUPABASE_SERVICE_KEY.",
    )
    parser.add_argument("user_id", type=UUID)
    parser.add_argument("--out", type=Path, help="default: <user id>.json here")
    arguments = parser.parse_args()
    to: Path = arguments.out or Path(f"{arguments.user_id}.json")
    try:
        counts = asyncio.run(export(arguments.user_id, to))
    except FullPassError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{to} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{to}: {sum(counts.values())} rows of {sum(map(bool, counts.values()))} tables")
    return 0


if __name__ == "__main__":
    sys.exit(main())
