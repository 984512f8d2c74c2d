"""What happened to orders, written in the transaction in which it happened; never with a buyer's data."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id

IMPORTED, STATUS, LINES = "imported", "status", "lines"
FLAGGED, MAPPED, MADE = "flagged", "mapped", "made"
CANCELLED, SHIPPED, REVEALED, RECEIVED = "cancelled", "shipped", "revealed", "received"


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened to one order."""

    order_id: uuid.UUID
    what: str
    values: Mapping[str, Any] = field(default_factory=dict)


WRITE = sa.text(
    """
    insert into order_event (merchant_id, id, order_id, what, "values", who, at)
    select :merchant, r.id, r.order_id, r.what, r.said, :who, cast(:moment as timestamptz)
    from unnest(cast(:ids as uuid[]), cast(:orders as uuid[]), cast(:whats as text[]), cast(:said as jsonb[]))
        as r(id, order_id, what, said)
    """
)


def add(happened: Sequence[Happened], who: str = "") -> None:
    """Write events in one statement, in the open transaction.  `who` is "" where the channel told it."""
    if not happened:
        return
    db.session.execute(
        WRITE,
        {
            "merchant": whose(),
            "who": who,
            "moment": now(),
            "ids": array(new_id() for _ in happened),
            "orders": array(each.order_id for each in happened),
            "whats": array(each.what for each in happened),
            "said": array(json.dumps(dict(each.values)) for each in happened),
        },
    )
