"""What a pass writes for the app to read: MEMORY and the profile sections."""

from collections.abc import Mapping
from uuid import UUID

from flows.store.requests import Requests


class ProfileTable:
    """The columns of user_profiles that the app reads."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def save_memory(self, user_id: UUID, run_id: str, memory_md: str) -> None:
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_memory_md": memory_md}
        await self._requests.rpc("full_pass_save_memory", arguments)

    async def save_sections(self, user_id: UUID, run_id: str, sections: Mapping[str, str], soulprint_text: str) -> None:
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
