"""Step 5: from what was found in chunks to facts that last, with a model within this process."""

import asyncio
import json
import random
from copy import copy

import pytest

from deployments.local.messages_api import replies
from flows import spool
from flows.memory import consolidation
from flows.records import FoundFact, KnownFact
from tests.unit.fake_supabase import RUN, USER


def found(text, said="2024-01-01", chunk_key="k1", message=0, kind="belief", conversation="c1", **more):
    return FoundFact(
        kind,
        text,
        quote=text,
        said=f"{said}T10:00:00+00:00",
        message=message,
        chunk_key=chunk_key,
        conversation_id=conversation,
        language="en",
        **more,
    )


MOVES = [
    found(f"I live in {place}.", said=f"{year}-05-01", chunk_key=f"k{year}", slot="home")
    for year, place in ((2019, "Berlin"), (2021, "Lisbon"), (2024, "Porto"))
]


class Passes:
    """Consolidations of one user, one after the other."""

    def __init__(self, model, supabase, folder):
        self._model, self._supabase, self._folder = model, supabase, folder
        supabase.owned()

    def consolidate(self, *facts, faults=(), erase=False):
        """What the step says of itself, and how many calls it made."""

        async def work():
            async with self._model.connected():
                await self._model.behave(*faults)
                await self._model.http.delete("http://stand-in/_control")
                spool.write(self._folder / "facts.jsonl", [copy(fact) for fact in facts])
                files = self._folder / "facts.jsonl", self._folder / "unique.jsonl"
                counts = await consolidation.consolidate(USER, RUN, *files, erase)
                return counts, (await self._model.counted())["calls"]["total"]

        return asyncio.run(work())

    def current(self):
        return list(spool.read(self._folder / "unique.jsonl", KnownFact))

    def rows(self):
        """By text."""
        return {row["text"]: row for row in self._supabase.tables["memory_facts"]}


@pytest.fixture
def passes(model, supabase, tmp_path):
    return Passes(model, supabase, tmp_path)


@pytest.fixture
def judge(monkeypatch):
    """Lets the model find that texts say the same where their labels are equal, and which replaced which."""

    def install(labels, replaced=()):
        def decide(blocks):
            return {"clusters": [_decision(name, block.text, labels, replaced) for name, block in blocks.items()]}

        monkeypatch.setitem(replies._REPLIES, "Decisions", decide)

    return install


def _decision(name, text, labels, replaced):
    numbers = {line["text"]: line["n"] for line in map(json.loads, text.splitlines())}
    groups: dict[str, list[int]] = {}
    for said, number in numbers.items():
        groups.setdefault(labels.get(said, said), []).append(number)
    pairs = [{"older": numbers[a], "newer": numbers[b]} for a, b in replaced if a in numbers and b in numbers]
    return {"cluster": int(name.removeprefix("cluster-")), "groups": list(groups.values()), "replaced": pairs}


# What holds, and what held


def test_of_two_moves_one_home_is_current_and_two_keep_their_time(passes):
    counts, calls = passes.consolidate(*MOVES)
    assert (counts.current, counts.superseded, calls) == (1, 2, 1)
    rows = passes.rows()
    berlin, lisbon, porto = (rows[f"I live in {place}."] for place in ("Berlin", "Lisbon", "Porto"))
    assert [row["status"] for row in (berlin, lisbon, porto)] == ["superseded", "superseded", "current"]
    assert (berlin["superseded_by"], lisbon["superseded_by"]) == (lisbon["id"], porto["id"])
    assert [row.get("valid_to") for row in (berlin, lisbon, porto)] == ["2021-05-01", "2024-05-01", None]
    assert [fact.text for fact in passes.current()] == ["I live in Porto."]


def test_a_fact_keeps_which_of_its_sources_an_assistant_has_noted(passes):
    note = found("I like tea.", chunk_key="k2", conversation="claude/notes", noted=True)
    passes.consolidate(found("I like tea."), note)
    (row,) = passes.rows().values()
    assert {source["chunk_key"]: source.get("noted", False) for source in row["sources"]} == {"k1": False, "k2": True}


def test_what_is_said_again_holds_again(passes):
    back = found("I live in Berlin.", said="2025-01-01", chunk_key="k2025", slot="home")
    passes.consolidate(*MOVES, back)
    assert [fact.text for fact in passes.current()] == ["I live in Berlin."]


def test_a_fact_ended_when_its_successor_began_or_when_it_is_said_to_have_ended(passes):
    passes.consolidate(
        found("I live in Berlin.", slot="home"), found("I live in Bern.", "2025-01-01", slot="home", date="2023-03")
    )
    assert passes.rows()["I live in Berlin."]["valid_to"] == "2023-03"
    passes.consolidate(
        found("I live in Berlin.", slot="home", until="2022"), found("I live in Bern.", "2025-01-01", slot="home")
    )
    assert passes.rows()["I live in Berlin."]["valid_to"] == "2022"


def test_a_plan_replaces_nothing(passes, judge):
    judge({}, [("I live in Berlin.", "I will live in Rome.")])
    passes.consolidate(
        found("I live in Berlin.", slot="home"), found("I will live in Rome.", "2025-01-01", slot="home", stance="plan")
    )
    assert {fact.text for fact in passes.current()} == {"I live in Berlin.", "I will live in Rome."}


def test_what_has_been_replaced_does_not_say_the_same_though_the_model_says_both(passes, judge):
    older, newer = "I live in the flat above the bakery.", "My home is now the flat that is above the bakery in Bern."
    judge(dict.fromkeys((older, newer), "home"), [(older, newer)])
    passes.consolidate(found(older, slot="home"), found(newer, "2025-01-01", slot="home"))
    assert [fact.text for fact in passes.current()] == [newer]
    assert passes.rows()[older]["status"] == "superseded"


def test_two_moves_with_one_wording_are_two_facts(passes):
    passes.consolidate(found("I moved house.", date="2019"), found("I moved house.", date="2024", chunk_key="k2"))
    assert sorted(fact.valid_from for fact in passes.current()) == ["2019", "2024"]


# What is one


WORDINGS = [
    "I prefer oat milk.",
    "Oat milk is what I prefer.",
    "Oat milk, please, I prefer it.",
    "I do prefer oat milk.",
]


def test_wordings_of_one_preference_are_one_fact_with_all_that_say_it(passes, judge):
    judge(dict.fromkeys(WORDINGS, "oat"))
    said = [found(text, f"2024-01-0{day}", f"k{day}", day, "preference") for day, text in enumerate(WORDINGS, 1)]
    counts, _ = passes.consolidate(*said)
    (fact,) = passes.current()
    assert (counts.facts, counts.statements, counts.current) == (4, 4, 1)
    assert (fact.mentions, fact.conversations) == (4, 1)
    assert (fact.said_first, fact.said_last) == ("2024-01-01T10:00:00Z", "2024-01-04T10:00:00Z")
    (row,) = passes.rows().values()
    assert [(source["quote"], source["message"]) for source in row["sources"]] == [
        (text, day) for day, text in enumerate(WORDINGS, 1)
    ]


GREENHOUSE = [
    "I'm building a greenhouse from old windows.",
    "My greenhouse of old windows is what I'm building these days.",
    "I build a greenhouse, with old windows as its walls.",
    "Old windows are becoming a greenhouse that I build behind the house.",
    "The greenhouse that I'm making of old windows keeps me busy.",
    "I work on a greenhouse out of old windows most evenings.",
    "Most of my evenings go into the greenhouse I make from old windows.",
    "A greenhouse from old windows: that is my project.",
    "My project is a greenhouse made from old windows.",
    "At the moment my project is the greenhouse, all of old windows.",
]


def test_thirty_chats_about_one_project_make_one_fact(passes, judge):
    judge(dict.fromkeys(GREENHOUSE, "greenhouse"))
    passes.consolidate(
        *(
            found(GREENHOUSE[chat % 10], f"2024-01-{chat + 1:02}", f"k{chat}", kind="project", conversation=f"c{chat}")
            for chat in range(30)
        )
    )
    (fact,) = passes.current()
    assert (fact.mentions, fact.conversations) == (30, 30)


@pytest.mark.parametrize("message", [0, 4])
def test_a_message_that_two_chunks_share_is_one_mention(passes, message):
    passes.consolidate(*(found("I like tea.", chunk_key=key, message=message) for key in ("k1", "k2")))
    (row,) = passes.rows().values()
    assert (row["mentions"], len(row["sources"])) == (1, 2)


def test_answers_from_before_quotes_were_kept_are_facts_too(passes):
    old = [FoundFact("belief", "I like tea.", "2024", chunk_key=key, conversation_id="c1") for key in ("k1", "k2")]
    passes.consolidate(*old, found("I like tea!", chunk_key="k3"))
    (fact,) = passes.current()
    assert (fact.valid_from, fact.mentions, fact.said_last) == ("2024", 3, "2024-01-01T10:00:00Z")
    (row,) = passes.rows().values()
    assert [source["quote"] for source in row["sources"]] == [None, None, "I like tea!"]


def test_every_source_is_kept(passes):
    passes.consolidate(*(found("I like tea.", chunk_key=f"k{number}", message=number) for number in range(500)))
    (row,) = passes.rows().values()
    assert (row["mentions"], len(row["sources"])) == (500, 500)


def test_what_is_one_to_the_model_and_cannot_be_stays_two(passes, judge):
    pair = ["I have 2 cats.", "I have 3 cats."]
    judge(dict.fromkeys(pair, "cats"))
    passes.consolidate(*(found(text, chunk_key=f"k{number}") for number, text in enumerate(pair)))
    assert {fact.text for fact in passes.current()} == set(pair)


def test_a_hundred_orders_give_the_same_rows(passes, judge, supabase):
    judge(dict.fromkeys(WORDINGS, "oat"))
    chances = random.Random(1)
    texts = [*WORDINGS, "I moved house", "i moved house.", "I like C", "I like C++"]
    said = [
        found(
            chances.choice(texts),
            f"2024-01-{chances.randrange(1, 28):02}",
            f"k{chances.randrange(50)}",
            date=chances.choice([None, "2019", "2024", "2024-05", "2024-13-45"]),
        )
        for _ in range(60)
    ]
    rows = set()
    for _ in range(100):
        chances.shuffle(said)
        supabase.tables["memory_facts"] = []
        passes.consolidate(*said, *MOVES)
        rows.add(json.dumps(sorted(supabase.tables["memory_facts"], key=lambda row: row["id"])))
    assert len(rows) == 1


# The next import


def ids(passes):
    return {text: row["id"] for text, row in passes.rows().items()}


def test_the_same_facts_have_the_same_ids_and_no_model_is_asked_again(passes, supabase):
    _, calls = passes.consolidate(*MOVES)
    first, rows = ids(passes), json.dumps(supabase.tables["memory_facts"])
    counts, again = passes.consolidate(*MOVES)
    assert (calls, again, counts.asked) == (1, 0, 0)
    assert (ids(passes), json.dumps(supabase.tables["memory_facts"])) == (first, rows)


def test_a_fact_keeps_its_id_when_another_import_says_it_earlier_exactly_or_in_other_words(passes, judge):
    passes.consolidate(found(WORDINGS[0], date="2024"))
    first = ids(passes)[WORDINGS[0]]
    judge(dict.fromkeys(WORDINGS, "oat"))
    earlier = [found(text, "2019-01-01", f"e{number}", number) for number, text in enumerate(WORDINGS[1:])]
    passes.consolidate(found(WORDINGS[0], date="2024"), found(WORDINGS[0], date="2024-05"), *earlier)
    assert [str(fact.id) for fact in passes.current()] == [first]


def test_what_nothing_says_any_more_is_withdrawn_and_comes_back_with_its_id(passes):
    passes.consolidate(*MOVES)
    first = ids(passes)
    counts, _ = passes.consolidate(*MOVES[:2])
    porto = passes.rows()["I live in Porto."]
    assert (counts.withdrawn, porto["status"], porto["sources"]) == (1, "withdrawn", [])
    assert [fact.text for fact in passes.current()] == ["I live in Lisbon."]
    passes.consolidate(*MOVES)
    assert (ids(passes), passes.rows()["I live in Porto."]["status"]) == (first, "current")


def test_what_is_to_be_erased_is_gone(passes):
    passes.consolidate(*MOVES)
    counts, _ = passes.consolidate(*MOVES[:2], erase=True)
    assert (counts.withdrawn, set(passes.rows())) == (1, {"I live in Berlin.", "I live in Lisbon."})


def test_a_new_fact_asks_only_about_what_it_may_have_to_do_with(passes):
    others = [found(f"My {thing} is called {name}.", chunk_key=f"k{name}") for thing, name in THINGS]
    counts, _ = passes.consolidate(*others, *MOVES)
    assert counts.asked == counts.clusters > 1
    faro = found("I live in Faro.", "2025-05-01", "k2025", slot="home")
    counts, calls = passes.consolidate(*others, *MOVES, faro)
    assert (counts.asked, calls) == (1, 1)


THINGS = [
    *(("boat", "Nereid"), ("boat", "Triton"), ("bicycle", "Rocinante"), ("bicycle", "Babieca"), ("blog", "Tideline")),
    *(("blog", "Ebb"), ("aunt", "Rosalind"), ("aunt", "Hermia"), ("publisher", "Quill"), ("publisher", "Vellum")),
    *(("orchard", "Pippin"), ("orchard", "Russet"), ("robot", "Gearloose"), ("robot", "Marvin"), ("band", "Foghorn")),
    *(("band", "Lanterns"), ("bakery", "Crumb"), ("bakery", "Rye"), ("kayak", "Otter"), ("kayak", "Heron")),
]


# A model that errs


@pytest.mark.parametrize("mistake", ["misindexes", "omits", "truncate", "refusal", "max_tokens"])
def test_an_answer_that_does_not_account_for_everything_merges_nothing_and_is_asked_for_again(passes, judge, mistake):
    judge(dict.fromkeys(WORDINGS, "oat"))
    said = [found(text, chunk_key=f"k{number}", message=number) for number, text in enumerate(WORDINGS)]
    counts, calls = passes.consolidate(*said, faults=[{"kind": mistake, "schema": "Decisions"}])
    assert (counts.undecided, counts.current) == (1, 4)
    assert calls >= 2
    counts, _ = passes.consolidate(*said)
    assert (counts.undecided, counts.current) == (0, 1)


def test_one_bad_answer_is_mended_by_the_next(passes, judge):
    judge(dict.fromkeys(WORDINGS, "oat"))
    said = [found(text, chunk_key=f"k{number}", message=number) for number, text in enumerate(WORDINGS)]
    counts, calls = passes.consolidate(*said, faults=[{"kind": "omits", "schema": "Decisions", "times": 1}])
    assert (counts.current, calls) == (1, 2)
