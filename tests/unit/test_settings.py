import logging

import pytest

from flows.errors import SettingsError
from flows.settings import ModelSettings, StoreSettings, WebhookSettings, check, fact_extraction_concurrency


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("3", 3), ("50", 50), ("07", 7)])
def test_concurrency_is_what_the_environment_says(monkeypatch, caplog, text, limit):
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", text)
    assert fact_extraction_concurrency() == limit
    assert not caplog.records


@pytest.mark.parametrize("text", ["", "0", "51", "-1", "2.5", "three", " 5 ", "1_0", "٣", "9" * 5000])
def test_any_other_concurrency_warns_and_means_three(monkeypatch, caplog, text):
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", text)
    with caplog.at_level(logging.WARNING):
        assert fact_extraction_concurrency() == 3
    assert "FACT_EXTRACTION_CONCURRENCY" in caplog.text


def test_concurrency_is_read_when_it_is_used(monkeypatch):
    monkeypatch.delenv("FACT_EXTRACTION_CONCURRENCY", raising=False)
    assert fact_extraction_concurrency() == 3
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", "8")
    assert fact_extraction_concurrency() == 8


def test_one_message_lists_every_problem_and_where_to_mend_it(monkeypatch):
    for name in ("SUPABASE_SERVICE_KEY", "ANTHROPIC_API_KEY", "WEBHOOK_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUPABASE_URL", "not an address")
    monkeypatch.setenv("MODEL_TIMEOUT_SECONDS", "-1")
    with pytest.raises(SettingsError) as caught:
        check(StoreSettings, ModelSettings, WebhookSettings)
    message = str(caught.value)
    for name in (
        "SUPABASE_URL",
        "SUPABASE_SERVICE_KEY",
        "ANTHROPIC_API_KEY",
        "MODEL_TIMEOUT_SECONDS",
        "WEBHOOK_KEY",
    ):
        assert f"{name}: " in message
    assert "dashboard" in message
    assert "not an address" not in message  # a value may be a key that was put under the wrong name


def test_an_empty_key_is_a_missing_key(monkeypatch):
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", " ")
    with pytest.raises(SettingsError, match="SUPABASE_SERVICE_KEY: is empty"):
        check(StoreSettings)


def test_keys_do_not_show_in_the_settings_text(monkeypatch):
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "very-secret")
    assert "very-secret" not in repr(StoreSettings())


def test_a_budget_for_a_model_without_a_price_cannot_be_kept(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    monkeypatch.setenv("EXTRACTION_MODEL", "claude-opus-5")
    assert ModelSettings().full_pass_budget_usd is None
    monkeypatch.setenv("FULL_PASS_BUDGET_USD", "1")
    with pytest.raises(SettingsError, match="has no price of claude-opus-5"):
        ModelSettings()
