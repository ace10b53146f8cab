"""Who may ask: whoever sends one of the keys, or signs the delivery as Standard Webhooks does.

A browser sends the key of the status page as a password.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md (headers webhook-id,
webhook-timestamp, webhook-signature; what is older than five minutes is a replay).
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from deployments.receiver.refusal import Refusal
from flows.settings import WebhookSettings

_WRONG_KEY = "the bearer key is missing or wrong; send Authorization: Bearer with the value of WEBHOOK_KEY"
_WRONG_SIGNATURE = (
    "no signature of this delivery fits; sign it with WEBHOOK_SIGNING_SECRET, by the clock of now (Standard Webhooks)"
)


def authenticate(
    headers: Mapping[str, str], body: bytes, settings: WebhookSettings, *, by_password: bool = False
) -> None:
    """Raises Refusal(401) unless a key or a signature of the request is right.

    by_password: the key may be the password of HTTP Basic, which a browser asks for. Only where nothing is changed: a
    browser sends a password again by itself, also when another site makes it ask.
    """
    if "authorization" not in headers and "webhook-signature" in headers and settings.signing_secrets:
        if not _is_signed(headers, body, settings.signing_secrets):
            raise Refusal(401, _WRONG_SIGNATURE)
    elif not _has_key(headers.get("authorization", ""), settings.keys, by_password):
        raise Refusal(401, _WRONG_KEY)


def _has_key(authorization: str, keys: Iterable[str], by_password: bool) -> bool:
    scheme, _, given = authorization.partition(" ")
    sent = given.strip().encode()
    if by_password and scheme.lower() == "basic":
        scheme, sent = "bearer", _password(sent)
    # Compared as bytes: compare_digest refuses text beyond ASCII, which a header may hold. All of them, whichever fits.
    fits = [hmac.compare_digest(sent, key.encode()) for key in keys]
    return scheme.lower() == "bearer" and any(fits)


def _password(credentials: bytes) -> bytes:
    """What stands behind the user name, which may be any."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _is_signed(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> bool:
    return any(_verifies(Webhook(secret), headers, body) for secret in secrets)


def _verifies(webhook: Webhook, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # also of headers that are no base64 and of bodies that are no text
        return False
    return True
