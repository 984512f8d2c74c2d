"""Prices that the merchant sets here, and what is sent of them to channels where that is turned on."""

import uuid
from collections.abc import Collection

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import PriceOut
from portal.flows import audit, lines, pushes, work
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.models import Connection, ConnectionState, ExportStage, Price, Product, Store
from portal.models.work import work_key

KIND = "push_price"

# Listings at channels that take prices, in the currency that the price is in; one that shows it already wants nothing.
WANT = sa.text(
    """
    insert into price_push as old (merchant_id, id, listing_id, connection_id, wanted, wanted_at, sent, acked, cause,
        detail)
    select l.merchant_id, l.id, l.id, l.connection_id, 1, cast(:moment as timestamptz), 0, 0, '', ''
    from price p
    join listing l on (l.merchant_id, l.product_id) = (p.merchant_id, p.product_id) and l.currency = p.currency
    join connection c on (c.merchant_id, c.id) = (l.merchant_id, l.connection_id)
    where p.merchant_id = :merchant and c.kind = 'marketplace'
        and (cast(:products as uuid[]) is null or p.product_id = any(cast(:products as uuid[])))
        and (cast(:connection as uuid) is null or c.id = :connection)
        and (l.price_minor is distinct from p.minor
            or exists (select from price_push s where s.merchant_id = l.merchant_id and s.listing_id = l.id))
    order by l.id
    on conflict (merchant_id, listing_id) do update set wanted = old.wanted + 1, wanted_at = excluded.wanted_at,
        cause = '', detail = ''
    returning connection_id
    """
)
PRICED = sa.text(
    """
    select distinct p.product_id from listing l
    join price p on (p.merchant_id, p.product_id) = (l.merchant_id, l.product_id)
    where l.merchant_id = :merchant and l.id = any(cast(:listings as uuid[]))
    """
)
CHANNELS = sa.text(
    """
    select distinct l.connection_id from listing l
    join connection c on (c.merchant_id, c.id) = (l.merchant_id, l.connection_id)
    where l.merchant_id = :merchant and l.product_id = any(cast(:products as uuid[])) and c.kind = 'marketplace'
    order by 1
    """
)


def put(product: Product, price: Money | None, currency: str, by: By) -> None:
    """Set what a product costs in a currency, or that nothing is said of it, in the open transaction."""
    known = sa.select(Price).where(
        Price.merchant_id == whose(), Price.product_id == product.id, Price.currency == currency
    )
    found = db.session.scalars(known.with_for_update()).one_or_none()
    before = found.minor if found else None
    if before == (price.minor if price else None):
        return
    if price is None:
        db.session.delete(found)
    elif found is None:
        row = Price(merchant_id=whose(), id=new_id(), product_id=product.id, currency=currency, minor=price.minor)
        row.changed_by = by.name
        db.session.add(row)
    else:
        found.minor, found.changed_at, found.changed_by = price.minor, now(), by.name
    db.session.flush()
    said = {"currency": currency}
    audit.note(
        by,
        "price_set",
        "product",
        product.id,
        name=product.sku,
        before={**said, "minor": before},
        after={**said, "minor": price.minor if price else None},
    )


def put_all(product: Product, wanted: Collection[tuple[str, Money | None]], by: By) -> None:
    """Set the prices of a product in several currencies, and send them to where that is turned on."""
    for currency, price in wanted:
        put(product, price, currency, by)
    want({product.id})
    db.session.commit()


def want(product_ids: Collection[uuid.UUID]) -> None:
    """The listings of these products shall show the prices that are set here, in the open transaction."""
    if not product_ids:
        return
    values = {"merchant": whose(), "products": array(product_ids)}
    for connection_id in db.session.execute(CHANNELS, values).scalars().all():
        pushes.share(connection_id)
    _want(products=array(product_ids), connection=None)


def want_listings(listing_ids: Collection[uuid.UUID]) -> None:
    """These listings shall show the prices of what they are linked to, in the open transaction."""
    values = {"merchant": whose(), "listings": array(listing_ids)}
    want(set(db.session.execute(PRICED, values).scalars()))


def want_all(connection: Connection) -> None:
    """Every listing of a channel shall show the price that is set here, in the open transaction."""
    pushes.share(connection.id)
    _want(products=None, connection=connection.id)


def _want(products: str | None, connection: uuid.UUID | None) -> None:
    values = {"merchant": whose(), "moment": now(), "products": products, "connection": connection}
    touched = set(db.session.execute(WANT, values).scalars())
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id.in_(touched))
    for each in db.session.scalars(query.order_by(Connection.id)):
        ring(each)


def ring(connection: Connection) -> None:
    """Have the prices that a channel wants sent, in the open transaction."""
    if sends(connection) is not None:
        work.add(
            KIND,
            lines.lane(connection),
            work_key(KIND, connection.id),
            {"connection": str(connection.id)},
            priority=5,
        )


def sends(connection: Connection) -> PriceOut | None:
    """How prices go out to a connection; None where nothing may be sent now.

    As with stock, the export has to be let out: a price is as public as a number of pieces.
    """
    out = integrations.get(connection.integration).price_out
    if out is None or not connection.options.get(out.option) or connection.state is not ConnectionState.ACTIVE:
        return None
    if connection.export_stage is not ExportStage.OPEN:
        return None
    query = sa.select(Store.is_active).where(Store.merchant_id == whose(), Store.id == connection.store_id)
    return out if db.session.scalar(query) else None
