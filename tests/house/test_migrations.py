"""What the migration of people and support staff does to a house that was lived in before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from portal import migrate
from portal.config import Settings
from portal.kit.db import acting_for
from tests import filled, servers
from tests.cast import make

BEFORE = "0010"
Snapshot = dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]


@pytest.fixture
def house(started_servers: servers.Servers, settings: Settings) -> Iterator[tuple[str, sa.Engine]]:
    """A database with people who are signed in and a row in every table, at the version before, and a superuser's
    engine, which no wall hides a row from."""
    from portal.factory import create_app

    with servers.scratch_database(started_servers) as addresses:
        migrate.upgrade(addresses.owner)
        app = create_app(replace(settings, database_url=addresses.application))
        cast = make(app)
        cast.client_of(cast.mei)
        with app.app_context():
            with acting_for(cast.lantern):
                filled.fill(cast.mei.id)
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()
        migrate.downgrade(addresses.owner, BEFORE)
        name = make_url(addresses.owner).database
        url = make_url(started_servers.superuser_url).set(drivername="postgresql+psycopg", database=name)
        engine = sa.create_engine(url)
        yield addresses.owner, engine
        engine.dispose()


def snapshot(engine: sa.Engine, like: Snapshot | None = None) -> Snapshot:
    """Every row of every table; of the columns that another one has, where one is given."""
    known = sa.MetaData()
    known.reflect(engine)
    with engine.connect() as wire:
        return {
            name: (
                columns,
                sorted((tuple(row) for row in wire.execute(sa.select(*map(table.c.get, columns)))), key=repr),
            )
            for name, table in known.tables.items()
            if name != "alembic_version" and (like is None or name in like)
            for columns in [like[name][0] if like else tuple(table.columns.keys())]
        }


def test_nothing_is_lost_on_the_way_up_down_and_up_again(house: tuple[str, sa.Engine]) -> None:
    owner, engine = house
    before = snapshot(engine)
    assert all(rows for _, rows in before.values()), "every table was lived in"
    for _ in range(2):
        migrate.upgrade(owner)
        assert snapshot(engine, before) == before
        with engine.connect() as wire:
            linked = sa.text("select (select count(*) from audit_link), (select count(*) from audit_note)")
            links, notes = wire.execute(linked).one()
            assert links == notes > 0
        migrate.downgrade(owner, BEFORE)
        assert snapshot(engine) == before


def test_a_sign_in_from_before_is_no_fresh_proof(house: tuple[str, sa.Engine]) -> None:
    owner, engine = house
    with engine.begin() as wire:
        wire.execute(sa.text("update login_session set created_at = now() - interval '1 hour'"))
        wire.execute(sa.text("update person set created_at = now() - interval '1 year'"))
    migrate.upgrade(owner)
    with engine.connect() as wire:
        assert wire.scalar(sa.text("select bool_and(fresh_at = created_at) from login_session"))
        assert wire.scalar(sa.text("select bool_and(password_at = created_at) from person"))


def test_going_back_signs_in_nobody_who_had_still_to_show_a_second_factor(house: tuple[str, sa.Engine]) -> None:
    owner, engine = house
    before = snapshot(engine)
    migrate.upgrade(owner)
    with engine.begin() as wire:
        wire.execute(
            sa.text(
                "insert into login_session (token_hash, user_id, agent, created_at, seen_at, ends_at, stage)"
                " select 'half', id, '', now(), now(), now() + interval '10 minutes', 'half' from person limit 1"
            )
        )
    migrate.downgrade(owner, BEFORE)
    assert snapshot(engine) == before
