"""What Supabase means by an answer that is none, and what an operator does about it.

Three speak: the API gateway in front (JSON without a `code`), PostgREST (JSON with its own code or Postgres's), Storage
(JSON with its own code and the status in the body); and whoever stands between (HTML, or nothing). Only statuses and
codes are repeated: the rest of an answer may hold the user's text.
Sources: tests/conformance/README.md.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from flows.errors import StoreError

KEY = (
    "Supabase does not accept the key; set SUPABASE_SERVICE_KEY to a secret key of this project (sb_secret_…), or to "
    "its legacy service_role key"
)
_WEAK_KEY = (
    "the key may not do this; set SUPABASE_SERVICE_KEY to a secret key (sb_secret_…) or the legacy service_role key, "
    "not to a publishable or anon key"
)
_MIGRATIONS = "the database lacks the full pass's tables or functions; apply deployments/supabase/migrations"
_READ_ONLY = (
    "the database takes no writes, as when its disk is full (code {code}); make room or enlarge the disk of the "
    "Supabase project, and end its read-only mode"
)
_RESTRICTED = "Supabase has restricted the project{why}; see its usage and billing in the Supabase dashboard"
_PAUSED = "the Supabase project is paused; restore it in the Supabase dashboard"
_NO_SUPABASE = "what answered {status} is not Supabase; check SUPABASE_URL, and the status of the Supabase project"

_NO_SUCH_THING = {"PGRST202", "PGRST205", "42P01", "42703", "42883"}
_NO_WRITES = {"25006", "53100", "DatabaseReadOnly"}
_CODE = re.compile(r"[A-Za-z0-9_]{1,40}")
_RESTRICTION = re.compile(r"\b(?:exceed(?:ed)?_[a-z_]+|overdue_payment)\b")
_NOT_JSON = object()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without what was asked for.

    `status`: of HTTP, or Storage's own, which stands in the body. `code`: None from the gateway, and from a `stranger`,
    whose answer is not JSON. `details` may hold the user's text.
    """

    status: int
    code: str | None = None
    details: str | None = None
    stranger: bool = False
    restriction: str | None = None

    @classmethod
    def of(cls, response: httpx.Response, form: type = object) -> "Refusal | None":
        """None: the answer is JSON of that form, or has no content and says so. The body has been read."""
        body = _json(response)
        if response.is_success and (response.status_code == 204 or (body is not _NOT_JSON and isinstance(body, form))):
            return None
        if response.is_success or not isinstance(body, dict):
            return cls(response.status_code, stranger=True)
        status, code, details = str(body.get("statusCode")), body.get("code"), body.get("details")
        restriction = _RESTRICTION.search(response.text)
        return cls(
            status=int(status) if re.fullmatch(r"[45]\d\d", status) else response.status_code,
            code=code if isinstance(code, str) and _CODE.fullmatch(code) else None,
            details=details if isinstance(details, str) else None,
            restriction=restriction[0] if restriction else None,
        )

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered later, without anybody changing what is asked."""
        if self.status in (401, 402, 501, 540) or 300 <= self.status < 400:
            return False
        return self.stranger or self.status in (408, 429) or self.status >= 500 or self.code in _NO_WRITES

    def error(self) -> StoreError:
        return StoreError(self._message())

    def _message(self) -> str:
        if self.code == "42501":
            return _WEAK_KEY
        match self.status:
            case 401:
                return KEY
            case 402:
                return _RESTRICTED.format(why=f" ({self.restriction})" if self.restriction else "")
            case 540:
                return _PAUSED
        if self.code in _NO_SUCH_THING:
            return _MIGRATIONS
        if self.code in _NO_WRITES:
            return _READ_ONLY.format(code=self.code)
        return self._in_general()

    def _in_general(self) -> str:
        what = f"code {self.code}" if self.code else f"status {self.status}"
        if self.is_passing and not self.stranger:
            return f"the database does not answer ({what}); see the status of the Supabase project"
        if self.stranger or (self.status == 404 and not self.code):
            return _NO_SUPABASE.format(status=self.status)
        return _WEAK_KEY if self.status == 403 else f"the database refused the request with {what}"


def _json(response: httpx.Response) -> Any:
    if response.is_error and not response.content:
        return {}  # PostgREST and the gateway, where the status says it all
    try:
        return response.json()
    except ValueError:
        return _NOT_JSON
