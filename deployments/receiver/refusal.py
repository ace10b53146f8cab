"""A request that is not done."""


class Refusal(Exception):
    """The request is answered with `code` and the reason, and what else is to be said. retry_after: seconds."""

    def __init__(self, code: int, reason: str, *, retry_after: int | None = None, **more: str | None):
        self.code, self.reason, self.retry_after, self.more = code, reason, retry_after, more
