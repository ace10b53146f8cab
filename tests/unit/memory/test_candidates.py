"""Step 5: which facts a model is asked about together."""

import hashlib
import random
import time
import tracemalloc

import pytest

from flows.memory.candidates import LARGEST, clusters
from flows.memory.statements import Statement
from tests.benchmarks.other_facts import planted
from tests.eval import pairs
from tests.sample import persona

PAIRS = pairs.read()
#: A person speaks a few of the languages; the pairs of all would be one who has moved house twenty times.
PERSONS = (("en",), ("de", "fr", "es", "pt"), ("ru", "tr", "hi"), ("zh", "ja", "ar"))


def statement(text, slot=None, subject=None, said="2024-01-01T00:00:00Z", language="en"):
    key = hashlib.blake2b(f"{text} {subject} {slot} {said}".encode(), digest_size=16).digest()
    return Statement(key, text, subject, "preference", slot, "stated", language, None, None, said, said)


def others(count):
    """Other facts, and sentences of the sample's person."""
    spoken = [
        statement(sentence)
        for topic in (*persona.TOPICS, *persona.TONGUES.values())
        for bank in (topic.openers, topic.remarks, topic.answers)
        for sentence in bank.filled
    ]
    unique = list({fact.key: fact for fact in spoken}.values())[: count // 10]
    return planted(count - len(unique)).statements + unique


def texts(found, statements):
    return {frozenset(statements[index].text for index in cluster) for cluster in found}


def is_together(found, first, second):
    return any(first in cluster and second in cluster for cluster in found)


def recall(relations, hidden_among):
    """The share of the pairs that come into one cluster, and the ids of the others."""
    wanted = [pair for pair in PAIRS if pair.relation in relations]
    missed = []
    for languages in PERSONS:
        theirs = [pair for pair in PAIRS if pair.language in languages]
        statements = [fact for pair in theirs for fact in pair.statements()] + hidden_among
        of = {index: number for number, cluster in enumerate(clusters(statements)) for index in cluster}
        missed += [
            pair.id
            for place, pair in enumerate(theirs)
            if pair.relation in relations and of.get(2 * place, -1) != of.get(2 * place + 1, -2)
        ]
    return 1 - len(missed) / len(wanted), missed


# What must come together


def test_pairs_that_are_one_or_replace_each_other_are_candidates():
    share, missed = recall({"same", "replaces"}, [])
    assert share >= 0.97, missed


def test_pairs_are_found_among_five_thousand_other_facts():
    share, missed = recall({"same", "replaces"}, others(5_000))
    assert share >= 0.97, missed


def test_facts_that_are_said_again_in_another_sentence_are_found_among_three_thousand():
    facts = planted(3_000)
    of = {index: number for number, cluster in enumerate(clusters(facts.statements)) for index in cluster}
    found = sum(of.get(first, -1) == of.get(second, -2) for first, second in facts.repeated)
    assert found / len(facts.repeated) >= 0.95


def test_facts_of_one_slot_are_candidates_though_they_share_no_word():
    homes = [statement(text, slot="home") for text in ("Berlin suits me", "My flat is in Lisbon", "Porto, since May")]
    found = clusters([*homes, *others(500)])
    assert any({0, 1, 2} <= set(cluster) for cluster in found)


def test_slots_and_subjects_are_compared_without_case_and_accents():
    about = [statement("A vet", "Job", "My sister Inês"), statement("She paints", "job", "my sister  INES")]
    assert clusters(about) in ([[0, 1]], [[1, 0]])


def test_facts_about_different_people_are_no_candidates():
    assert clusters([statement("Ida has a dog", subject="my sister Ida"), statement("Ida has a dog")]) == []


def test_thirty_facts_about_one_project_come_into_one_or_two_clusters():
    doings = ("schema", "login", "icon", "server", "price", "logo", "test", "map", "photo", "sound", "menu", "chart")
    texts = [f"{verb} a {doing}" for doing in doings for verb in ("It needs", "We now have got", "I doubt")][:30]
    project = [statement(text, slot="project:Kestrel") for text in texts]
    found = clusters([*project, *others(1_000)])
    assert sum(any(index < len(project) for index in cluster) for cluster in found) <= 2
    assert sum(index < len(project) for cluster in found for index in cluster) == len(project)


def test_a_fact_that_names_a_project_is_a_candidate_of_those_with_its_slot():
    slotted = statement("Still a prototype, with seven screens", slot="project:Kestrel")
    named = statement("I think Kestrel is a prototype")
    assert is_together(clusters([slotted, named, *others(500)]), 0, 1)


def test_a_slot_of_hundreds_has_no_large_cluster_and_keeps_what_is_said_again_together():
    words = planted(400).statements
    slot = [statement(fact.text, slot="project:x", said=fact.said_first) for fact in words if fact.subject is None]
    again = [statement(f"Really: {fact.text}!", slot="project:x") for fact in slot[:50]]
    found = clusters([*slot, *again])
    assert max(map(len, found)) <= LARGEST
    assert sum(is_together(found, number, len(slot) + number) for number in range(50)) >= 49


# In which way


def test_the_order_of_the_facts_changes_nothing():
    facts = [fact for pair in PAIRS for fact in pair.statements()] + others(300)
    expected = [[facts[index].key for index in cluster] for cluster in clusters(facts)]
    for seed in range(8):
        shuffled = random.Random(seed).sample(facts, len(facts))
        assert [[shuffled[index].key for index in cluster] for cluster in clusters(shuffled)] == expected


def test_clusters_are_disjoint_and_hold_two_to_twenty():
    facts = others(3_000)
    found = clusters(facts)
    indices = [index for cluster in found for index in cluster]
    assert len(indices) == len(set(indices))
    assert all(2 <= len(cluster) <= LARGEST for cluster in found)


def test_a_hundredth_of_new_facts_leaves_nearly_all_clusters_as_they_were():
    facts = planted(5_050).statements
    before, after = texts(clusters(facts[:5_000]), facts), texts(clusters(facts), facts)
    assert len(before & after) / len(before) >= 0.92


def test_no_facts_and_one_fact_make_no_cluster():
    assert clusters([]) == []
    assert clusters([statement("I like tea")]) == []


def test_facts_without_a_letter_bear_it():
    assert clusters([statement("🐈" * number) for number in range(30)]) == []


# Hostile facts

_MANY = 4_000  # `make bench-memory` takes 100,000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("I like tea", id="all the same"),
        pytest.param("tea {0:x}q{0:o}", id="one stem in common"),
        pytest.param("a{0}" + "b" * 1_000, id="one word of a thousand letters"),
        pytest.param("{0:b}".replace("{", "茶{") + "茶山" * 200, id="no spaces"),
    ],
)
def test_hostile_facts_cost_no_more_than_others(text):
    facts = [statement(text.format(number), said=str(number)) for number in range(_MANY)]
    began = time.process_time()
    found = clusters(facts)
    assert time.process_time() - began < 6
    assert max(map(len, found), default=0) <= LARGEST


def test_memory_is_bounded_when_all_facts_share_their_stems():
    facts = [statement(f"tea milk bread salt {number % 7}", said=str(number)) for number in range(5_000)]
    tracemalloc.start()
    try:
        clusters(facts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6
