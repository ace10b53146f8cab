"""The real Supabase Storage: it is asked what the stand-in is asked, and an export is downloaded from it.

From its source, on Node, over a Postgres of its own, with files for a backend.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.processes import Port, Service
from deployments.local.supabase import database, keys
from deployments.local.supervisor import Supervisor
from flows.errors import ExportError, StoreError
from flows.store.download import Download
from tests.conformance.supabase import BUCKET, SECRET
from tests.conftest import clean_environment
from tests.integration.store.sql import Database

SOURCE = os.environ.get("SUPABASE_STORAGE_SOURCE", "")

if not SOURCE:
    pytest.skip(
        "SUPABASE_STORAGE_SOURCE names no checkout of supabase/storage (after npm ci; Node 24 in PATH)",
        allow_module_level=True,
    )

pytestmark = pytest.mark.xdist_group("project")

LEGACY_KEY = keys.mint_key(SECRET, "service_role")
OWNER = uuid4()
CONTENT, OTHER = os.urandom(3_000_000), os.urandom(2_000_000)
#: What Auth makes (supabase/auth, migrations/20220224000811), as policies ask it.
AUTH = """
    create schema if not exists auth;
    grant usage on schema auth to public;
    create or replace function auth.uid() returns uuid language sql stable as
        $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
"""
LIMITED = """
    insert into storage.buckets (id, name, file_size_limit, allowed_mime_types)
        values ('small', 'small', 1, null), ('typed', 'typed', null, '{application/zip, text/*}') on conflict do nothing
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Storage with the migration of the uploads: the bucket of the exports, its policies."""
    folder, port, admin_port = tmp_path_factory.mktemp("storage"), Port(0), Port(0)
    with EmbeddedPostgres(folder / "postgres" / "data") as postgres, Supervisor(folder) as supervisor:
        postgres.create_database("storage")
        service = Service(
            "storage",
            ["node", "--import", "tsx", "src/start/server.ts"],
            supervisor=supervisor,
            log=folder / "log",
            environment={
                **clean_environment(),
                "SERVER_HOST": "127.0.0.1",
                "SERVER_PORT": str(port.number),
                "SERVER_ADMIN_PORT": str(admin_port.number),
                "SERVER_REGION": "local",
                "TENANT_ID": "local",
                "AUTH_JWT_SECRET": SECRET,
                "ANON_KEY": keys.mint_key(SECRET, "anon"),
                "SERVICE_KEY": LEGACY_KEY,
                "DATABASE_URL": postgres.url("storage"),
                "DB_INSTALL_ROLES": "true",
                "STORAGE_BACKEND": "file",
                "STORAGE_FILE_BACKEND_PATH": str(folder / "files"),
                "STORAGE_S3_BUCKET": "local",
                "STORAGE_S3_REGION": "local",
                "UPLOAD_FILE_SIZE_LIMIT": "524288000",
            },
            cwd=Path(SOURCE),
        )
        service.start()
        service.wait_until_listening("127.0.0.1", port.number)
        url = f"http://127.0.0.1:{port.number}"
        (uploads,) = database.MIGRATIONS.glob("*_uploads.sql")
        Database(postgres.url("storage")).script(AUTH + uploads.read_text() + LIMITED)
        yield url
    for each in (port, admin_port):
        each.release()


def asking(url: str) -> httpx.Client:
    headers = {"apikey": LEGACY_KEY, "Authorization": f"Bearer {LEGACY_KEY}"}
    return httpx.Client(base_url=url, headers=headers, timeout=60)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


THERE, MISSING, PAGE, NOWHERE = "imports/{}/there", "imports/{}/missing", "imports/{}/page.html", "others/{}/x"
NO_NAMES = "imports/{}/%C3%A4", "imports/{}/%23", "imports/{}/%25", "imports/{}/~", "imports/{}/[x]", "imports/{}/a%7F"
NAMES = "imports/{}/a b", "imports/{}/!.*'() &$=@;:+,-", "imports/{}/a%3Fb", "imports/{}/a//b", "imports/{}/a/"
OWNERS, STRANGERS = bearer(keys.user_token(SECRET, OWNER)), bearer(keys.user_token(SECRET, uuid4()))
KINDS = "application/zip", "text/plain", "application/json", "application/zip; x=y", "zip"
REPLACING = {"x-upsert": "true"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", THERE, {}),
        ("GET", THERE, {"Range": "bytes=10-"}),
        ("GET", THERE, {"Range": "bytes=10-", "If-Range": '"another"'}),
        ("GET", THERE, {"Range": "bytes=3000000-"}),
        ("GET", THERE, {"Range": "bytes=0-1,3-4"}),
        ("GET", THERE, {"Range": "bytes=-5"}),
        ("GET", THERE, {"Range": "bytes=-0"}),
        ("GET", THERE, {"Range": "bytes=2-1"}),
        ("GET", THERE, {"Range": "bytes=0-9999999"}),
        ("GET", THERE, bearer("nonsense")),
        ("GET", THERE, bearer(keys.mint_key(SECRET, "service_role", exp=1))),
        ("GET", THERE, bearer(keys.mint_key(SECRET, "anon"))),
        *[(method, THERE, who) for method in ("GET", "POST", "PUT", "DELETE") for who in (OWNERS, STRANGERS)],
        *[(method, MISSING, who) for method in ("GET", "POST", "PUT", "DELETE") for who in (OWNERS, STRANGERS)],
        *[("POST", path, who) for path in (NOWHERE, "imports/x") for who in (OWNERS, STRANGERS)],
        *[("POST", THERE, who | REPLACING) for who in (OWNERS, STRANGERS)],
        ("POST", THERE, {"x-upsert": "TRUE"}),
        *[(method, path, {}) for path in (*NO_NAMES, *NAMES) for method in ("POST", "GET", "DELETE")],
        ("POST", "imports/{}/a/..%2Fb", {}),
        ("POST", "small/{}/x", {}),
        *[("POST", "typed/{}/x", {"content-type": kind}) for kind in KINDS],
        *[(method, THERE, None) for method in ("GET", "POST", "PUT", "DELETE")],
        ("GET", MISSING, {}),
        ("GET", PAGE, {}),
        ("GET", NOWHERE, {}),
        ("POST", THERE, {}),
        ("POST", MISSING, bearer("nonsense")),
        ("POST", MISSING, bearer(keys.mint_key(SECRET, "anon"))),
        ("POST", NOWHERE, {}),
    ],
)
def test_the_stand_in_answers_as_the_real_storage(project, real, method, path, headers):
    """Status, headers, content and error; not the error's message, which nobody reads."""
    project.db.script(LIMITED)

    def answered(url: str) -> Any:
        folder = f"{OWNER}/{uuid4()}"
        with asking(url) as client:
            for name, kind in ((THERE, "application/zip"), (PAGE, "text/html")):
                there = client.post(f"/object/{name.format(folder)}", content=CONTENT, headers={"content-type": kind})
                there.raise_for_status()
            body = b"xx" if method in ("POST", "PUT") else None
            if headers is None:  # no token
                client.headers = httpx.Headers()
            answer = client.request(method, f"/object/{path.format(folder)}", headers=headers, content=body)
        kind = answer.headers["content-type"].split(";")[0]
        if kind == "application/json":
            said = answer.json()
            return answer.status_code, sorted(said), said.get("statusCode"), said.get("code"), said.get("error")
        kept = {name: answer.headers.get(name) for name in ("etag", "content-range", "accept-ranges")}
        return answer.status_code, kind, kept, answer.content

    assert answered(f"{project.url}/storage/v1") == answered(real)


FILES = "a.zip", "b/1.json", "b/2.json", "b/deep/3.json", "b%2F4", "ba", "z"
BY_NAME = {"sortBy": {"column": "name", "order": "asc"}}


@pytest.mark.parametrize(
    ("prefix", "asked"),
    [
        ("{}", {}),
        ("{}/", {}),
        ("{}", {"limit": 2}),
        ("{}", {"limit": 2, "offset": 2}),
        ("{}", {"limit": 2, "offset": 9}),
        ("{}/b", {}),
        ("{}/b/", BY_NAME),
        ("{}/none", BY_NAME),
        ("{}/a.zip", BY_NAME),
        ("{}", {"limit": 0}),
        ("{}", {"limit": 100_000, **BY_NAME}),
        ("{}", {"limit": "x"}),
        ("{}", {"offset": -1}),
        ("", {"limit": "none"}),
    ],
)
def test_folders_are_listed_as_the_real_storage_lists_them(project, real, prefix, asked):
    def listed(url: str) -> Any:
        folder = str(uuid4())
        with asking(url) as client:
            for name in FILES:
                client.post(f"/object/{BUCKET}/{folder}/{name}", content=b"{}").raise_for_status()
            answer = client.post(f"/object/list/{BUCKET}", json={"prefix": prefix.format(folder), **asked})
        if answer.is_error:
            return answer.status_code, answer.json().get("statusCode")
        return [(entry["name"], entry["id"] is None, (entry["metadata"] or {}).get("eTag")) for entry in answer.json()]

    assert listed(f"{project.url}/storage/v1") == listed(real)


@pytest.mark.parametrize("names", [["{}/a"], ["{}/a", "{}/none"], ["{}/none"], [], ["{}/a"] * 2, ["{}"], ["{}/"]])
def test_objects_are_removed_as_the_real_storage_removes_them(project, real, names):
    def removed(url: str) -> Any:
        folder = str(uuid4())
        with asking(url) as client:
            for name in ("a", "b"):
                client.post(f"/object/{BUCKET}/{folder}/{name}", content=b"{}").raise_for_status()
            asked = {"prefixes": [name.format(folder) for name in names]}
            answer = client.request("DELETE", f"/object/{BUCKET}", json=asked)
            left = [client.get(f"/object/{BUCKET}/{folder}/{name}").status_code for name in ("a", "b")]
        found = answer.json()
        if answer.is_error:
            return answer.status_code, found.get("statusCode"), left
        return [entry["name"].removeprefix(folder) for entry in found], left

    assert removed(f"{project.url}/storage/v1") == removed(real)


class BreaksOff(httpx.AsyncHTTPTransport):
    """A connection that breaks in the middle of the first answer; then `meanwhile` happens."""

    def __init__(self, meanwhile: Callable[[], object]):
        super().__init__()
        self._meanwhile: Callable[[], object] | None = meanwhile

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if self._meanwhile is None:
            return answer
        meanwhile, self._meanwhile = self._meanwhile, None
        stream = answer.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Half(stream, meanwhile))


class _Half(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, meanwhile: Callable[[], object]):
        self._stream, self._meanwhile = stream, meanwhile

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            yield part
            size += len(part)
            if size > 1_500_000:
                self._meanwhile()
                raise httpx.ReadError("broken off by the test")

    async def aclose(self) -> None:
        await self._stream.aclose()


def download(
    url: str, name: str, to: Path, meanwhile: Callable[[], object] = lambda: None, key: str = LEGACY_KEY
) -> int:
    async def run() -> int:
        async with httpx.AsyncClient(transport=BreaksOff(meanwhile)) as http:
            address = f"{url}/object/{BUCKET}/{name}"
            return await Download(http, address, {"apikey": key, **bearer(key)}, BUCKET, patience=1).to(to)

    return asyncio.run(run())


def upload(url: str, name: str, content: bytes) -> None:
    with asking(url) as client:
        client.post(f"/object/{BUCKET}/{name}", content=content, headers={"x-upsert": "true"}).raise_for_status()


def test_an_export_that_breaks_off_goes_on(real, tmp_path):
    upload(real, "user/a.zip", CONTENT)
    assert download(real, "user/a.zip", tmp_path / "export") == len(CONTENT)
    assert (tmp_path / "export").read_bytes() == CONTENT


@pytest.mark.parametrize("replacement", [OTHER, OTHER[:100], CONTENT[::-1]], ids=len)
def test_an_export_that_is_replaced_meanwhile_is_never_a_mixture_of_two(real, tmp_path, replacement):
    upload(real, "user/b.zip", CONTENT)
    download(real, "user/b.zip", tmp_path / "export", lambda: upload(real, "user/b.zip", replacement))
    assert (tmp_path / "export").read_bytes() == replacement


def test_what_is_missing_is_told(real, tmp_path):
    with pytest.raises(ExportError, match="no such object in bucket 'imports'"):
        download(real, "user/none.zip", tmp_path / "export")
    with pytest.raises(StoreError, match="no bucket 'imports' for this key"):
        download(real, "user/none.zip", tmp_path / "export", key="nonsense")
