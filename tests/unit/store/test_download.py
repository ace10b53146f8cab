"""Downloads from a storage that breaks off, over real HTTP."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from flows.errors import ExportError, StoreError
from flows.store import download
from tests.unit import virtual_time

CONTENT = bytes(range(256)) * 4_000
OTHER = CONTENT[::-1]


def etag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


class Storage(ThreadingHTTPServer):
    """Serves an object as Supabase Storage does: it heeds Range, and knows no If-Range.

    Each request takes its behaviour from `plan`, then all is well: `replaced` puts another object in the place before
    it is answered, `cut` breaks the answer off, `status` and `body` are answered instead, other names are headers.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[dict[str, object]] = []
        self.ranges: list[str | None] = []
        self.content = CONTENT
        self.etag: str | None = etag_of(CONTENT)

    def replace(self, content: bytes) -> None:
        self.content, self.etag = content, etag_of(content)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def do_GET(self) -> None:
        behaviour = dict(self.server.plan.pop(0)) if self.server.plan else {}
        self.server.ranges.append(self.headers.get("Range"))
        if isinstance(replacement := behaviour.pop("replaced", None), bytes):
            self.server.replace(replacement)
        content = bytes(behaviour.pop("content", self.server.content))  # type: ignore[call-overload]
        cut = behaviour.pop("cut", None)
        status, body, headers = self.answered(content)
        if "status" in behaviour:
            status, body, headers = int(str(behaviour.pop("status"))), b"", {}
            if isinstance(said := behaviour.pop("body", None), dict):
                body = json.dumps(said).encode()
        headers |= {name: str(value) for name, value in behaviour.items()}
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[: int(str(cut))])
        self.close_connection = cut is not None

    def answered(self, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        headers = {"ETag": self.server.etag} if self.server.etag else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None:
            return 200, content, headers
        start = int(wanted[1])
        if start >= len(content):
            return 416, b'{"statusCode": "416", "code": "InvalidRange"}', {}
        return 206, content[start:], {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def fetch(storage: Storage, path: Path) -> int:
    async def run() -> int:
        async with httpx.AsyncClient(timeout=None) as http:  # virtual time is over before the server can answer
            url = f"http://127.0.0.1:{storage.server_address[1]}/object"
            return await download.Download(http, url, {}, "imports", patience=1).to(path)

    return virtual_time.run(run())


def test_a_download_that_breaks_off_goes_on_where_it_broke(storage, tmp_path):
    storage.plan = [{"cut": 300_000}, {"cut": 400_000}]
    assert fetch(storage, tmp_path / "export") == len(CONTENT)
    assert (tmp_path / "export").read_bytes() == CONTENT
    assert storage.ranges[0] is None
    assert all(storage.ranges[1:])


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_an_etag_that_stands_for_the_bytes_it_starts_anew(storage, tmp_path, etag):
    storage.etag, storage.plan = etag, [{"cut": 300_000}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT
    assert storage.ranges == [None, None]


def test_getting_no_further_than_before_is_no_progress(storage, tmp_path):
    storage.etag, storage.plan = None, [{"cut": cut} for _ in range(9) for cut in (300_000, 200_000)]
    with pytest.raises(StoreError, match="broke off"):
        fetch(storage, tmp_path / "export")


@pytest.mark.parametrize("replacement", [OTHER, OTHER * 2, OTHER[:400_000], OTHER[:100], b"x"], ids=len)
def test_an_export_that_is_replaced_meanwhile_is_never_a_mixture_of_two(storage, tmp_path, replacement):
    storage.plan = [{"cut": 300_000}, {"replaced": replacement}]
    assert fetch(storage, tmp_path / "export") == len(replacement)
    assert (tmp_path / "export").read_bytes() == replacement


def test_a_range_that_is_none_anymore_begins_again_also_in_the_words_of_s3(storage, tmp_path):
    gone = {"statusCode": "416", "error": "InvalidRange", "message": "The requested range is not satisfiable"}
    storage.plan = [{"cut": 300_000}, {"replaced": OTHER, "status": 400, "body": gone}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == OTHER


@pytest.mark.parametrize(
    "other",
    [
        {"ETag": '"of another object"'},
        {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"Content-Range": f"bytes 300000-{len(CONTENT) - 1}/{len(CONTENT) + 1}"},
        {"Content-Range": ""},
    ],
)
def test_a_part_that_is_not_the_rest_is_not_appended(storage, tmp_path, other):
    storage.plan = [{"cut": 300_000}, other]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT
    assert storage.ranges == [None, "bytes=300000-", None]


def test_an_export_that_is_replaced_again_and_again_ends_with_an_error(storage, tmp_path):
    storage.plan = [step for n in range(9) for step in ({"cut": 300_000}, {"replaced": CONTENT + bytes([n])})]
    with pytest.raises(StoreError, match="replaced again and again"):
        fetch(storage, tmp_path / "export")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503},
        {"status": 429},
        {"status": 544},
        {"status": 400, "body": {"statusCode": "503", "code": "DatabaseReadOnly", "message": "Please try later."}},
        {"Content-Type": "text/html"},
    ],
)
def test_a_storage_that_fails_for_a_moment_is_asked_again(storage, tmp_path, answer):
    storage.plan = [answer]
    assert fetch(storage, tmp_path / "export") == len(CONTENT)
    assert len(storage.ranges) == 2


def test_bytes_that_were_damaged_on_the_way_are_fetched_again(storage, tmp_path):
    storage.plan = [{"content": b"x" + CONTENT[1:]}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == CONTENT


def test_an_export_that_is_replaced_between_two_downloads_is_the_new_one(storage, tmp_path):
    storage.plan = [{"content": b"x" + CONTENT[1:]}, {"replaced": OTHER}]
    fetch(storage, tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == OTHER


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


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((400, {"statusCode": "404", "code": "NoSuchKey"}), ExportError, "no such object in bucket 'imports'"),
        ((400, {"statusCode": "404", "error": "not_found"}), ExportError, "no such object"),
        ((400, {"statusCode": "404", "code": "NoSuchBucket"}), StoreError, "no bucket 'imports' for this key"),
        ((400, {"statusCode": "403", "code": "AccessDenied"}), StoreError, "does not accept the key"),
        ((401, {"message": "Invalid API key"}), StoreError, "SUPABASE_SERVICE_KEY to a secret key"),
        ((402, {"message": "exceed_egress_quota"}), StoreError, r"restricted the project \(exceed_egress_quota\)"),
        ((404, {"message": "no Route matched with those values"}), StoreError, "check SUPABASE_URL"),
        ((540, None), StoreError, "paused"),
    ],
)
def test_what_trying_again_cannot_mend_ends_at_once(storage, tmp_path, answer, error, says):
    storage.plan = [{"status": answer[0], "body": answer[1]}]
    with pytest.raises(error, match=says):
        fetch(storage, tmp_path / "export")
    assert len(storage.ranges) == 1
