"""Databases for tests in SQL: of today's form with two users, and empty ones."""

import secrets
from collections.abc import Callable

import pytest

from deployments.local.postgres import EmbeddedPostgres
from tests.integration.store.sql import OTHER, USER, Database


@pytest.fixture
def db(database_url: str) -> Database:
    found = Database(database_url)
    found.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    return found


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Callable[[], Database]:
    """Makes databases in which nothing is, not even the platform's part."""

    def make() -> Database:
        name = f"test_{secrets.token_hex(6)}"
        postgres.create_database(name)
        return Database(postgres.url(name))

    return make
