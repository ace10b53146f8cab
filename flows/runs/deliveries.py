"""How deliveries become flow runs: at once, or when the pass that is active has ended."""

from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from flows.errors import ExportError, NotOwner, reported
from flows.records import Delivery
from flows.runs import flow_runs
from flows.runs.flow_runs import PassRequest
from flows.store.client import Store


async def start(store: Store, prefect: PrefectClient, deployment_id: UUID, user_id: UUID, delivery_id: UUID) -> FlowRun:
    """The flow run for a delivery that may start. Raises what `flow_runs.start` raises, and StoreError."""
    request = PassRequest(user_id=user_id, delivery_id=delivery_id)
    run = await flow_runs.start(prefect, deployment_id, request, f"delivery {delivery_id}")
    await store.deliveries.has_run(user_id, delivery_id, str(run.id))
    return run


async def start_due(
    store: Store, prefect: PrefectClient, deployment_id: UUID, user_id: UUID | None = None, limit: int = 1
) -> list[FlowRun]:
    """Makes the runs of deliveries that wait for no pass any more, of a user or of all; returns them."""
    due = await store.deliveries.take(user_id, limit)
    return [await start(store, prefect, deployment_id, each.user_id, each.delivery_id) for each in due]


async def end_lost(store: Store, prefect: PrefectClient) -> list[Delivery]:
    """What waits is not kept waiting by deliveries whose runs are gone; returns those whose runs were deleted.

    A run that found the user taken has read nothing: its delivery waits again.
    """
    known = [each async for each in store.deliveries.started()]
    started = {each.flow_run_id or "": each.id for each in known}
    runs = await flow_runs.by_id(prefect, started)
    ended: list[UUID] = []
    untouched: list[UUID] = []
    for run_id, delivery_id in started.items():
        run = runs.get(run_id)
        if run is None and run_id:
            ended.append(delivery_id)
        elif run is not None and run.state is not None and run.state.is_final():
            taken = reported(run.state.message).type == NotOwner.__name__
            (untouched if taken else ended).append(delivery_id)
    await store.deliveries.end(ended, untouched)
    return [each for each in known if each.flow_run_id and each.flow_run_id not in runs]


async def asked(store: Store, request: PassRequest) -> PassRequest:
    """What the run is to read. Raises ExportError when its delivery is not known, or it names none and no path."""
    if request.delivery_id is None:
        if request.storage_path is None:
            raise ExportError("neither delivery_id nor storage_path says what to read; name one of them")
        return request.model_copy(update={"storage_path": await store.exports.names(request.paths, request.user_id)})
    delivery = await store.deliveries.read(request.user_id, request.delivery_id)
    return request.model_copy(
        update={
            "storage_path": delivery.object_names,
            "versions": delivery.object_versions,
            "file_type": delivery.file_type,
            "conversation_count": delivery.conversation_count,
            "replace": delivery.replaces,
        }
    )
