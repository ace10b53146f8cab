from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.chunks import cutting
from flows.exports.conversations import Conversation, Message, Speaker
from flows.llm import tokens

START = datetime(2025, 3, 1, 12, tzinfo=UTC)

#: Words and marks of many scripts, so that boundaries of every sort meet.
WORDS = ("tea ", "Lisbon. ", "word\n", "\n\n", " ", "字", "字。", "カメラ", "日本語", "한국", "x" * 900, "字" * 300)
MARKS = ("e\u0301", "\u0301", "ना", "\U0001f1f5\U0001f1f9", "👩\u200d👩\u200d👧", "👍\U0001f3fd")
PASSAGES = ("a sentence of some length, with a comma. " * 8, "def f(x):\n    return {x: [1, 2]}\n")
PIECES = st.sampled_from(WORDS + MARKS + PASSAGES)
TEXTS = st.one_of(st.lists(PIECES, min_size=1, max_size=60).map("".join), st.text(min_size=1, max_size=3_000))


def conversation(*texts: str, title: str = "A talk", identity: str = "c1") -> Conversation:
    messages = [
        Message(Speaker.USER if number % 2 == 0 else Speaker.ASSISTANT, text, START + timedelta(days=number))
        for number, text in enumerate(texts)
    ]
    return Conversation(identity, title, START, START, messages)


def put_together(talk: Conversation, chunks: list[cutting.Chunk]) -> list[str]:
    """The text of each message as the chunks hold it, with what overlaps taken once; fails when a part is missing."""
    messages = list(cutting.messages(talk))
    texts = [""] * len(messages)
    for chunk in chunks:
        for number, start, end in chunk.spans:
            assert start <= len(texts[number])  # no gap
            part = messages[number].text[start:end]
            assert f"{messages[number].speaker}: {part}" in chunk.content
            texts[number] = texts[number][:start] + part
    return texts


def test_a_short_conversation_is_one_chunk_that_says_who_when_and_about_what():
    (chunk,) = cutting.cut(conversation("I live in Lisbon.", "Nice!"))
    assert chunk.content == "# A talk\nDate: 2025-03-02\n\nUser: I live in Lisbon.\n\nAssistant: Nice!"
    assert (chunk.position, chunk.message_count) == (0, 2)
    assert chunk.spans == [(0, 0, 17), (1, 0, 5)]
    assert chunk.at == START + timedelta(days=1)


def test_a_conversation_without_any_time_has_no_date():
    (chunk,) = cutting.cut(Conversation("c1", "", None, None, [Message(Speaker.USER, "I like tea.", None)]))
    assert (chunk.content, chunk.at) == ("# Untitled\n\nUser: I like tea.", None)


def test_a_message_longer_than_a_chunk_is_in_the_chunks_to_its_last_sentence():
    sentences = [f"Sentence number {number} says something of its own." for number in range(2_000)]
    chunks = list(cutting.cut(conversation(" ".join(sentences))))
    assert len(chunks) > 5
    for sentence in sentences:
        assert any(sentence in chunk.content for chunk in chunks)
    assert all("\nUser: " in chunk.content for chunk in chunks)  # each repeats who speaks


def test_a_paragraph_that_fits_is_not_cut_where_a_later_one_would_do():
    paragraphs = ["A paragraph of a letter that goes on for a while, to the end. " * 6 + str(n) for n in range(80)]
    chunks = list(cutting.cut(conversation("\n\n".join(paragraphs))))
    for paragraph in paragraphs:
        assert any(paragraph in chunk.content for chunk in chunks)


def test_a_message_that_fits_whole_into_the_next_chunk_is_whole_somewhere():
    texts = [f"{number} " + "Some words of a message of usual length. " * 30 for number in range(40)]
    chunks = list(cutting.cut(conversation(*texts)))
    for text in texts:
        assert any(text in chunk.content for chunk in chunks)


def test_chunks_overlap_by_up_to_200_tokens():
    texts = [f"Message {number} of a long talk. " * 20 for number in range(60)]
    talk = conversation(*texts)
    for before, after in pairwise(cutting.cut(talk)):
        start, end = after.spans[0], before.spans[-1]
        assert (start.message, start.start) < (end.message, end.end)
        shared = [texts[n][a:b] for n, a, b in after.spans if (n, b) <= (end.message, end.end)]
        assert 0 < sum(map(tokens.estimate, shared)) <= cutting.OVERLAP_TOKENS


@pytest.mark.parametrize(
    ("piece", "times"),
    [("字", 9_000), ("x", 45_000), (" ", 45_000), ("\n", 45_000), ("\u0301", 15_000), ("🇵🇹", 3_500)],
)
def test_a_text_without_any_place_to_cut_is_cut_too(piece, times):
    text = piece * times
    talk = conversation(text)
    chunks = list(cutting.cut(talk))
    assert len(chunks) > 4
    assert put_together(talk, chunks) == [text]
    assert all(chunk.token_count <= cutting.CHUNK_TOKENS for chunk in chunks)


def test_a_huge_message_is_cut_in_time_that_grows_with_its_length():
    assert sum(1 for _ in cutting.cut(conversation("I like tea and walks by the river. " * 150_000))) > 600


def test_characters_that_cannot_be_stored_are_replaced_and_cost_nothing_else():
    (chunk,) = cutting.cut(conversation("before\x00after \ud83d lone", title="\x00", identity="\ud83d"))
    (chunk.content + chunk.title + chunk.conversation_id).encode()
    assert "before\ufffdafter \ufffd lone" in chunk.content


def test_a_long_title_is_short_in_every_chunk_and_whole_in_the_first():
    title = "My name is Ana and I live in Lisbon. " * 40
    chunks = list(cutting.cut(conversation("word " * 7_000, title=title)))
    assert title in chunks[0].content
    assert all(len(chunk.title) == cutting.TITLE_CHARACTERS for chunk in chunks)
    assert all(chunk.content.startswith("# My name is Ana") for chunk in chunks)


def test_the_same_message_twice_makes_chunks_with_keys_of_their_own():
    text = "word " * 7_000
    chunks = list(cutting.cut(conversation(text, text)))
    assert len({chunk.key for chunk in chunks}) == len(chunks)


def test_a_conversation_that_goes_on_keeps_the_chunks_it_has():
    texts = [f"Message {number}. " + "We speak about the boat and the tram. " * 30 for number in range(60)]
    before = [chunk.key for chunk in cutting.cut(conversation(*texts[:40]))]
    after = [chunk.key for chunk in cutting.cut(conversation(*texts))]
    assert after[: len(before) - 1] == before[:-1]


def test_the_same_text_in_another_conversation_has_other_keys():
    one, two = (set(c.key for c in cutting.cut(conversation("I like tea.", identity=i))) for i in ("a", "b"))
    assert one.isdisjoint(two)


@settings(deadline=None)
@given(TEXTS)
def test_the_parts_of_a_text_follow_each_other_and_cut_no_character(text):
    position = 0
    for start, end, size in cutting.split(text):
        assert start == position < end
        assert size == tokens.estimate(text[start:end])
        position = end
    assert position == len(text)
    characters = [match.span() for match in regex.finditer(r"\X", text)]
    within = {place for start, end in characters if end - start < 200 for place in range(start + 1, end)}
    assert within.isdisjoint(start for start, _, _ in cutting.split(text))


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=12), st.text(max_size=300))
def test_chunks_are_bounded_reproducible_and_hold_the_whole_conversation(texts, title):
    talk = conversation(*(text.replace("\x00", "") or "-" for text in texts), title=title.replace("\x00", ""))
    chunks = list(cutting.cut(talk))
    assert chunks == list(cutting.cut(talk))
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.key for chunk in chunks}) == len(chunks)
    assert all(tokens.estimate(chunk.content) <= cutting.CHUNK_TOKENS for chunk in chunks)
    assert put_together(talk, chunks) == [message.text for message in cutting.messages(talk)]
