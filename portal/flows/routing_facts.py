"""What routing knows of orders and of plugins, read set-wise: so many statements, however many orders there are."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.contract.definition import Kind
from portal.contract.records import OrderStatus
from portal.flows.rule_conditions import Payment
from portal.flows.rule_match import Facts, Hindrance
from portal.kit.db import array, db, whose
from portal.kit.money import Money
from portal.models import Connection, ConnectionState, Order

LET_GO = "let_go"
UNLINKED, NOT_THERE = "line_unlinked", "line_not_at_plugin"
OFF, FAILED, GONE = "plugin_off", "plugin_failed", "plugin_gone"
# Why routing itself blocks an order; whoever sends has causes of its own.
CAUSES = (UNLINKED, NOT_THERE, OFF, FAILED, GONE)

LINES = sa.text(
    """
    select order_id, sku, product_id, quantity from order_line
    where merchant_id = :merchant and order_id = any(cast(:orders as uuid[])) and quantity > 0
    order by order_id, place, id
    """
)
# What was said last of holding an order: that it is held or left out, or that a person let it go.
SAID_LAST = sa.text(
    """
    select distinct on (order_id) order_id, cause from routing_decision
    where merchant_id = :merchant and order_id = any(cast(:orders as uuid[]))
        and (cause = :let_go or stage in ('held', 'excluded'))
    order by order_id, at desc, id desc
    """
)
PARTS = sa.text(
    """
    select product_id, part_id from bundle_part
    where merchant_id = :merchant and product_id = any(cast(:products as uuid[]))
    """
)
THERE = sa.text(
    """
    select distinct connection_id, product_id from listing
    where merchant_id = :merchant and product_id = any(cast(:products as uuid[])) and missing_since is null
        and connection_id = any(cast(:plugins as uuid[]))
    """
)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin as routing sees it: what it is called, and why it cannot send anything now, "" where it can."""

    id: uuid.UUID
    name: str
    cause: str
    is_default: bool


def plugins_of(store_id: uuid.UUID) -> dict[uuid.UUID, Plugin]:
    """The plugins of a store."""
    query = sa.select(Connection.id, Connection.name, Connection.state, Connection.is_default).where(
        Connection.merchant_id == whose(), Connection.store_id == store_id, Connection.kind == Kind.FULFILMENT.value
    )
    return {
        row.id: Plugin(row.id, row.name, _cause(row.state), row.is_default)
        for row in db.session.execute(query.order_by(Connection.id))
    }


def _cause(state: ConnectionState) -> str:
    if state is ConnectionState.ACTIVE:
        return ""
    return FAILED if state in {ConnectionState.FAILED, ConnectionState.PAUSED} else OFF


def default_of(plugins: Mapping[uuid.UUID, Plugin]) -> uuid.UUID | None:
    """The default plugin of a store, None where it has none."""
    return next((each.id for each in plugins.values() if each.is_default), None)


class Known:
    """What is known of some orders: the facts that rules look at, and what each plugin could send of them."""

    def __init__(self, orders: Sequence[Order], plugins: Mapping[uuid.UUID, Plugin]) -> None:
        self._plugins = plugins
        about = {"merchant": whose(), "orders": array(each.id for each in orders)}
        self._lines: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for line in db.session.execute(LINES, about):
            self._lines[line.order_id].append(line)
        said = db.session.execute(SAID_LAST, {**about, "let_go": LET_GO})
        self._let_go = {row.order_id for row in said if row.cause == LET_GO}
        products = {line.product_id for lines in self._lines.values() for line in lines if line.product_id}
        self._parts = _parts_of(products)
        self._there = _there(products.union(*self._parts.values()), plugins)

    def facts(self, order: Order) -> Facts:
        """What rules know of one of the orders."""
        lines = self._lines.get(order.id, [])
        return Facts(
            channel=str(order.connection_id) if order.connection_id else "",
            skus=tuple(line.sku for line in lines),
            tags=tuple(order.tags),
            quantity=sum(line.quantity for line in lines),
            value=Money(order.total_minor, order.currency) if order.total_minor is not None else None,
            currency=order.currency,
            country=order.country,
            province=order.province,
            postcode=order.postcode,
            payment=_payment(order),
            service=order.shipping_service,
            let_go=order.id in self._let_go,
        )

    def hindrance(self, order_id: uuid.UUID, plugin_id: uuid.UUID) -> Hindrance | None:
        """Why a plugin cannot send one of the orders, None where it can."""
        plugin = self._plugins.get(plugin_id)
        if plugin is None:
            return Hindrance(GONE)
        if plugin.cause:
            return Hindrance(plugin.cause, plugin.name)
        for line in self._lines.get(order_id, []):
            if line.product_id is None:
                return Hindrance(UNLINKED, line.sku)
            needed = self._parts.get(line.product_id) or (line.product_id,)
            if any((plugin_id, each) not in self._there for each in needed):
                return Hindrance(NOT_THERE, line.sku)
        return None


def _payment(order: Order) -> str:
    if order.paid_on_delivery:
        return Payment.ON_DELIVERY
    return Payment.UNPAID if order.status is OrderStatus.UNPAID else Payment.PAID


def _parts_of(products: Collection[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """By bundle, the products that it is made of: a warehouse sends those."""
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for row in db.session.execute(PARTS, {"merchant": whose(), "products": array(products)}):
        found[row.product_id].append(row.part_id)
    return found


def _there(products: Collection[uuid.UUID], plugins: Collection[uuid.UUID]) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Which plugin knows which product under a code of its own."""
    values = {"merchant": whose(), "products": array(products), "plugins": array(plugins)}
    return {(row.connection_id, row.product_id) for row in db.session.execute(THERE, values)}
