"""Keys of the local Supabase gateway: JSON Web Tokens as a Supabase project issues them."""

import time
from typing import Any
from uuid import UUID

import jwt

_TEN_YEARS = 10 * 365 * 24 * 3600


def mint_key(secret: str, role: str, **claims: Any) -> str:
    """A key for a role: `anon`, `authenticated` or `service_role`."""
    now = int(time.time())
    return jwt.encode({"iss": "supabase", "role": role, "iat": now, "exp": now + _TEN_YEARS, **claims}, secret, "HS256")


def user_token(secret: str, user_id: UUID) -> str:
    """The token of a signed-in user."""
    return mint_key(secret, "authenticated", sub=str(user_id))
