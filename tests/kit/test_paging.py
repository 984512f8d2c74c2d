"""Cursors come from outside: what the database would refuse counts as none."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.kit.db import db
from portal.kit.paging import slice_of

ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def rows_at(app: Flask, kind: Any, values: str, cursor: object) -> list[Any]:
    """The page of a few constants at a cursor."""
    text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")
    with app.app_context():
        things = sa.text(f"select * from (values {values}) as things(key)").columns(sa.column("key", kind)).subquery()
        page = slice_of(db.session(), sa.select(things.c.key), [things.c.key], text, lambda row: [row.key])
        found = [row.key for row in page.rows]
        db.session.rollback()
    return found


@pytest.mark.parametrize(
    "moment",
    [
        "2024-W01-1",
        "2024-01-01T00:00:00+20:00",
        "2024-01-01T00:00:00-16:00",
        "20240101",
        "2024-01-01T00:00",
        "0001-01-01",
    ],
)
def test_a_moment_is_read_as_a_moment_or_not_at_all(app: Flask, moment: str) -> None:
    values = "('2023-01-01 00:00+00'::timestamptz), ('2030-01-01 00:00+00')"
    assert rows_at(app, sa.DateTime(timezone=True), values, [False, moment])


@pytest.mark.parametrize("word", [f"urn:uuid:{ID}", "\uff10" * 32, f"{{{ID}}}", 7, None, True, [ID], "x"])
def test_an_id_is_read_as_an_id_or_not_at_all(app: Flask, word: object) -> None:
    assert rows_at(app, sa.Uuid(), f"('{uuid.UUID(int=2**128 - 1)}'::uuid)", [False, word])


@pytest.mark.parametrize("number", [2**63, -(2**63), 1.5, "7", True, None, 2**4000])
def test_a_number_is_read_as_a_number_or_not_at_all(app: Flask, number: object) -> None:
    assert rows_at(app, sa.BigInteger(), "(9::bigint)", [False, number]) == [9]


def test_a_good_cursor_leads_on(app: Flask) -> None:
    assert rows_at(app, sa.BigInteger(), "(7::bigint), (9)", [False, 7]) == [9]
    moments = "('2023-01-01 00:00+00'::timestamptz), ('2030-01-01 00:00+00')"
    [later] = rows_at(app, sa.DateTime(timezone=True), moments, [False, "2024-01-01T00:00:00+00:00"])
    assert isinstance(later, datetime)
    assert later.utcoffset() is not None
    assert later > datetime(2029, 12, 31, tzinfo=later.tzinfo) - timedelta(days=1)
