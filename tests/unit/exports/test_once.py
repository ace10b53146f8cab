"""What stands in an export more than once."""

import json

import pytest

from flows import exports, spool
from flows.chunks import writing
from flows.exports import once
from flows.exports.conversations import Conversation
from flows.records import ChunkRecord
from tests.unit.exports.test_about import chatgpt, said

HONEY = [said("I sell honey.", at=1_700_000_000), said("Good.", role="assistant", at=1_700_000_001)]
PRICES = [said("What does it cost?", at=1_700_000_002), said("Ten.", role="assistant", at=1_700_000_003)]
WAX = [said("And wax?", at=1_700_000_004)]


def chunked(tmp_path, *talks):
    """What was found, and conversation → its content without the header."""
    path = tmp_path / "export"
    path.write_text(json.dumps(talks))
    found = writing.chunk_export(path, tmp_path / "chunks", writing.limits())
    contents: dict[str, str] = {}
    for chunk in spool.read(tmp_path / "chunks", ChunkRecord):
        contents[chunk.conversation_id] = contents.get(chunk.conversation_id, "") + chunk.content.partition("\n\n")[2]
    assert found.chunks == sum(1 for _ in spool.read(tmp_path / "chunks", ChunkRecord))
    return found, contents


def test_a_branch_in_a_new_chat_gives_only_what_its_origin_does_not_have(tmp_path):
    found, contents = chunked(tmp_path, chatgpt("c1", *HONEY, *PRICES), chatgpt("c2", *HONEY, *PRICES, *WAX))
    assert contents["c2"] == "User: And wax?"
    assert "Ten." in contents["c1"]
    assert (found.conversations, found.messages, found.repeated) == (2, 5, 4)
    assert writing.left_out(tmp_path / "chunks").counts == {"repeated message": 4}


def test_of_branches_of_branches_each_message_is_read_once_in_any_order(tmp_path):
    talks = [chatgpt("c1", *HONEY, *PRICES, *WAX), chatgpt("c2", *HONEY, *WAX), chatgpt("c3", *HONEY, *PRICES)]
    for order in (talks, talks[::-1]):
        found, contents = chunked(tmp_path, *order)
        text = "".join(contents.values())
        assert [text.count(part) for part in ("honey", "Good", "cost", "Ten", "wax")] == [1] * 5
        assert found.unread == 0
    assert chunked(tmp_path, *talks)[0].skipped == {"nothing but repeated messages": 2}


def test_branches_are_compared_with_the_last_that_began_alike_and_no_more_than_fits(tmp_path, monkeypatch):
    """A file of thousands that begin alike must not take for ever; a message is rather read twice than lost."""
    monkeypatch.setattr(once, "MOST_ALIKE", 6)
    talks = [chatgpt("c1", *HONEY, *PRICES), chatgpt("c2", *HONEY, *WAX), chatgpt("c3", *HONEY, *PRICES, *WAX)]
    _, contents = chunked(tmp_path, *talks)
    assert contents["c2"] == "User: And wax?"
    assert contents["c3"] == "User: What does it cost?\n\nAssistant: Ten."


def test_what_is_only_said_twice_is_no_branch(tmp_path):
    later = [said("I sell honey.", at=1_800_000_000), *WAX]
    timeless = [chatgpt(name, said("Hello."), said("I like tea.")) for name in ("c3", "c4")]
    found, _ = chunked(tmp_path, chatgpt("c1", *HONEY), chatgpt("c2", *later), *timeless)
    assert (found.messages, found.repeated) == (8, 0)


def test_messages_can_be_gone_through_again(tmp_path):
    path = tmp_path / "export"
    path.write_text(json.dumps([chatgpt("c1", *HONEY), chatgpt("c2", *HONEY, *WAX)]))
    read = [item for item in exports.read(path) if isinstance(item, Conversation)]
    first = [[message.text for message in item.messages] for item in read]
    assert first == [["I sell honey.", "Good."], ["And wax?"]]
    assert [[message.text for message in item.messages] for item in read] == first


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_of_the_versions_of_a_conversation_the_newest_is_read(tmp_path, order):
    versions = [
        chatgpt("c1", *HONEY, update_time=1_700_000_010),
        chatgpt("c1", *HONEY, *PRICES, update_time=1_700_000_020),
        chatgpt("c1", *HONEY, *WAX, update_time=1_700_000_030),
    ]
    other = chatgpt("c2", said("I like tea. " * 2_000, at=1_600_000_000))
    found, contents = chunked(tmp_path, other, *(versions[n] for n in order))
    assert contents["c1"] == "User: I sell honey.\n\nAssistant: Good.\n\nUser: And wax?"
    assert (found.conversations, found.messages) == (2, 4)
    assert found.skipped == {"older version": 2}


def test_of_versions_of_one_time_the_larger_is_read(tmp_path):
    short, long = chatgpt("c1", *HONEY), chatgpt("c1", *HONEY, *PRICES)
    for order in ((short, long), (long, short)):
        assert "Ten." in chunked(tmp_path, *order)[1]["c1"]


@pytest.mark.parametrize("choice", [{"is_do_not_remember": True}, {"is_temporary_chat": True}])
def test_what_the_person_does_not_want_remembered_is_left_out_and_counted(tmp_path, monkeypatch, choice):
    private = chatgpt("c1", said("My gout is secret."), **choice)
    found, contents = chunked(tmp_path, private, chatgpt("c2", *HONEY))
    assert set(contents) == {"c2"}
    assert found.skipped.total() == 1
    assert (found.unread, writing.left_out(tmp_path / "chunks").unwanted) == (0, ["c1"])
    monkeypatch.setenv("EXPORT_READ_UNREMEMBERED", "true")
    assert set(chunked(tmp_path, private, chatgpt("c2", *HONEY))[1]) == {"c1", "c2"}


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_version_says_whether_it_is_to_be_remembered(tmp_path, newest_first):
    open_, closed = (
        chatgpt("c1", *HONEY, update_time=at, is_do_not_remember=choice) for at, choice in ((10, False), (20, True))
    )
    found, contents = chunked(tmp_path, *((closed, open_) if newest_first else (open_, closed)), chatgpt("c2", *WAX))
    assert set(contents) == {"c2"}
    assert found.unwanted == {"c1"}
    reopened = chatgpt("c1", *HONEY, update_time=30)
    found, contents = chunked(tmp_path, open_, closed, reopened, chatgpt("c2", *WAX))
    assert (set(contents), found.unwanted) == ({"c1", "c2"}, set())
