"""What a pass writes for the app to read: MEMORY and the profile sections."""

from collections.abc import Mapping
from uuid import UUID

from flows.store.requests import Query, Requests, no_such_user

SECTION_COLUMNS = ("soul_md", "identity_md", "user_md", "agents_md", "tools_md")


class ProfileTable:
    """The columns of user_profiles that the app reads."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def save_memory(self, user_id: UUID, run_id: str, memory_md: str) -> None:
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_memory_md": memory_md}
        await self._requests.rpc("full_pass_save_memory", arguments)

    async def sections(self, user_id: UUID) -> dict[str, str | None]:
        """The five sections as they stand: column name → JSON text. Raises UserNotFound."""
        query = Query("user_profiles", ",".join(SECTION_COLUMNS), equal={"user_id": str(user_id)}, limit=1)
        rows = (await self._requests.select(query)).rows
        if not rows:
            raise no_such_user(user_id)
        return rows[0]

    async def save_sections(
        self, user_id: UUID, run_id: str, sections: Mapping[str, str | None], soulprint_text: str
    ) -> None:
        """Replaces the five sections together. `sections`: column name → JSON text."""
        await self._requests.rpc(
            "full_pass_save_sections",
            {
                "p_user_id": str(user_id),
                "p_run_id": run_id,
                "p_sections": sections,
                "p_soulprint_text": soulprint_text,
            },
        )
