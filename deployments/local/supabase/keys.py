"""Keys of the local Supabase gateway, of both kinds that a project has.

Source: Supabase's documentation, "API keys": secret and publishable keys are opaque, the legacy ones JSON Web Tokens.
"""

import base64
import hashlib
import hmac
import time
from typing import Any
from uuid import UUID

import jwt

_TEN_YEARS = 10 * 365 * 24 * 3600


def secret_key(jwt_secret: str) -> str:
    """The key that bypasses row level security: `sb_secret_…`."""
    return _opaque_key(jwt_secret, "secret")


def publishable_key(jwt_secret: str) -> str:
    """The key of a web page, of the role `anon`: `sb_publishable_…`."""
    return _opaque_key(jwt_secret, "publishable")


def _opaque_key(jwt_secret: str, kind: str) -> str:
    # A real one is random and looked up. Derived from the secret, it needs no store of keys.
    digest = hmac.digest(jwt_secret.encode(), kind.encode(), hashlib.sha256)
    text = base64.urlsafe_b64encode(digest).decode()
    return f"sb_{kind}_{text[:22]}_{text[22:30]}"


def mint_key(secret: str, role: str, **claims: Any) -> str:
    """A legacy key: `anon` or `service_role`."""
    now = int(time.time())
    return jwt.encode({"iss": "supabase", "role": role, "iat": now, "exp": now + _TEN_YEARS, **claims}, secret, "HS256")


def user_token(secret: str, user_id: UUID) -> str:
    """The token of a signed-in user, which goes beside a key."""
    return mint_key(secret, "authenticated", sub=str(user_id))
