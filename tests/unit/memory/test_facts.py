from itertools import chain

from flows import spool
from flows.memory import consolidation, reduction
from flows.records import FoundFact, KnownFact


def record(text, kind="preference", date=None, seen="2024-01-01", chunk_key="k1"):
    return FoundFact(kind, text, date, seen, chunk_key)


def consolidated(tmp_path, *parts):
    spool.write(tmp_path / "facts.jsonl", chain(*parts))
    counts = consolidation.consolidate(tmp_path / "facts.jsonl", tmp_path / "unique.jsonl")
    return counts, list(spool.read(tmp_path / "unique.jsonl", KnownFact))


def test_facts_that_say_the_same_become_one_with_all_its_sources(tmp_path):
    counts, unique = consolidated(
        tmp_path,
        [record("I prefer oat milk.", chunk_key="k1"), record("I like tea.", chunk_key="k1")],
        [record("i prefer  oat milk!", seen="2025-06-01", date="2025-05-01", chunk_key="k2")],
    )
    assert (counts.facts, counts.unique) == (3, 2)
    assert unique[0] == KnownFact(
        kind="preference",
        text="I prefer oat milk.",
        date="2025-05-01",
        seen="2025-06-01",
        mentions=2,
        sources=["k1", "k2"],
    )


def test_the_same_words_of_another_kind_are_another_fact(tmp_path):
    _, unique = consolidated(tmp_path, [record("I will move.", kind="decision"), record("I will move.", kind="date")])
    assert len(unique) == 2


def test_facts_in_scripts_without_case_or_letters_are_told_apart(tmp_path):
    _, unique = consolidated(tmp_path, [record("私は猫が好き。"), record("私は犬が好き。"), record("🐈"), record("🐕")])
    assert len(unique) == 4


def test_a_date_in_words_does_not_spoil_the_reply():
    reply = reduction.ReducedFacts.model_validate_json(
        '{"facts":[{"kind":"date","text":"I moved in spring.","date":"spring 2024"},'
        '{"kind":"date","text":"I was born in 1990.","date":"1990"}]}'
    )
    assert [fact.date for fact in reply.facts] == [None, "1990"]
