"""No list page makes the database read a large table from end to end, whatever it is narrowed to."""

from __future__ import annotations

import re
import time

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url

from portal.flows import housekeeping
from portal.kit.db import acting_for, db
from tests.bench import filling, ground, imports, lists
from tests.servers import Servers

# Few enough to be filled in seconds, so many that reading them all is never the cheaper way.
ROWS = 40_000


@pytest.mark.timeout(240)
def test_every_list_is_found_by_an_index(app: Flask, database: Servers) -> None:
    filled = filling.fill(app, _superuser(database), ROWS)
    client = lists.signed_in(app)
    assert lists.sequential_scans(client, lists.lists_of(filled)) == []


def test_a_scan_would_be_seen(app: Flask, database: Servers) -> None:
    filled = filling.fill(app, _superuser(database), 1_000)
    with app.app_context(), acting_for(filled.merchant), lists.explained() as plans:
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            db.session.execute(sa.text(f"set local enable_{way} = off"))
        db.session.execute(sa.text("select count(*) from listing where title = 'none'"))
    assert any("Seq Scan on listing" in plan for _, plan in plans)


def test_a_first_import_is_found_by_the_right_indexes(app: Flask, database: Servers) -> None:
    filling.fill(app, _superuser(database), 3_000)  # Statistics that know another merchant only.
    with app.app_context(), ground.merchant("New here"):
        taken = ground.records("plans", 6_000)
        to = ground.connection("A first import")
        imports.take_in(to, taken[:5_800], 500)
        _until_noticed(database)
        housekeeping.look_again()
        with lists.explained() as plans:
            imports.take_in(to, taken[5_600:], 100)
    used = {index for _, plan in plans for index in re.findall(r"using (\w+) on listing\b", plan)}
    assert used <= {"one_listing_per_remote_id", "ix_listing_near", "pk_listing"}
    assert used >= {"one_listing_per_remote_id", "ix_listing_near"}


def _until_noticed(database: Servers) -> None:
    """The server counts changes, though not at once."""
    with ground.superuser(_superuser(database)) as wire:
        for _ in range(100):
            wire.execute("select pg_stat_clear_snapshot()")
            counted = wire.execute("select n_mod_since_analyze from pg_stat_user_tables where relname = 'listing'")
            if counted.fetchone()[0] > 5_000:  # type: ignore[index]
                return
            time.sleep(0.1)
    raise AssertionError("the server does not count changes")


def _superuser(database: Servers) -> str:
    name = make_url(database.owner_url).database
    return make_url(database.superuser_url).set(database=name).render_as_string(hide_password=False)
