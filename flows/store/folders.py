"""What lies in a folder of Storage and in those within it. Source: supabase/storage,
src/http/routes/object/listObjects.ts; a row without an id is a folder.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

Asking = Callable[[Mapping[str, Any]], Awaitable[Sequence[Mapping[str, Any]]]]


async def below(folder: str, rows_a_page: int, ask: Asking) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Each object's name in the bucket, and its row. folder: ends with "/"; ask: sends the body of a listing."""
    asked = {"prefix": folder, "limit": rows_a_page, "sortBy": {"column": "name", "order": "asc"}}
    offset = 0
    while rows := await ask({**asked, "offset": offset}):
        for row in rows:
            name = f"{folder}{row['name']}"
            if row.get("id") is None:
                async for inner in below(f"{name}/", rows_a_page, ask):
                    yield inner
            else:
                yield name, row
        offset += len(rows)
