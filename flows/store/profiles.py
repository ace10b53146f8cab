"""What a pass writes for the app to read: MEMORY and the profile sections."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from flows.records import StoredMemory, StoredSections
from flows.store.requests import Query, Requests, Row, no_such_user

SECTION_COLUMNS = ("soul_md", "identity_md", "user_md", "agents_md", "tools_md")


class ProfileTable:
    """The columns of user_profiles that the app reads."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def memory(self, user_id: UUID) -> StoredMemory:
        """Raises UserNotFound."""
        return msgspec.convert(await self._row(user_id, StoredMemory.__struct_fields__), StoredMemory)

    async def stored_sections(self, user_id: UUID) -> StoredSections:
        """The five sections as they stand. Raises UserNotFound."""
        row = await self._row(user_id, [*SECTION_COLUMNS, "full_pass_sections_question"])
        return StoredSections(question=row.pop("full_pass_sections_question"), columns=row)

    async def save_regenerated(
        self,
        user_id: UUID,
        run_id: str,
        read: StoredMemory,
        sections: Mapping[str, str | None],
        soulprint_text: str,
        question: str,
    ) -> bool:
        """Replaces the sections of a user whom no pass has; `read`: what they were written from.

        Returns whether MEMORY is still that; if not, nothing is written. Raises NotOwner when a pass has had the user
        since.
        """
        arguments = {
            "p_user_id": str(user_id),
            "p_run_id": run_id,
            "p_owner": read.full_pass_run_id,
            "p_memory_md": read.memory_md,
            "p_sections": sections,
            "p_soulprint_text": soulprint_text,
            "p_question": question,
        }
        return bool(await self._requests.rpc("full_pass_save_regenerated_sections", arguments))

    async def add_regeneration_cost(self, user_id: UUID, cost: Mapping[str, Any]) -> None:
        arguments = {"p_user_id": str(user_id), "p_cost": cost}
        await self._requests.rpc("full_pass_add_regeneration_cost", arguments)

    async def save_sections(
        self, user_id: UUID, run_id: str, sections: Mapping[str, str | None], soulprint_text: str, question: str
    ) -> None:
        """Replaces the five sections together.

        `sections`: column name → JSON text; `question`: the key of the one that they answer.
        """
        await self._requests.rpc(
            "full_pass_save_sections",
            {
                "p_user_id": str(user_id),
                "p_run_id": run_id,
                "p_sections": sections,
                "p_soulprint_text": soulprint_text,
                "p_question": question,
            },
        )

    async def _row(self, user_id: UUID, columns: Sequence[str]) -> Row:
        query = Query("user_profiles", ",".join(columns), equal={"user_id": str(user_id)}, limit=1)
        rows = (await self._requests.select(query)).rows
        if not rows:
            raise no_such_user(user_id)
        return rows[0]
