"""The local Supabase gateway through the real supabase client, and by hand where that client is too polite."""

import asyncio
import hashlib
import json
import secrets
import sys
from uuid import uuid4

import asyncpg
import httpx
import pytest
from postgrest import APIError
from storage3.exceptions import StorageApiError
from supabase import AsyncClientOptions, acreate_client

from deployments.local.processes import Port, Service
from deployments.local.stack import ROOT
from deployments.local.supabase import database, keys
from deployments.local.supervisor import Supervisor
from tests.conftest import clean_environment

SECRET = "s" * 64
SCHEMA = """
    create table things (
        id uuid primary key default gen_random_uuid(), owner uuid, name text unique, amount integer, tags text[],
        at timestamptz default '2026-01-01T00:00:00Z', extra jsonb);
    alter table things enable row level security;
    create policy own on things for select to authenticated using (owner = auth.uid());
    create function answer(a integer, b integer default 2) returns integer language sql as 'select a * b';
    create function many(n integer) returns setof integer language sql as 'select generate_series(1, n)';
    create function pairs(words text[]) returns table (word text, size integer) language sql
        as 'select w, length(w) from unnest(words) w';
    create function one_thing(p_name text) returns things language sql as 'select * from things where name = p_name';
    create function statement_limit() returns text language sql
        as $$ select current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') $$;
    create function nothing() returns void language sql as 'select';
    create function echo(value jsonb) returns jsonb language sql as 'select value';
    create function refuse() returns void language plpgsql as
        $$ begin raise exception using errcode = 'FP001', message = 'no', detail = 'because', hint = 'do'; end $$;
"""

pytestmark = pytest.mark.xdist_group("gateway")


@pytest.fixture(scope="module")
def gateway(postgres, tmp_path_factory):
    name = f"test_{secrets.token_hex(6)}"
    postgres.create_database(name)

    async def prepare() -> None:
        await database.prepare(postgres.url(name))
        connection = await asyncpg.connect(postgres.url(name))
        await connection.execute(SCHEMA)
        await connection.close()

    asyncio.run(prepare())
    port, folder = Port(0), tmp_path_factory.mktemp("gateway")
    command = [sys.executable, "-m", "deployments.local.supabase", "--port", str(port.number)]
    with Supervisor(folder) as supervisor:
        service = Service(
            "gateway",
            [*command, "--database-url", postgres.url(name), "--storage-dir", str(folder / "storage")],
            supervisor=supervisor,
            log=folder / "log",
            environment={**clean_environment(), "SUPABASE_JWT_SECRET": SECRET},
            cwd=ROOT,
        )
        service.start()
        service.wait_until_listening("127.0.0.1", port.number)
        yield f"http://127.0.0.1:{port.number}"
    port.release()


@pytest.fixture
def http(gateway):
    headers = {"apikey": keys.secret_key(SECRET)}
    with httpx.Client(base_url=gateway, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def name() -> str:
    return f"thing-{uuid4()}"


def through_client(gateway, use, key=None, user=None):
    """As the client sends it: the key in both headers, or beside it the token of a signed-in user."""

    async def run():
        options = AsyncClientOptions(headers={"Authorization": f"Bearer {user}"} if user else {})
        return await use(await acreate_client(gateway, key or keys.secret_key(SECRET), options))

    return asyncio.run(run())


# Tables


def test_rows_are_written_read_changed_and_deleted(gateway, name):
    async def use(client):
        things = client.table("things")
        row = {"name": name, "amount": 3, "tags": ["a", 'b"c'], "extra": {"k": [1, None]}}
        (made,) = (await things.insert(row).execute()).data
        assert {key: made[key] for key in row} == row
        assert made["at"] == "2026-01-01T00:00:00+00:00"
        (changed,) = (await things.update({"amount": 4}).eq("name", name).execute()).data
        assert changed == {**made, "amount": 4}
        (merged,) = (await things.upsert({"name": name, "amount": 5}, on_conflict="name").execute()).data
        assert (merged["id"], merged["amount"]) == (made["id"], 5)
        (read,) = (await things.select("name,amount").eq("name", name).execute()).data
        assert read == {"name": name, "amount": 5}
        (gone,) = (await things.delete().eq("name", name).execute()).data
        assert gone["id"] == made["id"]
        assert (await things.select("*").eq("name", name).execute()).data == []

    through_client(gateway, use)


def test_filters_order_pages_and_counts(gateway, name):
    async def use(client):
        things = client.table("things")
        await things.insert(
            [{"name": f"{name} {n}", "amount": n} for n in range(5)] + [{"name": f"{name} x", "amount": 9}]
        ).execute()

        async def names(query):
            return [row["name"].removeprefix(f"{name} ") for row in (await query.order("name").execute()).data]

        def mine(columns="name", **options):
            return things.select(columns, **options).gte("name", name).lt("name", f"{name}~")

        assert await names(mine().gt("amount", 1).lte("amount", 3)) == ["2", "3"]
        assert await names(mine().neq("amount", 0).neq("amount", 9)) == ["1", "2", "3", "4"]
        assert await names(mine().in_("name", [f"{name} 1", f"{name} 4", 'odd,"name'])) == ["1", "4"]
        page = await mine(count="exact").order("name", desc=True).range(1, 2).execute()
        assert ([row["name"][-1] for row in page.data], page.count) == (["4", "3"], 6)

    through_client(gateway, use)


def test_row_level_security_decides_who_sees_what(gateway, name):
    user = uuid4()
    through_client(gateway, lambda client: client.table("things").insert({"name": name, "owner": str(user)}).execute())

    def seen_by(key, user=None):
        async def use(client):
            return len((await client.table("things").select("*").eq("name", name).execute()).data)

        return through_client(gateway, use, key, user)

    of_web_page = keys.publishable_key(SECRET)
    assert seen_by(keys.secret_key(SECRET)) == seen_by(keys.mint_key(SECRET, "service_role")) == 1
    assert seen_by(of_web_page, keys.user_token(SECRET, user)) == 1
    assert seen_by(keys.mint_key(SECRET, "anon"), keys.user_token(SECRET, user)) == 1
    assert seen_by(of_web_page, keys.user_token(SECRET, uuid4())) == 0
    assert seen_by(of_web_page) == seen_by(keys.mint_key(SECRET, "anon")) == 0
    with pytest.raises(APIError) as refused:
        through_client(
            gateway,
            lambda client: client.table("things").insert({"name": "x"}).execute(),
            of_web_page,
            keys.user_token(SECRET, user),
        )
    assert refused.value.code == "42501"


@pytest.mark.parametrize(
    "token",
    [
        keys.mint_key("x" * 64, "service_role"),
        keys.mint_key(SECRET, "postgres"),
        "nonsense",
        keys.mint_key(SECRET, "anon", exp=1),
    ],
    ids=["another secret", "another role", "nonsense", "over"],
)
def test_a_token_that_is_not_ours_is_401(http, token):
    answer = http.get("/rest/v1/things", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["code"].startswith("PGRST30")


SECRET_KEY = keys.secret_key(SECRET)
IN_BOTH = {"apikey": SECRET_KEY, "Authorization": f"Bearer {SECRET_KEY}"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No API key found in request"),
        ({"Authorization": f"Bearer {SECRET_KEY}"}, "No API key found in request"),
        ({"apikey": "sb_secret_of_another_project"}, "Invalid API key"),
        ({"apikey": keys.mint_key("x" * 64, "service_role")}, "Invalid API key"),
        ({"apikey": keys.user_token(SECRET, uuid4())}, "Invalid API key"),
        ({**IN_BOTH, "apikey": keys.publishable_key(SECRET)}, "Invalid API key"),
        (IN_BOTH, None),
        ({"apikey": SECRET_KEY}, None),
    ],
)
def test_the_gateway_knows_the_keys_of_its_project(gateway, headers, message):
    answer = httpx.get(f"{gateway}/rest/v1/things", headers=headers)
    assert answer.status_code == (401 if message else 200)
    if message:
        assert (answer.json()["message"], "code" in answer.json()) == (message, False)


@pytest.mark.parametrize(
    "parameters",
    [
        {"select": "id from things; drop table things; --"},
        {"select": '"id"'},
        {'id"; drop table things; --': "eq.1"},
        {"order": "id; drop table things"},
        {"order": "(select 1)"},
        {"limit": "1; drop table things"},
        {"id": "eq"},
        {"id": "is.(select 1)"},
        {"amount": "in.1,2"},
    ],
)
def test_sql_in_the_query_string_is_refused(http, parameters):
    assert http.get("/rest/v1/things", params=parameters).status_code in (400, 501)
    assert http.get("/rest/v1/things").status_code == 200


def test_sql_in_a_value_is_a_value(http, name):
    nasty = f"{name}'; drop table things; --"
    http.post("/rest/v1/things", json={"name": nasty}).raise_for_status()
    assert len(http.get("/rest/v1/things", params={"name": f"eq.{nasty}"}).json()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/rest/v1/nowhere", None, 404, "PGRST205"),
        ("GET", "/rest/v1/pg_authid", None, 404, "PGRST205"),
        ("GET", "/rest/v1/things?colour=eq.1", None, 400, "42703"),
        ("GET", "/rest/v1/things?id=eq.no-uuid", None, 400, "22P02"),
        ("POST", "/rest/v1/things", {"amount": "many"}, 400, "22P02"),
        ("POST", "/rest/v1/rpc/nowhere", {}, 404, "PGRST202"),
        ("POST", "/rest/v1/rpc/answer", {"c": 1}, 404, "PGRST202"),
        ("POST", "/rest/v1/rpc/refuse", {}, 400, "FP001"),
        ("GET", "/rest/v1/things?select=id,other(name)", None, 501, "GATEWAY501"),
        ("GET", "/rest/v1/things?or=(id.eq.1,id.eq.2)", None, 501, "GATEWAY501"),
        ("GET", "/rest/v1/things?name=fts.word", None, 501, "GATEWAY501"),
        ("GET", "/rest/v1/things?name=is.null", None, 501, "GATEWAY501"),
        ("GET", "/rest/v1/things?name=not.eq.word", None, 501, "GATEWAY501"),
        ("POST", "/auth/v1/signup", {}, 501, "GATEWAY501"),
        ("GET", "/rest/v1/rpc/answer?a=1", None, 501, "GATEWAY501"),
    ],
)
def test_what_cannot_be_answered_says_why_in_postgrests_form(http, method, path, body, status, code):
    answer = http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_malformed_and_oversized_bodies_are_refused(http):
    assert http.post("/rest/v1/things", content=b"{").json()["code"] == "PGRST102"
    assert http.post("/rest/v1/things", json=[1]).json()["code"] == "PGRST102"
    assert http.post("/rest/v1/things", content=b" " * (51 * 1024**2)).status_code == 413


# Functions


def test_functions_of_every_shape_are_called_by_name(gateway, http, name):
    async def use(client):
        async def call(function, **arguments):
            return (await client.rpc(function, arguments).execute()).data

        assert await call("answer", a=3) == 6
        assert await call("answer", a=3, b=5) == 15
        assert await call("answer", a=None) is None
        assert await call("many", n=3) == [1, 2, 3]
        assert await call("many", n=0) == []
        assert await call("pairs", words=["a", "bcd"]) == [{"word": "a", "size": 1}, {"word": "bcd", "size": 3}]
        value = {"deep": [1.5, "ü", None, {"x": False}]}
        assert await call("echo", value=value) == value
        await client.table("things").insert({"name": name}).execute()
        assert (await call("one_thing", p_name=name))["name"] == name
        with pytest.raises(APIError) as refused:
            await call("refuse")
        assert (refused.value.code, refused.value.details) == ("FP001", "because")

    through_client(gateway, use)
    assert http.post("/rest/v1/rpc/nothing", json={}).status_code == 204


def test_it_answers_503_while_the_database_is_down_and_recovers(http, postgres):
    assert http.get("/rest/v1/things").status_code == 200
    postgres.kill()
    try:
        answer = http.get("/rest/v1/things")
        assert (answer.status_code, answer.json()["code"]) == (503, "PGRST000")
    finally:
        postgres.start()
    assert http.get("/rest/v1/things").status_code == 200


# Storage


@pytest.fixture
def bucket(http):
    bucket = f"bucket-{uuid4()}"
    http.post("/storage/v1/bucket", json={"name": bucket, "public": False}).raise_for_status()
    return bucket


def test_objects_are_uploaded_downloaded_and_removed(gateway, http, bucket):
    async def use(client):
        objects = client.storage.from_(bucket)
        await objects.upload("a folder/x 1.bin", b"first", {"content-type": "application/zip"})
        with pytest.raises(StorageApiError):
            await objects.upload("a folder/x 1.bin", b"second")
        assert await objects.download("a folder/x 1.bin") == b"first"
        await objects.upload("a folder/x 1.bin", b"second", {"upsert": "true"})
        assert await objects.download("a folder/x 1.bin") == b"second"
        http.delete(f"/storage/v1/object/{bucket}/a folder/x 1.bin").raise_for_status()
        with pytest.raises(StorageApiError):
            await objects.download("a folder/x 1.bin")
        assert bucket in {found.id for found in await client.storage.list_buckets()}

    through_client(gateway, use)


def test_a_folder_is_listed_a_level_at_a_time_with_the_versions_of_its_objects(gateway, http, bucket):
    async def use(client):
        objects = client.storage.from_(bucket)
        for name in ("may/b.zip", "may/a.zip", "may/deep/c.zip", "mayor.zip"):
            await objects.upload(name, name.encode())
        first = await objects.list("may", {"limit": 2})
        second = await objects.list("may", {"limit": 2, "offset": 2})
        assert [(row["name"], row["id"] is None) for row in first + second] == [
            ("a.zip", False),
            ("b.zip", False),
            ("deep", True),
        ]
        assert first[0]["metadata"]["eTag"] == (await objects.info("may/a.zip"))["etag"]
        assert (second[0]["metadata"], second[0]["created_at"], await objects.list("june")) == (None, None, [])

    through_client(gateway, use)


def test_a_part_of_an_object_can_be_asked_for(http, bucket):
    content = bytes(range(256)) * 1_000
    path = f"/storage/v1/object/{bucket}/x"
    http.post(path, content=content).raise_for_status()
    whole = http.get(path)
    assert (whole.content, whole.headers["content-length"]) == (content, str(len(content)))
    assert whole.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    part = http.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content, part.headers["etag"]) == (206, content[100:200], whole.headers["etag"])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert http.get(path, headers={"Range": "bytes=255900-"}).content == content[255_900:]
    http.put(path, content=b"new").raise_for_status()
    for wanted in ("bytes=999999-", "bytes=-", "bytes=0-1,2-3", "lines=1-", "bytes=2-1", "bytes=-0"):
        beyond = http.get(path, headers={"Range": wanted})
        assert (beyond.status_code, beyond.json()["code"]) == (416, "InvalidRange")


def test_a_part_comes_of_the_object_that_is_there_whatever_if_range_says(http, bucket):
    path = f"/storage/v1/object/{bucket}/x"
    http.post(path, content=b"old").raise_for_status()
    old = http.get(path).headers["etag"]
    http.put(path, content=b"new").raise_for_status()
    part = http.get(path, headers={"Range": "bytes=1-", "If-Range": old})
    assert (part.status_code, part.content) == (206, b"ew")


def test_a_private_object_is_for_the_service_key_only(http, bucket):
    path = f"/storage/v1/object/{bucket}/x"
    http.post(path, content=b"private").raise_for_status()
    for token in (keys.mint_key(SECRET, "anon"), keys.user_token(SECRET, uuid4())):
        answer = http.get(path, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["statusCode"], answer.json()["code"]) == (400, "404", "NoSuchKey")
        refused = http.post(f"{path}2", content=b"x", headers={"Authorization": f"Bearer {token}"})
        assert (refused.status_code, refused.json()["statusCode"]) == (400, "403")


def test_a_token_that_storage_cannot_read_sees_no_bucket(http, bucket):
    path, headers = f"/storage/v1/object/{bucket}/x", {"Authorization": "Bearer nonsense"}
    answer = http.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "NoSuchBucket")
    assert http.post(path, content=b"x", headers=headers).json()["code"] == "AccessDenied"


def test_who_has_no_token_is_told_nothing_by_storage(http, bucket):
    http.post(f"/storage/v1/object/{bucket}/x", content=b"private").raise_for_status()
    for method, path, code in (
        ("GET", f"object/{bucket}/x", "NoSuchBucket"),
        ("POST", f"object/{bucket}/y", "InvalidRequest"),
        ("GET", "bucket", "InvalidRequest"),
    ):
        answer = httpx.request(method, str(http.base_url.join(f"/storage/v1/{path}")))
        assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../../b", "%2e%2e/b", "a/%00b", "a" * 1_100])
def test_a_name_never_leaves_the_bucket(http, bucket, name):
    answer = httpx.request(
        "POST",
        str(http.base_url.copy_with(raw_path=f"/storage/v1/object/{bucket}/{name}".encode())),
        headers=http.headers,
        content=b"x",
    )
    assert answer.status_code in (400, 501)


def test_an_object_in_no_bucket_and_a_bucket_twice_are_refused(http, bucket):
    assert json.loads(http.post("/storage/v1/object/nowhere/x", content=b"x").content)["statusCode"] == "404"
    assert http.post("/storage/v1/bucket", json={"name": bucket}).json()["statusCode"] == "409"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "list-v2/imports"), ("POST", "sign/x/y"), ("GET", "authenticated/x/y")],
)
def test_what_storage_does_beside_is_said_to_be_missing_here(http, method, path):
    answer = http.request(method, f"/storage/v1/object/{path}")
    assert (answer.status_code, answer.json()["code"]) == (501, "DatabaseError")


@pytest.mark.parametrize("name", ["Gr%C3%B6%C3%9Fe.zip", "%F0%9F%98%80", "a%23b", "a%25b", "a~b", "%5Bold%5D.zip"])
def test_a_name_that_storage_does_not_take_is_refused_here_too(http, bucket, name):
    for method in ("POST", "GET"):
        answer = http.request(method, f"/storage/v1/object/{bucket}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidKey")


def test_only_a_lower_case_true_replaces(http, bucket):
    path = f"/storage/v1/object/{bucket}/x"
    answers = [http.post(path, content=b"x", headers={"x-upsert": upsert}) for upsert in ("false", "TRUE", "true")]
    assert [answer.status_code for answer in answers] == [200, 400, 200]


def test_a_bucket_is_made_by_a_name(http):
    for body, code in (({"id": "only"}, "InvalidRequest"), ({"name": "a/b"}, "InvalidBucketName")):
        assert http.post("/storage/v1/bucket", json=body).json()["code"] == code


# Limits of the roles


@pytest.mark.parametrize(
    ("key", "limit"),
    [
        (keys.mint_key(SECRET, "anon"), "3s"),
        (keys.user_token(SECRET, uuid4()), "8s"),
        (keys.mint_key(SECRET, "service_role"), "8s"),
    ],
    ids=["anon", "authenticated", "service_role"],
)
def test_a_statement_has_the_time_of_its_role(http, key, limit):
    answer = http.post("/rest/v1/rpc/statement_limit", json={}, headers={"Authorization": f"Bearer {key}"})
    assert answer.json() == f"{limit} 8s"


def test_a_time_that_the_operator_gives_a_role_counts(http, postgres):
    async def give(seconds):
        connection = await asyncpg.connect(postgres.url("postgres"))
        await connection.execute(f"alter role service_role {seconds}")
        await connection.close()

    asyncio.run(give("set statement_timeout = '50s'"))
    try:
        assert http.post("/rest/v1/rpc/statement_limit", json={}).json() == "50s 8s"
    finally:
        asyncio.run(give("reset statement_timeout"))
