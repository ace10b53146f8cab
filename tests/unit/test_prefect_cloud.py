"""Without a receiver: what a webhook of Prefect Cloud is told becomes a run's parameters.

Checked against Prefect's own classes, as far as that goes without Prefect Cloud.
"""

import json
from uuid import uuid4

import jinja2
import yaml
from prefect.events import Event
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.events.schemas.events import ResourceSpecification

from deployments.local.stack import ROOT
from flows.full_pass import full_pass

FOLDER = ROOT / "deployments" / "prefect_cloud"
DELIVERED = {"user_id": str(uuid4()), "delivery_id": str(uuid4())}


def event() -> Event:
    """What Prefect Cloud makes of a request."""
    template = (FOLDER / "webhook.json.jinja").read_text(encoding="utf-8")
    return Event.model_validate(json.loads(jinja2.Template(template).render(body=DELIVERED)))


def automation() -> AutomationCore:
    text = (FOLDER / "start_delivered.yaml").read_text(encoding="utf-8")
    return AutomationCore.model_validate(yaml.safe_load(text))


def test_the_automation_waits_for_the_event_of_the_webhook():
    trigger = automation().trigger
    assert isinstance(trigger, EventTrigger)
    assert isinstance(trigger.match, ResourceSpecification)
    assert trigger.expect == {event().event}
    assert trigger.match.matches(event().resource)
    assert all(label in event().resource for label in trigger.for_each)


def test_the_run_gets_the_ids_and_nothing_else():
    (action,) = automation().actions
    assert isinstance(action, RunDeployment)
    assert action.parameters is not None
    parameters = {
        name: jinja2.Template(value["template"]).render(event=event()) for name, value in action.parameters.items()
    }
    assert parameters == DELIVERED
    full_pass.validate_parameters(parameters)
