"""What model calls cost, in US dollars per million tokens.

Source: Anthropic's price list, claude.com/pricing, as of 2026-11. A model that is not listed has no known price, and
what it costs is reported as unknown, not as nothing.
"""

from dataclasses import dataclass

_MILLION = 1_000_000

#: What a cached prompt token costs, as a share of the input price: writing to the cache for 5 minutes, reading.
CACHE_WRITE, CACHE_READ = 1.25, 0.1


@dataclass(frozen=True, slots=True)
class Price:
    input: float
    output: float
    #: Prompts above this many tokens are billed wholly at the prices of `above`.
    up_to: int | None = None
    above: "Price | None" = None


PRICES = {
    "claude-haiku-5-5": Price(0.10, 0.50, up_to=100_000, above=Price(0.50, 2.50)),
    "claude-haiku-4-5": Price(1.00, 5.00),
}


def cost(model: str, *, input: int, output: int, cache_write: int = 0, cache_read: int = 0) -> float | None:
    """Dollars of one call by its token counts; None for a model without a known price."""
    price = PRICES.get(model)
    if price is None:
        return None
    if price.above and price.up_to is not None and input + cache_write + cache_read > price.up_to:
        price = price.above
    prompt = input + cache_write * CACHE_WRITE + cache_read * CACHE_READ
    return (prompt * price.input + output * price.output) / _MILLION


def cost_of_calls(model: str, *, calls: int, prompt_tokens: int, reply_share: float = 0) -> float | None:
    """Dollars of calls whose prompts have so many tokens together, each with a reply of that share of its prompt."""
    # By one call's price tier, so that many small prompts are not taken for a large one.
    each = prompt_tokens // max(calls, 1)
    one = cost(model, input=each, output=int(each * reply_share))
    return None if one is None else one * calls
