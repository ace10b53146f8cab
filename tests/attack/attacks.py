"""What is done to the running stack; each attack returns its figures, and asserts what has to hold."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from tests.attack.door import Door, until_closed
from tests.integration.service import export_of, simple_export

_ANSWER_SECONDS = 5.5  # 5, and what a client needs
_LEAST_RATE, _MOST_P99 = 100, 1.0  # on two quiet cores
_MOST_GROWTH = 30  # MB
_MAX_CONNECTIONS = 500


def a_burst(door: Door, users: int = 200, deliveries: int = 1_000) -> str:
    """Each user's upload is delivered five times: one run each, none lost."""
    with door.service.without_worker():
        names = door.users(users)
        burst = door.burst(names, deliveries)
        assert set(burst.codes) == {202}, burst.codes
        door.service.wait(lambda: door.runs_of(names), lambda runs: len(runs) == users)
        runs = door.runs_of(names)
        lost, doubled = users - len(runs), sum(runs.values()) - len(runs)
        figures = f"{burst.figures()}, {lost} lost, {doubled} doubled, receiver {door.megabytes():.0f} MB"
        figures += f"; {burst.cpu_figures()}"
    assert (lost, doubled) == (0, 0), figures
    if door.quiet:
        assert burst.rate >= _LEAST_RATE, figures
        assert burst.p99 < _MOST_P99, figures
    return figures


def memory(door: Door, deliveries: int = 10_000) -> str:
    """As many deliveries again as it takes; the receiver does not grow."""
    with door.service.without_worker():
        names = door.users(200)
        door.burst(names, 1_000)
        before = door.megabytes()
        burst = door.burst(names, deliveries)
        peak = door.megabytes()
    figures = f"{deliveries} deliveries, {burst.figures()}, receiver {before:.0f} MB before, {peak:.0f} MB after"
    later = burst.codes.pop(503, 0)  # to be delivered again
    figures += f", {later} told to come later" if later else ""
    assert set(burst.codes) == {202}, f"{figures}: {burst.codes}"
    assert not (later and door.quiet), figures
    assert peak - before < _MOST_GROWTH, figures
    return figures


def six_spellings(door: Door) -> str:
    """One object by six names, at the same moment."""
    (user,) = door.users(1)
    bodies: list[dict[str, object]] = [
        {"user_id": name, "storage_path": path}
        for name in (user, user.upper())
        for path in (f"imports/{user}/export.json", f"{user}/export.json")
    ]
    bodies += [{**bodies[0], "file_type": "json"}, {**bodies[0], "conversation_count": 1}]
    with door.service.without_worker(), ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: door.service.webhook.post("/process-full-v2", json=body), bodies))
        door.service.wait(lambda: door.runs_of([user]), lambda runs: runs[user] > 0)
        runs = door.runs_of([user])[user]
    codes = sorted(answer.status_code for answer in answers)
    assert (runs, set(codes)) == (1, {202}), codes
    return f"{runs} run"


def wrong_keys(door: Door, attempts: int = 1_000) -> str:
    """Guessed keys, near ones among them: all are refused, and nothing is remembered."""
    (user,) = door.users(1)
    key = door.service.stack.environment["WEBHOOK_KEY"]
    guesses = ["", "Bearer", f"Bearer {key[:-1]}", f"Bearer {key}x", f"Basic {key}", f"Bearer {key.upper()}x", key]
    body = {"user_id": user, "storage_path": f"imports/{user}/export.json"}
    began = time.perf_counter()
    with httpx.Client(base_url=door.service.stack.url("webhook"), timeout=60) as stranger:
        codes = {
            stranger.post(
                "/process-full-v2", json=body, headers={"Authorization": guesses[number % len(guesses)]}
            ).status_code
            for number in range(attempts)
        }
    remembered = door.sql("select count(*) from full_pass_deliveries where user_id = $1", user)
    assert (codes, remembered) == ({401}, 0)
    return f"{attempts} refused, {attempts / (time.perf_counter() - began):.0f}/s"


def prefect_stopped(door: Door) -> str:
    """The Prefect server is there and says nothing."""
    (user,) = door.users(1)
    path = f"imports/{user}/export.json"
    server = psutil.Process(door.service.stack.services["prefect"].pid)
    with door.service.without_worker():
        parts = [server, *server.children(recursive=True)]
        for part in parts:
            part.suspend()
        try:
            began = time.perf_counter()
            answer = door.deliver(user, path)
            answered = time.perf_counter() - began
            health = door.service.webhook.get("/health").status_code
            ready = door.service.webhook.get("/ready")
        finally:
            for part in parts:
                part.resume()
        door.service.wait(lambda: door.service.webhook.get("/ready").status_code, lambda code: code == 200)
        again = door.deliver(user, path)
        door.service.wait(lambda: door.runs_of([user]), lambda runs: runs[user] > 0)
        runs = door.runs_of([user])[user]
    assert (answer.status_code, health, ready.status_code, again.status_code, runs) == (503, 200, 503, 202, 1)
    assert "retry-after" in answer.headers
    assert "Prefect" in ready.json()["prefect"]
    assert answered < _ANSWER_SECONDS, f"answered after {answered:.1f} s"
    return f"503 after {answered:.1f} s, /health 200, /ready 503; delivered again, {runs} run"


def stalled_bodies(door: Door, connections: int = 50) -> str:
    """Deliveries whose bodies do not come, while others are made."""
    (user,) = door.users(1)
    with contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(door.connection(door.stalled_body())) for _ in range(connections)]
        began = time.perf_counter()
        with door.service.without_worker():
            burst = door.burst([user], 20, at_once=4)
        answered = [(each.recv(4096), time.perf_counter() - began) for each in stalled]
    assert set(burst.codes) == {202}
    assert all(b" 408 " in said for said, _ in answered), "not every stalled body was answered with 408"
    slowest = max(seconds for _, seconds in answered)
    assert slowest < _ANSWER_SECONDS + 1, f"after {slowest:.1f} s"
    return f"{connections} answered 408 after {slowest:.1f} s at most; meanwhile {burst.figures()}"


def half_open(door: Door, connections: int = 20) -> str:
    """Connections that never ask."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(door.connection(b"")) for _ in range(connections // 2)]
        silent += [stack.enter_context(door.connection(b"POST /pro")) for _ in range(connections // 2)]
        slowest = max(until_closed(each)[0] for each in silent)
    assert slowest < 15, f"closed after {slowest:.0f} s"
    return f"{connections} closed after {slowest:.1f} s at most"


def crowded(door: Door) -> str:
    """More connections than there may be: others are told to come again, and later all is as before."""
    with contextlib.ExitStack() as stack:
        for _ in range(_MAX_CONNECTIONS + 5):
            stack.enter_context(door.connection(b""))
        code = httpx.get(f"{door.service.stack.url('webhook')}/health").status_code
    after = door.service.wait(lambda: httpx.get(f"{door.service.stack.url('webhook')}/health").status_code, _is_ok)
    assert (code, after) == (503, 200)
    return f"{code} above {_MAX_CONNECTIONS} connections, {after} afterwards"


def second_upload(door: Door) -> str:
    """A newer upload while a pass is at work: it is read when that has ended, and its text is there."""
    service = door.service
    user_id = service.new_user()
    service.messages.put("/_control", json={"latency_seconds": 0.3}).raise_for_status()
    service.trigger(user_id, service.upload(user_id, export_of(30)))
    service.wait(lambda: service.row(user_id)["full_pass_status"], lambda status: status == "processing")
    answer = door.deliver(user_id, service.upload(user_id, simple_export("I like milk."))).json()
    service.messages.put("/_control", json={})
    ended = "select count(*) from full_pass_deliveries where user_id = $1 and state = 'ended'"
    service.wait(lambda: door.sql(ended, user_id), lambda count: count == 2)
    texts = [chunk["content"] for chunk in service.chunks(user_id)]
    assert (answer["status"], answer["flow_run_id"]) == ("queued", None)
    assert any("I like milk." in text for text in texts)
    assert service.row(user_id)["full_pass_status"] == "complete"
    return "queued, then read; complete"


def released(door: Door, deliveries: int = 249) -> str:
    """A queue of deliveries is let go: no more processes than the queue's limit, none taken for lost, all complete."""
    service, most, began = door.service, 0, time.perf_counter()
    # Whoever waits for a place waits longer than a worker may take to begin what it has.
    service.prepare_server(FULL_PASS_START_MINUTES="0.5")
    limit = service.prefect.get("/work_pools/full-pass/queues/passes").json()["concurrency_limit"]
    pool = "/work_pools/full-pass"
    service.prefect.patch(pool, json={"is_paused": True}).raise_for_status()
    names = door.users(deliveries)
    burst = door.burst(names, deliveries)
    door.service.wait(lambda: door.runs_of(names), lambda runs: len(runs) == deliveries)
    service.prefect.patch(pool, json={"is_paused": False}).raise_for_status()
    complete = "select count(*) from user_profiles where user_id = any ($1::uuid[]) and full_pass_status = 'complete'"
    attempts = "select max(full_pass_attempts) from user_profiles where user_id = any ($1::uuid[])"
    done = 0
    while done < deliveries:
        most = max(most, len(_passes()))
        done = door.sql(complete, names)
        assert door.sql(attempts, names) in (None, 0, 1), "a run that waited was taken for lost"
        assert time.perf_counter() - began < 30 * deliveries, f"{done} complete"
    runs = door.runs_of(names)
    service.prepare_server()
    figures = f"{deliveries} complete, {most} processes at most (limit {limit}), {time.perf_counter() - began:.0f} s"
    assert set(burst.codes) == {202}
    assert most <= limit, figures
    assert sum(runs.values()) == deliveries, figures
    return figures


def told_to_stop(door: Door) -> str:
    """SIGTERM while a body is stalled. The last attack: the receiver is gone after it."""
    with door.connection(door.stalled_body()):
        door.service.webhook.get("/health")
        receiver, began = door.receiver, time.perf_counter()
        os.kill(receiver.pid, signal.SIGTERM)
        receiver.wait(timeout=30)
        seconds = time.perf_counter() - began
    assert seconds < 10, f"ended after {seconds:.1f} s"
    return f"ended after {seconds:.1f} s"


ATTACKS: dict[str, Callable[[Door], str]] = {
    "1,000 deliveries for 200 users": a_burst,
    "10,000 deliveries": memory,
    "six spellings of one object": six_spellings,
    "1,000 wrong keys": wrong_keys,
    "Prefect stopped (SIGSTOP)": prefect_stopped,
    "50 stalled bodies": stalled_bodies,
    "20 half-open connections": half_open,
    "505 connections": crowded,
    "a second upload while active": second_upload,
    "queued deliveries released": released,
}


def _passes() -> list[int]:
    """The processes of flow runs on this machine that are below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("run "):
                found.append(process.pid)
    return found


def _is_ok(code: int) -> bool:
    return code == 200
