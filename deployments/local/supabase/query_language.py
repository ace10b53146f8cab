"""PostgREST's query language, the part of it that the local gateway speaks, turned into SQL.

Source: PostgREST's documentation, "Tables and Views". Values always go as bound parameters, cast to the type of their
column; a name is used only if the catalogue has it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}
_NOT_COLUMNS = {"select", "order", "limit", "offset", "on_conflict", "columns"}
_LIST_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,]+)|(?<=,)(?=,|$)')


class QueryError(Exception):
    """The request cannot be answered; the arguments are an HTTP status and PostgREST's error fields."""

    def __init__(self, status: int, code: str, message: str, hint: str | None = None):
        super().__init__(message)
        self.status, self.code, self.message, self.hint = status, code, message, hint


def not_supported(what: str) -> QueryError:
    return QueryError(
        501,
        "GATEWAY501",
        f"{what}: not supported by the local gateway",
        "A Supabase project supports it; set SUPABASE_URL and SUPABASE_SERVICE_KEY to use one.",
    )


@dataclass
class Relation:
    """A table of the schema `public`."""

    name: str
    columns: Mapping[str, str]  # name → type, as Postgres writes it

    @property
    def sql(self) -> str:
        return f"public.{quoted(self.name)}"

    def column(self, name: str) -> str:
        """The quoted name of a column that exists."""
        if name not in self.columns:
            if re.search(r"[()!:>*]|\.\.\.", name):
                raise not_supported(f"the expression {name[:60]!r}")
            raise QueryError(400, "42703", f"column {self.name}.{name[:60]} does not exist")
        return quoted(name)


@dataclass
class Query:
    """The parts of a statement that come from a request's query string."""

    select: str
    where: str = ""
    order: str = ""
    limit: int | None = None
    offset: int = 0
    parameters: list[object] = field(default_factory=list)

    def page(self, max_rows: int) -> str:
        limit = max_rows if self.limit is None else min(self.limit, max_rows)
        return f" limit {limit}" + (f" offset {self.offset}" if self.offset else "")


def parse(relation: Relation, arguments: Sequence[tuple[str, str]], parameters: Sequence[object] = ()) -> Query:
    """The query of `?select=…&column=operator.value&order=…&limit=…&offset=…`.

    `parameters` are those that the statement already has; those of the filters come after them.
    """
    query = Query(select="*", parameters=list(parameters))
    conditions = []
    for name, value in arguments:
        match name:
            case "select":
                query.select = _select(relation, value)
            case "order":
                query.order = _order(relation, value)
            case "limit":
                query.limit = _count(name, value)
            case "offset":
                query.offset = _count(name, value)
            case "and" | "or" | "not.and" | "not.or":
                raise not_supported("logical operators in filters")
            case _ if name not in _NOT_COLUMNS:
                conditions.append(_condition(relation, name, value, query.parameters))
    if conditions:
        query.where = " where " + " and ".join(conditions)
    return query


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _select(relation: Relation, text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return ", ".join("*" if name == "*" else relation.column(name) for name in names) or "*"


def _order(relation: Relation, text: str) -> str:
    terms = []
    for term in text.split(","):
        name, *words = term.strip().split(".")
        sql = relation.column(name)
        for word in words:
            if word not in ("asc", "desc", "nullsfirst", "nullslast"):
                raise QueryError(400, "PGRST100", f"failed to parse order ({term[:60]})")
            sql += {"nullsfirst": " nulls first", "nullslast": " nulls last"}.get(word, f" {word}")
        terms.append(sql)
    return " order by " + ", ".join(terms)


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise QueryError(400, "PGRST100", f"{name} is no whole number")
    return int(text)


def _condition(relation: Relation, name: str, text: str, parameters: list[object]) -> str:
    column, kind = relation.column(name), relation.columns[name]
    operator, separator, value = text.partition(".")
    if not separator:
        raise QueryError(400, "PGRST100", f"failed to parse filter ({name}={text[:60]})")
    if operator == "in":
        if not (value.startswith("(") and value.endswith(")")):
            raise QueryError(400, "PGRST100", f"failed to parse filter ({name}={text[:60]})")
        parameters.append(_items(value[1:-1]))
        sql = f"{column} = any (${len(parameters)}::text[]::{kind}[])"
    elif operator in _COMPARISONS:
        parameters.append(value)
        sql = f"{column} {_COMPARISONS[operator]} ${len(parameters)}::text::{kind}"
    else:
        raise not_supported(f"the filter operator {operator[:20]!r}")
    return sql


def _items(text: str) -> list[str]:
    return [
        re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else (found[2] or "").strip()
        for found in _LIST_ITEM.finditer(text)
    ]
