"""Supabase's tables in memory, with the SQL functions of the full pass as far as the flows can tell.

What the functions really do is tested on a real Postgres (tests/integration/store); this is for what is made of it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from uuid import UUID

import msgspec

from flows.errors import ExportError, NotOwner
from flows.records import SpooledChunk
from flows.store.client import Store
from flows.store.exports import ExportBucket
from flows.store.persons import PersonalAccount
from flows.store.requests import Page, Query, Row
from tests.unit.fake_deliveries import FakeDeliveries
from tests.unit.fake_memory import FakeMemory

USER = UUID("00000000-0000-4000-8000-000000000001")
RUN = "11111111-0000-4000-8000-000000000001"


#: Columns of memory_facts that no pass writes.
_OF_THE_PERSON = {"origin": "chats", "suppressed": False}


class FakeSupabase(FakeDeliveries, FakeMemory):
    """Behind a Store: `store()`. `owned` makes a user whose row says processing by RUN."""

    def __init__(self, max_rows: int = 1_000) -> None:
        self._max_rows = max_rows
        self.profiles: dict[str, Row] = {}
        self.tables: dict[str, list[Row]] = {
            "conversation_chunks": [],
            "chunk_facts": [],
            "extraction_batches": [],
            "model_replies": [],
            "memory_facts": [],
            "memory_decisions": [],
            "full_pass_deliveries": [],
            "memory_entries": [],
            "memory_erasures": [],
            "memory_versions": [],
        }
        self.objects: dict[str, str] = {}
        self.pauses: dict[str, float] = {}
        self.progress: list[tuple[str, int]] = []
        self.selects = 0

    def store(self, exports: object = None) -> Store:
        return Store.of(self, cast(ExportBucket, exports or Nothing()), cast(PersonalAccount, Nothing()))

    def owned(self, user_id: UUID = USER, run_id: str = RUN, **columns: Any) -> UUID:
        self.profiles[str(user_id)] = {
            "full_pass_status": "processing",
            "full_pass_run_id": run_id,
            "full_pass_attempts": 1,
            "full_pass_parameters": {},
            **columns,
        }
        return user_id

    def row(self, user_id: UUID = USER) -> Row:
        return self.profiles[str(user_id)]

    def store_chunks(self, chunks: Iterable[SpooledChunk], user_id: UUID = USER) -> None:
        """Rows that are there, in place of those of the same keys."""
        rows = {row["chunk_key"]: row for row in self.tables["conversation_chunks"]}
        rows |= {chunk.chunk_key: {**msgspec.to_builtins(chunk), "user_id": str(user_id)} for chunk in chunks}
        self.tables["conversation_chunks"] = list(rows.values())

    # Requests

    async def select(self, query: Query) -> Page:
        self.selects += 1
        if query.table == "user_profiles":
            rows = [{"user_id": user_id, **row} for user_id, row in self.profiles.items()]
        else:
            rows = self.tables[query.table]
        names = query.columns.split(",")
        found = rows
        for name, value in query.equal.items():
            found = [row for row in found if row.get(name) == value]
        for name, values in query.among.items():
            found = [row for row in found if row.get(name) in values]
        if query.order:
            order = query.order
            if query.after is not None:
                found = [row for row in found if (row.get(order) or "") > query.after]
            found = sorted(found, key=lambda row: (row.get(order) is None, row.get(order)))
        shown = found[: min(query.limit or self._max_rows, self._max_rows)]
        rows = [{name: row.get(name) for name in names} for row in shown]
        return Page(rows, len(found) if query.counted else None)

    async def rpc(self, function: str, arguments: Mapping[str, Any]) -> Any:
        sent = json.loads(json.dumps(arguments))  # nothing but JSON gets through HTTP
        return getattr(self, f"_{function}")(**{name.removeprefix("p_"): value for name, value in sent.items()})

    # The functions

    def _full_pass_claim(self, user_id: str, run_id: str, parameters: Row, replaces: str | None) -> Row:
        row = self.profiles.get(user_id)
        if row is None:
            return {"found": False, "claimed": False, "owner": None}
        owner = row.get("full_pass_run_id")
        if row["full_pass_status"] == "processing" and owner not in (run_id, replaces):
            return {"found": True, "claimed": False, "owner": owner}
        row |= {"full_pass_status": "processing", "full_pass_run_id": run_id, "full_pass_parameters": parameters}
        return {"found": True, "claimed": True, "owner": run_id, "attempts": row.get("full_pass_attempts", 1)}

    def _full_pass_progress(self, user_id: str, run_id: str, stage: str, percent: int) -> Row:
        row = self.profiles.get(user_id)
        if row is None:
            return {"found": False, "owner": None, "status": None}
        if self._owns(user_id, run_id):
            self.progress.append((stage, percent))
        return {"found": True, "owner": row["full_pass_run_id"], "status": row["full_pass_status"]}

    def _full_pass_complete(self, user_id: str, run_id: str) -> bool:
        row = self.profiles[user_id]
        if row["full_pass_run_id"] == run_id:
            row["full_pass_status"] = "complete"
        return bool(row["full_pass_run_id"] == run_id)

    def _full_pass_fail(
        self,
        user_id: str,
        run_id: str,
        error: str,
        retry_after: str | None,
        max_attempts: int,
        not_before: str | None = None,
    ) -> Row:
        if not self._owns(user_id, run_id):
            return {"failed": False, "exhausted": False}
        row = self.profiles[user_id]
        row |= {"full_pass_status": "failed", "full_pass_error": error, "retry_after": retry_after}
        row["not_before"] = not_before
        exhausted = retry_after is not None and row["full_pass_attempts"] >= max_attempts
        told = error if error.startswith("step=") else f"step=save_chunks: {error}"
        return {"failed": True, "exhausted": exhausted, "attempts": row["full_pass_attempts"], "error": told}

    def _full_pass_save_cost(self, user_id: str, run_id: str, cost: Row) -> None:
        if self.profiles[user_id]["full_pass_run_id"] == run_id:
            self.profiles[user_id]["import_cost_json"] = cost

    def _full_pass_save_chunks(self, user_id: str, run_id: str, chunks: list[Row]) -> int:
        self._require_owner(user_id, run_id)
        rows = self.tables["conversation_chunks"]
        known = {row["chunk_key"]: row for row in rows if row["chunk_key"]}
        changed = [chunk for chunk in chunks if {**chunk, "user_id": user_id} != known.get(chunk["chunk_key"])]
        known |= {chunk["chunk_key"]: {**chunk, "user_id": user_id} for chunk in changed}
        self.tables["conversation_chunks"] = [*(row for row in rows if not row["chunk_key"]), *known.values()]
        return len(changed)

    def _full_pass_prune_chunks(self, user_id: str, run_id: str, chunk_keys: list[str]) -> int:
        self._require_owner(user_id, run_id)
        return self._delete_chunks(lambda row: row["chunk_key"] in chunk_keys)

    def _full_pass_adopt_chunks(self, user_id: str, run_id: str, source: str, chunk_keys: list[str]) -> None:
        self._require_owner(user_id, run_id)
        for row in self.tables["conversation_chunks"]:
            if row["chunk_key"] in chunk_keys:
                row["import_source"] = source

    def _full_pass_add_to_import(self, user_id: str, run_id: str, chunk_keys: list[str], **upload: Row) -> None:
        self._require_owner(user_id, run_id)

    def _full_pass_end_import(self, user_id: str, run_id: str, kept: dict[str, int], erase: bool) -> int:
        self._require_owner(user_id, run_id)
        chunks = {row["chunk_key"]: row for row in self.tables["conversation_chunks"] if row["chunk_key"]}
        came_in = {None, *(row.get("conversation_id") for row in chunks.values())}
        deleted = self._delete_chunks(lambda row: row["chunk_key"] is None and row.get("conversation_id") in came_in)
        for answer in self.tables["chunk_facts"]:
            answer["unused_since"] = None if answer["chunk_key"] in chunks else answer.get("unused_since") or "now"
        if erase:
            self._full_pass_forget_answers("0 seconds", 1_000_000)
        self.profiles[user_id]["full_pass_imports"] = {source: {"kept": count} for source, count in kept.items()}
        return deleted

    def _full_pass_forget_answers(self, unused_for: str, limit: int) -> int:
        rows = self.tables["chunk_facts"]
        self.tables["chunk_facts"] = [row for row in rows if not row.get("unused_since")]
        return len(rows) - len(self.tables["chunk_facts"])

    def _full_pass_older_facts(self, user_id: str, chunk_keys: list[str]) -> list[Row]:
        rows = [row for row in self.tables["chunk_facts"] if row["outcome"] == "facts"]
        found = {row["chunk_key"]: row for row in rows if row["chunk_key"] in chunk_keys}
        return [{name: row[name] for name in ("chunk_key", "outcome", "facts")} for row in found.values()]

    def _delete_chunks(self, are_gone: Callable[[Row], bool]) -> int:
        rows = self.tables["conversation_chunks"]
        self.tables["conversation_chunks"] = [row for row in rows if not are_gone(row)]
        return len(rows) - len(self.tables["conversation_chunks"])

    def _full_pass_save_facts(self, user_id: str, prompt_version: str, model: str, outcomes: list[Row]) -> float:
        of = {"user_id": user_id, "prompt_version": prompt_version, "model": model}
        rows = {(row["model"], row["prompt_version"], row["chunk_key"]): row for row in self.tables["chunk_facts"]}
        for outcome in outcomes:
            key = model, prompt_version, outcome["chunk_key"]
            if key not in rows or rows[key]["outcome"] == "failed":
                rows[key] = {"facts": [], "error": None, "unsupported": 0, **of, **outcome}
        self.tables["chunk_facts"] = list(rows.values())
        return self._full_pass_pause(model, 0)

    def _full_pass_pause(self, model: str, seconds: float) -> float:
        self.pauses[model] = max(self.pauses.get(model, 0), seconds)
        return self.pauses[model]

    def _full_pass_add_batch(
        self, user_id: str, batch_id: str, prompt_version: str, model: str, requests: dict[str, list[str]]
    ) -> None:
        self.tables["extraction_batches"].append(
            {
                "batch_id": batch_id,
                "user_id": user_id,
                "prompt_version": prompt_version,
                "model": model,
                "requests": requests,
                "created_at": f"{len(self.tables['extraction_batches']):06}",
            }
        )

    def _full_pass_end_batch(self, batch_id: str) -> None:
        rows = self.tables["extraction_batches"]
        self.tables["extraction_batches"] = [row for row in rows if row["batch_id"] != batch_id]

    def _full_pass_save_reply(self, user_id: str, request_key: str, reply: Any) -> None:
        self.tables["model_replies"].append({"user_id": user_id, "request_key": request_key, "reply": reply})

    def _full_pass_save_memory_facts(self, user_id: str, run_id: str, facts: list[Row]) -> int:
        self._require_owner(user_id, run_id)
        rows = {row["id"]: row for row in self.tables["memory_facts"]}
        for fact in facts:
            kept = {name: rows.get(fact["id"], {}).get(name, value) for name, value in _OF_THE_PERSON.items()}
            rows[fact["id"]] = {"superseded_by": None, "status": "current", **fact, **kept, "user_id": user_id}
        self.tables["memory_facts"] = list(rows.values())
        return len(facts)

    def _full_pass_withdraw_facts(self, user_id: str, run_id: str, ids: list[str], erase: bool) -> int:
        self._require_owner(user_id, run_id)
        gone = [row for row in self.tables["memory_facts"] if row["id"] in ids]
        if erase:
            self.tables["memory_facts"] = [row for row in self.tables["memory_facts"] if row not in gone]
        for row in gone:
            row |= {"status": "withdrawn", "superseded_by": None, "digest": None, "sources": []}
        return len(gone)

    def _full_pass_decisions(self, user_id: str, question_keys: list[str]) -> Row:
        rows = self.tables["memory_decisions"]
        return {row["question_key"]: row["decision"] for row in rows if row["question_key"] in question_keys}

    def _full_pass_save_decisions(self, user_id: str, decisions: Row) -> None:
        of = {"user_id": user_id}
        self.tables["memory_decisions"] += [
            {**of, "question_key": key, "decision": decision} for key, decision in decisions.items()
        ]

    def _full_pass_save_sections(
        self, user_id: str, run_id: str, sections: Row, soulprint_text: str, question: str | None
    ) -> None:
        self._require_owner(user_id, run_id)
        written = {**sections, "soulprint_text": soulprint_text, "full_pass_sections_question": question}
        self.profiles[user_id] |= written

    def _full_pass_save_regenerated_sections(
        self,
        user_id: str,
        run_id: str,
        owner: str | None,
        memory_md: str,
        sections: Row,
        soulprint_text: str,
        question: str | None,
    ) -> bool:
        row = self.profiles[user_id]
        if row["full_pass_run_id"] != owner or row["full_pass_status"] == "processing":
            raise NotOwner(f"flow run {row['full_pass_run_id']} has this user")
        if row.get("memory_md") != memory_md:
            return False
        row |= {**sections, "soulprint_text": soulprint_text, "full_pass_sections_question": question}
        return True

    def _full_pass_take_due(self, limit: int, lease: str) -> list[Row]:
        due = [(user_id, row) for user_id, row in self.profiles.items() if row.pop("due", False)][:limit]
        return [
            {
                "user_id": user_id,
                "run_id": row["full_pass_run_id"],
                "attempts": row["full_pass_attempts"],
                "parameters": row["full_pass_parameters"],
            }
            for user_id, row in due
        ]

    def _owns(self, user_id: str, run_id: str) -> bool:
        row = self.profiles[user_id]
        return (row["full_pass_run_id"] or "") == run_id and row["full_pass_status"] == "processing"

    def _require_owner(self, user_id: str, run_id: str) -> None:
        if not self._owns(user_id, run_id):
            raise NotOwner(f"flow run {self.profiles[user_id]['full_pass_run_id']} has this user")


class Nothing:
    """A bucket without any object."""

    async def download(self, *_: object) -> int:
        raise ExportError("there is no such object")
