"""Who may do what in the bucket of the exports, asked over HTTP as the web app asks in the name of its users."""

import httpx
import pytest

from deployments.local.supabase import database, keys
from tests.conformance.supabase import BUCKET, SECRET
from tests.integration.store.forms import form

POLICIES = (
    "users upload into their own folder",
    "users read their own uploads",
    "users replace their own uploads",
    "users delete their own uploads",
)


@pytest.fixture
def migration():
    (script,) = database.MIGRATIONS.glob("*_uploads.sql")
    return script.read_text()


@pytest.fixture
def ask(project, migration):
    """A request about an object as a user, or as nobody: the status, and what Storage calls the error."""

    def ask(method, name, user=None, bucket=BUCKET, **headers):
        key = keys.user_token(SECRET, user) if user else keys.mint_key(SECRET, "anon")
        sent = {"apikey": keys.mint_key(SECRET, "anon"), "Authorization": f"Bearer {key}", **headers}
        body = b"an export" if method in ("POST", "PUT") else None
        answer = httpx.request(method, f"{project.url}/storage/v1/object/{bucket}/{name}", headers=sent, content=body)
        return answer.status_code if answer.is_success else int(answer.json()["statusCode"])

    yield ask
    project.db.script(migration)


def test_a_user_uploads_reads_replaces_and_takes_back_the_own_export(project, ask):
    user = project.new_user()
    path = f"{user}/2026/export.zip"
    assert ask("POST", path, user) == 200
    assert ask("POST", path, user) == 409
    assert ask("POST", path, user, **{"x-upsert": "true"}) == 200
    assert ask("PUT", path, user) == 200
    assert ask("GET", path, user) == 200
    assert ask("DELETE", path, user) == 200
    assert ask("GET", path, user) == 404


def test_nobody_else_meets_it(project, ask):
    user, other = project.new_user(), project.new_user()
    path = f"{user}/export.zip"
    ask("POST", path, user)
    for who in (other, None):
        assert ask("GET", path, who) == 404
        assert ask("DELETE", path, who) == 403
        assert ask("POST", path, who, **{"x-upsert": "true"}) == 403
        assert ask("PUT", path, who) == 403
        assert ask("POST", f"{user}/more.zip", who) == 403
    assert ask("GET", path, user) == 200


@pytest.mark.parametrize("name", ["{user}", "export.zip", "{user}x/export.zip", "x/{user}/export.zip", "{upper}/x.zip"])
def test_what_is_not_in_the_own_folder_is_refused(project, ask, name):
    user = project.new_user()
    assert ask("POST", name.format(user=user, upper=str(user).upper()), user) == 403


def test_another_bucket_is_not_meant(project, ask):
    user = project.new_user()
    project.db.run("insert into storage.buckets (id, name) values ('other', 'other') on conflict do nothing")
    assert ask("POST", f"{user}/export.zip", user, bucket="other") == 403
    assert ask("POST", f"{user}/export.zip", user, bucket="nowhere") == 404


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/zip", 200), ("text/plain", 200), ("application/json", 415), ("application/zip; x=y", 415)],
)
def test_a_bucket_that_names_types_takes_no_other(project, ask, content_type, status):
    user = project.new_user()
    project.db.run("update storage.buckets set allowed_mime_types = '{application/zip, text/*}' where id = 'imports'")
    try:
        assert ask("POST", f"{user}/export.zip", user, **{"content-type": content_type}) == status
    finally:
        project.db.run("update storage.buckets set allowed_mime_types = null where id = 'imports'")


@pytest.mark.parametrize(("most", "status"), [(9, 200), (8, 413)])
def test_a_bucket_that_has_a_limit_takes_no_more(project, ask, most, status):
    user = project.new_user()
    project.db.run("update storage.buckets set file_size_limit = $1 where id = 'imports'", most)
    try:
        assert ask("POST", f"{user}/export.zip", user) == status
    finally:
        project.db.run("update storage.buckets set file_size_limit = null where id = 'imports'")


@pytest.mark.parametrize(
    ("policy", "method"),
    list(zip(POLICIES, ["POST", "GET", "PUT", "DELETE"], strict=True)),
)
def test_without_its_policy_the_user_is_refused(project, ask, policy, method):
    user = project.new_user()
    path = f"{user}/export.zip"
    if method != "POST":
        assert ask("POST", path, user) == 200
    project.db.run(f'drop policy "full pass: {policy}" on storage.objects')
    assert ask(method, path, user) in (403, 404)


@pytest.mark.parametrize("condition", ["bucket_id = 'imports'", "(storage.foldername(name))[1] = auth.uid()::text"])
def test_without_half_of_its_condition_a_policy_lets_too_much_through(project, ask, condition):
    user, other = project.new_user(), project.new_user()
    project.db.script(
        'drop policy "full pass: users upload into their own folder" on storage.objects;'
        f'create policy "full pass: users upload into their own folder" on storage.objects for insert with check'
        f" ({condition}); insert into storage.buckets (id, name) values ('other', 'other') on conflict do nothing"
    )
    through = [
        ask("POST", f"{other}/export.zip", user) == 200,
        ask("POST", f"{user}/export.zip", user, bucket="other") == 200,
    ]
    assert any(through)


# Over what is there


def test_a_bucket_of_the_app_stays_as_it_is(db, migration):
    db.script("update storage.buckets set file_size_limit = 1000, public = true where id = 'imports'")
    db.script(migration)
    assert db.value("select file_size_limit || public::text from storage.buckets") == "1000true"


def test_where_there_is_no_storage_nothing_is_made_and_nothing_fails(db, migration):
    before = [line for line in form(db) if "uploads" not in line and "folder" not in line]
    db.script("drop schema storage cascade")
    db.script(migration)
    assert form(db) == before


def test_objects_are_not_deleted_by_sql_alone(db):
    db.run("insert into storage.objects (bucket_id, name) values ('imports', 'x/y')")
    with pytest.raises(Exception, match="Use the Storage API"):
        db.run("delete from storage.objects")
