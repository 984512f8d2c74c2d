"""Listings for tests that need no remote."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from portal.contract.records import RemoteListing, Verdict
from portal.flows import connections, intake, linking
from portal.flows.audit import LINTAS
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.kit.text import near
from portal.models import Connection, Listing, Product, Run, RunPage, Store

AUDITS = {"1": Verdict.PASSED, "2": Verdict.WAITING}


def listing(remote_id: str, sku: str, **more: object) -> RemoteListing:
    """A record as a mapping would return it."""
    values: dict[str, object] = {
        "remote_id": remote_id,
        "parent_id": "p" + remote_id,
        "sku": sku,
        "title": f"Title of {remote_id}",
        "price": Money(1990, "CNY"),
        "quantity": 7,
        "updated_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return RemoteListing(**{**values, **more})  # type: ignore[arg-type]


def connection(integration: str = "jd_com", name: str = "") -> Connection:
    """A connection of the first store of the merchant of the moment."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    made = connections.install(store, integration, LINTAS)
    if name:
        made.name = name
        db.session.commit()
    return made


def product(sku: str) -> Product:
    """A product of the merchant of the moment."""
    row = Product(merchant_id=whose(), id=new_id(), sku=sku, sku_near=near(sku), title=sku)
    db.session.add(row)
    db.session.commit()
    return row


def take_in(to: Connection, records: Iterable[RemoteListing], pages: int = 1, *, complete: bool = True) -> intake.Kept:
    """A run over these records, in so many pages; `complete` says that they are all that the remote has."""
    todo = list(records)
    run = Run(merchant_id=whose(), id=new_id(), connection_id=to.id, resource="products")
    db.session.add(run)
    db.session.flush()
    size = max(1, -(-len(todo) // pages))
    fresh = changed = held = 0
    for at in range(0, len(todo), size):
        page = todo[at : at + size]
        kept = intake.keep(to, page, AUDITS)
        fresh, changed, held = fresh + kept.fresh, changed + kept.changed, held + kept.held
        db.session.add(RunPage(merchant_id=whose(), run_id=run.id, remote_ids=[each.remote_id for each in page]))
        db.session.flush()
    linking.settle_run(to, run.id, complete=complete)
    db.session.delete(run)
    db.session.commit()
    return intake.Kept(fresh, changed, held)


def states(of: Connection) -> dict[str, str]:
    """Remote id → state, of the listings that are not missing."""
    rows = db.session.execute(
        sa.select(Listing.remote_id, Listing.link_state).where(
            Listing.connection_id == of.id, Listing.missing_since.is_(None)
        )
    )
    return {remote_id: state.value for remote_id, state in rows}


def row(of: Connection, remote_id: str) -> Listing:
    """One listing by its remote id."""
    db.session.expire_all()
    return db.session.scalars(
        sa.select(Listing).where(Listing.connection_id == of.id, Listing.remote_id == remote_id)
    ).one()


def product_of(of: Connection, remote_id: str) -> uuid.UUID | None:
    """The product that a listing is linked to."""
    return row(of, remote_id).product_id
