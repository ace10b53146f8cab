"""The webhook receiver: the web app tells it that an export is uploaded, it starts the flow run.

    python -m deployments.webhook --host 0.0.0.0 --port 8000        (or any ASGI server with deployments.webhook:app)

    POST /process-full-v2    {"user_id", "storage_path", "conversation_count"?, "file_type"?, "replace"?}
    POST /webhooks/supabase  what a Supabase database webhook sends
    POST /retry-full-pass    {"user_id"}
    GET  /status/{user_id}   how far a pass is; a page in a browser, which asks for the key as a password
    GET  /health             the process lives
    GET  /ready              Prefect and Supabase answer, or which of them does not
    GET  /openapi.json       all of it, with the answers

The first four ask for `Authorization: Bearer` with one of the keys of WEBHOOK_KEY, or a signature.
"""

import argparse
import logging
import sys

import uvicorn

from deployments.receiver.app import app
from deployments.receiver.connections import ImpatientProtocol
from flows.errors import SettingsError
from flows.settings import StoreSettings, WebhookSettings, check

__all__ = ["app"]

_STOP_SECONDS = 8  # for requests that are being answered, each of which has 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.webhook", description="The webhook receiver.")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s, which only this machine reaches")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        check(WebhookSettings, StoreSettings)  # here for a message without a stack trace
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    _log_to_stdout()
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        access_log=False,
        http=ImpatientProtocol,
        limit_concurrency=WebhookSettings().webhook_max_connections,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return 0


def _log_to_stdout() -> None:
    """The receiver's lines by a handler of their own: Prefect's console takes longer for one than an answer does."""
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("soulprint.receiver")
    logger.setLevel(logging.INFO)
    logger.addHandler(lines)
    logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())
