"""What the receiver is asked, and what it answers: the shapes of its OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from flows.runs.flow_runs import StoragePath


def _whole(number: object) -> object:
    """JSON knows one kind of numbers: 12.0 is the integer 12."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Count = Annotated[int, Field(ge=0, le=10_000_000), BeforeValidator(_whole)]


class Delivery(BaseModel):
    """An export is uploaded. All but the first two is what the uploader believes."""

    model_config = ConfigDict(extra="ignore", strict=True)

    user_id: UUID
    storage_path: StoragePath | Annotated[list[StoragePath], Field(min_length=1, max_length=30)] = Field(
        description='imports/<user_id>/<file>, or a folder with "/" at its end, or several: the files of one export'
    )
    conversation_count: Count | None = None
    file_type: Literal["zip", "json"] | None = None
    replace: bool = Field(default=False, description="what the export lacks of its source is removed")


class Retry(BaseModel):
    """The next attempt of a user whose pass has failed."""

    model_config = ConfigDict(extra="ignore", strict=True)

    user_id: UUID


class DatabaseEvent(BaseModel):
    """What a Supabase database webhook sends (supabase.com/docs/guides/database/webhooks)."""

    model_config = ConfigDict(extra="ignore", strict=True, populate_by_name=True)

    type: Literal["INSERT", "UPDATE", "DELETE"]
    table: str
    # `schema` is a name of pydantic's own.
    table_schema: str = Field(alias="schema")
    record: dict[str, Any] | None = None
    old_record: dict[str, Any] | None = None


class Accepted(BaseModel):
    """The upload will be read: now, or (queued) when the pass of this user that is active has ended."""

    status: Literal["processing", "queued"]
    version: Literal["v2"] = "v2"
    user_id: UUID
    conversation_count: int | None
    job_id: UUID = Field(description="of the delivery")
    flow_run_id: UUID | None = Field(description="null while it is queued")


class RetryAccepted(BaseModel):
    status: Literal["accepted"] = "accepted"
    user_id: UUID
    flow_run_id: UUID


class Ignored(BaseModel):
    """The event is no upload of an export."""

    status: Literal["ignored"] = "ignored"
    reason: str


class PassRun(BaseModel):
    """A run of the full pass, as Prefect has it."""

    flow_run_id: UUID
    attempt: int | None = Field(description="null: it never began")
    state: str = Field(description="the name of its state in Prefect")
    message: str | None = Field(description="what a run that has ended has come to, or why it failed")
    began_at: datetime | None
    ended_at: datetime | None
    cost_usd: float | None = Field(description="null: not known, as of a run that was killed")


class PassStatus(BaseModel):
    """How far a user's full pass is."""

    user_id: UUID
    status: str = Field(description="pending, processing, complete or failed")
    stage: str | None
    percent: int | None
    error: str | None
    attempts: int
    started_at: datetime | None
    completed_at: datetime | None
    next_retry_at: datetime | None
    cost_usd: float | None = Field(description="of the last pass, with its failed attempts")
    flow_run_id: str | None
    queue_place: int | None = Field(description="how many deliveries begin before this one, and it; null: none waits")
    runs: list[PassRun] | None = Field(description="the last ones, the newest first; null: Prefect does not answer")


class Problem(BaseModel):
    """Why the request is not done, and what to do."""

    error: str
    status: str | None = None


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the receiver needs: ok, or what is missing."""

    status: Literal["ready", "not ready"]
    prefect: str
    supabase: str
