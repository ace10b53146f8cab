"""The scheduled flow that starts the next try of users whose full pass has failed."""

from prefect import flow, get_run_logger
from prefect.deployments import arun_deployment

from flows import store

_STARTS_PER_TICK = 20


@flow(name="retry-failed")
async def retry_failed(deployment: str = "full-pass/full-pass") -> int:
    """Starts a run for every failed user whose next try is due, oldest first; returns how many.

    The idempotency key names the run that failed, so that two ticks, or one that is repeated, start one run.
    """
    started = 0
    async with store.connected() as users:
        for user in await users.due(_STARTS_PER_TICK):
            run = await arun_deployment(
                deployment,
                parameters=user["parameters"],
                timeout=0,
                idempotency_key=f"retry-of-{user['run_id']}",
                as_subflow=False,
            )
            started += 1
            get_run_logger().info("attempt %d of user %s: flow run %s", user["attempts"] + 1, user["user_id"], run.id)
    return started
