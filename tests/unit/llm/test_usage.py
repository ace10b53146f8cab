import pytest
from anthropic.types import Usage

from flows import models
from flows.llm.usage import RunUsage
from flows.records import Step


def test_a_prompt_above_100k_tokens_is_billed_wholly_at_the_higher_price():
    assert models.cost("claude-haiku-5-5", input=100_000, output=1_000) == pytest.approx(0.0105)
    assert models.cost("claude-haiku-5-5", input=100_001, output=1_000) == pytest.approx(0.0525005)


def test_a_model_without_a_price_costs_an_unknown_amount_and_so_does_the_run():
    assert models.cost("some-local-model", input=10, output=10) is None
    usage = RunUsage()
    usage.record(Step.EXTRACT_FACTS, "claude-haiku-4-5", Usage(input_tokens=1_000_000, output_tokens=0))
    assert usage.total().cost_usd == pytest.approx(1.0)
    usage.record(Step.EXTRACT_FACTS, "some-local-model", Usage(input_tokens=5, output_tokens=5))
    assert usage.total().calls == 2
    assert usage.total().cost_usd is None
    assert usage.total().dollars() == "unknown"


def test_cached_prompt_tokens_are_billed_at_their_share():
    cost = models.cost("claude-haiku-4-5", input=0, output=0, cache_write=1_000_000, cache_read=1_000_000)
    assert cost == pytest.approx(1.35)


def test_what_the_models_have_read_counts_what_was_cached():
    usage = RunUsage()
    reported = Usage(input_tokens=5, output_tokens=7, cache_creation_input_tokens=100, cache_read_input_tokens=1_000)
    usage.record(Step.EXTRACT_FACTS, "claude-haiku-4-5", reported)
    assert (usage.total().prompt_tokens, usage.total().input_tokens) == (1_105, 5)
