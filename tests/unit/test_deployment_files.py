"""The files for Compose, Render, Kubernetes and systemd name settings and commands that there are."""

import configparser
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields

from deployments import webhook
from deployments.local.processes import Port
from deployments.local.stack import ROOT, Stack
from flows.settings import ApplySettings, Environment, ModelSettings, PassSettings, StoreSettings, WebhookSettings

FOLDER = ROOT / "deployments"
COMPOSE, RENDER, SERVER, WORKER, RECEIVER = (
    FOLDER / name
    for name in ("compose.yaml", "render.yaml", "helm/server.yaml", "helm/worker.yaml", "helm/receiver.yaml")
)
UNITS = sorted((FOLDER / "systemd").glob("*.service"))
WORKER_ENDS_SECONDS = 8  # it gives its runs six, and two more to those that it has to kill

_OURS = (StoreSettings, ModelSettings, PassSettings, WebhookSettings, ApplySettings)
_FURTHER = {
    *("FACT_EXTRACTION_CONCURRENCY", "PYTHONUNBUFFERED", "PORT", "PREFECT_SERVER"),
    *("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "REDISCLI_AUTH"),  # of the images of Postgres and Redis
    "PREFECT_REDIS_MESSAGING_URL",  # of prefect-redis, which is in the image only
}


def documents(file: Any) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text()))


def values(node: Any) -> Iterator[tuple[str, Any]]:
    """Every name and value of a mapping, at any depth; a variable of a list of {name or key, value} among them."""
    if isinstance(node, dict):
        if (name := node.get("name", node.get("key"))) and isinstance(name, str) and name.isupper():
            yield name, node.get("value")
        for key, value in node.items():
            yield key, value
            yield from values(value)
    elif isinstance(node, list):
        for item in node:
            yield from values(item)


def variables(file: Any) -> set[str]:
    return {name for name, _ in values(documents(file)) if re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", str(name))}


def names(*groups: type[Environment]) -> set[str]:
    return {name.upper() for group in groups for name in group.model_fields}


def needed(*groups: type[Environment]) -> set[str]:
    return {name.upper() for group in groups for name, field in group.model_fields.items() if field.is_required()}


def unit(path: Any) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser["Service"]


@pytest.mark.parametrize("file", [COMPOSE, RENDER, SERVER, WORKER, RECEIVER], ids=lambda file: file.name)
def test_every_setting_that_a_file_names_is_known(file):
    prefect = set(_get_settings_fields(Settings))
    assert variables(file) - prefect - names(*_OURS) - _FURTHER == set()


@pytest.mark.parametrize("file", [COMPOSE, RENDER, WORKER, RECEIVER, *UNITS], ids=lambda file: file.name)
def test_every_command_that_a_file_names_is_there(file):
    modules = re.findall(r"-m,? (deployments\.\w+)", file.read_text())
    assert modules
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def test_retention_is_the_same_wherever_a_server_is_described_and_prefect_takes_it(tmp_path, monkeypatch):
    names = ("PREFECT_SERVER_SERVICES_DB_VACUUM_", "PREFECT_SERVER_EVENTS_RETENTION")

    def retention(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found = {name: value for name, value in settings if str(name).startswith(names)}
        return found | {name: json.loads(value) for name, value in found.items() if name.endswith("_OVERRIDES")}

    shipped = [retention(values(documents(file))) for file in (COMPOSE, RENDER, SERVER)]
    told = re.findall(r"^(PREFECT_SERVER_[A-Z_]+)='?(.+?)'?$", (FOLDER / "operations.md").read_text(), re.MULTILINE)
    stack = Stack(tmp_path, {})
    stack._ports = dict.fromkeys(("prefect", "webhook", "gateway", "messages"), Port(0))
    stack.environment = stack._environment()
    embedded = retention(stack._server_environment().items())
    assert len(embedded) == 4
    assert [*shipped, retention(told)] == [embedded] * 4
    for name in embedded:
        monkeypatch.setenv(name, stack._server_environment()[name])
    server = Settings().server
    assert server.events.retention_period == timedelta(days=3)
    assert server.services.db_vacuum.retention_period == timedelta(days=30)
    assert "flow_runs" in server.services.db_vacuum.enabled_vacuum_types
    assert set(server.services.db_vacuum.event_retention_overrides.values()) == {timedelta(hours=1)}


def test_compose_asks_for_what_its_example_lists():
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "compose.env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text())) - {"POSTGRES_IMAGE", "REDIS_IMAGE"}
    assert asked == set(example)


def test_worker_and_receiver_are_given_what_they_need_and_no_key_of_the_other():
    services = documents(COMPOSE)[0]["services"]
    worker, receiver = (set(services[name]["environment"]) for name in ("worker", "receiver"))
    assert needed(StoreSettings) | {"ANTHROPIC_API_KEY"} <= worker
    assert needed(StoreSettings, WebhookSettings) <= receiver
    assert "WEBHOOK_KEY" not in worker
    assert "ANTHROPIC_API_KEY" not in receiver


def test_on_render_too():
    services = {service["name"]: service for service in documents(RENDER)[0]["services"]}
    worker, receiver = (
        {variable["key"] for variable in services[name]["envVars"]}
        for name in ("full-pass-worker", "full-pass-receiver")
    )
    assert needed(StoreSettings) | {"ANTHROPIC_API_KEY"} <= worker
    assert needed(StoreSettings, WebhookSettings) <= receiver


def test_whoever_stops_them_waits_long_enough():
    compose = documents(COMPOSE)[0]["services"]
    render = {service["name"]: service for service in documents(RENDER)[0]["services"]}
    worker = [
        int(compose["worker"]["stop_grace_period"].rstrip("s")),
        int(render["full-pass-worker"]["maxShutdownDelaySeconds"]),
        int(unit(FOLDER / "systemd" / "full-pass-worker.service")["TimeoutStopSec"]),
    ]
    receiver = [
        int(compose["receiver"]["stop_grace_period"].rstrip("s")),
        int(render["full-pass-receiver"]["maxShutdownDelaySeconds"]),
        int(documents(RECEIVER)[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) - 5,  # preStop
        int(unit(FOLDER / "systemd" / "full-pass-receiver.service")["TimeoutStopSec"]),
    ]
    assert min(worker) > WORKER_ENDS_SECONDS
    assert min(receiver) > webhook._STOP_SECONDS
