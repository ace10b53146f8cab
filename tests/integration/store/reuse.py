"""Databases that one test leaves to the next as it found them: to copy one takes a tenth of a second and 400 files."""

from collections.abc import Callable

from tests.integration.store.sql import Database

#: A change of the schema or of rights leaves another row in one of these.
_CATALOGS = (
    *("pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_default_acl", "pg_event_trigger", "pg_extension"),
    *("pg_index", "pg_namespace", "pg_policy", "pg_proc", "pg_rewrite", "pg_trigger", "pg_type"),
)
_SCHEMA = " union all ".join(f"select count(*), max(xmin::text::bigint) from {catalog}" for catalog in _CATALOGS)

_OWN = "relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')"
_TABLES = f"select oid::regclass::text from pg_class where relkind = 'r' and relpersistence = 'p' and {_OWN}"
_SEQUENCES = f"select oid::regclass::text from pg_class where relkind = 'S' and {_OWN}"
_COLUMNS = """
    select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
    where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""


class Reused:
    """One database at a time, of those that `make` makes, which are all alike."""

    def __init__(self, make: Callable[[], Database]):
        self._make = make
        self._database: Database | None = None
        self._schema: object = None
        self._as_before = ""

    def take(self) -> Database:
        if self._database is None:
            self._database = self._make()
            if not self._as_before:
                self._schema = _schema(self._database)
                self._as_before = _contents(self._database)
        return self._database

    def give_back(self) -> None:
        """Gives it the rows that it had; where a test has changed the schema, the next one has another database."""
        if self._database is None:
            return
        if _schema(self._database) == self._schema:
            self._database.script(self._as_before)
        else:
            self.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _schema(database: Database) -> object:
    return [tuple(row) for row in database.run(_SCHEMA)]


def _contents(database: Database) -> str:
    """The script that gives the tables of a database of the same schema the rows that this one has."""
    tables = [table for (table,) in database.run(_TABLES)]
    # Without triggers, those of foreign keys included; nobody else may be at work on it.
    parts = ["set local session_replication_role = replica; set local lock_timeout = '20s'"]
    parts += [f"delete from {table}" for table in tables]
    for table in tables:
        rows, there = database.run(f"select quote_literal(json_agg(t)), count(*) from {table} t")[0]
        if there:
            columns = database.value(_COLUMNS, table)
            source = f"json_populate_recordset(null::{table}, {rows})"
            parts.append(f"insert into {table} ({columns}) overriding system value select {columns} from {source}")
    for (sequence,) in database.run(_SEQUENCES):
        last, called = database.run(f"select last_value, is_called from {sequence}")[0]
        parts.append(f"select setval('{sequence}', {last}, {called})")
    return ";\n".join(parts)
