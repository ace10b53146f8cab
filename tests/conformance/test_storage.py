"""The way of an export from Storage to disk, when it breaks off and is replaced meanwhile."""

import asyncio
import hashlib
import os

import httpx
import pytest

from flows.errors import ExportError, StoreError

pytestmark = pytest.mark.xdist_group("project")

CONTENT = os.urandom(3_000_000)


def download(project, user_id, to, patience=0.0, **environment):
    return project.use(
        lambda store: store.exports.download(f"{user_id}/export.zip", user_id, to), patience, **environment
    )


@pytest.mark.parametrize("size", [3_000_000, 2_000_000, 100])
def test_an_export_that_is_replaced_while_it_is_read_is_never_a_mixture_of_two(project, tmp_path, size):
    user_id, replacement = project.new_user(), os.urandom(size)
    path = project.upload(user_id, CONTENT)
    away = {"method": "GET", "path": "/storage/"}
    project.behaves(faults=[{**away, "after_bytes": 1_500_000, "times": 1}, away])

    async def read(store):
        reading = asyncio.create_task(store.exports.download(path, user_id, tmp_path / "export"))
        # Its first answer has broken off, and the rest has been asked for.
        await project.is_asked(f"GET /storage/v1/object/{path}", times=2)
        project.upload(user_id, replacement)
        project.behaves()
        return await reading

    assert project.use(read, patience=30) == size
    assert (tmp_path / "export").read_bytes() == replacement


def test_an_export_that_stays_goes_on_where_it_broke_off(project, tmp_path):
    user_id = project.new_user()
    project.upload(user_id, CONTENT)
    project.behaves(faults=[{"method": "GET", "path": "/storage/", "after_bytes": 1_500_000, "times": 1}])
    assert download(project, user_id, tmp_path / "export", patience=1) == len(CONTENT)
    assert hashlib.md5((tmp_path / "export").read_bytes()).digest() == hashlib.md5(CONTENT).digest()


def test_a_missing_object_and_a_missing_bucket_are_told_apart(project, tmp_path):
    user_id = project.new_user()
    with pytest.raises(ExportError, match="no such object in bucket 'imports'; upload the export"):
        download(project, user_id, tmp_path / "export")
    with pytest.raises(StoreError, match="no bucket 'others' for this key; make it, or set STORAGE_BUCKET"):
        download(project, user_id, tmp_path / "export", STORAGE_BUCKET="others")


def test_a_name_that_storage_does_not_take_is_told(project, tmp_path):
    user_id = project.new_user()
    with pytest.raises(ExportError, match=r"takes no such name; upload the export as imports/<user_id>/export\.zip"):
        project.use(lambda store: store.exports.download(f"{user_id}/Größe.zip", user_id, tmp_path / "export"))


def test_a_page_of_html_is_no_export(project, tmp_path):
    user_id = project.new_user()
    project.upload(user_id, CONTENT)
    project.behaves(faults=[{"method": "GET", "path": "/storage/", "status": 200, "body": "<h1>Soon</h1>", "times": 1}])
    assert download(project, user_id, tmp_path / "export", patience=1) == len(CONTENT)


def test_an_export_that_is_html_is_one(project, tmp_path):
    user_id = project.new_user()
    headers = {"apikey": project.key, "Authorization": f"Bearer {project.key}", "content-type": "text/html"}
    url = f"{project.url}/storage/v1/object/imports/{user_id}/export.zip"
    httpx.post(url, content=CONTENT, headers=headers).raise_for_status()
    assert download(project, user_id, tmp_path / "export") == len(CONTENT)
