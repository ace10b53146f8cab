"""Rules for answers: each comes from a wish of the person's own, and says no more than that wish."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from flows.llm import tokens
from flows.memory.orders import is_answer_preference, may_not_decide
from flows.memory.polarity import denials
from flows.memory.section_checks import Material
from flows.memory.section_form import Rule
from flows.memory.wording import share
from flows.memory.words import plain
from flows.records import KnownFact
from flows.store.client import current_store

_ROOM_TOKENS = 3_000
_LEAST_SHARED = 0.6  # of a rule's words; below it stand the person's own
_MOST = 20  # of one kind


async def wishes(user_id: UUID) -> list[str]:
    """How the person wants to be answered, in their own words; what they said last is the first."""
    found = [fact async for fact in current_store().facts.preferences(user_id) if _is_wish(fact)]
    found.sort(key=lambda fact: (fact.said_last or "", str(fact.id)), reverse=True)
    chosen, left = [], _ROOM_TOKENS
    for text in dict.fromkeys(fact.text for fact in found):
        if (left := left - tokens.estimate(text) - 3) < 0:
            break
        chosen.append(text)
    return chosen


def _is_wish(fact: KnownFact) -> bool:
    """Of the person's own, about now: not what their sister likes, what they liked once or took out of MEMORY."""
    own = fact.subject is None and fact.stance == "stated" and not fact.suppressed
    return own and is_answer_preference(fact.text)


def numbered(known: Sequence[str]) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(known, 1))


def supported(rules: Iterable[Rule], known: Sequence[str], material: Material, *, forbids: bool = False) -> list[str]:
    """The rules that rest on a wish; one that says more than its wish, or the opposite, is put in the person's words.

    forbids: what is not to be done; that the wish itself has to deny, and its rule need not.
    """
    found = [text for rule in rules if (text := _supported(rule, known, material, forbids))]
    return list(dict.fromkeys(found))[:_MOST]


def _supported(rule: Rule, known: Sequence[str], material: Material, forbids: bool) -> str | None:
    if not 1 <= rule.wish <= len(known):
        return None
    wish = known[rule.wish - 1]
    says_no = bool(denials(plain(wish), None))
    if forbids and not says_no:
        return None
    return rule.rule if rule.rule and _rests_on(rule.rule, wish, material, says_no and not forbids) else wish


def _rests_on(text: str, wish: str, material: Material, denies: bool) -> bool:
    return (
        not may_not_decide(text)
        and share(text, wish) >= _LEAST_SHARED
        and bool(denials(plain(text), None)) == denies
        and material.fault(text, "obeyed") is None
    )
