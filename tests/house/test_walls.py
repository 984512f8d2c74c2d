"""The walls between merchants, as the database itself keeps them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

import portal.models  # noqa: F401 - the tables register themselves.
from portal import migrate
from portal.kit.db import Base, acting_for, db
from tests import servers
from tests.cast import Cast

# Tables that belong to no single merchant: people and their sessions, and the merchants themselves.
SHARED = {
    "merchant",
    "person",
    "login_session",
    "recovery_code",
    "password_reset",
    "attempt",
    "sent_form",
    "staff_note",
}
TENANT = sorted(set(Base.metadata.tables) - SHARED)


def test_every_table_of_a_merchant_is_keyed_by_the_merchant_first() -> None:
    for name in TENANT:
        table = Base.metadata.tables[name]
        assert [column.name for column in table.primary_key.columns] == ["merchant_id", "id"], name
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                assert next(iter(constraint.columns)).name == "merchant_id", constraint.name
            if isinstance(constraint, sa.ForeignKeyConstraint) and constraint.referred_table.name in TENANT:
                assert constraint.column_keys[0] == "merchant_id", constraint.name
        for index in table.indexes:
            if index.unique:
                assert index.columns[0].name == "merchant_id", index.name


def test_row_level_security_is_forced_on_every_table_that_a_merchant_has_rows_in(owner_engine: sa.Engine) -> None:
    with owner_engine.connect() as wire:
        forced = "select relname from pg_class where relrowsecurity and relforcerowsecurity and relkind = 'r'"
        walled = set(wire.scalars(sa.text(forced)))
        views = wire.scalars(sa.text("select viewname from pg_views where schemaname = 'public'")).all()
    assert walled >= {*TENANT, "merchant"}
    assert views == []


def test_the_application_owns_nothing_and_cannot_step_over_the_walls(app: Flask) -> None:
    with app.app_context():
        rights = "select current_user, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user"
        role = db.session.execute(sa.text(rights)).one()
        of_its_own = "select count(*) from pg_class where pg_get_userbyid(relowner) = current_user"
        owned = db.session.scalar(sa.text(of_its_own))
        assert role == ("lintas_app", False, False, False)
        assert owned == 0
        for statement in ("create table x (a int)", "alter table store disable row level security", "truncate store"):
            with pytest.raises(sa.exc.ProgrammingError):
                db.session.execute(sa.text(statement))
            db.session.rollback()


def test_without_a_merchant_no_row_shows_and_with_one_only_its_own(cast: Cast) -> None:
    with cast.app.app_context():
        for name in ("store", "membership", "merchant", "audit_note"):
            query = sa.text(f"select count(*) from {name}")
            db.session.rollback()
            assert db.session.scalar(query) == 0, name
            with acting_for(cast.rival):
                assert db.session.scalar(query) == 1 or name == "audit_note", name
            # After the transaction the setting is an empty text, which must not open anything either.
            db.session.commit()
            assert db.session.scalar(query) == 0, name


def test_a_row_of_another_merchant_can_be_neither_written_nor_pointed_at(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        insert = sa.text(
            "insert into store (merchant_id, id, name, currency, time_zone, is_active, created_at)"
            " values (:m, gen_random_uuid(), 'x', 'CNY', 'Asia/Shanghai', true, now())"
        )
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(insert, {"m": cast.rival})
        db.session.rollback()
        point = sa.text(
            "insert into connection (merchant_id, id, store_id, integration, kind, name, settings, options, audits,"
            " confirmed, state, trouble, trouble_detail, is_default, shop_id, shop_name, generation, created_at) values"
            " (:m, gen_random_uuid(), :s, 'jd_com', 'marketplace', 'x', '{}', '{}', '{}', '{}', 'draft', '', '', false,"
            " '', '', 0, now())"
        )
        with pytest.raises(sa.exc.IntegrityError):
            db.session.execute(point, {"m": cast.lantern, "s": cast.rival_store})
        db.session.rollback()


def test_the_relay_sees_all_work_and_nothing_else(cast: Cast) -> None:
    with cast.app.app_context():
        with db.engine.begin() as wire:
            wire.execute(sa.text("set local role lintas_relay"))
            wire.execute(sa.text("select count(*) from work"))
        forbidden = ("select 1 from store", "select 1 from secret", "delete from work", "update work set body = '{}'")
        for statement in forbidden:
            with db.engine.connect() as wire:
                wire.execute(sa.text("set local role lintas_relay"))
                with pytest.raises(sa.exc.ProgrammingError):
                    wire.execute(sa.text(statement))


def test_an_audit_note_can_be_neither_changed_nor_removed(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        for statement in ("update audit_note set who = 'x'", "delete from audit_note"):
            with pytest.raises(sa.exc.ProgrammingError):
                db.session.execute(sa.text(statement))
            db.session.rollback()


@pytest.fixture
def scratch(started_servers: servers.Servers):
    """A database of its own for going up and down."""
    with servers.scratch_database(started_servers) as addresses:
        yield addresses


def test_the_tables_go_up_and_down_on_an_empty_and_on_a_filled_database(scratch) -> None:
    migrate.upgrade(scratch.owner)
    migrate.downgrade(scratch.owner, "base")
    migrate.upgrade(scratch.owner)
    engine = sa.create_engine(scratch.owner)
    with engine.begin() as wire:
        merchant = wire.scalar(sa.text("select set_config('app.merchant', gen_random_uuid()::text, true)"))
        wire.execute(
            sa.text(
                "insert into merchant (id, name, locale, currency, time_zone, created_at)"
                " values (:m, 'Filled', 'en', 'CNY', 'Asia/Shanghai', now())"
            ),
            {"m": merchant},
        )
    migrate.upgrade(scratch.owner)
    migrate.downgrade(scratch.owner, "base")
    with engine.begin() as wire:
        left = wire.scalars(sa.text("select tablename from pg_tables where schemaname = 'public'")).all()
    engine.dispose()
    assert left == ["alembic_version"]


def test_the_tables_of_the_code_and_of_the_migrations_are_the_same(owner_engine: sa.Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with owner_engine.connect() as wire:
        context = MigrationContext.configure(wire, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
