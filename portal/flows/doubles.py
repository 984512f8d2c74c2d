"""Listings of one channel that share a SKU: the merchant picks one, or links all of them on purpose."""

from collections.abc import Sequence

import sqlalchemy as sa

from portal.flows import audit, linking, relinking
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import LinkHow, LinkState, Listing, Product


def pick(listing: Listing, by: By) -> Product:
    """Link this one of several listings with the same SKU and leave the undecided others out.  Raises Refusal."""
    return _decide(listing, by, every=False)


def link_every(listing: Listing, by: By) -> Product:
    """Link all undecided listings that share this one's SKU to one product.  Raises Refusal."""
    return _decide(listing, by, every=True)


def _decide(listing: Listing, by: By, *, every: bool) -> Product:
    linking.change_products()
    rows = _undecided(listing)
    chosen = next((each for each in rows if each.id == listing.id), None)
    if chosen is None:
        raise Refusal("nothing_asked")
    product = _product(chosen, by)
    for row in rows:
        if every or row is chosen:
            _link(row, product, by)
        else:
            row.link_state = LinkState.LEFT_OUT
            audit.note(by, "left_out", "listing", row.id, name=row.sku)
    db.session.flush()  # The decision table counts the rows as they now stand.
    linking.settle({chosen.sku_near})
    relinking.links_changed()
    db.session.commit()
    return product


def _undecided(listing: Listing) -> Sequence[Listing]:
    query = sa.select(Listing).where(
        Listing.merchant_id == whose(),
        Listing.connection_id == listing.connection_id,
        Listing.sku == listing.sku,
        Listing.missing_since.is_(None),
        Listing.link_state == LinkState.DUPLICATE,
    )
    locked = query.order_by(Listing.id).with_for_update().execution_options(populate_existing=True)
    return db.session.scalars(locked).all()


def _product(row: Listing, by: By) -> Product:
    query = sa.select(Product).where(Product.merchant_id == whose(), Product.sku == row.sku)
    return db.session.scalars(query).one_or_none() or linking.make_product(row, by)


def _link(row: Listing, product: Product, by: By) -> None:
    row.product_id, row.link_state, row.link_how = product.id, LinkState.LINKED, LinkHow.HAND
    row.linked_at, row.linked_by, row.linked_sku, row.batch_id = now(), by.name, row.sku, None
    audit.note(by, "linked", "listing", row.id, name=row.sku, after={"product": product.sku})
