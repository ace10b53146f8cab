"""The table full_pass_deliveries in memory; what the SQL really does is tested on a real Postgres."""

from typing import Any
from uuid import uuid4

from flows.store.requests import Row


class FakeDeliveries:
    """A part of FakeSupabase."""

    profiles: dict[str, Row]
    tables: dict[str, list[Row]]
    objects: dict[str, str]  # of Storage, as their versions

    def _full_pass_deliver_stored(
        self,
        user_id: str,
        bucket: str,
        object_names: list[str],
        file_type: str | None,
        conversation_count: int | None,
        replaces: bool,
        key_hash: str | None,
        body_hash: str,
        most: int,
        most_usd: float | None,
    ) -> Row:
        if not self.objects.keys() >= set(object_names):
            return {"answer": "no_object"}
        object_versions = [self.objects[name] for name in object_names]
        if user_id not in self.profiles:
            return {"answer": "no_user"}
        rows = self._deliveries_of(user_id)
        if key_hash:
            known = [row for row in rows if row["key_hash"] == key_hash]
            if known and known[0]["body_hash"] != body_hash:
                return {"answer": "conflict"}
        else:
            same = {"object_names": object_names, "object_versions": object_versions, "replaces": replaces}
            open_ones = [row for row in rows if row["state"] in ("waiting", "started")]
            known = [row for row in open_ones if all(row[name] == value for name, value in same.items())]
        if known:
            return {"answer": "same", **self._delivery_shown(known[-1])}
        if len(rows) >= most:
            return {"answer": "limited", "retry_after": 60}
        busy = self.profiles[user_id]["full_pass_status"] == "processing" or any(
            row["state"] == "started" for row in rows
        )
        row = {
            **{"id": str(uuid4()), "user_id": user_id, "state": "waiting" if busy else "started"},
            **{"object_names": object_names, "object_versions": object_versions, "file_type": file_type},
            **{"conversation_count": conversation_count, "replaces": replaces, "flow_run_id": None},
            **{"key_hash": key_hash, "body_hash": body_hash},
        }
        self.tables["full_pass_deliveries"].append(row)
        return {"answer": "new", **self._delivery_shown(row)}

    def _full_pass_delivery_started(self, user_id: str, delivery_id: str, run_id: str) -> None:
        for row in self._deliveries_of(user_id):
            if row["id"] == delivery_id:
                row["flow_run_id"] = run_id

    def _full_pass_take_deliveries(self, user_id: str | None, limit: int) -> list[Row]:
        due = [
            row
            for row in self.tables["full_pass_deliveries"]
            if row["user_id"] == (user_id or row["user_id"])
            and row["state"] == "waiting"
            and self.profiles[row["user_id"]]["full_pass_status"] != "processing"
        ][:limit]
        for row in due:
            row["state"] = "started"
        return [{"user_id": row["user_id"], "delivery_id": row["id"]} for row in due]

    def _full_pass_end_deliveries(self, ids: list[str], again: bool) -> None:
        for row in self.tables["full_pass_deliveries"]:
            if row["id"] in ids:
                row["state"] = "waiting" if again else "ended"

    def _full_pass_status_of(self, user_id: str) -> Row | None:
        row = self.profiles.get(user_id)
        names = ("stage", "percent", "started_at", "completed_at", "next_retry_at", "cost_usd", "queue_place")
        return row and {
            **{name: row.get(name) for name in names},
            **{"status": row["full_pass_status"], "attempts": row["full_pass_attempts"]},
            **{"error": row.get("full_pass_error"), "flow_run_id": row["full_pass_run_id"]},
        }

    def _deliveries_of(self, user_id: str) -> list[Row]:
        return [row for row in self.tables["full_pass_deliveries"] if row["user_id"] == user_id]

    def _delivery_shown(self, row: Row) -> dict[str, Any]:
        return {"delivery_id": row["id"], "state": row["state"], "flow_run_id": row["flow_run_id"]}
