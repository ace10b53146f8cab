"""Applying the deployment after a changed setting. As a command, every start of a stack does it."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.utilities.templating import apply_values

from deployments import ROOT, apply, wanted
from deployments.local.stack import Stack
from flows import __version__
from tests.integration.service import FullPassService, export_of


@pytest.fixture
def usual_afterwards(service: FullPassService) -> Iterator[None]:
    """Other tests find what they expect of the server."""
    yield
    service.prepare_server()


@pytest.mark.usefixtures("usual_afterwards")
def test_a_changed_limit_holds_for_a_run_that_is_under_way(service):
    service.messages.put("/_control", json={"latency_seconds": 2}).raise_for_status()
    user_id = service.new_user()
    with service.running_here(user_id, service.upload(user_id, export_of(80))):
        service.asked(in_flight=3)
        service.prepare_server(FACT_EXTRACTION_CONCURRENCY="7")
        service.asked(in_flight=7)
        service.messages.put("/_control", json={}).raise_for_status()
    service.succeeded(user_id)
    assert service.messages.get("/_control").json()["in_flight"]["max"] == 7


@pytest.mark.usefixtures("usual_afterwards")
@pytest.mark.parametrize(("given", "limit"), [("50", 50), ("51", 3)])
def test_the_tags_limit_follows_the_setting_when_the_deployment_is_applied_again(service, given, limit):
    service.prepare_server(FACT_EXTRACTION_CONCURRENCY=given)
    found = service.prefect.get("/concurrency_limits/tag/extraction").raise_for_status().json()
    assert found["concurrency_limit"] == limit


def passes_at_once(service):
    queue = service.prefect.get("/work_pools/full-pass/queues/passes").raise_for_status().json()
    return queue["concurrency_limit"], queue["id"]


def test_passes_have_a_limit_which_an_operator_or_the_setting_changes(service):
    """Without one, each of a thousand deliveries has a process at once."""
    usual, queue = passes_at_once(service)
    try:
        assert usual == 4
        service.prefect_cli("work-queue", "set-concurrency-limit", "passes", "2", "--pool", "full-pass")
        service.prepare_server()
        assert passes_at_once(service)[0] == 2
        service.prepare_server(FULL_PASS_CONCURRENCY="1")
        assert passes_at_once(service)[0] == 1
    finally:
        service.prefect.patch(f"/work_queues/{queue}", json={"concurrency_limit": usual}).raise_for_status()


def test_what_differs_is_told_and_applied_and_what_is_paused_stays_so(service, stack, tmp_path, capsys):
    """Applied as a command, and from another folder: what it runs last is Prefect's own `deploy`."""
    assert (check(service), capsys.readouterr().out) == (0, "nothing differs\n")
    with paused(service) as seen:
        told = sorted(spoil(service))
        assert check(service) == 1
        assert sorted(capsys.readouterr().out.splitlines()) == told
        assert check(service) == 1  # for it has changed nothing
        done = apply_from_elsewhere(stack, tmp_path)
        assert sorted(done.splitlines()) == sorted(f"changed {line}" for line in told)
        capsys.readouterr()
        assert (check(service), capsys.readouterr().out) == (0, "nothing differs\n")
        assert set(seen()) == {True}
    assert str(tmp_path) not in str(deployment(service, "retry-failed/retry-failed"))


def check(service: FullPassService) -> int:
    with service._environment({}):
        return apply.main(["--check"])


def deployment(service: FullPassService, name: str) -> dict[str, Any]:
    return dict(service.prefect.get(f"/deployments/name/{name}").raise_for_status().json())


def spoil(service: FullPassService) -> Iterator[str]:
    """Another version, another hand: each of these the next apply sets right. Yields how it is told."""
    service.prefect.post("/concurrency_limits/", json={"tag": "extraction", "concurrency_limit": 9}).raise_for_status()
    yield "limit of the tag extraction: 9 → 3"
    service.prefect.delete(f"/automations/{service.automation('full-pass-crash-lost-runs')['id']}").raise_for_status()
    yield "automation full-pass-crash-lost-runs: none → made"
    ends = service.automation("full-pass-reconcile-bad-ends")
    again = {name: ends[name] for name in ("name", "description", "enabled", "trigger", "actions")}
    service.prefect.post("/automations/", json=again).raise_for_status()
    yield "automation full-pass-reconcile-bad-ends: there are 2 → 1"
    upkeep = "/work_pools/full-pass/queues/upkeep"
    service.prefect.patch(upkeep, json={"concurrency_limit": None}).raise_for_status()
    yield "limit of the queue upkeep: none → 1"
    earlier = json.loads((ROOT / "tests" / "data" / "left_by_0.1.0.json").read_text())["deployments"]
    ticks = deployment(service, "retry-failed/retry-failed")
    schedules = [each for each in earlier["retry-failed/retry-failed"]["schedules"] if each["slug"] != "retry"]
    service.prefect.post(f"/deployments/{ticks['id']}/schedules", json=schedules).raise_for_status()
    yield "deployment retry-failed/retry-failed: schedules.reconcile: is not to be there"
    full_pass, before = deployment(service, "full-pass/full-pass"), earlier["full-pass/full-pass"]
    variables = {**full_pass["job_variables"], "env": {"ANTHROPIC_API_KEY": "sk-of-somebody"}}
    taken = {name: before[name] for name in ("entrypoint", "version", "pull_steps")}
    changed = {**taken, "concurrency_limit": 2, "job_variables": variables}
    service.prefect.patch(f"/deployments/{full_pass['id']}", json=changed).raise_for_status()
    what = "deployment full-pass/full-pass:"
    yield f"{what} entrypoint: flows/full_pass.py:full_pass → flows.full_pass.full_pass"
    yield f"{what} version: {before['version']} → {__version__}"
    yield f"{what} pull: {str(before['pull_steps'])[:59]}… → []"
    yield f"{what} concurrency_limit.limit: 2 → {wanted.PASSES_AT_ONCE}"
    yield f"{what} work_pool.job_variables.env.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: none → 30"
    yield f"{what} work_pool.job_variables.env.ANTHROPIC_API_KEY: is not to be there"


@contextlib.contextmanager
def paused(service: FullPassService) -> Iterator[Callable[[], Iterable[bool]]]:
    """A schedule, a queue and an automation, as an operator pauses them; gives what asks whether each still is.

    The fixture has paused a deployment and another automation.
    """
    ticks, queue = deployment(service, "retry-failed/retry-failed"), "/work_pools/full-pass/queues/passes"
    schedule = f"/deployments/{ticks['id']}/schedules/{ticks['schedules'][0]['id']}"

    def pause(yes: bool) -> None:
        service.prefect.patch(schedule, json={"active": not yes}).raise_for_status()
        service.prefect.patch(queue, json={"is_paused": yes}).raise_for_status()
        service.automate("full-pass-crash-silent-runs", not yes)

    def seen() -> Iterator[bool]:
        now = deployment(service, "retry-failed/retry-failed")
        yield now["paused"]
        yield from (not each["active"] for each in now["schedules"])
        yield service.prefect.get(queue).raise_for_status().json()["is_paused"]
        for name in ("full-pass-crash-silent-runs", "full-pass-reconcile-bad-ends"):
            yield not service.automation(name)["enabled"]

    pause(True)
    try:
        yield seen
    finally:
        pause(False)


def apply_from_elsewhere(stack: Stack, folder: Path) -> str:
    shutil.copytree(ROOT / "flows", folder / "flows")
    shutil.copytree(ROOT / "deployments", folder / "deployments", ignore=shutil.ignore_patterns("local"))
    shutil.copy(ROOT / "prefect.yaml", folder)
    command = [sys.executable, "-m", "deployments.apply"]
    return subprocess.run(
        command, cwd=folder, env=stack.environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.fixture
def pools(service: FullPassService) -> Iterator[dict[str, Any]]:
    """A pool of each other type, as `prefect work-pool create` makes it; type → its template."""
    known = service.prefect.get("/collections/views/aggregate-worker-metadata").raise_for_status().json()
    workers = {kind: worker for package in known.values() for kind, worker in package.items()}
    templates = {kind: workers[kind]["default_base_job_configuration"] for kind in ("docker", "kubernetes")}
    for kind, template in templates.items():
        pool = {"name": f"of-{kind}", "type": kind, "base_job_template": template}
        service.prefect.post("/work_pools/", json=pool).raise_for_status()
    yield templates
    for kind in templates:
        service.prefect.delete(f"/deployments/{deployment(service, f'full-pass/{kind}')['id']}").raise_for_status()
        service.prefect.delete(f"/work_pools/of-{kind}").raise_for_status()


def test_prefect_deploy_alone_gives_docker_and_kubernetes_image_memory_and_environment(service, stack, pools, tmp_path):
    file = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    full_pass = file["deployments"][0]
    file["deployments"] = [
        {**full_pass, "name": kind, "work_pool": {**full_pass["work_pool"], "name": f"of-{kind}"}} for kind in pools
    ]
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(file))
    command = ["--no-prompt", "deploy", "--all", "--prefect-file", str(tmp_path / "prefect.yaml")]
    subprocess.run(
        [sys.executable, "-m", "prefect", *command], cwd=ROOT, env=stack.environment, check=True, capture_output=True
    )
    jobs = {}
    for kind, template in pools.items():
        made = deployment(service, f"full-pass/{kind}")
        assert (made["pull_steps"], made["path"], made["version"]) == ([], None, __version__)
        assert (made["global_concurrency_limit"]["limit"], made["concurrency_options"]["collision_strategy"]) == (
            wanted.PASSES_AT_ONCE,
            "ENQUEUE",
        )
        jobs[kind] = apply_values(template["job_configuration"], made["job_variables"])
    image = f"soulprint-full-pass:{__version__}"
    heartbeat = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    docker = {name: jobs["docker"][name] for name in ("image", "mem_limit", "memswap_limit", "env", "auto_remove")}
    assert list(docker.values()) == [image, "512m", "512m", heartbeat, True]
    manifest = jobs["kubernetes"]["job_manifest"]["spec"]
    (container,) = manifest["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == (image, heartbeat)
    assert container["resources"] == {"requests": {"memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    assert manifest["ttlSecondsAfterFinished"] == 300


def test_a_bad_end_makes_a_tick_at_once_and_one_when_the_next_attempt_is_due(service):
    ticks = service.prefect.get("/deployments/name/retry-failed/retry-failed").json()
    asked = {"deployments": {"id": {"any_": [ticks["id"]]}}, "sort": "ID_DESC", "limit": 200}
    before = {run["id"] for run in service.prefect.post("/flow_runs/filter", json=asked).json()}
    service.automate("full-pass-reconcile-bad-ends", True)
    try:
        with service.without_worker():
            service.becomes(service.start(user_id=str(service.new_user()), storage_path="x"), "CANCELLED")
            made = service.wait(
                lambda: [
                    run
                    for run in service.prefect.post("/flow_runs/filter", json=asked).json()
                    if run["id"] not in before
                ],
                lambda runs: len(runs) == 2,
            )
    finally:
        service.automate("full-pass-reconcile-bad-ends", False)
    assert sorted(run["parameters"].get("most_starts", 20) for run in made) == [0, 20]


def test_the_prefect_api_is_closed_to_strangers_and_to_other_origins(service):
    with httpx.Client(base_url=service.stack.prefect_api) as stranger:
        assert stranger.post("/work_pools/filter", json={}).status_code == 401
        assert stranger.post("/work_pools/filter", json={}, auth=("admin", "wrong")).status_code == 401
    there = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = service.prefect.options("/work_pools/filter", headers=there)
    assert "access-control-allow-origin" not in answer.headers


def test_an_open_prefect_api_is_warned_of(monkeypatch, capsys):
    async def answered() -> bool:
        return True

    async def nothing() -> list[str]:
        return []

    monkeypatch.setattr(apply, "is_open", answered)
    monkeypatch.setattr(apply, "differences", nothing)
    assert apply.main([]) == 0
    assert "PREFECT_SERVER_API_AUTH_STRING" in capsys.readouterr().err


def test_the_deployments_and_the_schedule_are_on_the_server(service):
    for name in ("full-pass/full-pass", "regenerate-sections/regenerate-sections", "retry-failed/retry-failed"):
        deployment = service.prefect.get(f"/deployments/name/{name}").raise_for_status().json()
        assert deployment["work_pool_name"] == "full-pass"
        schedules = {each["schedule"]["cron"]: each["parameters"] for each in deployment["schedules"]}
        assert schedules == ({"*/30 * * * *": {}} if name.startswith("retry-failed") else {})
        assert int(deployment["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == 30


@pytest.mark.usefixtures("usual_afterwards")
def test_what_is_applied_again_follows_its_settings(service):
    for seconds in (120, 40):
        service.prepare_server(FULL_PASS_SILENT_SECONDS=str(seconds))
        named = {"automations": {"name": {"any_": ["full-pass-crash-silent-runs"]}}}
        (automation,) = service.prefect.post("/automations/filter", json=named).raise_for_status().json()
        assert automation["enabled"]
        assert automation["trigger"]["within"] == seconds
        queue = service.prefect.get("/work_pools/full-pass/queues/upkeep").raise_for_status().json()
        assert queue["concurrency_limit"] == 1  # one tick at a time
