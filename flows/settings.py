"""Every setting, read from the environment when it is used.

A deployment changes its settings by changing the environment of its worker; nothing is cached for the life of a
process, so a long-lived process sees the change too.
"""

import base64
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows import models, providers
from flows.errors import SettingsError
from flows.models import Thinking
from flows.providers import PROVIDERS
from flows.records import Step

logger = logging.getLogger(__name__)

#: Calls of step 4 at a time over all runs and workers, 1–50; anything else warns and means 3. Apply again after a
#: change.
DEFAULT_FACT_EXTRACTION_CONCURRENCY = 3
MAX_FACT_EXTRACTION_CONCURRENCY = 50

#: Anthropic's own API.
FIRST_PARTY = HttpUrl("https://api.anthropic.com")

#: Where a problem with a setting is mended, by how its name begins.
_WHERE = {
    "ANTHROPIC_VERTEX": "Google Cloud console, the project's id; set it in the environment of the worker",
    "CLOUD_ML": "a region that has the model, or `global`; set it in the environment of the worker",
    "AWS": "a region that has the model; set it in the environment of the worker",
    "SUPABASE": "Supabase dashboard, Project settings, API keys; set it in the environment of the worker",
    "ANTHROPIC": "Claude console, API keys; set it in the environment of the worker",
    "WEBHOOK": "choose one (openssl rand -hex 32) and set it for the webhook receiver and the web app",
}


_KEY_CHARACTERS = 32
_SECRET_BYTES = 24  # as the specification of Standard Webhooks asks for


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_empty)]


class Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="", extra="ignore", env_ignore_empty=False)

    def __init__(self, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        if not problem["loc"]:  # of settings that do not go together; the message names them
            lines.append(problem["msg"].removeprefix("Value error, "))
            continue
        name = str(problem["loc"][0]).upper()
        what = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {what} ({_where(name)})")
    return "; ".join(lines)


def _where(name: str) -> str:
    default = "set it in the environment of the worker, or unset it for the default"
    return next((where for beginning, where in _WHERE.items() if name.startswith(beginning)), default)


class StoreSettings(Environment):
    """Where the users' rows and exports are."""

    #: The project's address, `https://<project>.supabase.co` (Supabase dashboard, Connect).
    supabase_url: HttpUrl
    #: A secret key of it, `sb_secret_…` (Project settings, API keys); the legacy `service_role` key works, too.
    supabase_service_key: Secret
    #: Private bucket that the web app uploads exports to; objects are `<user_id>/<file>`.
    storage_bucket: str = "imports"
    #: How long a request waits for a database or a storage that does not answer, until it has failed.
    supabase_patience_seconds: float = Field(default=150, ge=0)


class ModelSettings(Environment):
    """Which models answer, and where."""

    #: Who is asked: `anthropic` (also a proxy or a local server that speaks its Messages API), `vertex`, `bedrock`.
    model_provider: providers.Name = "anthropic"
    #: Claude console, API keys; `anthropic` needs it, and a local server takes any.
    anthropic_api_key: SecretStr | None = None
    #: Where `anthropic` is; also a proxy, or a local server that knows JSON schemas or tools.
    anthropic_base_url: HttpUrl = FIRST_PARTY
    #: The Google Cloud project that `vertex` is asked in, and needs.
    anthropic_vertex_project_id: str | None = None
    #: Its region, or `global`; `vertex` needs it.
    cloud_ml_region: str | None = None
    #: Another address of `vertex`, as behind a private endpoint.
    anthropic_vertex_base_url: HttpUrl | None = None
    #: The region of `bedrock`, which needs it; also AWS_DEFAULT_REGION.
    aws_region: str | None = Field(default=None, validation_alias=AliasChoices("aws_region", "aws_default_region"))
    #: An API key of `bedrock`; without it, requests are signed with the AWS credentials of the worker.
    aws_bearer_token_bedrock: SecretStr | None = None
    #: Another address of `bedrock`, with the path `/anthropic`.
    anthropic_bedrock_mantle_base_url: HttpUrl | None = None
    #: Of step 4; `claude-haiku-4-5` is the one that the former system used.
    extraction_model: str = "claude-haiku-5-5"
    #: Of steps 7 and 9.
    memory_model: str = "claude-haiku-5-5"
    #: How much steps 4 and 5 let the model think before it answers: `off`, or with `low`, `medium` or `high` effort.
    extraction_thinking: Thinking = "off"
    #: The same for steps 7 and 9, which ask few questions that need judgement.
    memory_thinking: Thinking = "medium"
    #: Seconds of silence after which a call counts as failed; one that goes on answering may take much longer.
    model_timeout_seconds: float = Field(default=180, gt=0)
    #: How long a call that the API turns away with 429 or 529 keeps trying, until it has failed.
    model_throttled_seconds: float = Field(default=1_800, ge=0)
    #: How often a call is repeated after 5xx, dropped connections and silence, with growing pauses.
    model_max_retries: int = Field(default=4, ge=0)
    #: How many such repetitions a whole run may make, beside one for each ten calls that were answered.
    model_retry_budget: int = Field(default=200, ge=0)
    #: What a run may spend at most; without it, whatever it needs.
    full_pass_budget_usd: float | None = Field(default=None, gt=0)

    @field_validator("anthropic_api_key", "anthropic_vertex_project_id", "cloud_ml_region", "aws_region")
    @classmethod
    def _needed(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        provider = info.data.get("model_provider")
        if provider is None or info.field_name not in PROVIDERS[provider].needs:
            return value
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text or not text.strip():
            raise ValueError("is missing" if text is None else "is empty")
        return value

    @model_validator(mode="after")
    def _requests_can_be_signed(self) -> "ModelSettings":
        missing = providers.missing_packages(self.model_provider)
        if missing and self.aws_bearer_token_bedrock is None:
            raise ValueError(
                f"MODEL_PROVIDER={self.model_provider} needs the package {', '.join(missing)}; install "
                f"{providers.REQUIREMENTS} where the worker runs"
            )
        return self

    @model_validator(mode="after")
    def _budget_can_be_kept(self) -> "ModelSettings":
        unknown = {model for model in (self.extraction_model, self.memory_model) if models.known(model).price is None}
        if self.full_pass_budget_usd is not None and unknown:
            raise ValueError(
                f"FULL_PASS_BUDGET_USD cannot be kept, because flows/models.py has no price of {min(unknown)}; "
                "add it there, or unset the budget"
            )
        return self

    def thinking(self, step: Step) -> Thinking:
        return (
            self.extraction_thinking if step in (Step.EXTRACT_FACTS, Step.CONSOLIDATE_FACTS) else self.memory_thinking
        )


class PassSettings(Environment):
    """How the full pass works."""

    #: Parent of the folders in which runs keep their data while they work.
    spool_dir: Path = Path(tempfile.gettempdir()) / "soulprint-spool"
    #: A conversation above it is skipped, and reported.
    export_max_conversation_mb: int = Field(default=64, ge=1)
    #: A zip that holds more is taken for a bomb.
    export_max_uncompressed_gb: int = Field(default=20, ge=1)
    #: So is one that holds so many times its size, beyond 100 MB.
    export_max_compression_ratio: int = Field(default=200, ge=2)
    #: Whether conversations that are marked as not to be remembered, and temporary chats, are read, too.
    export_read_unremembered: bool = False
    #: `direct`: one call after the other for each slot; `batch`: Message Batches, at half the price, within 24 hours.
    extraction_mode: Literal["direct", "batch"] = "direct"
    #: Who is asked: `anthropic` (also a proxy or a local server that speaks its Messages API), `vertex`, `bedrock`.
    model_provider: providers.Name = "anthropic"
    #: Chunks go into one call together up to so many tokens; 1: each has its own.
    extraction_pack_tokens: int = Field(default=4_000, ge=1)
    #: How long an extraction task run keeps its slot, unless other runs want their share.
    extraction_turn_seconds: float = Field(default=300, gt=0)
    #: Share of chunks without an answer above which the run fails, so that the next one asks about just those.
    extraction_max_failed_percent: float = Field(default=2, ge=0, le=100)
    #: How often a message batch is asked whether it has ended.
    extraction_batch_poll_seconds: float = Field(default=60, gt=0)
    #: How long answers about chunks that are gone are kept; until then, what comes back costs nothing.
    answer_retention_days: float = Field(default=90, ge=0)
    #: Tokens of MEMORY, which the app puts into every chat, at most; what has no room there is found by search.
    memory_max_tokens: int = Field(default=4_000, ge=1_000)
    #: Attempts of a user until only a person can start the next one.
    full_pass_max_attempts: int = Field(default=5, ge=1)
    #: Wait before the second attempt of a failed user; doubles with each further one.
    full_pass_retry_minutes: float = Field(default=10, gt=0)
    #: How long a run's own hooks have to write how it has ended, before `retry-failed` does.
    full_pass_hook_seconds: float = Field(default=15, ge=0)

    @model_validator(mode="after")
    def _there_are_batches(self) -> "PassSettings":
        if self.extraction_mode == "batch" and not PROVIDERS[self.model_provider].has_batches:
            raise ValueError(
                f"EXTRACTION_MODE=batch: MODEL_PROVIDER={self.model_provider} has no Message Batches; unset one of them"
            )
        return self


class WebhookSettings(Environment):
    """What the webhook receiver needs beside the store."""

    #: The bearer key that the web app sends, of at least 32 characters: `openssl rand -hex 32`. Several, with commas
    #: between them, are all good: so a key is replaced without a gap.
    webhook_key: Secret
    #: Secrets of Standard Webhooks signatures, `whsec_…`, with commas between them; none: only keys are good.
    webhook_signing_secret: SecretStr | None = None
    #: What the receiver starts.
    full_pass_deployment: str = "full-pass/full-pass"
    storage_bucket: str = "imports"
    #: Passes that a user may have in 24 hours; a delivery above it is answered with 429.
    full_pass_max_per_day: int = Field(default=20, ge=1)
    #: Dollars that the passes of a user may cost in a month; none: as many as they cost.
    full_pass_user_monthly_usd: float | None = Field(default=None, gt=0)
    #: A table of the app's whose database webhooks tell of uploads, `public.uploads`; none: only `storage.objects`.
    supabase_webhook_table: str | None = None
    #: Its column with the user.
    supabase_webhook_user_column: str = "user_id"
    #: Its column with the storage path.
    supabase_webhook_path_column: str = "storage_path"
    #: Whether what lies in a folder of the user's is one export: an event for one of its objects delivers all of them.
    supabase_webhook_folders: bool = False
    #: Connections at a time; one above it is answered with 503.
    webhook_max_connections: int = Field(default=500, ge=1)

    @field_validator("webhook_key")
    @classmethod
    def _keys_are_long(cls, value: SecretStr) -> SecretStr:
        for key in _listed(value):
            if len(key) < _KEY_CHARACTERS or not key.isascii() or not key.isprintable():
                raise ValueError(f"needs keys of at least {_KEY_CHARACTERS} visible ASCII characters")
        return value

    @field_validator("webhook_signing_secret")
    @classmethod
    def _secrets_are_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in _listed(value):
            try:
                usable = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= _SECRET_BYTES
            except ValueError:
                usable = False
            if not usable:
                raise ValueError(f"needs secrets as whsec_ and at least {_SECRET_BYTES} bytes in base64")
        return value

    @property
    def keys(self) -> list[str]:
        return _listed(self.webhook_key)

    @property
    def signing_secrets(self) -> list[str]:
        return _listed(self.webhook_signing_secret)


def _listed(secret: SecretStr | None) -> list[str]:
    return secret.get_secret_value().replace(",", " ").split() if secret else []


class ApplySettings(Environment):
    """What is set on the Prefect server when the deployment is applied."""

    #: Passes at a time, over all workers; each is a process of 130 to 180 MB, so 1 on a machine of 512 MB. Unset: the
    #: limit that the queue `passes` has, or 4. Apply again after a change.
    full_pass_concurrency: int | None = Field(default=None, ge=1)

    #: The image that runs have on a Docker or Kubernetes pool; none: the one that prefect.yaml names. Apply again after
    #: a change.
    soulprint_image: str | None = None

    #: After how long without a heartbeat a run counts as lost; one comes every 30 seconds. Apply again after a change.
    full_pass_silent_seconds: float = Field(default=90, ge=35)
    #: How long a worker may have a run without having begun it, until the run counts as lost. Apply again after a
    #: change.
    full_pass_start_minutes: float = Field(default=10, ge=0.2)


def check(*groups: type[Environment]) -> None:
    """Reads the groups of settings and raises one SettingsError with the problems of all of them."""
    problems = []
    for group in groups:
        try:
            group()
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("; ".join(problems))


def fact_extraction_concurrency() -> int:
    """FACT_EXTRACTION_CONCURRENCY, 1-50. Anything else means 3 and is said in a warning."""
    text = os.environ.get("FACT_EXTRACTION_CONCURRENCY")
    if text is None:
        return DEFAULT_FACT_EXTRACTION_CONCURRENCY
    # isdecimal: int() also takes "1_0", " 7 " and "+7", which are more likely mistakes than wishes.
    if len(text) <= 2 and text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_FACT_EXTRACTION_CONCURRENCY:
        return int(text)
    logger.warning(
        "FACT_EXTRACTION_CONCURRENCY is not a whole number from 1 to %d; using %d",
        MAX_FACT_EXTRACTION_CONCURRENCY,
        DEFAULT_FACT_EXTRACTION_CONCURRENCY,
    )
    return DEFAULT_FACT_EXTRACTION_CONCURRENCY
