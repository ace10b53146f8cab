import certifi
import pytest
from prefect.client import orchestration
from prefect.settings import PREFECT_API_SSL_CERT_FILE, temporary_settings

from flows import tls
from flows.runs import certificates


@pytest.fixture
def authority(tmp_path):
    """A file with one authority of its own."""
    end = "-----END CERTIFICATE-----\n"
    file = tmp_path / "authority.pem"
    file.write_text(certifi.contents().partition(end)[0] + end)
    return file


def test_a_process_whose_environment_names_authorities_trusts_those_and_others_that_it_names_later(
    authority, monkeypatch
):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    usual = tls.context()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert [len(each.get_ca_certs()) for each in (tls.context(), usual)] == [1, certifi.contents().count("-----END")]


def test_a_client_of_prefect_trusts_the_authorities_that_its_settings_name_also_after_others(authority):
    certificates.prepare()
    with temporary_settings({PREFECT_API_SSL_CERT_FILE: str(authority)}):
        client = orchestration.SyncPrefectClient("https://127.0.0.1/api")
    context = client._client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert len(context.get_ca_certs()) == 1
