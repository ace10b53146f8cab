"""MEMORY's entries and the person's erasures in memory, as far as the flows can tell (see fake_supabase)."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from flows.store.requests import Row

_TITLES = {
    "person": "Who they are",
    "preferences": "Preferences",
    "projects": "Projects",
    "dates": "Important Dates",
    "beliefs": "Beliefs & Values",
    "decisions": "Decisions & Context",
    "people": "People",
}
_KINDS = {"preferences": "preference", "projects": "project", "dates": "date", "decisions": "decision"}


class FakeMemory:
    """The functions of MEMORY; the tables and profiles are those of FakeSupabase."""

    tables: dict[str, list[Row]]
    profiles: dict[str, Row]
    _require_owner: Callable[[str, str], None]

    def forget(self, conversation_id: str | None = None, **statement: Any) -> None:
        """As the person does in the app: a conversation, or what a statement (key, text, slot, since) says."""
        user_id = next(iter(self.profiles))
        self.tables["memory_erasures"].append(
            {"id": uuid4().hex, "user_id": user_id, "conversation_id": conversation_id, **statement}
        )

    def add_person_fact(self, text: str, said: str, **columns: Any) -> str:
        """As memory_add and memory_correct do; returns its id."""
        identity = str(columns.pop("id", uuid4()))
        row: Row = {"kind": "belief", "stance": "stated", "status": "current", "statement_keys": [], "digest": None}
        row |= {"id": identity, "user_id": next(iter(self.profiles)), "text": text, "origin": "person"}
        row |= {"suppressed": False, "superseded_by": None}
        self.tables["memory_facts"].append({**row, "said_first": said, "said_last": said, **columns})
        return identity

    def _full_pass_entries(self, user_id: str) -> list[Row]:
        return [
            {name: value for name, value in entry.items() if name not in ("user_id", "basis")}
            | {"fresh": self._is_fresh(entry)}
            for entry in _ordered(self._of(user_id))
        ]

    def _full_pass_save_entries(self, user_id: str, run_id: str, entries: list[Row]) -> Row:
        self._require_owner(user_id, run_id)
        before = {entry["id"]: entry for entry in self._of(user_id)}
        after: dict[str, Row] = {}
        for entry in entries:
            for kept in self._without_gone(entry):
                after[kept["id"]] = kept | {"user_id": user_id, "basis": self._basis(kept)}
        rest = [row for row in self.tables["memory_entries"] if row["user_id"] != user_id]
        self.tables["memory_entries"] = [*rest, *after.values()]
        changed = [name for name in after.keys() & before.keys() if _said(after[name]) != _said(before[name])]
        memory_md = self._render(user_id)
        figures = {"added": len(after.keys() - before.keys()), "changed": len(changed)}
        figures["removed"] = len(before.keys() - after.keys())
        if any(figures.values()):
            self.tables["memory_versions"].append({"user_id": user_id, "run_id": run_id, "memory_md": memory_md})
        return {"memory_md": memory_md, **figures}

    def _full_pass_adopt_edits(self, user_id: str, run_id: str) -> Row:
        """Lines taken out and put in; an edited line counts as both."""
        self._require_owner(user_id, run_id)
        profile = self.profiles[user_id]
        memory_md = profile.get("memory_md") or ""
        if memory_md in ("", profile.get("full_pass_memory_rendered"), self._md(user_id)):
            return {"deleted": 0, "edited": 0, "added": 0}
        if profile.get("full_pass_memory_rendered") is None:
            return {"deleted": 0, "edited": 0, "added": 0}
        lines = {line.removeprefix("- "): section for line, section in _lines(memory_md)}
        deleted = [entry for entry in self._of(user_id) if entry["text"] not in lines]
        added = [text for text in lines if text not in {entry["text"] for entry in self._of(user_id)}]
        for entry in deleted:
            self.tables["memory_entries"].remove(entry)
            for fact in self.tables["memory_facts"]:
                fact["suppressed"] = fact.get("suppressed", False) or fact["id"] in entry["fact_ids"]
        for text in added:
            self._add_line(user_id, text, lines[text])
        self._render(user_id)
        return {"deleted": len(deleted), "edited": 0, "added": len(added)}

    def _full_pass_settle_person_facts(self, user_id: str, run_id: str, facts: list[Row]) -> None:
        self._require_owner(user_id, run_id)
        rows = {row["id"]: row for row in self.tables["memory_facts"]}
        for fact in facts:
            rows[fact["id"]] |= fact

    def _full_pass_erased_conversations(self, user_id: str, conversation_ids: list[str]) -> list[str]:
        erased = {row["conversation_id"] for row in self.tables["memory_erasures"] if row["user_id"] == user_id}
        return [name for name in conversation_ids if name in erased]

    def _full_pass_erased(self, user_id: str, statements: list[Row]) -> list[Row]:
        found = []
        for statement in statements:
            for erased in self.tables["memory_erasures"]:
                if erased.get("key") in statement["keys"] or erased.get("text") == statement["text"]:
                    found.append({"key": statement["key"], "erased": True, "since": None})
                    break
                if erased.get("slot") and erased["slot"] == statement["slot"]:
                    found.append({"key": statement["key"], "erased": False, "since": erased.get("since")})
        return found

    def _full_pass_untold(self, user_id: str, messages: list[Row]) -> list[list[Any]]:
        erased = [each for row in self.tables["memory_erasures"] for each in row.get("messages", [])]
        asked = [[message["conversation_id"], message["message"]] for message in messages]
        return [message for message in asked if message in erased]

    def _full_pass_erase_again(self, user_id: str, run_id: str, facts: list[Row]) -> None:
        self._require_owner(user_id, run_id)
        gone = {fact["id"] for fact in facts}
        self.tables["memory_facts"] = [row for row in self.tables["memory_facts"] if row["id"] not in gone]

    def _add_line(self, user_id: str, text: str, section: str) -> None:
        fact = self.add_person_fact(
            text, "2026-11-26T00:00:00Z", kind=_KINDS.get(section, "belief"), section=section, user_id=user_id
        )
        position = len(self._of(user_id))
        entry = {"id": fact, "section": section, "position": position, "text": text, "fact_ids": [fact]}
        entry |= {"origin": "person", "user_id": user_id}
        self.tables["memory_entries"].append(entry | {"basis": self._basis(entry)})

    def _without_gone(self, entry: Row) -> list[Row]:
        """The entry; or if a fact of it is gone, the other facts' own words."""
        facts = self._facts(entry)
        if len(facts) == len(entry["fact_ids"]):
            return [entry]
        return [
            {**entry, "id": fact["id"], "text": fact["text"], "fact_ids": [fact["id"]], "origin": "facts"}
            for fact in facts
        ]

    def _facts(self, entry: Row) -> list[Row]:
        return [
            fact
            for fact in self.tables["memory_facts"]
            if fact["id"] in entry["fact_ids"] and fact["status"] == "current" and not fact.get("suppressed")
        ]

    def _basis(self, entry: Row) -> list[Any]:
        facts = sorted(self._facts(entry), key=lambda fact: str(fact["id"]))
        return [[fact.get(name) for name in ("id", "text", "stance", "valid_from", "valid_to")] for fact in facts]

    def _is_fresh(self, entry: Row) -> bool:
        whole = len(self._facts(entry)) == len(entry["fact_ids"])
        return whole and (entry["origin"] == "person" or self._basis(entry) == entry["basis"])

    def _of(self, user_id: str) -> list[Row]:
        return [row for row in self.tables["memory_entries"] if row["user_id"] == user_id]

    def _md(self, user_id: str) -> str:
        parts = ["# MEMORY"]
        entries = _ordered(self._of(user_id))
        for section, title in _TITLES.items():
            if lines := [f"- {entry['text']}" for entry in entries if entry["section"] == section]:
                parts.append(f"## {title}\n\n" + "\n".join(lines))
        return "\n\n".join(parts) + "\n"

    def _render(self, user_id: str) -> str:
        memory_md = self._md(user_id)
        self.profiles[user_id] |= {"memory_md": memory_md, "full_pass_memory_rendered": memory_md}
        return memory_md


def _ordered(entries: Iterable[Row]) -> list[Row]:
    order = list(_TITLES)
    return sorted(entries, key=lambda entry: (order.index(entry["section"]), entry["position"], entry["id"]))


def _said(entry: Row) -> tuple[Any, ...]:
    return entry["section"], entry["text"], entry["fact_ids"]


def _lines(memory_md: str) -> Iterable[tuple[str, str]]:
    section = "decisions"
    names = {title: name for name, title in _TITLES.items()}
    for line in map(str.strip, memory_md.splitlines()):
        if line.startswith("#"):
            section = names.get(line.lstrip("# "), "decisions")
        elif line:
            yield line, section
