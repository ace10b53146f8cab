"""Who may ask the receiver, how long and how much, and what is written of it."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from deployments.receiver import app as receiver_app
from deployments.receiver import limits
from flows.errors import SettingsError
from flows.settings import WebhookSettings
from tests.unit.fake_supabase import USER
from tests.unit.receiver.conftest import KEY, OTHER_KEY

SECRET = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"


def test_the_document_says_who_may_ask():
    said = receiver_app.app.openapi()
    assert said["openapi"].startswith("3.1")
    assert said["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    methods = {path: each for path, methods in said["paths"].items() for each in methods.values()}
    assert {path for path, each in methods.items() if "security" not in each} == {"/health", "/ready"}


def test_each_of_several_keys_is_good(receiver):
    for key in (KEY, OTHER_KEY):
        assert receiver.ask("GET", f"/status/{USER}", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY},", "Bearer \xff\xfe"])
@pytest.mark.parametrize("path", ["/process-full-v2", "/retry-full-pass", "/webhooks/supabase"])
def test_any_other_is_401_before_anything_is_looked_at(receiver, header, path):
    answer = receiver.ask("POST", path, content=b"{", headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, "WEBHOOK_KEY" in answer.json()["error"]) == (401, True)


@pytest.mark.parametrize("key", ["", "short", "k" * 31, f"{'k' * 32} short", "k" * 32 + "é", "k" * 31 + "\x7f"])
def test_a_key_that_cannot_be_used_is_said_at_the_start(monkeypatch, key):
    monkeypatch.setenv("WEBHOOK_KEY", key)
    with pytest.raises(SettingsError, match="WEBHOOK_KEY"):
        WebhookSettings()


def test_what_surrounds_a_key_is_no_part_of_it():
    assert WebhookSettings(webhook_key=SecretStr(f"  {KEY}\n")).keys == [KEY]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_no base64!"])
def test_a_secret_that_signs_nothing_is_said_at_the_start(monkeypatch, secret):
    monkeypatch.setenv("WEBHOOK_SIGNING_SECRET", secret)
    with pytest.raises(SettingsError, match="WEBHOOK_SIGNING_SECRET"):
        WebhookSettings(webhook_key=SecretStr(KEY))


def signed(body: str, when: datetime, secret: str = SECRET, identity: str = "msg_1") -> dict[str, str]:
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign(identity, when, body),
    }


def test_a_signed_delivery_needs_no_key_and_its_id_makes_one_run(receiver, monkeypatch, prefect):
    monkeypatch.setenv("WEBHOOK_SIGNING_SECRET", SECRET)
    body = f'{{"user_id": "{USER}", "storage_path": "{USER}/export.zip"}}'
    now = datetime.now(UTC)
    for _ in range(2):
        answer = receiver.ask("POST", "/process-full-v2", content=body, headers=signed(body, now))
        assert answer.status_code == 202
    assert len(prefect.flow_runs) == 1
    wrong = [
        signed(body, now - timedelta(minutes=6)),
        signed(body, now + timedelta(minutes=6)),
        signed(body + " ", now),
        signed(body, now, "whsec_" + "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Ro"),
        {**signed(body, now), "webhook-signature": "v1"},
        {**signed(body, now), "webhook-signature": "v1,é"},
        {**signed(body, now), "webhook-timestamp": "soon"},
        {"webhook-signature": "v1,AAAA"},
    ]
    for headers in wrong:
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = receiver.ask("POST", "/process-full-v2", content=body, headers=encoded)
        assert (answer.status_code, "WEBHOOK_SIGNING_SECRET" in answer.json()["error"]) == (401, True)


def test_without_a_secret_a_signature_is_nothing(receiver):
    body = "{}"
    answer = receiver.ask("POST", "/process-full-v2", content=body, headers=signed(body, datetime.now(UTC)))
    assert (answer.status_code, "WEBHOOK_KEY" in answer.json()["error"]) == (401, True)


def test_each_answer_is_one_line_without_a_token_or_a_path(receiver, caplog):
    receiver.deliver(headers={"X-Request-Id": "r-1"})
    receiver.ask("POST", "/process-full-v2", content=b"", headers={"Authorization": "Bearer secret-of-somebody"})
    receiver.ask("GET", "/secret-of-somebody")
    receiver.ask("GET", "/health")
    lines = [record.getMessage() for record in caplog.records if record.name == "soulprint.receiver"]
    assert len(lines) == 4
    assert lines[0].startswith("POST /process-full-v2 status=202 ms=")
    assert f" request=r-1 user={USER} run=" in lines[0]
    assert "status=401" in lines[1]
    assert "export.zip" not in caplog.text
    assert "secret-of-somebody" not in caplog.text


def test_a_request_id_that_would_write_more_than_one_line_is_not_repeated(receiver, caplog):
    receiver.deliver(headers={"X-Request-Id": "a b status=200"})
    assert "a b" not in caplog.text


def test_what_does_not_answer_in_time_is_503_with_when_to_come_again(receiver, monkeypatch, prefect):
    monkeypatch.setattr(receiver_app, "ANSWER_SECONDS", 0.01)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(prefect, "hello", never)
    monkeypatch.setattr("deployments.receiver.starter._SECONDS", 0.05)
    answer = receiver.deliver()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert receiver.ask("GET", "/health").status_code == 200


@pytest.mark.parametrize(
    ("status", "says"), [(401, "PREFECT_API_AUTH_STRING"), (403, "PREFECT_API_KEY"), (500, "answered 500")]
)
def test_a_prefect_that_refuses_is_not_one_that_is_away(receiver, monkeypatch, prefect, status, says):
    from prefect.exceptions import PrefectHTTPStatusError

    async def refused(*_: object) -> None:
        response = httpx.Response(status, request=httpx.Request("GET", "http://prefect"))
        raise PrefectHTTPStatusError("refused", request=response.request, response=response)

    monkeypatch.setattr(prefect, "read_deployment_by_name", refused)
    assert says in receiver.deliver().json()["error"]
    answer = receiver.ask("GET", "/ready")
    assert answer.status_code == 503
    assert says in answer.json()["prefect"]
    assert answer.json()["supabase"] == "ok"


def test_a_body_that_does_not_come_is_408_and_one_that_breaks_off_ends_without_a_trace(receiver, monkeypatch, caplog):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.01)
    stalled = asyncio.run(answered(asyncio.Event().wait))
    assert stalled["status"] == 408

    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    assert asyncio.run(answered(gone))["status"] == 499
    assert [record.levelno for record in caplog.records if record.levelno > logging.INFO] == []


async def answered(receive):
    """The beginning of the receiver's answer to a request whose body comes as `receive` says."""
    scope = {
        **{"type": "http", "method": "POST", "path": "/process-full-v2", "raw_path": b"/process-full-v2"},
        **{"query_string": b"", "headers": [], "state": {}, "app": receiver_app.app, "http_version": "1.1"},
    }
    sent: list[dict[str, object]] = []

    async def send(message):
        sent.append(message)

    await receiver_app.app(scope, receive, send)
    return sent[0]
