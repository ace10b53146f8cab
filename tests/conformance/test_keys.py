"""Both kinds of keys of a project: secret keys, which Supabase recommends, and the legacy service_role key."""

import pytest

from deployments.local.supabase import keys
from flows.errors import ExportError, StoreError
from tests.conformance.supabase import SECRET

pytestmark = pytest.mark.xdist_group("project")


@pytest.mark.parametrize("key", [keys.secret_key(SECRET), keys.mint_key(SECRET, "service_role")], ids=lambda k: k[:9])
def test_either_key_reads_writes_and_downloads(project, tmp_path, key):
    user_id = project.new_user()
    project.upload(user_id, b"the export")

    async def work(store):
        owner = await store.passes.claim(user_id, "run", {})
        rows = await store.passes.rows([user_id], "user_id,full_pass_status")
        size = await store.exports.download(f"{user_id}/export.zip", user_id, tmp_path / "export")
        return owner.owner, rows[user_id].full_pass_status, size

    assert project.use(work, SUPABASE_SERVICE_KEY=key) == ("run", "processing", len(b"the export"))


@pytest.mark.parametrize(
    "key",
    [
        "sb_secret_of_another_project",
        keys.mint_key("of another project" * 4, "service_role"),
        keys.mint_key(SECRET, "service_role", exp=1),
        "no key at all",
    ],
    ids=lambda key: key[:9],
)
def test_a_key_of_another_project_is_said_to_be_wrong(project, tmp_path, key):
    user_id = project.new_user()
    project.upload(user_id, b"the export")
    with pytest.raises(StoreError, match="does not accept the key; set SUPABASE_SERVICE_KEY to a secret key"):
        project.use(lambda store: store.passes.claim(user_id, "run", {}), SUPABASE_SERVICE_KEY=key)
    with pytest.raises(StoreError, match="no bucket 'imports' for this key"):
        project.use(
            lambda store: store.exports.download(f"{user_id}/export.zip", user_id, tmp_path / "export"),
            SUPABASE_SERVICE_KEY=key,
        )


@pytest.mark.parametrize("key", [keys.publishable_key(SECRET), keys.mint_key(SECRET, "anon")], ids=lambda k: k[:9])
def test_a_key_of_a_web_page_may_do_nothing_and_is_said_to_be_the_wrong_one(project, tmp_path, key):
    user_id = project.new_user()
    project.upload(user_id, b"the export")
    with pytest.raises(StoreError, match="not to a publishable or anon key"):
        project.use(lambda store: store.passes.claim(user_id, "run", {}), SUPABASE_SERVICE_KEY=key)
    with pytest.raises(ExportError, match="no such object"):
        project.use(
            lambda store: store.exports.download(f"{user_id}/export.zip", user_id, tmp_path / "export"),
            SUPABASE_SERVICE_KEY=key,
        )
