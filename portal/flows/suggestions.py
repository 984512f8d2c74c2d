"""Which products a listing without a link could mean, for a person to choose from; nothing is linked by this."""

import uuid
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.kit.db import db, whose
from portal.models import LinkState, Listing, Product


def of(listings: Iterable[Listing]) -> dict[uuid.UUID, list[Product]]:
    """For listings without a link, the products that could be meant: equal SKU first, then near twins."""
    rows = [each for each in listings if each.sku_near]
    found = db.session.scalars(
        sa.select(Product)
        .where(Product.merchant_id == whose(), Product.sku_near.in_({each.sku_near for each in rows}))
        .order_by(Product.sku)
    )
    by_near: dict[str, list[Product]] = {}
    for product in found:
        by_near.setdefault(product.sku_near, []).append(product)
    replaced = _products_of_the_gone([each for each in rows if each.link_state is LinkState.REISSUED])
    return {
        each.id: [*replaced.get(each.id, ()), *_equal_first(by_near.get(each.sku_near, []), each.sku)] for each in rows
    }


def _products_of_the_gone(listings: Sequence[Listing]) -> dict[uuid.UUID, list[Product]]:
    """For listings that replace others, the products of those where their SKU is another one."""
    if not listings:
        return {}
    old, new = aliased(Listing), aliased(Listing)
    query = (
        sa.select(new.id, Product)
        .join(
            old, sa.and_(old.merchant_id == new.merchant_id, old.connection_id == new.connection_id, old.sku == new.sku)
        )
        .join(Product, sa.and_(Product.merchant_id == old.merchant_id, Product.id == old.product_id))
        .where(
            new.merchant_id == whose(),
            new.id.in_([each.id for each in listings]),
            old.missing_since.is_not(None),
            Product.sku_near != new.sku_near,
        )
    )
    found: dict[uuid.UUID, list[Product]] = {}
    for listing_id, product in db.session.execute(query):
        found.setdefault(listing_id, []).append(product)
    return found


def _equal_first(products: list[Product], sku: str) -> list[Product]:
    return sorted(products, key=lambda product: product.sku != sku)
