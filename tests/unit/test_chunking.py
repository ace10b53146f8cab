from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flows import chunking, tokens
from flows.conversations import Conversation, Message, Speaker

START = datetime(2025, 3, 1, 12, tzinfo=UTC)


def conversation(*texts: str, title: str = "A talk") -> Conversation:
    messages = [
        Message(Speaker.USER if number % 2 == 0 else Speaker.ASSISTANT, text, START + timedelta(days=number))
        for number, text in enumerate(texts)
    ]
    return Conversation("c1", title, START, START, messages)


def test_a_short_conversation_is_one_chunk_that_says_who_when_and_about_what():
    (chunk,) = chunking.chunks(conversation("I live in Lisbon.", "Nice!"))
    assert chunk.content == "# A talk\nDate: 2025-03-02\n\nUser: I live in Lisbon.\n\nAssistant: Nice!"
    assert chunk.message_count == 2
    assert chunk.at == START + timedelta(days=1)


def test_a_message_longer_than_a_chunk_is_in_the_chunks_to_its_last_sentence():
    sentences = [f"Sentence number {number} says something of its own." for number in range(2_000)]
    chunks = list(chunking.chunks(conversation(" ".join(sentences))))
    assert len(chunks) > 5
    for sentence in sentences:
        assert any(sentence in chunk.content for chunk in chunks)
    assert all("\nUser: " in chunk.content for chunk in chunks)  # each repeats who speaks


def test_chunks_overlap():
    chunks = list(chunking.chunks(conversation(*(f"Message {number} of a long talk. " * 20 for number in range(60)))))
    for before, after in pairwise(chunks):
        shared = after.content.split("\n\n", 2)[1].split(": ", 1)[1][:200]
        assert shared in before.content


def test_a_text_without_spaces_is_cut_too():
    chunks = list(chunking.chunks(conversation("字" * 20_000)))
    assert len(chunks) >= 9
    assert all(chunk.token_count <= 2_300 for chunk in chunks)


def test_characters_that_cannot_be_stored_are_replaced_and_cost_nothing_else():
    (chunk,) = chunking.chunks(conversation("before\x00after \ud83d lone", title="\x00"))
    chunk.content.encode()
    assert "before\ufffdafter \ufffd lone" in chunk.content


def test_the_same_message_twice_makes_chunks_with_keys_of_their_own():
    text = "word " * 7_000
    chunks = list(chunking.chunks(conversation(text, text)))
    assert len({chunk.key for chunk in chunks}) == len(chunks)


def test_a_family_emoji_stays_whole():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    parts = list(chunking.split(family * 2_000))
    assert all(not part.startswith("\u200d") and not part.endswith("\u200d") for part in parts)


@settings(deadline=None)
@given(st.text(max_size=5_000))
def test_the_parts_of_a_text_are_the_text(text):
    parts = list(chunking.split(text))
    assert "".join(parts) == text
    assert all(parts)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=3_000), min_size=1, max_size=12))
def test_the_same_conversation_gives_the_same_chunks_of_bounded_size(texts):
    first, second = (list(chunking.chunks(conversation(*texts))) for _ in range(2))
    assert first == second
    # Overlap and a last unit may come on top, and the header.
    assert all(tokens.estimate(chunk.content) <= chunking.CHUNK_TOKENS * 1.2 for chunk in first)
