import json
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from deployments.local.messages_api import fact_rules
from flows import exports
from flows.chunks import cutting
from flows.chunks.turns import parts
from flows.chunks.writing import record
from flows.exports.conversations import Conversation, Speaker
from tests import sample
from tests.sample import chatgpt_export, persona

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"
PERSON = ("user", "instructions")


pytestmark = pytest.mark.xdist_group("sample export")


@pytest.fixture(scope="module")
def conversations():
    return list(sample.generate())


@pytest.fixture(scope="module")
def facts():
    return sample.planted_facts()


@pytest.fixture(scope="module")
def read():
    """conversation id → the conversation as the flow reads it from the shipped sample."""
    found = {}
    for conversation in exports.read(DATA / "sample_export.zip"):
        assert isinstance(conversation, Conversation)
        found[conversation.id] = conversation
    return found


@pytest.fixture(scope="module")
def chunks(read):
    """conversation id → its chunks."""
    return {key: [record(chunk, "app") for chunk in cutting.cut(conversation)] for key, conversation in read.items()}


def messages(conversation):
    return [node["message"] for node in conversation["mapping"].values() if node["message"]]


def active_path(conversation):
    """The nodes from the root to `current_node`."""
    path, current = [], conversation["current_node"]
    while current is not None:
        path.append(conversation["mapping"][current])
        current = path[-1]["parent"]
    return path[::-1]


def is_hidden(message):
    return message["weight"] == 0 or "is_visually_hidden_from_conversation" in message["metadata"]


def said_by_the_person(conversation):
    """The title, the custom instructions and what the person said and still sees."""
    found = [conversation["title"] or ""]
    for node in active_path(conversation):
        message = node["message"]
        if message is None or message["author"]["role"] != "user":
            continue
        content = message["content"]
        if content["content_type"] == "user_editable_context":
            found += [content["user_profile"], content["user_instructions"]]
        elif not is_hidden(message):
            found += [part if isinstance(part, str) else part.get("text", "") for part in content["parts"]]
    return "\n".join(found)


# The files


def test_the_shipped_sample_is_what_the_generator_makes(conversations, facts):
    with zipfile.ZipFile(DATA / "sample_export.zip") as archive:
        assert archive.testzip() is None
        assert {"user.json", "message_feedback.json", "shared_conversations.json", "chat.html"} < set(
            archive.namelist()
        )
        shipped = json.loads(archive.read("conversations.json"))
    assert shipped == conversations
    assert json.loads((DATA / "sample_facts.json").read_text(encoding="utf-8")) == [asdict(fact) for fact in facts]


def test_the_shipped_sample_is_small_and_is_a_few_hundred_calls(read, chunks):
    assert (DATA / "sample_export.zip").stat().st_size <= 600_000
    characters = sum(len(message.text) for conversation in read.values() for message in conversation.messages)
    assert 1_800_000 < characters < 2_500_000
    assert 300 < sum(map(len, chunks.values())) < 500


def test_the_same_arguments_make_the_same_files(tmp_path):
    for name in ("one", "two"):
        sample.write_export(tmp_path / f"{name}.zip", 40, seed=3)
        sample.write_export(tmp_path / f"{name}.json", 40, seed=3, style="json")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.read("conversations.json") == (tmp_path / "one.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "one.zip", "two.json", "two.zip"]


def test_another_seed_makes_another_export():
    ids = {conversation["id"] for conversation in sample.generate(20, seed=1)}
    assert ids.isdisjoint(conversation["id"] for conversation in sample.generate(20, seed=2))


def test_an_export_without_conversations_is_an_empty_array(tmp_path):
    assert sample.write_export(tmp_path / "empty.json", 0, style="json") == []
    assert json.loads((tmp_path / "empty.json").read_bytes()) == []
    sample.write_export(tmp_path / "empty.zip", 0)
    with zipfile.ZipFile(tmp_path / "empty.zip") as archive:
        assert json.loads(archive.read("conversations.json")) == []


def test_a_conversation_does_not_depend_on_how_many_there_are():
    few, many = list(sample.generate(20)), list(sample.generate(200))
    assert few == many[:20]
    assert sample.planted_facts(20) == sample.planted_facts(200)[:10]


# The format


def test_every_conversation_is_a_tree_with_an_active_branch(conversations):
    assert len({conversation["id"] for conversation in conversations}) == len(conversations)
    for conversation in conversations:
        mapping = conversation["mapping"]
        roots = [node for node in mapping.values() if node["parent"] is None]
        assert [root["message"] for root in roots] == [None]
        below = Counter(child for node in mapping.values() for child in node["children"])
        assert below == Counter(identity for identity in mapping if identity != roots[0]["id"])
        for identity, node in mapping.items():
            assert node["id"] == identity
            assert all(mapping[child]["parent"] == identity for child in node["children"])
            assert node["message"] is None or node["message"]["id"] == identity
        path = active_path(conversation)
        assert path[0] is roots[0]
        assert path[-1]["children"] == []
        assert path[-1]["message"]["author"]["role"] == "assistant"
        said = [node for node in path if node["message"] and not is_hidden(node["message"])]
        assert len(said) >= 2


def test_the_conversations_are_of_three_years_up_to_october_2026(conversations):
    times = sorted(
        message["create_time"]
        for conversation in conversations
        for message in messages(conversation)
        if message["create_time"]
    )
    assert 1_696_118_400 < times[0] < 1_698_796_800  # October 2023
    assert 1_790_812_800 < times[-1] < 1_793_491_200  # October 2026
    for conversation in conversations:
        path = [node["message"]["create_time"] for node in active_path(conversation) if node["message"]]
        at = [time for time in path if time]
        assert at == sorted(at)
        assert conversation["update_time"] >= at[-1]


def test_what_makes_real_exports_hard_is_in_the_sample(conversations):
    everything = [message for conversation in conversations for message in messages(conversation)]
    kinds = Counter(message["content"]["content_type"] for message in everything)
    parts = Counter(
        part["content_type"]
        for message in everything
        for part in message["content"].get("parts", [])
        if isinstance(part, dict)
    )
    for kind in (
        "user_editable_context",
        "multimodal_text",
        "code",
        "execution_output",
        "tether_quote",
        "tether_browsing_display",
        "thoughts",
        "reasoning_recap",
    ):
        assert kinds[kind] >= 3, kind
    assert min(parts["image_asset_pointer"], parts["audio_transcription"], parts["audio_asset_pointer"]) >= 3
    assert {message["recipient"] for message in everything} == {"all", "python", "browser"}
    for seldom in ("title", "create_time"):
        assert 3 <= sum(conversation[seldom] is None for conversation in conversations) < 30
    assert 3 <= sum(conversation["is_archived"] for conversation in conversations) < 60
    assert 3 <= sum(conversation["voice"] is not None for conversation in conversations) < 60
    forks = Counter(
        conversation["mapping"][node["children"][0]]["message"]["author"]["role"]
        for conversation in conversations
        for node in conversation["mapping"].values()
        if len(node["children"]) > 1
    )
    assert min(forks["user"], forks["assistant"]) > 20
    lengths = [len(active_path(conversation)) for conversation in conversations]
    assert min(lengths) <= 5
    assert max(lengths) > 30


def test_there_are_very_long_messages_and_many_scripts(read):
    texts = [message.text for conversation in read.values() for message in conversation.messages]
    assert max(map(len, texts)) > 30_000
    assert max(len(text) for text in texts if "```python" in text) > 15_000
    together = "\n".join(texts)
    for sign in "ß¿çは漢ا马рש📷\u0e35\u093f\u0302\u200d":  # the last: Thai and Hindi marks, a combining accent, ZWJ
        assert sign in together, hex(ord(sign))


# The facts


def test_a_hundred_and_twenty_facts_survive_and_two_dozen_do_not(facts):
    assert 110 <= sum(fact.survives for fact in facts) <= 130
    assert 20 <= sum(not fact.survives for fact in facts) <= 30
    assert {fact.where for fact in facts} == set(chatgpt_export.PLACES)
    assert {fact.kind for fact in facts if fact.survives} == {"preference", "project", "date", "belief", "decision"}


def test_each_fact_stands_once_in_the_whole_export():
    facts = sample.planted_facts(1_000)
    assert len({fact.text for fact in facts}) == len({fact.id for fact in facts}) == len(facts) == 500
    by_conversation = {fact.conversation_id: fact.text for fact in facts}
    everything = []
    for conversation in sample.generate(1_000):
        text = conversation["title"] or ""
        for message in messages(conversation):
            content = message["content"]
            found = [content.get("user_profile", ""), content.get("user_instructions", "")]
            found += [part if isinstance(part, str) else part.get("text", "") for part in content.get("parts", [])]
            text += "\n" + "\n".join(found)
        everything.append(text)
        if fact := by_conversation.get(conversation["id"]):
            assert text.count(fact) == 1
    # The facts of the shipped sample are searched for in what is larger than it.
    together = "\n".join(everything)
    assert [fact.text for fact in sample.planted_facts() if together.count(fact.text) != 1] == []


def test_what_survives_is_what_the_person_said_and_sees(conversations, facts):
    said = {conversation["id"]: said_by_the_person(conversation) for conversation in conversations}
    assert [fact for fact in facts if fact.survives != (fact.text in said[fact.conversation_id])] == []


def test_a_title_fact_is_the_title(conversations, facts):
    titles = {conversation["id"]: conversation["title"] for conversation in conversations}
    assert {fact.text == titles[fact.conversation_id] for fact in facts if fact.where == "title"} == {True}


def test_facts_stand_at_both_ends_and_in_the_middle_of_long_messages(read, facts):
    shares: dict[str, list[float]] = {}
    for fact in facts:
        if fact.where.startswith("long_message"):
            (text,) = (message.text for message in read[fact.conversation_id].messages if fact.text in message.text)
            assert len(text) > 8_000
            shares.setdefault(fact.where, []).append(text.index(fact.text) / len(text))
    assert max(shares["long_message_start"]) == 0
    assert all(0.3 < share < 0.7 for share in shares["long_message_middle"])
    assert min(shares["long_message_end"]) > 0.98


def test_old_conversations_with_recent_facts_were_begun_long_before(conversations, facts):
    old = {fact.conversation_id for fact in facts if fact.where == "old_conversation_recent"}
    ages = [
        conversation["update_time"] - min(filter(None, (m["create_time"] for m in messages(conversation))))
        for conversation in conversations
        if conversation["id"] in old
    ]
    assert len(ages) >= 5
    assert min(ages) > 500 * 86_400


def test_a_planted_fact_is_whole_in_a_chunk_of_its_conversation(chunks, facts):
    survivors = [fact for fact in facts if fact.survives]
    told_once = [chunk for name, cut in chunks.items() if name.startswith("instructions/") for chunk in cut]
    assert [
        fact
        for fact in survivors
        if not any(
            fact.text in chunk.content
            for chunk in (told_once if fact.where == "custom_instructions" else chunks[fact.conversation_id])
        )
    ] == []


def test_what_the_person_does_not_see_is_in_no_chunk(chunks, facts):
    lost = [fact for fact in facts if not fact.survives and fact.where != "assistant_says"]
    text = "\n".join(chunk.content for cut in chunks.values() for chunk in cut)
    assert [fact for fact in lost if fact.text in text] == []


def test_the_rules_find_the_planted_facts_and_nothing_else(chunks, facts):
    said = (part.text for cut in chunks.values() for chunk in cut for part in parts(chunk) if part.name in PERSON)
    found = {fact.text: fact.kind for fact in fact_rules.facts(said)}
    # A title stands above the messages of a chunk, where the rules do not look.
    assert found == {fact.text: fact.kind for fact in facts if fact.survives and fact.where != "title"}


def test_no_sentence_of_the_banks_is_a_fact_by_accident():
    banks = [
        bank
        for topic in (*persona.TOPICS, *persona.TONGUES.values())
        for bank in (topic.openers, topic.remarks, topic.questions)
    ]
    banks += [bank for _, bank in persona.ARTICLES]
    texts = [text for bank in banks for text in bank.filled]
    texts += [*persona.FOLLOW_UPS, *persona.QUOTES, *persona.ABOUT_HER, *persona.HOW_TO_ANSWER]
    texts += [persona.SNIPPET, persona.TRACEBACK, *persona.FUNCTIONS, *(title for title, _ in persona.ARTICLES)]
    assert len(texts) > 2_000
    assert [text for text in texts if fact_rules.facts([text])] == []


def test_the_sentences_of_the_person_are_many(read):
    told = Counter(
        sentence
        for conversation in read.values()
        for message in conversation.messages
        if message.speaker is not Speaker.INSTRUCTIONS
        for sentence in fact_rules.sentences(message.text)
    )
    assert len(told) > 1_500
    assert told.most_common(1)[0][1] < told.total() / 50


# The command


def test_the_command_writes_the_export_and_its_facts(tmp_path):
    command = [sys.executable, "-m", "tests.sample", "--conversations", "30", "--seed", "1"]
    command += ["--out", tmp_path / "x.json", "--facts", tmp_path / "facts.json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert "30 conversations, 15 planted facts" in run.stdout
    made = json.loads((tmp_path / "x.json").read_bytes())
    assert made == list(sample.generate(30, seed=1))
    assert json.loads((tmp_path / "facts.json").read_bytes()) == [asdict(f) for f in sample.planted_facts(30, seed=1)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "export.tar"], "neither in .zip nor in .json"),
        (["--out", "x.zip", "--conversations", "-3"], "not a number of conversations"),
        (["--out", "no/such/folder/x.zip"], "cannot write"),
        ([], "--out"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_arguments(tmp_path, arguments, said):
    command = [sys.executable, "-m", "tests.sample", *arguments]
    run = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert run.returncode != 0
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []
