"""Orders, plugins and rules as rows, for tests of where orders go; nothing of it speaks to a remote."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from portal.flows import audit, routing, rules, work
from portal.flows.rules import Draft
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import (
    Connection,
    ConnectionState,
    Notice,
    Order,
    OrderStage,
    Product,
    RoutingDecision,
    Rule,
    RuleAction,
    Shipment,
    ShipmentOrder,
    Store,
    Work,
)
from tests import goods, selling

TOM = audit.By("Tom Ellis")


def the_store() -> Store:
    return db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()


def plugin(name: str, skus: Sequence[str] = (), *, default: bool = False) -> Connection:
    """A plugin that is on and sells these SKUs, each linked to the product of that SKU."""
    made = goods.connection("jdl", name)
    made.state, made.is_default = ConnectionState.ACTIVE, default
    db.session.commit()
    for sku in skus:
        product(sku)
    goods.take_in(made, [goods.listing(f"{name}-{sku}", sku) for sku in skus])
    return made


def named(name: str) -> Connection:
    """A connection as it is now."""
    return db.session.scalars(sa.select(Connection).where(Connection.name == name)).one()


def product(sku: str) -> Product:
    """The product of a SKU, made where it is not there yet."""
    found = db.session.scalars(sa.select(Product).where(Product.sku == sku)).one_or_none()
    return found or goods.product(sku)


def condition(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def rule(
    name: str,
    *conditions: Mapping[str, Any],
    to: Connection | None = None,
    action: RuleAction = RuleAction.ASSIGN,
    text: str = "",
    fall_back: bool = False,
) -> Rule:
    return rules.add(the_store(), Draft(name, conditions, action, to.id if to else None, text, fall_back), TOM)


def order(*skus: str, quantity: int = 1, **more: Any) -> uuid.UUID:
    """An order of these SKUs that is to be shipped and wants routing."""
    made = selling.order(*((product(sku), quantity) for sku in skus), settle=False, **more)
    routing.consider([made])
    db.session.commit()
    return made


def route() -> None:
    """What the worker does with the waiting orders, and with nothing else."""
    for _ in range(50):
        db.session.execute(sa.update(Work).where(Work.kind == "route").values(not_before=now()))
        db.session.commit()
        waiting = db.session.scalars(sa.select(Work.id).where(Work.kind == "route", Work.status == "open")).all()
        if not waiting:
            return
        work.drain(work.house_lane(whose()), {"route": routing.carry_out})
    raise AssertionError("routing does not come to an end")


def seen(order_id: uuid.UUID) -> Order:
    db.session.expire_all()
    return db.session.get_one(Order, (whose(), order_id))


def stage(order_id: uuid.UUID) -> OrderStage:
    return seen(order_id).stage


def decisions(order_id: uuid.UUID) -> list[RoutingDecision]:
    query = sa.select(RoutingDecision).where(RoutingDecision.order_id == order_id)
    return list(db.session.scalars(query.order_by(RoutingDecision.at, RoutingDecision.id)))


def goes_to(order_id: uuid.UUID) -> str:
    """The name of the plugin that has the live shipment of an order, "" where there is none."""
    query = (
        sa.select(Connection.name)
        .join(Shipment, Shipment.connection_id == Connection.id)
        .join(ShipmentOrder, ShipmentOrder.shipment_id == Shipment.id)
        .where(ShipmentOrder.order_id == order_id, ShipmentOrder.live)
    )
    return db.session.scalar(query) or ""


def open_notices() -> dict[str, int]:
    """The open notices of the store: cause and how many orders it names."""
    query = sa.select(Notice).where(Notice.cleared_at.is_(None), Notice.subject == "store")
    return {each.cause: each.arguments["count"] for each in db.session.scalars(query)}
