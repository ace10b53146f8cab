"""What a pass tells Prefect's event feed, for automations: `soulprint.full-pass.<what>`, with figures and never text.

    started     attempt, trigger
    step        step, status (completed, failed), seconds, and the figures of the step
    completed   name of the state, conversations, chunks, facts, calls, cost_usd, seconds
    failed      attempts, error, next_retry_at; whoever writes it, also of a run that died without a word
    exhausted   attempts, error: it was the last attempt

The resource is the user, `soulprint.user.<id>`; the flow run is related to it. Of `soulprint.flow-run.deleted` it is
the flow run.
"""

import threading
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from prefect.events import emit_event
from prefect.events.worker import EventsWorker

What = Literal["started", "step", "completed", "failed", "exhausted"]

_SECONDS = 10.0  # to connect takes seconds where the machine is busy


def emit(what: What, user_id: UUID, run_id: str, figures: Mapping[str, Any]) -> None:
    emit_event(
        event=f"soulprint.full-pass.{what}",
        resource={"prefect.resource.id": f"soulprint.user.{user_id}", "soulprint.user-id": str(user_id)},
        related=[{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}],
        payload=dict(figures),
    )


def emit_deleted(run_id: str) -> None:
    """Says of a flow run that somebody has deleted that it is at its end: its silence then means nothing."""
    emit_event(
        event="soulprint.flow-run.deleted",
        resource={"prefect.resource.id": f"prefect.flow-run.{run_id}"},
        related=[{"prefect.resource.id": "prefect.tag.soulprint", "prefect.resource.role": "tag"}],
    )


def deliver() -> None:
    """Waits until what was emitted is sent, ten seconds at most.

    A heartbeat that arrives behind the end of its run begins another wait for the next one, and 90 s later an
    automation calls a run dead that has ended.
    """
    sending = threading.Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    sending.start()
    sending.join(_SECONDS)
