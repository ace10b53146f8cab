"""What becomes of an upload that is told: remembered in the database, and its run made, or made later."""

import hashlib
from typing import Any
from uuid import UUID

from deployments.receiver.bodies import Accepted, DatabaseEvent, Delivery
from deployments.receiver.refusal import Refusal
from deployments.receiver.starter import Starter
from flows.errors import ExportError
from flows.records import Delivered
from flows.settings import WebhookSettings
from flows.store.client import Store
from flows.store.exports import object_name, objects

MAX_KEY_CHARACTERS = 255


async def accept(starter: Starter, delivery: Delivery, key: str, settings: WebhookSettings) -> Accepted:
    """Takes a delivery. Raises Refusal, StoreError, and what Prefect's client raises."""
    names = _own_objects(delivery, settings.storage_bucket)
    if len(key) > MAX_KEY_CHARACTERS:
        raise Refusal(422, f"Idempotency-Key is longer than {MAX_KEY_CHARACTERS} characters")
    taken = await starter.store.deliveries.deliver(
        delivery.user_id,
        settings.storage_bucket,
        await _files(starter.store, names),
        file_type=delivery.file_type,
        conversation_count=delivery.conversation_count,
        replaces=delivery.replace,
        key_hash=_hash(key) if key else None,
        body_hash=_hash(delivery.model_copy(update={"storage_path": _asked(names)}).model_dump_json()),
        most_a_day=settings.full_pass_max_per_day,
        most_usd_a_month=settings.full_pass_user_monthly_usd,
    )
    _check(taken, delivery.user_id, settings.storage_bucket)
    assert taken.delivery_id is not None
    run_id = UUID(taken.flow_run_id) if taken.flow_run_id else None
    if taken.state == "started" and run_id is None:
        run_id = await starter.start(delivery.user_id, taken.delivery_id)
    return Accepted(
        status="processing" if run_id else "queued",
        user_id=delivery.user_id,
        conversation_count=delivery.conversation_count,
        job_id=taken.delivery_id,
        flow_run_id=run_id,
    )


def _own_objects(delivery: Delivery, bucket: str) -> list[str]:
    """The names in the bucket of objects and folders, each once."""
    paths = [delivery.storage_path] if isinstance(delivery.storage_path, str) else delivery.storage_path
    try:
        return sorted({object_name(path, delivery.user_id, bucket) for path in paths})
    except ExportError as error:
        raise Refusal(403, str(error)) from None


def _asked(names: list[str]) -> str | list[str]:
    """As it was hashed when a delivery was one object."""
    return names[0] if len(names) == 1 else names


async def _files(store: Store, names: list[str]) -> list[str]:
    """The objects that are named, and those in folders that are."""
    if not any(name.endswith("/") for name in names):
        return names
    try:
        return list(await objects(store.exports, names))
    except ExportError as error:
        raise Refusal(422, f"storage_path: {error}") from None


def _check(taken: Delivered, user_id: UUID, bucket: str) -> None:
    match taken.answer:
        case "no_user":
            raise Refusal(404, f"user_profiles has no row for user {user_id}; create the profile, then deliver again")
        case "no_bucket":
            raise Refusal(503, f"there is no bucket {bucket!r}; make it, or set STORAGE_BUCKET", retry_after=60)
        case "no_object":
            raise Refusal(422, f"storage_path: there is no such object in bucket {bucket!r}; upload the export there")
        case "conflict":
            raise Refusal(422, "this Idempotency-Key came with another body before; a new delivery needs a new key")
        case "limited":
            problem = "this user has had as many passes, or has cost as much, as the receiver's settings allow"
            raise Refusal(429, problem, retry_after=taken.retry_after)


def told_by(event: DatabaseEvent, settings: WebhookSettings) -> Delivery | str:
    """The delivery that an event of the database tells of, or why it tells of none."""
    if event.type == "DELETE" or event.record is None:
        return "only a row that is inserted or updated is an upload"
    if (event.table_schema, event.table) == ("storage", "objects"):
        return _of_storage(event.record, settings)
    if f"{event.table_schema}.{event.table}" == settings.supabase_webhook_table:
        named = {
            "user_id": event.record.get(settings.supabase_webhook_user_column),
            "storage_path": event.record.get(settings.supabase_webhook_path_column),
        }
        return Delivery.model_validate(named, strict=False) if all(named.values()) else "the row names no upload yet"
    return "neither storage.objects nor SUPABASE_WEBHOOK_TABLE"


def _of_storage(record: dict[str, Any], settings: WebhookSettings) -> Delivery | str:
    name = str(record.get("name", ""))
    if record.get("bucket_id") != settings.storage_bucket:
        return "another bucket than STORAGE_BUCKET"
    user_id, _, rest = name.partition("/")
    folder, is_in_one, _ = rest.partition("/")
    if settings.supabase_webhook_folders and is_in_one:
        name = f"{user_id}/{folder}/"
    try:
        return Delivery(user_id=UUID(user_id), storage_path=f"{settings.storage_bucket}/{name}")
    except ValueError:
        return "not in the folder of a user"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
