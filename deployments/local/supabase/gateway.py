"""What stands in front of PostgREST and Storage: the API gateway, which knows the project's keys.

Sources: docker/volumes/api/kong.yml and kong-entrypoint.sh of supabase/supabase (what is made of the headers, and that
Storage's path has no check of keys); the hosted platform's answers, as its users report them; the documentation's "API
keys" (a secret key in the Authorization header passes only if it is that of the apikey header).
"""

import hmac
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse

from deployments.local.supabase import keys

_KEYED_ROLES = ("anon", "service_role")
_OPAQUE = "Bearer sb_"


class GatewayError(Exception):
    """Answered in the gateway's form, which has no `code`."""

    def __init__(self, status: int, message: str, hint: str):
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint

    def response(self) -> JSONResponse:
        return JSONResponse({"message": self.message, "hint": self.hint}, status_code=self.status)


class Gateway:
    def __init__(self, jwt_secret: str):
        self._secret = jwt_secret

    def claims(self, request: Request) -> dict[str, Any] | None:
        """The claims that the service behind the gateway sees; None: there are none.

        Raises GatewayError for a key that is none of the project's, jwt.PyJWTError for a token that it did not sign.
        """
        key, authorization = request.headers.get("apikey", ""), request.headers.get("authorization", "")
        if not request.url.path.startswith("/storage/"):
            self._check(key, authorization)
        if authorization and not authorization.startswith(_OPAQUE):
            return self._verified(authorization.partition(" ")[2])
        for role, known in self._opaque().items():
            if hmac.compare_digest(key.encode(), known.encode()):
                return {"role": role}
        return self._verified(key) if key else None

    def _check(self, key: str, authorization: str) -> None:
        if not key:
            raise GatewayError(401, "No API key found in request", "No `apikey` request header or url param was found.")
        opaque_elsewhere = authorization.startswith(_OPAQUE) and authorization != f"Bearer {key}"
        if opaque_elsewhere or not self._is_ours(key):
            raise GatewayError(401, "Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")

    def _is_ours(self, key: str) -> bool:
        try:
            return key in self._opaque().values() or self._verified(key).get("role") in _KEYED_ROLES
        except jwt.PyJWTError:
            return False

    def _opaque(self) -> dict[str, str]:
        return {"service_role": keys.secret_key(self._secret), "anon": keys.publishable_key(self._secret)}

    def _verified(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(token, self._secret, algorithms=["HS256"], options={"verify_aud": False})
        return claims
