"""Claude by way of Vertex AI and Amazon Bedrock: the SDK's own clients, over HTTP, with invented credentials."""

import asyncio
import importlib.util
import json
import subprocess
import sys

import anthropic
import httpx
import httpx2
import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from flows import models
from flows.errors import ModelRefusedAccess, PromptTooLong, RequestRejected, SettingsError
from flows.extraction.question import ChunkFacts
from flows.llm import failures
from flows.llm.client import open_model
from flows.llm.messages import blocks
from flows.providers import REQUIREMENTS, missing_packages
from flows.records import Step
from flows.settings import ModelSettings, PassSettings, check
from tests.unit.fake_model import KEY

HAIKU = "claude-haiku-5-5"

needs_google = pytest.mark.skipif(bool(missing_packages("vertex")), reason=f"needs google-auth: {REQUIREMENTS}")
needs_boto = pytest.mark.skipif(bool(missing_packages("bedrock")), reason=f"needs boto3: {REQUIREMENTS}")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_ML_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bedrock(monkeypatch, stand_in):
    monkeypatch.setenv("MODEL_PROVIDER", "bedrock")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    monkeypatch.setenv("ANTHROPIC_BEDROCK_MANTLE_BASE_URL", f"{stand_in}/anthropic")
    return stand_in


@pytest.fixture
def vertex(monkeypatch, stand_in, tmp_path):
    """A service account whose tokens the stand-in accepts."""
    pytest.importorskip("google.auth")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "of-the-file",
        "client_email": "worker@project.example",
        "private_key_id": "1",
        "private_key": key.decode(),
        "token_uri": f"{stand_in}/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("MODEL_PROVIDER", "vertex")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "project")
    monkeypatch.setenv("CLOUD_ML_REGION", "global")
    monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", f"{stand_in}/v1")
    return stand_in


@pytest.fixture
def routes(request):
    """Google's token endpoint, beside the stand-in's own routes."""
    token = getattr(request, "param", KEY)

    async def grant(asked):
        return JSONResponse({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    return [Route("/token", grant, methods=["POST"])]


def ask(name, times=1):
    """The replies, and what the run has used."""

    async def calls():
        async with open_model() as client:
            content = blocks({"excerpt-1": [("user", "I like tea.")]})
            question = dict(model=name, system="Note facts.", content=content)
            asking = (
                client.ask(step=Step.EXTRACT_FACTS, reply_type=ChunkFacts, reply_tokens=1_000, **question)
                for _ in range(times)
            )
            return await asyncio.gather(*asking), client.usage.total()

    return asyncio.run(calls())


def list_price(used):
    return models.cost(HAIKU, input=used.input_tokens, output=used.output_tokens) or 0


def counted(stand_in):
    return httpx.get(f"{stand_in}/_control").json()["calls"]


def test_bedrock_is_asked_with_an_api_key_and_no_other_package(bedrock):
    replies, used = ask(f"anthropic.{HAIKU}", times=5)
    assert all(reply.facts for reply in replies)
    assert counted(bedrock)["by_status"] == {"400": 1, "200": 5}  # it rejects schemas: found out once
    assert used.cost_usd == pytest.approx(1.1 * list_price(used))


def test_schemas_are_used_on_bedrock_where_it_knows_them(bedrock):
    httpx.put(f"{bedrock}/_control", json={"schemas": "followed"}).raise_for_status()
    ask(f"anthropic.{HAIKU}", times=5)
    assert counted(bedrock)["by_form"] == {"schema": 5}


def test_a_key_that_bedrock_does_not_accept_is_named(bedrock, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another")
    with pytest.raises(ModelRefusedAccess, match="check the key or the credentials"):
        ask(f"anthropic.{HAIKU}")


def test_a_model_may_be_set_by_its_first_partys_name(bedrock):
    assert ask(HAIKU)[0][0].facts


def test_a_model_that_bedrock_does_not_have_is_named(bedrock):
    with pytest.raises(ModelRefusedAccess, match="there is no model claude-haiku-9; set EXTRACTION_MODEL"):
        ask("claude-haiku-9")


@needs_boto
def test_bedrock_is_asked_with_signed_requests(bedrock, monkeypatch):
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAINVENTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "invented")
    assert ask(f"anthropic.{HAIKU}")[0][0].facts


@needs_boto
def test_without_aws_credentials_the_run_ends_and_says_what_to_set(bedrock, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")  # the SDK keeps what it has found for a region
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ModelRefusedAccess, match="no credentials for bedrock; set AWS_BEARER_TOKEN_BEDROCK"):
        ask(f"anthropic.{HAIKU}")


@needs_google
@pytest.mark.parametrize("name", [HAIKU, "claude-haiku-4-5@20251001"])
def test_vertex_is_asked_with_the_default_credentials(vertex, name):
    replies, used = ask(name, times=3)
    assert all(reply.facts for reply in replies)
    assert used.cost_usd == pytest.approx(models.cost(name, input=used.input_tokens, output=used.output_tokens))


@needs_google
def test_a_region_of_vertex_costs_a_tenth_more(vertex, monkeypatch):
    monkeypatch.setenv("CLOUD_ML_REGION", "europe-west1")
    _, used = ask(HAIKU)
    assert used.cost_usd == pytest.approx(1.1 * list_price(used))


@needs_google
def test_a_model_that_the_project_does_not_have_is_named(vertex):
    with pytest.raises(ModelRefusedAccess, match="there is no model claude-haiku-9"):
        ask("claude-haiku-9")


@needs_google
@pytest.mark.parametrize("routes", ["stolen"], indirect=True)
def test_a_token_that_vertex_does_not_accept_is_named(vertex):
    with pytest.raises(ModelRefusedAccess, match="application default credentials"):
        ask(HAIKU)


@needs_google
def test_without_google_credentials_the_run_ends_and_says_what_to_set(vertex, monkeypatch, tmp_path):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ModelRefusedAccess, match="no credentials for vertex; give the worker"):
        ask(HAIKU)


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (400, [{"error": {"code": 400, "message": "Invalid value", "status": "INVALID_ARGUMENT"}}], RequestRejected),
        (403, [{"error": {"code": 403, "message": "Denied", "status": "PERMISSION_DENIED"}}], ModelRefusedAccess),
        (400, {"message": "Input is too long: maximum context length"}, PromptTooLong),  # AWS
        (403, {"message": "The security token included in the request is invalid."}, ModelRefusedAccess),
        (400, {"error": {"type": "Bad Request", "code": 400, "message": "Invalid value"}}, RequestRejected),  # vLLM
        (400, {"error": {"code": 400, "message": "exceeds the context window"}}, PromptTooLong),  # llama.cpp
    ],
)
def test_errors_that_are_not_in_anthropics_form_are_understood(status, body, means):
    response = httpx2.Response(status, json=body, request=httpx2.Request("POST", "http://cloud/"))
    error = anthropic.APIStatusError("", response=response, body=body)
    problem = failures.explained(error, HAIKU, "My prompt", "vertex")
    assert type(problem) is means
    assert means is not RequestRejected or str(problem).endswith("Invalid value")


@pytest.mark.parametrize("body", [[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}], {"message": "Too many"}])
def test_a_quota_of_a_cloud_is_waited_for(body):
    response = httpx2.Response(429, json=body, request=httpx2.Request("POST", "http://cloud/"))
    assert failures.is_throttled(anthropic.APIStatusError("", response=response, body=body))


@pytest.mark.parametrize(
    ("provider", "needs"),
    [
        ("anthropic", ["ANTHROPIC_API_KEY"]),
        ("vertex", ["ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION"]),
        ("bedrock", ["AWS_REGION"]),
    ],
)
def test_what_a_provider_needs_is_said_at_the_start_and_of_no_other(monkeypatch, provider, needs):
    monkeypatch.setenv("MODEL_PROVIDER", provider)
    with pytest.raises(SettingsError) as caught:
        check(ModelSettings)
    assert [line.split(":")[0] for line in str(caught.value).split("; ") if ": is missing" in line] == needs


def test_the_default_region_of_aws_is_one(monkeypatch):
    monkeypatch.setenv("MODEL_PROVIDER", "bedrock")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert ModelSettings().aws_region == "eu-west-1"


@pytest.mark.parametrize(
    ("provider", "absent", "package"), [("vertex", "google.auth", "google-auth"), ("bedrock", "boto3", "boto3")]
)
def test_a_package_that_is_not_installed_is_named_at_the_start(monkeypatch, provider, absent, package):
    monkeypatch.setitem(sys.modules, absent, None)
    monkeypatch.setenv("MODEL_PROVIDER", provider)
    for name in ("AWS_REGION", "ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION"):
        monkeypatch.setenv(name, "somewhere")
    with pytest.raises(SettingsError, match=rf"{provider} needs the package {package}.*install {REQUIREMENTS}"):
        check(ModelSettings)


@pytest.mark.parametrize("provider", ["vertex", "bedrock"])
def test_batches_are_refused_at_the_start_where_there_are_none(monkeypatch, provider):
    monkeypatch.setenv("EXTRACTION_MODE", "batch")
    check(PassSettings)
    monkeypatch.setenv("MODEL_PROVIDER", provider)
    with pytest.raises(SettingsError, match=f"MODEL_PROVIDER={provider} has no Message Batches"):
        check(PassSettings)


@pytest.mark.skipif(importlib.util.find_spec("boto3") is None, reason=f"needs boto3: {REQUIREMENTS}")
def test_packages_of_providers_that_are_not_set_are_not_imported():
    code = "import flows.full_pass, sys; sys.exit('boto3' in sys.modules or 'google.auth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-opus-5-5@default", "claude-opus-5-5"),
        ("anthropic.claude-haiku-5-5", "claude-haiku-5-5"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-5-5-v1", "claude-sonnet-5-5"),
    ],
)
def test_a_model_is_known_by_any_providers_name(name, plain):
    assert models.known(name) is models.MODELS[plain]


@pytest.mark.parametrize("name", ["my-claude-haiku-5-5", "claude-haiku-5-5-mini", "claude-haiku-5", "qwen3:8b", ""])
def test_of_another_model_nothing_is_assumed(name):
    assert models.known(name).price is None
