"""What a listing at a channel shall show, and where each number of that comes from.  One statement for all who ask."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.kit.db import array, db, whose

PRODUCT, CHANNEL, STORE = "product", "channel", "store"
# Which listings a statement is about: a query that gives their ids in a column `id`.
THESE = "select unnest(cast(:listings as uuid[])) as id"
OF_A_CONNECTION = """
    select id from listing
    where merchant_id = :merchant and connection_id = :connection and product_id is not null
"""
OF_PRODUCTS = """
    select id from listing where merchant_id = :merchant and product_id = any(cast(:products as uuid[]))
    union
    select o.id from bundle_part b join listing o on (o.merchant_id, o.product_id) = (b.merchant_id, b.product_id)
    where b.merchant_id = :merchant and b.part_id = any(cast(:products as uuid[]))
"""


def derived(chosen: str) -> str:
    """The statement that gives the level of every linked listing of a marketplace among those that `chosen` names.

    `available` is the product's, or for a bundle how many whole ones its parts still make.  A product without a row of
    stock counts as 0.  The product's own limit comes before the channel's, and that before the store's; null and 0
    differ.  `fit` is whether the listing may be told a number: it is there at the channel and passed its check.
    `:merchant` has to be bound.
    """
    return f"""
    select t.*, least(coalesce(t.max_level, 2147483647), greatest(0, t.available - coalesce(t.buffer, 0))) as level
    from (
        select l.id as listing_id, l.connection_id, l.remote_id, l.parent_id, l.product_id,
            l.missing_since is null and l.passed as fit,
            coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved, coalesce(s.version, 0) as version,
            b.parts > 0 as bundle,
            case when b.parts > 0 then b.whole else coalesce(s.on_hand - s.reserved, 0) end as available,
            coalesce(s.buffer, cast(c.options ->> 'buffer' as integer), o.buffer) as buffer,
            case when s.buffer is not null then '{PRODUCT}' when c.options ->> 'buffer' is not null then '{CHANNEL}'
                when o.buffer is not null then '{STORE}' else '' end as buffer_from,
            coalesce(s.max_level, cast(c.options ->> 'max_level' as integer), o.max_level) as max_level,
            case when s.max_level is not null then '{PRODUCT}'
                when c.options ->> 'max_level' is not null then '{CHANNEL}'
                when o.max_level is not null then '{STORE}' else '' end as max_from
        from (with picked as materialized ({chosen}) select id from picked) chosen
        join listing l on l.merchant_id = :merchant and l.id = chosen.id
        join connection c on (c.merchant_id, c.id) = (l.merchant_id, l.connection_id)
        join store o on (o.merchant_id, o.id) = (c.merchant_id, c.store_id)
        left join stock s on (s.merchant_id, s.product_id) = (l.merchant_id, l.product_id)
        cross join lateral (
            select count(*) as parts,
                min(greatest(0, coalesce(p.on_hand - p.reserved, 0)) / n.quantity) as whole
            from bundle_part n
            left join stock p on (p.merchant_id, p.product_id) = (n.merchant_id, n.part_id)
            where n.merchant_id = l.merchant_id and n.product_id = l.product_id) b
        where c.kind = 'marketplace' and l.product_id is not null) t
    """  # noqa: S608 - the texts are this package's own.


@dataclass(frozen=True, slots=True)
class Shown:
    """The level of one listing, and the numbers that it is made of.

    `buffer_from` and `max_from` say where the limit is set: the product, the channel, the store, or "" for nowhere.
    For a bundle `on_hand` and `reserved` say nothing; its parts do.
    """

    listing_id: uuid.UUID
    connection_id: uuid.UUID
    remote_id: str
    parent_id: str
    product_id: uuid.UUID
    fit: bool
    on_hand: int
    reserved: int
    version: int
    bundle: bool
    available: int
    buffer: int | None
    buffer_from: str
    max_level: int | None
    max_from: str
    level: int


def of(listing_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Shown]:
    """The levels of these listings now, by listing; one that is not linked or at no marketplace has none."""
    if not listing_ids:
        return {}
    return _read(THESE, {"listings": array(listing_ids)})


def of_products(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Shown]:
    """The levels of every listing of these products, and of the bundles that hold them, by listing."""
    if not product_ids:
        return {}
    return _read(OF_PRODUCTS, {"products": array(product_ids)})


def _read(chosen: str, values: Mapping[str, Any]) -> dict[uuid.UUID, Shown]:
    rows = db.session.execute(sa.text(derived(chosen)), {"merchant": whose(), **values})
    return {row.listing_id: Shown(*row) for row in rows}
