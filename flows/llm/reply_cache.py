"""Model replies that are kept until the pass is complete, so that a retry of the run pays only for what is missing.

The steps after extraction ask few questions, each a large one. A question is known by a hash of the model, the prompt
and the shape of the reply: the same facts give the same question in the next run. Secrets are masked in the prompt that
is hashed: where a new rule finds one, the question is another.
"""

import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from flows.errors import CutOff
from flows.llm import messages
from flows.llm.client import current_model
from flows.llm.messages import Reply, Text
from flows.records import Step
from flows.store.client import current_store

#: Kept in place of a reply that was longer than any may be: the same question is not paid for again.
_CUT_OFF = {"cut_off": True}


def question_key(model: str, system: str, blocks: Mapping[str, Text], reply_type: type[Reply]) -> str:
    """By what a question is known again."""
    question = json.dumps([model, system, list(messages.masked(blocks).items()), reply_type.model_json_schema()])
    return hashlib.sha256(question.encode()).hexdigest()


async def ask(
    user_id: UUID,
    *,
    step: Step,
    model: str,
    system: str,
    blocks: Mapping[str, Text],
    reply_type: type[Reply],
    reply_tokens: int,
) -> Reply:
    """One question about some blocks of text (see messages.blocks), asked unless the reply is known.

    Raises what Claude.ask raises.
    """
    key = question_key(model, system, blocks, reply_type)
    known = await current_store().answers.reply(user_id, key)
    if known == _CUT_OFF:
        raise CutOff(f"{model} had more to say than a reply may be, when it was asked before")
    if known is not None:
        return messages.without_secrets(reply_type.model_validate(known))
    try:
        answer = await current_model().ask(
            step=step,
            model=model,
            system=system,
            content=messages.blocks(blocks),
            reply_type=reply_type,
            reply_tokens=reply_tokens,
        )
    except CutOff:
        await current_store().answers.save_reply(user_id, key, _CUT_OFF)
        raise
    await current_store().answers.save_reply(user_id, key, answer.model_dump(mode="json"))
    return answer
