"""What is known of the models: what they cost, how they count tokens, how much they write, what they cache, and
whether they think.

Source: Anthropic's documentation, "Models overview" and the page of each model (platform.claude.com/docs), "Pricing",
"Prompt caching", "Adaptive thinking" and "Effort", as of 2026-11. Of a model that is not listed nothing is assumed: its
price is unknown, and it is asked without a word about thinking or caching, which a server that does not know the
parameter would refuse.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

_MILLION = 1_000_000

#: What a cached prompt token costs, as a share of the input price: writing to the cache for 5 minutes, reading.
CACHE_WRITE, CACHE_READ = 1.25, 0.1

#: How much a model is to think before it answers: not at all, or with this effort.
Thinking = Literal["off", "low", "medium", "high"]

#: Tokens that a call thinks with, about. Ours, from no documentation: only estimates go by it, bills by what was used.
_EXPECTED_THINKING: dict[Thinking, int] = {"off": 0, "low": 150, "medium": 600, "high": 2_000}
#: Tokens of an extraction's reply for each of its prompt, about; the sample's is less.
EXPECTED_REPLY = 0.1
#: Tokens beside the reply's own that a call may think with; what is not used costs nothing.
_THINKING_ROOM: dict[Thinking, int] = {"off": 0, "low": 8_000, "medium": 16_000, "high": 32_000}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    #: Prompts above this many tokens are billed wholly at the prices of `above`.
    up_to: int | None = None
    above: "Price | None" = None


@dataclass(frozen=True, slots=True)
class Model:
    price: Price | None = None
    #: Its own tokens for each that `llm.tokens` estimates, which goes by the tokenizers before Claude 4.7.
    tokens_per_estimate: float = 1.0
    #: Tokens of the longest reply, thinking included.
    max_output: int = 32_000
    #: Tokens of the shortest beginning of a prompt that it caches; None: it is not known to cache any.
    cached_from: int | None = None
    #: Whether it thinks unless it is told not to, and with `output_config.effort` as told.
    thinks: bool = False
    #: Whether `thinking: disabled` is accepted; a model that always thinks does so with the least effort instead.
    may_be_silenced: bool = True


_NEWER_TOKENIZER = 1.3  # "approximately 30% more tokens" than Claude Haiku 4.5's

MODELS = {
    "claude-haiku-5-5": Model(
        Price(0.10, 0.50, up_to=100_000, above=Price(0.50, 2.50)),
        tokens_per_estimate=_NEWER_TOKENIZER,
        max_output=128_000,
        cached_from=512,
        thinks=True,
    ),
    "claude-haiku-4-5": Model(Price(1.00, 5.00), max_output=64_000, cached_from=4_096),
    "claude-sonnet-5-5": Model(
        Price(2.00, 10.00),
        tokens_per_estimate=_NEWER_TOKENIZER,
        max_output=128_000,
        cached_from=512,
        thinks=True,
        may_be_silenced=False,
    ),
    "claude-opus-5-5": Model(
        Price(4.00, 20.00),
        tokens_per_estimate=_NEWER_TOKENIZER,
        max_output=128_000,
        cached_from=512,
        thinks=True,
        may_be_silenced=False,
    ),
}
_UNKNOWN = Model()


#: The providers' names of one model: `claude-haiku-4-5@20251001`, `us.anthropic.claude-haiku-4-5-20251001-v1:0`.
_NAMES = re.compile(
    r"(?:(?:.*[./])?anthropic[./])?(?P<name>claude-[a-z]+(?:-\d{1,2})+?)(?:[-@]\d{8}|@default)?(?:-v\d+(?::\d+)?)?"
)


def known(model: str) -> Model:
    """What is known of a model, by any provider's name of it."""
    match = _NAMES.fullmatch(model)
    return MODELS.get(match["name"], _UNKNOWN) if match else _UNKNOWN


def thinks(model: str, thinking: Thinking) -> bool:
    """Whether the model will think about a request with that setting."""
    return _effective(model, thinking) != "off"


def thinking_parameters(model: str, thinking: Thinking) -> dict[str, Any]:
    """What a request says of thinking, as far as the model takes it."""
    if not known(model).thinks:
        return {}
    effective = _effective(model, thinking)
    if effective == "off":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effective}}


def expected_thinking(model: str, thinking: Thinking) -> int:
    """Tokens that a call will think with, about."""
    return _EXPECTED_THINKING[_effective(model, thinking)]


def max_tokens(model: str, thinking: Thinking, reply_tokens: int) -> int:
    """The limit for a reply of so many estimated tokens and for the thinking before it, which counts, too."""
    room = model_tokens(model, reply_tokens) + _THINKING_ROOM[_effective(model, thinking)]
    return min(room, known(model).max_output)


def model_tokens(model: str, estimated: int) -> int:
    """Tokens as the model counts them."""
    return round(estimated * known(model).tokens_per_estimate)


def caches(model: str, beginning: int) -> bool:
    """Whether the model caches the beginning of a prompt that has so many estimated tokens."""
    shortest = known(model).cached_from
    return shortest is not None and model_tokens(model, beginning) >= shortest


def cheap_prompt(model: str, share: float = 0.9) -> int | None:
    """Estimated tokens that a prompt may have and stay, with a margin, below the price of long ones; None: no such."""
    price = known(model).price
    if price is None or price.up_to is None:
        return None
    return int(price.up_to * share / known(model).tokens_per_estimate)


def cost(model: str, *, input: int, output: int, cache_write: int = 0, cache_read: int = 0) -> float | None:
    """Dollars of one call by its token counts, which are the model's own; None for a model without a known price."""
    price = known(model).price
    if price is None:
        return None
    if price.above and price.up_to is not None and input + cache_write + cache_read > price.up_to:
        price = price.above
    prompt = input + cache_write * CACHE_WRITE + cache_read * CACHE_READ
    return (prompt * price.input + output * price.output) / _MILLION


def estimated_cost(
    model: str,
    *,
    calls: int,
    prompt_tokens: int,
    cached: int = 0,
    reply_share: float = 0,
    thinking: Thinking = "off",
) -> float | None:
    """Dollars of calls whose prompts have so many estimated tokens together.

    cached: estimated tokens with which each prompt begins and which are cached: the first call writes them, the others
    read them. reply_share: tokens of a reply for each of its prompt. None for a model without a known price.
    """
    if not calls:
        return None if known(model).price is None else 0.0
    # By one call's price tier, so that many small prompts are not taken for a large one.
    each, beginning = model_tokens(model, prompt_tokens // calls), model_tokens(model, cached)
    output = round(each * reply_share) + expected_thinking(model, thinking)
    writing = cost(model, input=each - beginning, output=output, cache_write=beginning)
    reading = cost(model, input=each - beginning, output=output, cache_read=beginning)
    return None if writing is None or reading is None else writing + (calls - 1) * reading


def _effective(model: str, thinking: Thinking) -> Thinking:
    if not known(model).thinks:
        return "off"
    return "low" if thinking == "off" and not known(model).may_be_silenced else thinking
