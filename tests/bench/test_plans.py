"""No list page makes the database read a large table from end to end, whatever it is narrowed to."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url

from portal.kit.db import acting_for, db
from tests.bench import filling, lists
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


def _superuser(database: Servers) -> str:
    name = make_url(database.owner_url).database
    return make_url(database.superuser_url).set(database=name).render_as_string(hide_password=False)
