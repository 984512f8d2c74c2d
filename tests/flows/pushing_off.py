"""What tests of pushes share: the workers' part, and what the database and the channel say of one SKU."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from portal.flows import pushes, work
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Listing, Notice, Push, Work
from tests.shelves import Rak, count
from workers.jobs import VERBS

CUT_SHORT = ["push_stock", "read_back", "rehearse", "export_look", "sync"]


def hurry() -> int:
    """What the workers would do; waiting times are cut short."""
    done = 0
    for _ in range(40):
        db.session.execute(sa.update(Work).where(Work.kind.in_(CUT_SHORT)).values(not_before=now()))
        db.session.commit()
        step = work.drain_all(VERBS, rounds=1)
        done += step
        if not step:
            break
    return done


def change(product: uuid.UUID, on_hand: int, reserved: int = 0) -> None:
    """A new number of pieces, as a flow would leave it."""
    count(product, on_hand, reserved)
    pushes.want([product])
    db.session.commit()


def the_push(sku: str) -> Push:
    """The row of a SKU's listing."""
    db.session.expire_all()
    query = sa.select(Push).join(Listing, Listing.id == Push.listing_id)
    return db.session.scalars(query.where(Listing.remote_id == f"R-{sku}")).one()


def notice(cause: str) -> Notice | None:
    """The open notice of a cause."""
    query = sa.select(Notice).where(Notice.merchant_id == whose(), Notice.cause == cause, Notice.cleared_at.is_(None))
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def calls_with(rak: Rak, sku: str) -> list[int]:
    """Every number that the channel was told for a SKU, in order."""
    return [call[f"R-{sku}"] for call in rak.told if f"R-{sku}" in call]
