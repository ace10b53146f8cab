"""Several exports of one person, end to end: each import changes only what is of its own source."""

import json

from tests.integration.service import Json
from tests.unit.exports.test_archive import zipped


def of_chatgpt(*numbers: int) -> list[Json]:
    """Conversations of ChatGPT's export, each with a fact of its own."""
    return [
        {
            "conversation_id": f"chatgpt-{number}",
            "title": f"Talk {number}",
            "create_time": 1.7e9,
            "current_node": "said",
            "mapping": {
                "said": {
                    "parent": None,
                    "message": {
                        "author": {"role": "user"},
                        "content": {"content_type": "text", "parts": [f"I like tea number {number}."]},
                    },
                }
            },
        }
        for number in numbers
    ]


def of_claude(*numbers: int) -> list[Json]:
    return [
        {
            "uuid": f"claude-{number}",
            "name": f"Talk {number}",
            "account": {"uuid": "ana"},
            "chat_messages": [{"sender": "human", "text": f"I hate coffee number {number}."}],
        }
        for number in numbers
    ]


def facts(row, what):
    return sum(line.startswith(f"- {what}") for line in row["memory_md"].splitlines())


def test_whoever_has_chatgpt_and_claude_has_both_and_going_back_pays_nothing(service):
    user_id = service.new_user()
    row = service.full_pass(user_id, of_chatgpt(*range(43)))
    assert (len(service.chunks(user_id)), len(service.answers(user_id)), facts(row, "I like tea")) == (43, 43, 43)
    row = service.full_pass(user_id, of_claude(1))
    assert row["full_pass_status"] == "complete"
    assert (len(service.chunks(user_id)), len(service.answers(user_id))) == (44, 44)
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (43, 1)
    sections = row["soul_md"]
    service.messages.delete("/_control").raise_for_status()
    row = service.full_pass(user_id, of_chatgpt(*range(43)))
    assert service.calls() == 0
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (43, 1)
    assert row["soul_md"] == sections  # from the conversations of both
    imports = {name.partition(":")[0]: told["conversations"] for name, told in row["full_pass_imports"].items()}
    assert imports == {"chatgpt": 43, "claude": 1}
    assert "ana" not in json.dumps(row["full_pass_imports"])


def test_a_far_smaller_export_removes_nothing_and_says_so_until_it_is_told_to_replace(service):
    user_id = service.new_user()
    service.full_pass(user_id, [*of_chatgpt(*range(43)), *of_claude(1)])
    path = service.upload(user_id, of_chatgpt(42))
    run_id = service.run_here(user_id, path)
    row = service.row(user_id)
    assert (row["full_pass_status"], facts(row, "I like tea"), len(service.chunks(user_id))) == ("complete", 43, 44)
    assert row["full_pass_imports"]["chatgpt"].items() >= {"conversations": 43, "kept": 42}.items()
    (line,) = (line for line in service.log(run_id) if "save_chunks status=completed" in line)
    assert "written=0 unchanged=1 pruned=0 kept_conversations=42" in line
    (report,) = service.artifacts(run_id, "markdown")
    assert "Kept: 42 conversations of `chatgpt`" in report["data"]

    with service.without_worker():
        body = {"user_id": str(user_id), "storage_path": path, "replace": True}
        service.execute(service.webhook.post("/process-full-v2", json=body).raise_for_status().json()["flow_run_id"])
    row = service.row(user_id)
    assert row["full_pass_status"] == "complete"
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (1, 1)
    assert len(service.answers(user_id)) == len(service.chunks(user_id)) == 2


def test_rows_of_before_are_kept_beside_an_import_of_another_source_and_replaced_by_their_own(service):
    user_id = service.new_user()
    service.full_pass(user_id, of_chatgpt(*range(10)))
    everything = {"user_id": f"eq.{user_id}"}
    of_before = {"import_source": None, "turns": None}
    service.supabase.patch("/rest/v1/conversation_chunks", params=everything, json=of_before).raise_for_status()
    older = {"prompt_version": "older"}
    service.supabase.patch("/rest/v1/chunk_facts", params=everything, json=older).raise_for_status()
    row = service.full_pass(user_id, of_claude(1))
    assert row["full_pass_status"] == "complete"
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (10, 1)
    row = service.full_pass(user_id, of_chatgpt(*range(1, 10), 11))
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (10, 1)
    assert {chunk["import_source"] is None for chunk in service.chunks(user_id)} == {False}


def test_several_files_are_one_export_whose_bad_ones_cost_only_themselves(service):
    user_id = service.new_user()
    for name, content in {
        "may/conversations-000.zip": zipped({"conversations.json": of_claude(*range(8))}),
        "may/conversations-001.zip": zipped({"conversations.json": of_claude(*range(6, 12))}),
        "may/more/projects-000.zip": zipped(
            {"projects/p.json": {"uuid": "p", "prompt_template": "Be brief.", "docs": []}}
        ),
        "may/broken.zip": b"PK\x03\x04 and no more",
    }.items():
        service.upload(user_id, content, name)
    with service.without_worker():
        run_id = service.trigger(user_id, f"imports/{user_id}/may/")
        service.execute(run_id)
    row = service.row(user_id)
    assert (row["full_pass_status"], facts(row, "I hate coffee")) == ("complete", 12)
    (line,) = (line for line in service.log(run_id) if "chunk_conversations status=completed" in line)
    assert "conversations=12" in line
    assert "project=1" in line
    assert "skipped_unknown_part_of_the_export=1" in line
    assert not any("broken" in line for line in service.log(run_id))

    # By hand, and with fewer of them: what one of the others could have held is not removed.
    service.run_here(user_id, [f"{user_id}/may/conversations-000.zip", f"{user_id}/may/broken.zip"])
    assert facts(service.row(user_id), "I hate coffee") == 12


def test_files_that_events_tell_one_by_one_are_all_read_and_none_removes_what_another_brought(service):
    user_id = service.new_user()
    parts = {"may/1.zip": range(9), "may/2.zip": [9], "may/3.zip": [10]}
    with service.without_worker():
        for name, numbers in parts.items():
            service.upload(user_id, zipped({"conversations.json": of_claude(*numbers)}), name)
            record = {"bucket_id": "imports", "name": f"{user_id}/{name}"}
            event = {"type": "INSERT", "table": "objects", "schema": "storage", "record": record}
            service.webhook.post("/webhooks/supabase", json=event).raise_for_status()
        for _ in parts:
            service.execute(service.made_run(user_id))  # whose end makes the next
        assert service.made_runs(user_id) == []
    assert facts(service.row(user_id), "I hate coffee") == 11


def test_one_import_can_be_taken_back_and_comes_again_only_when_it_is_delivered_again(service):
    user_id = service.new_user()
    service.full_pass(user_id, of_chatgpt(*range(5)))
    path = service.upload(user_id, [*of_chatgpt(4), *of_claude(1, 2)], "somebody else's.json")
    service.run_here(user_id, path)
    mine = {"headers": {"Authorization": f"Bearer {service.token_of(user_id)}"}}
    rows = service.supabase.get("/rest/v1/memory_imports", params={"order": "imported_at"}, **mine).json()
    assert [row["conversations"] for row in rows] == [5, 3]
    said = service.supabase.post("/rest/v1/rpc/forget_import", json={"import": rows[1]["id"]}, **mine)
    row = service.row(user_id)
    assert said.raise_for_status().json()["memory_md"] == row["memory_md"]
    assert (facts(row, "I like tea"), facts(row, "I hate coffee"), len(service.chunks(user_id))) == (5, 0, 5)
    assert set(row["full_pass_imports"]) == {"chatgpt"}

    row = service.full_pass(user_id, of_chatgpt(*range(5)))
    assert (facts(row, "I like tea"), facts(row, "I hate coffee")) == (5, 0)
    service.run_here(user_id, path)
    assert facts(service.row(user_id), "I hate coffee") == 2
