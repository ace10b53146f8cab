"""What a small real model wrote when it was asked for entries of MEMORY, most of it wrong: none of that is saved.

The replies are recorded (tests/recorded/record.py); what a fact supports is said by a judge that is not the product's.
"""

import asyncio
from collections import Counter
from typing import NamedTuple

import msgspec
import pytest
from pydantic import ValidationError

from deployments.local.messages_api import replies
from flows import spool
from flows.memory import document
from flows.memory.document import Generated
from flows.memory.entries import MemoryEntries
from flows.records import Entry, KnownFact
from flows.store.client import use_store
from tests.recorded import readings
from tests.recorded.groups import groups
from tests.recorded.judging import unsupported
from tests.recorded.readings import Recorded
from tests.unit.fake_model import KEY, InProcessModel
from tests.unit.fake_supabase import USER, FakeSupabase

pytestmark = pytest.mark.xdist_group("recorded")  # the passes are run once

RECORDED = readings.recorded()
FACTS = {group.name: group.facts for group in groups()}
KNOWN = {fact.id: fact for facts in FACTS.values() for fact in facts}


class Saved(NamedTuple):
    text: str
    facts: list[KnownFact]
    origin: str


class Passed(NamedTuple):
    """What became of one group of facts when the model answered whatever it was asked with one recorded reply."""

    reply: Recorded
    is_readable: bool
    entries: list[Saved]
    done: Generated


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """A pass for each recorded reply; two for one that is no JSON, the second with what can be read from it."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_API_KEY", KEY)
        patch.setenv("ANTHROPIC_BASE_URL", "http://stand-in")
        return asyncio.run(passes(folder, lambda answer: patch.setattr(replies, "reply", lambda *_: answer)))


async def passes(folder, answer_with):
    found = []
    async with InProcessModel().connected():
        for reply in RECORDED:
            for answer in dict.fromkeys([reply.raw, reply.raw if is_readable(reply.raw) else read(reply)]):
                answer_with(answer)
                found.append(await run(reply, answer, folder))
    return found


async def run(reply, answer, folder):
    facts, chosen, to = FACTS[reply.group], folder / "chosen", folder / "entries"
    spool.write(chosen, facts)
    with use_store(FakeSupabase().store()):
        done = await document.generate(USER, chosen, to)
    entries = [
        Saved(entry.text, [KNOWN[each] for each in entry.fact_ids], entry.origin) for entry in spool.read(to, Entry)
    ]
    return Passed(reply, is_readable(answer), entries, done)


def is_readable(answer):
    try:
        MemoryEntries.model_validate_json(answer)
    except ValidationError:
        return False
    return True


def read(reply):
    return msgspec.json.encode({"entries": reply.entries}).decode()


def as_the_model_wrote_them():
    """Each recorded entry with the facts of its numbers; None in place of one that there is not."""
    for reply in RECORDED:
        facts = dict(enumerate(FACTS[reply.group], 1))
        for entry in reply.entries:
            yield entry.text, [facts.get(number) for number in entry.facts]


def test_there_are_thirty_replies_and_half_of_them_are_to_the_question_of_step_7():
    assert len(RECORDED) >= 30
    assert sum(reply.form in ("schema", "lines") for reply in RECORDED) >= 15


def test_no_entry_says_what_its_facts_do_not(passed):
    found = [
        (each.reply.group, each.reply.form, entry.text, fault)
        for each in passed
        for entry in each.entries
        if (fault := unsupported(entry.text, entry.facts))
    ]
    assert found == []


def test_each_fact_stands_in_exactly_one_entry(passed):
    for each in passed:
        told = Counter(str(fact.id) for entry in each.entries for fact in entry.facts)
        assert told == Counter(str(fact.id) for fact in FACTS[each.reply.group])


def test_of_a_reply_that_is_no_json_nothing_is_taken(passed):
    unreadable = [each for each in passed if not each.is_readable]
    assert unreadable
    assert {entry.origin for each in unreadable for entry in each.entries} == {"facts"}


def test_most_of_what_the_model_wrote_is_wrong_and_the_judge_sees_it():
    wrong = [text for text, facts in as_the_model_wrote_them() if None in facts or unsupported(text, facts)]
    assert len(wrong) > 100


def test_what_is_right_is_taken_and_what_invents_or_denies_is_counted(passed):
    taken = [entry for each in passed for entry in each.entries if entry.origin == "model"]
    assert len(taken) > 0
    assert sum(each.done.dropped for each in passed) > 0
