"""Downloads from a storage that breaks off, over real HTTP."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from flows.errors import ExportError, StoreError
from flows.store import download

CONTENT = bytes(range(256)) * 4_000


class Storage(ThreadingHTTPServer):
    """Serves CONTENT; each request takes its behaviour from `plan`, then all is well."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[dict[str, object]] = []
        self.ranges: list[str | None] = []
        self.etag: str | None = f'"{hashlib.md5(CONTENT).hexdigest()}"'

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def do_GET(self) -> None:
        behaviour = self.server.plan.pop(0) if self.server.plan else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.ranges.append(self.headers.get("Range"))
        content = bytes(behaviour.get("content", CONTENT))  # type: ignore[call-overload]
        partial = wanted is not None and self.headers.get("If-Range") == self.server.etag
        body = content[int(wanted[1]) :] if wanted and partial else content
        self.send_response(int(str(behaviour.get("status", 206 if partial else 200))))
        self.send_header("Content-Length", str(len(body)))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        cut = behaviour.get("cut")
        self.wfile.write(body if cut is None else body[: int(str(cut))])
        self.close_connection = cut is not None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetch(storage: Storage, path: Path) -> int:
    async def run() -> int:
        async with httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{storage.server_address[1]}/object"
            return await download.Download(http, url, {}, "imports", patience=1).to(path)

    return asyncio.run(run())


def test_a_download_that_breaks_off_goes_on_where_it_broke(storage, tmp_path):
    storage.plan = [{"cut": 300_000}, {"cut": 400_000}]
    assert fetch(storage, tmp_path / "export") == len(CONTENT)
    assert (tmp_path / "export").read_bytes() == CONTENT
    assert storage.ranges[0] is None
    assert all(storage.ranges[1:])


def test_without_an_etag_it_starts_anew(storage, tmp_path):
    storage.etag, storage.plan = None, [{"cut": 300_000}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT
    assert storage.ranges == [None, None]


def test_a_storage_that_fails_for_a_moment_is_asked_again(storage, tmp_path):
    storage.plan = [{"status": 503}, {"status": 429}]
    assert fetch(storage, tmp_path / "export") == len(CONTENT)


def test_bytes_that_were_damaged_on_the_way_are_fetched_again(storage, tmp_path):
    storage.plan = [{"content": b"x" + CONTENT[1:]}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT


def test_an_etag_that_is_no_checksum_does_not_stop_the_download(storage, tmp_path):
    storage.etag = f'"{"0" * 32}"'
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT


def test_damage_that_differs_each_time_is_an_error(storage, tmp_path):
    storage.plan = [{"content": b"x" + CONTENT[1:]}, {"content": b"y" + CONTENT[1:]}]
    with pytest.raises(StoreError, match="damaged"):
        fetch(storage, tmp_path / "export")


def test_a_download_that_brings_nothing_again_and_again_ends_with_how_far_it_came(storage, tmp_path):
    storage.plan = [{"cut": 300_000}, *[{"cut": 0}] * 9]
    with pytest.raises(StoreError, match=r"after 300000 of 1024000 bytes"):
        fetch(storage, tmp_path / "export")


@pytest.mark.parametrize(("status", "error"), [(404, ExportError), (400, ExportError), (401, StoreError)])
def test_what_trying_again_cannot_mend_ends_at_once(storage, tmp_path, status, error):
    storage.plan = [{"status": status}]
    with pytest.raises(error):
        fetch(storage, tmp_path / "export")
    assert len(storage.ranges) == 1
