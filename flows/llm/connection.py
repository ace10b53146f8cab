"""The SDK's client of the provider that is set (MODEL_PROVIDER), and what its credentials can fail with.

Bedrock is asked at /anthropic/v1/messages of bedrock-mantle, not with InvokeModel, which Anthropic's documentation
calls legacy (2026-11): the wire, the stream and the errors are those of Anthropic's own API, and an API key works
without boto3. ANTHROPIC_BEDROCK_MANTLE_BASE_URL names another host with that path.
"""

from typing import Any

import anthropic
import httpx2

from flows import tls
from flows.errors import ModelRefusedAccess
from flows.providers import PROVIDERS, REGIONAL, Name
from flows.settings import FIRST_PARTY, ModelSettings

Sdk = anthropic.AsyncAnthropic | anthropic.AsyncAnthropicVertex | anthropic.AsyncAnthropicBedrockMantle

#: Of the packages that sign requests: what another try can mend, as when a machine's metadata service does not answer.
_PASSING = {"TransportError", "ConnectTimeoutError", "MetadataRetrievalError", "CredentialRetrievalError"}


def connect(settings: ModelSettings, **options: Any) -> Sdk:
    # The run decides about retries, not each call alone.
    http = anthropic.DefaultAsyncHttpxClient(verify=tls.context())
    options = {"timeout": settings.model_timeout_seconds, "max_retries": 0, "http_client": http, **options}
    match settings.model_provider:
        case "vertex":
            return anthropic.AsyncAnthropicVertex(
                region=settings.cloud_ml_region or "",
                project_id=settings.anthropic_vertex_project_id or "",
                base_url=_address(settings.anthropic_vertex_base_url),
                **options,
            )
        case "bedrock":
            key = settings.aws_bearer_token_bedrock
            return anthropic.AsyncAnthropicBedrockMantle(
                aws_region=settings.aws_region,
                api_key=key.get_secret_value() if key else None,
                base_url=_address(settings.anthropic_bedrock_mantle_base_url),
                **options,
            )
        case "anthropic":
            key = settings.anthropic_api_key
            return anthropic.AsyncAnthropic(
                api_key=key.get_secret_value() if key else None,
                base_url=_address(settings.anthropic_base_url),
                **options,
            )


def name_of(settings: ModelSettings, model: str) -> str:
    """The provider's name of a model that is set by Anthropic's; any other is left as it is."""
    return f"anthropic.{model}" if settings.model_provider == "bedrock" and model.startswith("claude-") else model


def is_first_party(settings: ModelSettings) -> bool:
    """Whether Anthropic's own API is asked, of which it is known what it can do."""
    return settings.model_provider == "anthropic" and settings.anthropic_base_url.host == FIRST_PARTY.host


def share_of_price(settings: ModelSettings) -> float:
    """Of Anthropic's list price, at most."""
    anywhere = settings.model_provider == "vertex" and settings.cloud_ml_region == "global"
    return 1.0 if settings.model_provider == "anthropic" or anywhere else REGIONAL


def credentials_problem(sdk: Sdk, error: Exception) -> Exception:
    """What an exception of the packages that sign requests means; any other is returned as it is."""
    provider = _provider(sdk)
    ours = isinstance(error, RuntimeError) and str(error).startswith("Could not resolve")  # the SDK's own
    if provider == "anthropic" or not (ours or type(error).__module__.startswith(("google.auth", "botocore"))):
        return error
    if type(error).__name__ in _PASSING or getattr(error, "retryable", False):
        request = httpx2.Request("POST", sdk.base_url)
        return anthropic.APIConnectionError(message="no credentials yet", request=request)
    # Not the error's own text: it may name accounts and files.
    return ModelRefusedAccess(f"there are no credentials for {provider}; {PROVIDERS[provider].credentials}")


def _provider(sdk: Sdk) -> Name:
    if isinstance(sdk, anthropic.AsyncAnthropicVertex):
        return "vertex"
    return "bedrock" if isinstance(sdk, anthropic.AsyncAnthropicBedrockMantle) else "anthropic"


def _address(url: object) -> str | None:
    return None if url is None else str(url).rstrip("/")
