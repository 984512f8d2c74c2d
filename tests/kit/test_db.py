"""Arrays as PostgreSQL reads them back, whatever the texts hold."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.kit.db import array, db


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ["", " ", "NULL", "null", 'a "quoted" \\ word', "{a,b}", "陶瓷杯", "line\nbreak\ttab", None, "'"]),
        ("bytea", [b"", b"\x00\xff\\", None]),
        ("boolean", [True, False, None]),
        ("bigint", [0, -1, 2**40, None]),
        ("timestamptz", [datetime(2026, 11, 1, 12, 30, 5, 123456, tzinfo=UTC), None]),
        ("uuid", [uuid.UUID(int=7), None]),
        ("text", []),
    ],
)
def test_an_array_comes_back_as_it_went(app: Flask, kind: str, values: list[Any]) -> None:
    with app.app_context():
        found = db.session.scalar(sa.text(f"select cast(:values as {kind}[])"), {"values": array(values)})
    assert found == values
