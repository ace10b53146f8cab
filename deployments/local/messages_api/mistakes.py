"""What models get wrong in replies of the right shape: each a function that makes a right reply such a one.

Source: what the issues of memory systems report of their models: mem0 #4573 (inventions), #1528 (others' words become
the user's), graphiti #1728 (wrong indices).
"""

import json
from collections.abc import Callable
from typing import Any

from deployments.local.messages_api import fact_rules, marks, memory_mistakes

Json = dict[str, Any]

INVENTED = "I own three yachts in Monaco."


def mistaken(kind: str, reply: str, prompt: str) -> str:
    """The reply, with the mistake of that kind."""
    return json.dumps(_MISTAKES[kind](json.loads(reply), marks.blocks(prompt)), ensure_ascii=False)


def _invents(reply: Json, blocks: dict[str, marks.Block]) -> Json:
    """Tells of each excerpt what nobody said, with that as its quote, and with real words as its quote."""
    for number, block in enumerate(blocks.values(), 1):
        said = [sentence for text, _ in block.said_by_person() for sentence in fact_rules.sentences(text)]
        for quote in (INVENTED, *said[:1]):
            reply.setdefault("facts", []).append(_fact(INVENTED, quote, number))
    return reply


def _forges(reply: Json, blocks: dict[str, marks.Block]) -> Json:
    """Takes what the assistant says, and titles, for the person's words."""
    for number, block in enumerate(blocks.values(), 1):
        others = [part.text for part in block.parts() if part.name not in ("user", "instructions", "notes")]
        for sentence in (sentence for text in others for sentence in fact_rules.sentences(text)):
            reply.setdefault("facts", []).append(_fact(sentence, sentence, number))
    return reply


def _misindexes(reply: Json, blocks: dict[str, marks.Block]) -> Json:
    """Counts from one too many."""
    for fact in reply.get("facts", ()):
        fact["excerpt"] += 1
    for cluster in reply.get("clusters", ()):
        cluster["groups"] = [[number + 1 for number in group] for group in cluster["groups"]]
    return reply


def _omits(reply: Json, blocks: dict[str, marks.Block]) -> Json:
    """Leaves out every second fact, and of each second cluster a number."""
    if "facts" in reply:
        reply["facts"] = reply["facts"][::2]
    for cluster in reply.get("clusters", ())[::2]:
        cluster["groups"][0] = cluster["groups"][0][1:]
    return reply


def _fact(text: str, quote: str, excerpt: int) -> Json:
    return {"kind": "belief", "text": text[: fact_rules.MAX_FACT_CHARACTERS], "excerpt": excerpt, "quote": quote}


_MISTAKES: dict[str, Callable[[Json, dict[str, marks.Block]], Json]] = {
    "invents": _invents,
    "forges": _forges,
    "misindexes": _misindexes,
    "omits": _omits,
    **memory_mistakes.MISTAKES,
}
KINDS = frozenset(_MISTAKES)
