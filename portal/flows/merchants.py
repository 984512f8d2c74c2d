"""The merchants of this installation, for whoever runs it: no page and no request may list them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.kit.db import db
from portal.models import Merchant

# The application's own role sees one merchant at a time; under this hat it sees the names of all, and no buyer.
BE_SUPPORT = sa.text("set local role lintas_support")


@dataclass(frozen=True, slots=True)
class Known:
    """A merchant by id and name, and since when it is here."""

    id: uuid.UUID
    name: str
    since: datetime


def every() -> list[Known]:
    """Every merchant, the oldest first, also one that has no people any more."""
    with db.engine.begin() as wire:
        wire.execute(BE_SUPPORT)
        rows = wire.execute(
            sa.select(Merchant.id, Merchant.name, Merchant.created_at).order_by(Merchant.created_at, Merchant.id)
        )
        return [Known(*row) for row in rows]


def called(text: str) -> Sequence[Known]:
    """The merchants with this id or with this name, whatever its case; several may share a name."""
    wanted = text.strip()
    found = [each for each in every() if str(each.id) == wanted.lower()]
    return found or [each for each in every() if each.name.casefold() == wanted.casefold()]
