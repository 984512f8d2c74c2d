"""What `portal doctor` says: of an installation that is well, and of each thing that is to be mended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from redis import Redis
from sqlalchemy.engine import make_url

from portal.contract.records import Consignee
from portal.flows import doctor, order_buyers, people, secrets, stores
from portal.flows.audit import LINTAS
from portal.flows.order_buyers import Buyer
from portal.kit import roles
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Order
from tests import goods, selling, servers
from tests.cast import Cast
from tests.command import Command, another_key, command
from tests.mailbox import Mailbox, open_mailbox

__all__ = ["command"]


@pytest.fixture
def post() -> Iterator[Mailbox]:
    """A mail server that answers."""
    with open_mailbox() as box:
        yield box


@pytest.fixture
def beating(redis_url: str, post: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that answers, a relay that beats and a worker that is there, as Redis knows them."""
    monkeypatch.setenv("PORTAL_MAIL_URL", post.url)
    with Redis.from_url(redis_url) as bells:
        bells.config_set("maxmemory-policy", "noeviction")
        bells.set("lintas:relay:alive", str(time.time()), ex=30)
        bells.sadd("rq:workers", "rq:worker:one")
        bells.set("rq:worker:one", "there", ex=30)


def with_secrets(cast: Cast, number: int) -> None:
    """So many secrets of Blue Lantern, sealed by the settings of the tests."""
    with cast.app.app_context(), acting_for(cast.lantern):
        made = goods.connection()
        for each in range(number):
            secrets.keep(made, f"field-{each}", f"opens-nothing-{each}", "Mei Lin")
        db.session.commit()


def test_a_well_installation_has_nothing_to_mend(command: Command, cast: Cast, beating: None) -> None:
    with_secrets(cast, 3)
    said = command("doctor")
    assert said.exit_code == 0, said.output
    assert "Nothing to mend." in said.output
    assert "PORTAL_SEALING_KEYS opens every stored secret (3)." in said.output
    assert "opens-nothing" not in said.output
    assert "The tables are up to date" in said.output
    assert "The relay beats." in said.output
    assert "Workers present: 1." in said.output


def test_secrets_that_no_key_opens_are_counted(command: Command, cast: Cast, beating: None) -> None:
    with_secrets(cast, 2)
    said = command("doctor", PORTAL_SEALING_KEYS=another_key())
    assert said.exit_code == 1
    assert "2 of 2 stored secrets do not open." in said.output
    assert "1 thing to mend." in said.output


def test_secrets_of_an_older_key_open_and_are_counted(command: Command, cast: Cast, beating: None) -> None:
    with_secrets(cast, 2)
    with cast.app.app_context():
        old = cast.app.extensions["lintas"].settings.sealing_keys[0]
    said = command("doctor", PORTAL_SEALING_KEYS=f"{another_key()} {old}")
    assert said.exit_code == 0, said.output
    assert "opens every stored secret (2, 2 of them with an older key)." in said.output


def test_what_lies_under_an_older_key_or_under_none_is_told_beyond_the_secrets(
    command: Command, cast: Cast, beating: None
) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        order = db.session.get_one(Order, (cast.lantern, selling.order(settle=False)))
        order.sealed = order_buyers.seal(Buyer(Consignee(name="Fang")), order.id)
        db.session.commit()
        old = cast.app.extensions["lintas"].settings.sealing_keys[0]
    said = command("doctor", PORTAL_SEALING_KEYS=f"{another_key()} {old}").output
    assert "  ok  Sealed values under an older key: 1. `portal rotate-keys` seals them anew." in said
    said = command("doctor", PORTAL_SEALING_KEYS=another_key()).output
    assert "MEND  Values of orders.sealed that lie under a key that is not in PORTAL_SEALING_KEYS: 1." in said


def test_a_house_without_relay_and_workers_is_told_how_to_start_them(command: Command, client: object) -> None:
    said = command("doctor")
    assert said.exit_code == 1
    assert "The relay is silent" in said.output
    assert "python -m workers.relay" in said.output
    assert "python -m workers.run" in said.output


def test_tables_of_another_version_are_told(
    command: Command, client: object, beating: None, owner_engine: sa.Engine
) -> None:
    with owner_engine.begin() as wire:
        before = wire.scalar(sa.text("select version_num from alembic_version"))
        wire.execute(sa.text("update alembic_version set version_num = '0000'"))
    try:
        said = command("doctor")
    finally:
        with owner_engine.begin() as wire:
            wire.execute(sa.text("update alembic_version set version_num = :it"), {"it": before})
    assert said.exit_code == 1
    assert f"The tables are of version 0000 and this code wants {before}. Run `portal migrate`." in said.output


def test_a_role_that_owns_the_tables_is_told(
    command: Command, client: object, beating: None, database: servers.Servers
) -> None:
    said = command("doctor", PORTAL_DATABASE_URL=database.owner_url)
    assert said.exit_code == 1
    assert "owns tables" in said.output


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8000/portal", "without a path"),
        ("ftp://lintas.example", "no web address"),
        ("http://0.0.0.0:8000", "no browser can go"),
    ],
)
def test_an_address_that_leads_nowhere_is_told(
    command: Command, client: object, beating: None, url: str, said: str
) -> None:
    told = command("doctor", PORTAL_URL=url)
    assert told.exit_code == 1
    assert said in told.output


def test_in_production_the_address_of_ones_own_machine_is_a_fault(
    command: Command, client: object, beating: None
) -> None:
    told = command("doctor", PORTAL_URL="https://localhost", PORTAL_ENV="production")
    assert told.exit_code == 1
    assert "leads others to their own machine" in told.output


def test_a_redis_that_does_not_answer_is_told(command: Command, client: object) -> None:
    said = command("doctor", PORTAL_REDIS_URL="redis://127.0.0.1:9/0")
    assert said.exit_code == 1
    assert "Redis does not answer" in said.output
    assert "The tables are up to date" in said.output


def test_clocks_that_differ_are_told(
    command: Command, client: object, beating: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "now", lambda: now() + timedelta(seconds=90))
    said = command("doctor")
    assert said.exit_code == 1
    assert "of the database are 90 s apart" in said.output
    assert "of Redis are 90 s apart" in said.output


def test_in_production_a_house_that_knows_of_no_proxy_is_told_what_follows(
    command: Command, client: object, beating: None
) -> None:
    house = {"PORTAL_URL": "https://lintas.example", "PORTAL_ENV": "production"}
    assert "MEND  PORTAL_PROXIES is 0" in command("doctor", **house).output
    assert "PORTAL_PROXIES" not in command("doctor", PORTAL_PROXIES="1", **house).output


def test_a_pace_of_an_integration_that_is_not_there_is_told(command: Command, client: object, beating: None) -> None:
    told = command("doctor", PORTAL_PACES="jdcom=20")
    assert told.exit_code == 1
    assert "PORTAL_PACES names jdcom, which is no integration. There are: " in told.output
    assert command("doctor", PORTAL_PACES="jd_com=20").exit_code == 0


def test_the_secrets_of_a_merchant_without_people_are_counted_too(command: Command, cast: Cast, beating: None) -> None:
    with_secrets(cast, 2)
    with cast.app.app_context():
        alone = people.create_merchant("Nobody's", "CNY", "Asia/Shanghai")
        with acting_for(alone):
            stores.add("Its store", "CNY", "Asia/Shanghai", LINTAS)
            secrets.keep(goods.connection(), "api_key", "opens-nothing", "Lintas")
            db.session.commit()
    assert "PORTAL_SEALING_KEYS opens every stored secret (3)." in command("doctor").output


def test_a_database_that_searches_slowly_is_told_how_to_search_fast(
    command: Command, client: object, beating: None, database: servers.Servers
) -> None:
    name = make_url(database.owner_url).database
    with psycopg.connect(roles.dsn(make_url(database.superuser_url).set(database=name)), autocommit=True) as server:
        server.execute("ALTER FUNCTION pg_catalog.texticlike(text, text) NOT LEAKPROOF")
        try:
            said = command("doctor")
        finally:
            server.execute("ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF")
    assert said.exit_code == 0
    assert "ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF." in said.output
    assert "texticlike" not in command("doctor").output


def test_a_language_that_was_not_compiled_is_told(
    command: Command, client: object, beating: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for locale, compiled in (("id", True), ("zh_Hans", False)):
        words = tmp_path / locale / "LC_MESSAGES"
        words.mkdir(parents=True)
        (words / "messages.po").touch()
        if compiled:
            (words / "messages.mo").touch()
    monkeypatch.setattr(doctor, "TRANSLATIONS", tmp_path)
    told = command("doctor")
    assert told.exit_code == 1
    assert "Pages are in English for whoever chose zh_Hans. Run `make install`." in told.output
