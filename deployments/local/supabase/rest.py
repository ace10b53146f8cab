"""PostgREST's part of the local gateway: tables and functions of `public`, with JSON made by Postgres itself.

Sources: PostgREST's documentation ("Tables and Views", "Functions as RPC", "Pagination and Count", "db-max-rows",
"Errors") and RangeQuery.hs, the requests of supabase-py.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.local.supabase.faults import Control
from deployments.local.supabase.query_language import Query, QueryError, Relation, not_supported, parse, quoted
from deployments.local.supabase.sessions import Connection, Sessions

_MAX_BODY_BYTES = 50 * 1024**2


class Rest:
    """/rest/v1: tables and functions of the schema `public`."""

    def __init__(self, sessions: Sessions, control: Control):
        self._sessions = sessions
        self._control = control

    def routes(self) -> list[Route]:
        return [
            Route("/rest/v1/rpc/{function}", self.call, methods=["POST"]),
            Route("/rest/v1/{table}", self.read, methods=["GET"]),
            Route("/rest/v1/{table}", self.insert, methods=["POST"]),
            Route("/rest/v1/{table}", self.update, methods=["PATCH"]),
            Route("/rest/v1/{table}", self.delete, methods=["DELETE"]),
        ]

    async def read(self, request: Request) -> Response:
        async with self._sessions.open(request) as database:
            relation = await _relation(database, request)
            query = parse(relation, request.query_params.multi_items())
            source = f"select {query.select} from {relation.sql}{query.where}"
            page = query.page(self._control.behaviour.max_rows)
            rows = await _rows(database, source + query.order + page, query.parameters)
            total = None
            if "count=" in request.headers.get("prefer", ""):
                total = await database.fetchval(f"select count(*) from ({source}) c", *query.parameters)
        return _answer(request, rows, total=total, offset=query.offset)

    async def insert(self, request: Request) -> Response:
        records = await _records(request)
        async with self._sessions.open(request) as database:
            relation = await _relation(database, request)
            names = dict.fromkeys(name for record in records for name in record)
            columns = ", ".join(relation.column(name) for name in names)
            query = parse(relation, _only(request, "select"))
            sql = (
                f"insert into {relation.sql} ({columns}) select {columns}"
                f" from json_populate_recordset(null::{relation.sql}, $1::json)"
                if columns
                else f"insert into {relation.sql} default values"
            )
            sql += _on_conflict(request, relation, list(names))
            parameters = [json.dumps(records)] if columns else []
            rows = await _changed(database, request, sql, query, parameters)
        return _answer(request, rows, status=201)

    async def update(self, request: Request) -> Response:
        records = await _records(request)
        if len(records) != 1 or not records[0]:
            raise QueryError(400, "PGRST102", "an update takes one object with columns")
        async with self._sessions.open(request) as database:
            relation = await _relation(database, request)
            query = parse(relation, request.query_params.multi_items(), [json.dumps(records[0])])
            columns = [relation.column(name) for name in records[0]]
            assignments = ", ".join(f"{column} = changes.{column}" for column in columns)
            sql = (
                f"update {relation.sql} set {assignments}"
                f" from json_populate_record(null::{relation.sql}, $1::json) changes"
            )
            # The filters name columns without a table, which would be ambiguous beside `changes`.
            key = f"{relation.sql}.ctid in (select ctid from {relation.sql}{query.where})"
            rows = await _changed(database, request, f"{sql} where {key}", query, query.parameters, relation)
        return _answer(request, rows)

    async def delete(self, request: Request) -> Response:
        async with self._sessions.open(request) as database:
            relation = await _relation(database, request)
            query = parse(relation, request.query_params.multi_items())
            rows = await _changed(
                database, request, f"delete from {relation.sql}{query.where}", query, query.parameters
            )
        return _answer(request, rows)

    async def call(self, request: Request) -> Response:
        arguments = await _arguments(request)
        name = request.path_params["function"]
        async with self._sessions.open(request) as database:
            function = await _function(database, name, arguments)
            types = ", ".join(f"{quoted(key)} {function['types'][key]}" for key in arguments)
            passed = ", ".join(f"{quoted(key)} => a.{quoted(key)}" for key in arguments)
            source = f" from json_to_record($1::json) as a({types})" if arguments else ""
            parameters = [json.dumps(arguments)] if arguments else []
            call = f"public.{quoted(name)}({passed})"
            most = self._control.behaviour.max_rows  # of a function's rows, too
            if function["composite"]:
                lateral = f"{source}, lateral {call} f" if source else f" from {call} f"
                value = "coalesce(json_agg(r.f), '[]')" if function["set"] else "row_to_json(r.f)"
                rows = f"select f{lateral} limit {most if function['set'] else 1}"
                body = await database.fetchval(f"select ({value})::text from ({rows}) r", *parameters)
            elif function["set"]:
                rows = f"select {call} as v{source} limit {most}"
                body = await database.fetchval(
                    f"select coalesce(json_agg(r.v), '[]')::text from ({rows}) r", *parameters
                )
            elif function["void"]:
                await database.execute(f"select {call}{source}", *parameters)
                return Response(status_code=204)
            else:
                body = await database.fetchval(f"select to_json({call})::text{source}", *parameters)
        return Response(body if body is not None else "null", media_type="application/json")


# What a request asks for


async def _body(request: Request) -> Any:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise QueryError(413, "GATEWAY413", f"the body is larger than {_MAX_BODY_BYTES} bytes")
    if request.headers.get("content-type", "application/json").split(";")[0] != "application/json":
        raise not_supported("a body that is not application/json")
    try:
        return json.loads(bytes(body) or b"{}")
    except ValueError:
        raise QueryError(400, "PGRST102", "Empty or invalid json") from None


async def _records(request: Request) -> list[dict[str, Any]]:
    body = await _body(request)
    records = body if isinstance(body, list) else [body]
    if not all(isinstance(record, dict) for record in records):
        raise QueryError(400, "PGRST102", "the body must be an object or an array of objects")
    return records


async def _arguments(request: Request) -> dict[str, Any]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise not_supported("a function call with anything but named arguments")
    return body


def _only(request: Request, *names: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name in names]


def _on_conflict(request: Request, relation: Relation, names: list[str]) -> str:
    if "resolution=ignore-duplicates" in request.headers.get("prefer", ""):
        raise not_supported("ignore-duplicates")
    if "resolution=merge-duplicates" not in request.headers.get("prefer", ""):
        return ""
    given = request.query_params.get("on_conflict")
    target = f" ({', '.join(relation.column(name) for name in given.split(','))})" if given else ""
    if not target:
        raise not_supported("merge-duplicates without on_conflict")
    changes = ", ".join(f"{relation.column(name)} = excluded.{relation.column(name)}" for name in names)
    return f" on conflict{target} do update set {changes}"


# What the catalogue says


async def _relation(database: Connection, request: Request) -> Relation:
    name = request.path_params["table"]
    rows = await database.fetch(
        "select a.attname, format_type(a.atttypid, a.atttypmod) as type from pg_catalog.pg_attribute a"
        " join pg_catalog.pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')"
        " and a.attnum > 0 and not a.attisdropped order by a.attnum",
        name,
    )
    if not rows:
        raise QueryError(404, "PGRST205", f"Could not find the table 'public.{name[:60]}' in the schema cache")
    return Relation(name, {row["attname"]: row["type"] for row in rows})


async def _function(database: Connection, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The function of that name which takes just these arguments (or more, with defaults)."""
    rows = await database.fetch(
        "select p.proretset as set, t.typname = 'void' as void,"
        " t.typtype = 'c' or t.typname = 'record' as composite, p.pronargs, p.pronargdefaults, p.proargnames,"
        " array(select format_type(o, null) from unnest(p.proargtypes) with ordinality u(o, n) order by n) as argtypes"
        " from pg_catalog.pg_proc p join pg_catalog.pg_type t on t.oid = p.prorettype"
        " where p.pronamespace = 'public'::regnamespace and p.proname = $1",
        name,
    )
    for row in rows:
        names = list(row["proargnames"] or [])[: row["pronargs"]]
        required = names[: row["pronargs"] - row["pronargdefaults"]]
        if set(arguments) <= set(names) and set(required) <= set(arguments):
            return {**dict(row), "types": dict(zip(names, row["argtypes"], strict=False))}
    given = ", ".join(sorted(arguments))[:200]
    raise QueryError(404, "PGRST202", f"Could not find the function public.{name[:60]}({given}) in the schema cache")


# Running it and answering


async def _rows(database: Connection, sql: str, parameters: list[object]) -> str:
    return str(await database.fetchval(f"select coalesce(json_agg(r), '[]')::text from ({sql}) r", *parameters))


async def _changed(
    database: Connection,
    request: Request,
    sql: str,
    query: Query,
    parameters: list[Any],
    relation: Relation | None = None,
) -> str | None:
    """Runs a change; its rows as JSON if the request wants them back."""
    if "return=representation" not in request.headers.get("prefer", ""):
        await database.execute(sql, *parameters)
        return None
    returned = query.select
    if relation is not None:  # an update joins the changes, so `*` alone would return both
        returned = f"{relation.sql}.*"
        rows = await database.fetchval(
            f"with changed as ({sql} returning {returned}) select coalesce(json_agg(r), '[]')::text"
            f" from (select {query.select} from changed) r",
            *parameters,
        )
    else:
        rows = await database.fetchval(
            f"with changed as ({sql} returning {returned}) select coalesce(json_agg(changed), '[]')::text from changed",
            *parameters,
        )
    return str(rows)


def _answer(
    request: Request, rows: str | None, *, status: int = 200, total: int | None = None, offset: int = 0
) -> Response:
    if rows is None:
        return Response(status_code=status if status == 201 else 204)
    headers = {}
    if request.method in ("GET", "HEAD"):
        count = len(json.loads(rows))
        shown = f"{offset}-{offset + count - 1}" if count else "*"
        headers["content-range"] = f"{shown}/{'*' if total is None else total}"
        if total is not None and count < total:
            status = 206
    return Response(rows, status_code=status, media_type="application/json", headers=headers)
