import json
import tracemalloc
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest

from deployments.local import fact_rules
from flows import chunking, exports
from flows.conversations import Conversation
from tests import sample

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def chunks():
    """conversation id → its chunks' texts, for the shipped sample."""
    found = {}
    for conversation in exports.read(DATA / "sample_export.zip"):
        assert isinstance(conversation, Conversation)
        found[conversation.id] = [chunk.content for chunk in chunking.chunks(conversation)]
    return found


def test_the_shipped_sample_is_what_the_generator_makes():
    with zipfile.ZipFile(DATA / "sample_export.zip") as archive:
        shipped = json.loads(archive.read("conversations.json"))
    assert shipped == list(sample.conversations())
    assert json.loads((DATA / "sample_facts.json").read_text()) == [asdict(fact) for fact in sample.planted_facts()]


def test_every_conversation_is_a_tree_with_an_active_branch():
    for conversation in sample.conversations():
        mapping = conversation["mapping"]
        for identity, node in mapping.items():
            assert node["id"] == identity
            assert all(mapping[child]["parent"] == identity for child in node["children"])
        current, steps = conversation["current_node"], 0
        while current is not None:
            current, steps = mapping[current]["parent"], steps + 1
        assert steps >= 3


def test_a_planted_fact_is_whole_in_a_chunk_of_its_conversation(chunks):
    facts = [fact for fact in sample.planted_facts() if fact.survives]
    assert len(facts) > 100
    assert [fact for fact in facts if not any(fact.text in text for text in chunks[fact.conversation_id])] == []


def test_what_the_person_does_not_see_is_in_no_chunk(chunks):
    facts = [fact for fact in sample.planted_facts() if not fact.survives and fact.where != "assistant_says"]
    assert len(facts) > 20
    text = "\n".join(text for texts in chunks.values() for text in texts)
    assert [fact for fact in facts if fact.text in text] == []


def test_the_rules_find_the_planted_facts_and_nothing_else(chunks):
    found = {fact.text: fact.kind for texts in chunks.values() for text in texts for fact in fact_rules.facts(text)}
    planted = {fact.text: fact.kind for fact in sample.planted_facts() if fact.survives and fact.where != "title"}
    assert found == planted


def test_a_conversation_does_not_depend_on_how_many_there_are():
    few, many = list(sample.conversations(20)), list(sample.conversations(200))
    assert few == many[:20]


def test_ten_thousand_conversations_are_made_in_little_memory(tmp_path):
    tracemalloc.start()
    try:
        facts = {fact.text for fact in sample.planted_facts(10_000)}
        sizes = sum(len(conversation["mapping"]) for conversation in sample.conversations(10_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(facts) == 5_000
    assert sizes > 50_000
    assert peak < 20_000_000
