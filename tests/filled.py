"""A merchant with a row in every table, for tests of what has to go with it or to be handed out.

The rows are made from the tables' own declarations, so that a new table is filled without a word here; what its
constraints ask beyond that is said in `SPECIAL`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from portal.kit.clock import now
from portal.kit.db import Base, db, whose
from portal.kit.ids import new_id

Values = dict[str, Any]

SPECIAL: dict[str, Values] = {
    "bundle_part": {"quantity": 2},
    "confirmation": {"state": "due"},
    "connection": {"kind": "marketplace", "state": "saved", "integration": "jd_com"},
    "grant_attempt": {"user_id": new_id()},
    "link_batch": {"verb": "create", "state": "done"},
    "listing": {"link_state": "new"},
    "membership": {"role": "viewer"},
    "orders": {"status": "completed", "stage": "done"},
    "price": {"currency": "CNY", "minor": 100},
    "rehearsal": {"state": "ready"},
    "rule": {"action": "hold", "text": "wait", "conditions": [{"field": "country", "operator": "is", "value": "CN"}]},
    "stock_move": {"on_hand": 1, "reserved": 0},
    "store": {"currency": "CNY", "time_zone": "Asia/Shanghai"},
}
# Written by the database when a note is.
BY_ITSELF = {"audit_head", "audit_link"}


def tables() -> list[sa.Table]:
    """The tables of merchants, those first that others point at."""
    return [each for each in Base.metadata.sorted_tables if "merchant_id" in each.primary_key.columns]


def fill(user_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """A row in every table of the merchant of the moment that has none yet; gives an id for each table."""
    ids: dict[str, uuid.UUID] = {}
    for table in tables():
        there = db.session.scalar(sa.select(table.c.id).where(table.c.merchant_id == whose()).limit(1))
        if there is None and table.name not in BY_ITSELF:
            there = _row(table, ids, user_id)
            if table.name == "product":
                ids["part"] = _row(table, ids, user_id)  # A bundle is not its own part.
        if there is not None:
            ids[table.name] = there
    db.session.commit()
    return ids


def _row(table: sa.Table, ids: dict[str, uuid.UUID], user_id: uuid.UUID) -> uuid.UUID:
    row_id = new_id()
    values: Values = {"merchant_id": whose(), "id": row_id}
    pointing = {
        column.name: key.referred_table.name
        for key in table.foreign_key_constraints
        for column in key.columns
        if column.name != "merchant_id"
    }
    for column in table.columns:
        if column.name in values or column.computed is not None:
            continue
        if column.name in pointing and not column.nullable:
            to = "part" if column.name == "part_id" else pointing[column.name]
            values[column.name] = user_id if to == "person" else ids.get(to)
        elif column.name in SPECIAL.get(table.name, {}):
            values[column.name] = SPECIAL[table.name][column.name]
        elif not column.nullable and column.default is None:
            values[column.name] = _value(column)
    db.session.execute(sa.insert(table).values(values))
    return row_id


def _value(column: sa.Column[Any]) -> Any:
    kind = column.type
    made: dict[type[Any], Callable[[], Any]] = {
        sa.Uuid: new_id,
        sa.Enum: lambda: kind.enums[0],  # type: ignore[attr-defined]
        sa.Boolean: lambda: False,
        sa.DateTime: now,
        sa.LargeBinary: lambda: os.urandom(16),
        sa.Integer: lambda: 1,
        JSONB: dict,
        ARRAY: list,
        sa.Text: lambda: f"{column.name} {new_id()}"[:40],
    }
    return next(value() for of, value in made.items() if isinstance(kind, of))


def count(wire: sa.Connection, merchant_id: uuid.UUID) -> dict[str, int]:
    """How many rows each table holds of a merchant, asked by a role that sees them all."""
    return {
        each.name: wire.scalar(sa.select(sa.func.count()).select_from(each).where(each.c.merchant_id == merchant_id))
        or 0
        for each in tables()
    }
