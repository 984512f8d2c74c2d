"""Orders and lines as rows: what can be kept of a record, by what a change is seen, and how both are written."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from portal.contract.errors import BadRecord
from portal.contract.records import Consignee, OrderStatus, RemoteLine, RemoteOrder
from portal.flows import order_buyers
from portal.flows.order_buyers import Buyer
from portal.kit.db import array
from portal.kit.money import Money
from portal.kit.text import near, storable

LARGEST_QUANTITY = 2**31 - 1
LARGEST_AMOUNT = 10**15
MOST_LINES = 2_000

TEXTS = attrgetter(
    "remote_id", "number", "status_word", "status_text", "payment_word", "shipping_service", "carrier", "tracking"
)
PERSONAL = attrgetter(*("consignee." + each.name for each in fields(Consignee)), "buyer", "buyer_note", "seller_note")
LINE_TEXTS = attrgetter("remote_id", "listing_id", "sku", "title")
AMOUNTS = attrgetter("total", "freight", "discount")


def check_order(record: RemoteOrder) -> None:
    """Raise BadRecord for what no table can hold: a text, a number, two currencies, an order of nothing."""
    one = record.remote_id if storable(record.remote_id) else ""
    texts = (*TEXTS(record), *PERSONAL(record), *(text for line in record.lines for text in LINE_TEXTS(line)))
    if not record.remote_id or not all(map(storable, texts)):
        raise BadRecord("a text that cannot be kept", one)
    if not record.lines or len(record.lines) > MOST_LINES:
        raise BadRecord(f"an order of {len(record.lines)} lines", one)
    if any(number > 1 for number in Counter(line.remote_id for line in record.lines).values()):
        raise BadRecord("two lines of one number", one)
    if any(not 0 <= line.quantity <= LARGEST_QUANTITY for line in record.lines):
        raise BadRecord("a number of pieces that cannot be", one)
    if not 0 < sum(line.quantity for line in record.lines) <= LARGEST_QUANTITY:
        raise BadRecord("an order of nothing, or of too much", one)
    amounts = _amounts(record)
    if any(abs(each.minor) > LARGEST_AMOUNT for each in amounts):
        raise BadRecord("an amount beyond all measure", one)
    if len({each.currency for each in amounts}) > 1:
        raise BadRecord("amounts in two currencies", one)
    if any(each is not None and each.tzinfo is None for each in MOMENTS(record)):
        raise BadRecord("a time without a zone", one)


MOMENTS = attrgetter("placed_at", "updated_at", "paid_at", "ship_by")


def _amounts(record: RemoteOrder) -> list[Money]:
    return [each for each in (*AMOUNTS(record), *(line.price for line in record.lines)) if each is not None]


def newest(records: Iterable[RemoteOrder]) -> dict[str, RemoteOrder]:
    """One record per remote id, sorted by it: pages that shift under the walk show the same order twice."""
    found: dict[str, RemoteOrder] = {}
    for each in records:
        other = found.get(each.remote_id)
        if other is None or each.updated_at is None or other.updated_at is None or each.updated_at >= other.updated_at:
            found[each.remote_id] = each
    # New ones are written in this order, so that two who write the same do not wait for each other in a ring.
    return dict(sorted(found.items()))


PLAIN = attrgetter(*(each.name for each in fields(RemoteOrder) if each.name not in {"raw", "consignee"}))
WHERE_TO = attrgetter(*(each.name for each in fields(Consignee)))


def digest(record: RemoteOrder, key: bytes) -> bytes:
    """A hash of all that the channel told in our words, keyed, for it is one of buyers' data too."""
    told = repr((PLAIN(record), record.buyer, record.buyer_note, record.seller_note, WHERE_TO(record.consignee)))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16, key=key).digest()


COLUMNS = {
    "remote_id": "text",
    "number": "text",
    "status_word": "text",
    "status_text": "text",
    "status": "text",
    "placed_at": "timestamptz",
    "paid_at": "timestamptz",
    "ship_by": "timestamptz",
    "remote_updated_at": "timestamptz",
    "currency": "text",
    "total_minor": "bigint",
    "freight_minor": "bigint",
    "discount_minor": "bigint",
    "payment_word": "text",
    "paid_on_delivery": "boolean",
    "by_channel": "boolean",
    "gift": "boolean",
    "shipping_service": "text",
    "country": "text",
    "province": "text",
    "city": "text",
    "postcode": "text",
    "buyer_shown": "text",
    "masked": "boolean",
    "customer_key": "bytea",
    "recipient_key": "bytea",
    "notes_key": "bytea",
    "sealed": "bytea",
    "carrier": "text",
    "tracking": "text",
    "pieces": "integer",
    "digest": "bytea",
}
ROW = {"id": "uuid", **COLUMNS}
_NAMES = ", ".join(ROW)
_UNNEST = ", ".join(f"cast(:{name} as {kind}[])" for name, kind in ROW.items())
_KEPT_ON = {"carrier", "tracking"}  # What is known of a parcel stays where the channel no longer tells it.

INSERT = sa.text(
    f"""
    insert into orders (merchant_id, store_id, connection_id, {_NAMES}, tags, flagged, asked_at, changed_at, created_at)
    select :merchant, :store, :connection, {", ".join("r." + name for name in ROW)}, '{{}}', false,
        cast(:asked as timestamptz), cast(:moment as timestamptz), cast(:moment as timestamptz)
    from unnest({_UNNEST}) as r({_NAMES})
    on conflict (merchant_id, connection_id, remote_id) where connection_id is not null do nothing
    returning remote_id
    """  # noqa: S608 - the names are this file's own.
)
UPDATE = sa.text(
    f"""
    update orders set {
        ", ".join(
            f"{name} = coalesce(nullif(r.{name}, ''), orders.{name})" if name in _KEPT_ON else f"{name} = r.{name}"
            for name in COLUMNS
            if name not in {"remote_id", "placed_at"}
        )
    }, asked_at = cast(:asked as timestamptz), changed_at = cast(:moment as timestamptz)
    from unnest({_UNNEST}) as r({_NAMES})
    where orders.merchant_id = :merchant and orders.id = r.id
    """  # noqa: S608 - the names are this file's own.
)
# Held from here on, in the order of the ids, as everybody holds orders, so that nobody waits in a ring.  Looked up one
# by one, for while a first import fills the table there are no statistics by which the planner could choose so.
KNOWN = sa.text(
    """
    with found as materialized (
        select o.id from unnest(cast(:ids as text[])) as wanted(remote_id)
        cross join lateral (
            select id from orders
            where merchant_id = :merchant and connection_id = :connection and remote_id = wanted.remote_id offset 0) o
    )
    select id, remote_id, digest, remote_updated_at, asked_at, status, status_word, by_channel from orders
    where merchant_id = :merchant and id = any(array(select id from found))
    order by id for no key update
    """
)


def row(
    record: RemoteOrder, order_id: uuid.UUID, status: OrderStatus | None, hashed: bytes, key: bytes, source: uuid.UUID
) -> dict[str, Any]:
    """The columns of one order; `source` is its connection."""
    buyer, to = order_buyers.of_record(record), record.consignee
    amounts = _amounts(record)
    return {
        "id": order_id,
        "remote_id": record.remote_id,
        "number": record.number or record.remote_id,
        "status_word": record.status_word,
        "status_text": record.status_text,
        "status": status.value if status else None,
        "placed_at": record.placed_at,
        "paid_at": record.paid_at,
        "ship_by": record.ship_by,
        "remote_updated_at": record.updated_at,
        "currency": amounts[0].currency if amounts else "",
        **{f"{name}_minor": _minor(getattr(record, name)) for name in ("total", "freight", "discount")},
        "payment_word": record.payment_word,
        "paid_on_delivery": record.paid_on_delivery,
        "by_channel": record.by_channel,
        "gift": record.gift,
        "shipping_service": record.shipping_service,
        "country": to.country,
        "province": to.province,
        "city": to.city,
        "postcode": to.postcode,
        "carrier": record.carrier,
        "tracking": record.tracking,
        "pieces": sum(line.quantity for line in record.lines),
        "digest": hashed,
        **of_buyer(buyer, record.masked, order_id, key, source),
    }


def of_buyer(buyer: Buyer, masked: bool, order_id: uuid.UUID, key: bytes, source: uuid.UUID | None) -> dict[str, Any]:
    """The columns that hold a buyer: sealed, masked and hashed."""
    keys = order_buyers.keys(buyer, masked, source, key)
    return {
        "buyer_shown": order_buyers.shown(buyer),
        "masked": masked,
        "customer_key": keys.customer,
        "recipient_key": keys.recipient,
        "notes_key": keys.notes,
        "sealed": order_buyers.seal(buyer, order_id),
    }


def _minor(amount: Money | None) -> int | None:
    return amount.minor if amount is not None else None


def arrays(rows: Sequence[Mapping[str, Any]], names: Iterable[str] = ROW) -> dict[str, str]:
    """Rows as one array for each column."""
    return {name: array(each[name] for each in rows) for name in names}


LINE = {
    "id": "uuid",
    "order_id": "uuid",
    "remote_id": "text",
    "place": "integer",
    "remote_listing_id": "text",
    "listing_id": "uuid",
    "product_id": "uuid",
    "sku": "text",
    "title": "text",
    "quantity": "integer",
    "price_minor": "bigint",
}
_LINE_NAMES = ", ".join(LINE)
_TOLD = ("place", "remote_listing_id", "sku", "title", "quantity", "price_minor")
_SAME = "(old.remote_listing_id, old.sku) is not distinct from (excluded.remote_listing_id, excluded.sku)"
# A line keeps the product that it was promised; it takes another only where it names another listing.
_LISTING = f"case when {_SAME} then coalesce(old.listing_id, excluded.listing_id) else excluded.listing_id end"
_PRODUCT = f"case when {_SAME} then coalesce(old.product_id, excluded.product_id) else excluded.product_id end"
KEEP_LINES = sa.text(
    f"""
    insert into order_line as old (merchant_id, {_LINE_NAMES})
    select :merchant, {", ".join("r." + name for name in LINE)}
    from unnest({", ".join(f"cast(:{name} as {kind}[])" for name, kind in LINE.items())}) as r({_LINE_NAMES})
    on conflict (merchant_id, order_id, remote_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _TOLD)},
        listing_id = {_LISTING}, product_id = {_PRODUCT}
    where ({", ".join("old." + name for name in _TOLD)}, old.listing_id, old.product_id) is distinct from
        ({", ".join("excluded." + name for name in _TOLD)}, {_LISTING}, {_PRODUCT})
    returning order_id
    """  # noqa: S608 - the names are this file's own.
)
# A line that the channel no longer tells is one of no pieces: what was said of it stays readable.
EMPTY_LINES = sa.text(
    """
    update order_line set quantity = 0
    from unnest(cast(:orders as uuid[])) as known(id)
    where order_line.merchant_id = :merchant and order_line.order_id = known.id and order_line.quantity <> 0
        and not exists (
            select from unnest(cast(:order_id as uuid[]), cast(:remote_id as text[])) as told(order_id, remote_id)
            where told.order_id = order_line.order_id and told.remote_id = order_line.remote_id)
    returning order_line.order_id
    """
)
# The listing by its remote id, else by the exact SKU where only one that is there has it.
FIND_LISTINGS = sa.text(
    """
    select wanted.remote_listing_id, wanted.sku,
        coalesce(named.id, alike.id) as listing_id,
        case when named.id is not null then named.product_id else alike.product_id end as product_id
    from unnest(cast(:listings as text[]), cast(:skus as text[]), cast(:nears as text[]))
        as wanted(remote_listing_id, sku, sku_near)
    left join lateral (
        select id, product_id from listing
        where merchant_id = :merchant and connection_id = :connection and remote_id = wanted.remote_listing_id
            and wanted.remote_listing_id <> '' offset 0) named on true
    left join lateral (
        select min(l.id::text)::uuid as id, min(l.product_id::text)::uuid as product_id from (
            select id, product_id from listing
            where merchant_id = :merchant and connection_id = :connection and sku_near = wanted.sku_near
                and sku = wanted.sku and missing_since is null limit 2) l
        having count(*) = 1) alike on named.id is null and wanted.sku <> ''
    """
)


def wanted_listings(lines: Iterable[RemoteLine]) -> dict[str, str]:
    """The listings that lines name, each once: what `FIND_LISTINGS` asks for."""
    pairs = sorted({(line.listing_id, line.sku) for line in lines})
    return {
        "listings": array(each[0] for each in pairs),
        "skus": array(each[1] for each in pairs),
        "nears": array(near(each[1]) for each in pairs),
    }
