"""What the receiver and what is behind it must refuse, forget and keep to themselves, tried on the running stack."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook

from deployments.local.stack import ROOT
from tests.attack.door import Door
from tests.integration.service import simple_export

#: Of the stack that is attacked.
SIGNING_SECRET = "whsec_" + "QUFB" * 11
MOST_PER_DAY = 20

_NAME = "my-diary-of-2024.json"


def open_prefect(door: Door) -> str:
    """Prefect's API, by which anybody could start a shell on the worker, without the password and from other pages."""
    address = door.service.stack.url("prefect")
    variables = {"parameters": {}, "job_variables": {"command": "id"}}
    codes = [
        httpx.post(f"{address}/api/flow_runs/filter", json={}).status_code,
        httpx.post(f"{address}/api/deployments/{door.service.new_user()}/create_flow_run", json=variables).status_code,
    ]
    asked = door.service.prefect.post("/flow_runs/filter", json={"limit": 1}, headers={"Origin": "https://example.com"})
    allowed = asked.headers.get("access-control-allow-origin")
    assert (codes, asked.status_code, allowed) == ([401, 401], 200, None)
    return "401 without the password, no other page is allowed"


def another_body(door: Door) -> str:
    """An Idempotency-Key that comes again with something else."""
    user = door.service.new_user()
    paths = [door.service.upload(user, simple_export("I like tea."), name) for name in ("a.json", "b.json")]
    with door.service.without_worker():
        codes = [
            door.deliver(user, path, **{"Idempotency-Key": f"key of {user}"}).status_code
            for path in (paths[0], paths[1], paths[0])
        ]
    assert codes == [202, 422, 202], codes
    return "422; the first body again, 202"


def too_many(door: Door) -> str:
    """One person's uploads, more in a day than there may be."""
    user = door.service.new_user()
    with door.service.without_worker():
        answers = [
            door.deliver(user, door.service.upload(user, simple_export("I like tea."), f"{number}.json"))
            for number in range(MOST_PER_DAY + 1)
        ]
    codes = [answer.status_code for answer in answers]
    assert codes == [202] * MOST_PER_DAY + [429], codes
    assert int(answers[-1].headers["retry-after"]) > 0
    return f"{MOST_PER_DAY} passes, then 429 with Retry-After"


def old_signatures(door: Door) -> str:
    """A signed delivery that somebody has recorded, and one that nobody has signed."""
    user = door.service.new_user()
    body = json.dumps({"user_id": str(user), "storage_path": door.service.upload(user, simple_export("I like tea."))})
    with door.service.without_worker():
        codes = [
            httpx.post(
                f"{door.service.stack.url('webhook')}/process-full-v2", content=body, headers=headers
            ).status_code
            for headers in (_signed(body), _signed(body, timedelta(minutes=10)), _signed(body + " "))
        ]
    assert codes == [202, 401, 401], codes
    return "202 now; 401 ten minutes old, and of another body"


def _signed(body: str, ago: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - ago
    signature = Webhook(SIGNING_SECRET).sign("attack", at, body)
    return {
        "webhook-id": "attack",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


def weak_keys(door: Door) -> str:
    """Keys with which a receiver would be open, or refuse everyone."""
    told = []
    for key in ("abc\n", "a" * 31, ""):
        environment = {**door.service.stack.environment, "WEBHOOK_KEY": key, "WEBHOOK_SIGNING_SECRET": ""}
        command = [sys.executable, "-m", "deployments.webhook", "--port", "1"]
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        told.append(ran.returncode != 0 and "WEBHOOK_KEY" in ran.stderr)
    assert all(told), told
    return f"{len(told)} of {len(told)} receivers do not start, and say why"


def names_of_files(door: Door) -> str:
    """What a person called a file, looked for in Prefect and in the receiver's log."""
    user = door.service.new_user()
    run_id = door.service.trigger(user, door.service.upload(user, simple_export("I like tea."), _NAME))
    run = door.service.ended(run_id)
    lines = [*door.service.log(run_id), json.dumps(run), json.dumps(door.service.artifacts(run_id, "markdown"))]
    lines += door.log()
    assert not any(_NAME in line for line in lines)
    return f"nowhere in {len(lines):,} lines of Prefect and of the receiver"


def killed_text(door: Door) -> str:
    """A run that is killed in the middle of a person's words."""
    with door.asking() as (_, run_id, folder):
        files = len(list(folder.iterdir()))
        door.service.kill_run(run_id)
        door.service.gone(run_id)
    door.service.retry_failed()
    assert files > 1
    assert not folder.exists()
    return f"{files} files, and none after the next tick"


def erased(door: Door) -> str:
    """Somebody who is erased while a pass is at work."""
    with door.asking() as (user, run_id, folder):
        removed = door.service.erase(user, SPOOL_DIR=str(folder.parent))
    left = door.sql(
        "select count(*) from user_profiles full join conversation_chunks using (user_id)"
        " full join full_pass_deliveries using (user_id) where user_id = $1",
        user,
    )
    assert (left, door.runs_of([str(user)]), door.service.processes(run_id)) == (0, {}, [])
    assert not folder.exists()
    assert (removed["passes_stopped"], removed["uploads"], removed["account"]) == (1, 1, True)
    return "the pass stopped; no row, upload, run or folder"


def its_log(door: Door) -> str:
    """The receiver's log after all of this."""
    lines = door.log()
    key = door.service.stack.environment["WEBHOOK_KEY"]
    told = [line for line in lines if " status=" in line]
    assert told
    assert not any(secret in line for line in lines for secret in (key, "Bearer", "export.json", "Traceback"))
    codes = {code for line in told for code in re.findall(r" status=(\d+)", line)}
    return f"{len(told):,} lines of answers ({', '.join(sorted(codes))}), no key, no path, no traceback"


RULES: dict[str, Callable[[Door], str]] = {
    "Prefect's API without its password": open_prefect,
    "a key with another body": another_body,
    "a person's passes in a day": too_many,
    "recorded signatures": old_signatures,
    "weak keys": weak_keys,
    "names of files": names_of_files,
    "text of a killed run": killed_text,
    "an erased person": erased,
    "the receiver's log": its_log,
}
