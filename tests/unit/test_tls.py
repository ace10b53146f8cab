import os

import certifi
from prefect.client import orchestration
from prefect.settings import PREFECT_API_SSL_CERT_FILE, temporary_settings

from flows import tls
from flows.runs import certificates

#: Of one authority: what all tests have in place of all.
AUTHORITY = os.environ["SSL_CERT_FILE"]


def test_a_process_whose_environment_names_authorities_trusts_those_and_others_that_it_names_later(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    usual = tls.context()
    monkeypatch.setenv("SSL_CERT_FILE", AUTHORITY)
    assert [len(each.get_ca_certs()) for each in (tls.context(), usual)] == [1, certifi.contents().count("-----END")]


def test_a_client_of_prefect_trusts_the_authorities_that_its_settings_name_also_after_others():
    certificates.prepare()
    with temporary_settings({PREFECT_API_SSL_CERT_FILE: AUTHORITY}):
        client = orchestration.SyncPrefectClient("https://127.0.0.1/api")
    context = client._client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert len(context.get_ca_certs()) == 1
