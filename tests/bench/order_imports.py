"""B12: orders come in by pages, promise their pieces and are routed, against COPY of the rows that this leaves."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import sqlalchemy as sa
from psycopg import sql

from portal.contract.definition import Resource
from portal.contract.records import Consignee, RemoteLine, RemoteListing, RemoteOrder
from portal.flows import routing, routing_deciding, rules, stock_counts, work
from portal.flows.audit import LINTAS
from portal.flows.rules import Draft
from portal.flows.stock_counts import Counted
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.money import Money
from portal.models import Connection, Order, Product, RuleAction, Store
from tests.bench import ground, imports
from tests.bench.figure import Asked, Figure, Watch, at_least, at_most, middle, ratio_of, timed
from tests.stack import Stack

GOAL, SHARE = 0.05, 0.25
PAGE, ROUNDS = 100, 2
PRODUCTS, ON_HAND = 2_000, 500_000
PROVINCES = ("Shanghai", "Guangdong", "Zhejiang", "Sichuan", "Hubei", "Hunan", "Fujian", "Yunnan")
# Of each table the rows that an import leaves, by the orders in `mine`; first what others refer to.
LEFT = {
    "orders": "id in (select id from mine)",
    "order_line": "order_id in (select id from mine)",
    "order_event": "order_id in (select id from mine)",
    "reservation": "order_id in (select id from mine)",
    "stock_move": "subject_id in (select id from mine)",
    "routing_decision": "order_id in (select id from mine)",
    "shipment": "id in (select shipment_id from shipment_order where order_id in (select id from mine))",
    "shipment_order": "order_id in (select id from mine)",
    "work": """kind = 'send_shipment' and natural_key in
        (select shipment_id::text from shipment_order where order_id in (select id from mine))""",
}


@dataclass(frozen=True)
class Taken:
    """Seconds of one import; of these, deciding where orders go and keeping that, and planning the shipments."""

    whole: float
    routing: float
    planning: float


def bench(asked: Asked) -> list[Figure]:
    """Each round imports orders, and then writes the very same rows by COPY in their place."""
    size = asked.size(10_000, 2_000)
    with ground.house() as stack, ground.merchant("Orders"), ground.superuser(stack.superuser_url) as wire:
        channel, goods = _shop()
        found: dict[str, list[float]] = {"ours": [], "copy": []}
        shares, plans, rows = [], [], 0
        _import(channel, orders_of("warm", goods, PAGE * 5))
        for number in range(ROUNDS):
            taken = orders_of(str(number), goods, size)
            ground.settled(stack)
            took = _import(channel, taken)
            _check(taken)
            seconds, rows = _copied(stack, wire, [each.remote_id for each in taken])
            found["ours"].append(size / took.whole)
            found["copy"].append(size / seconds)
            shares.append(took.routing / took.whole)
            plans.append(took.planning / took.whole)
    ratio, share = ratio_of(found["ours"], found["copy"]), middle(shares)
    return [
        Figure(
            "B12a",
            f"{size:,} orders in, with reservation and 20 rules, against COPY of their {rows:,} rows",
            middle(found["ours"]),
            "orders/s",
            ratio,
            f">= {GOAL} x COPY",
            at_least(ratio, GOAL),
            {"rounds": found},
        ),
        Figure(
            "B12b",
            f"routing, share of that time (planning the shipments takes {middle(plans):.0%} more)",
            share * 100,
            "%",
            None,
            f"<= {SHARE:.0%}",
            at_most(share, SHARE),
            {"shares": shares, "planning": plans},
        ),
    ]


# --- a shop -----------------------------------------------------------------------------------------------------------


def _shop() -> tuple[uuid.UUID, list[RemoteListing]]:
    """The id of a channel that sells goods, two plugins that have all of them, stock enough, and twenty rules."""
    goods = ground.records("orders", PRODUCTS, dirty=0)
    ground.products_for(goods)
    channel = ground.connection("the channel")
    plugins = [ground.connection(f"plugin {number}", "jdl") for number in range(2)]
    channel_id, plugin_ids = channel.id, [each.id for each in plugins]
    plugins[0].is_default = True
    db.session.commit()
    for each in (channel, *plugins):
        imports.take_in(each, goods, 1_000)
    products = db.session.scalars(sa.select(Product.id).where(Product.merchant_id == whose())).all()
    for at in range(0, len(products), 1_000):
        stock_counts.count_many([Counted(each, ON_HAND, "first count") for each in products[at : at + 1_000]], LINTAS)
    _rules(plugin_ids, goods)
    return channel_id, goods


def _rules(plugins: Sequence[uuid.UUID], goods: Sequence[RemoteListing]) -> None:
    """Rules of every kind: most orders pass most of them, and two in five meet one that takes them."""
    store = db.session.scalars(sa.select(Store).where(Store.merchant_id == whose()).limit(1)).one()
    made = [
        Draft("large", [_if("quantity", "greater", 8)], RuleAction.TAG, text="large"),
        Draft("dear", [_if("value", "greater", {"minor": 90_000, "currency": "CNY"})], RuleAction.TAG, text="dear"),
        Draft("on delivery", [_if("payment", "is", "on_delivery")], RuleAction.HOLD, text="Money first"),
        Draft("abroad", [_if("country", "is_not", "CN")], RuleAction.EXCLUDE, text="Ships by itself"),
        *[
            Draft(
                f"{province} {number}",
                [_if("province", "is", province), _if("postcode", "contains", str(number) * 2)],
                RuleAction.ASSIGN,
                plugins[number % 2],
                fall_back=bool(number % 2),
            )
            for number, province in enumerate(PROVINCES)
        ],
        *[Draft(f"SKU {each.sku}", [_if("sku", "is", each.sku)], RuleAction.ASSIGN, plugins[1]) for each in goods[:5]],
        Draft("fast", [_if("service", "contains", "air"), _if("quantity", "less", 3)], RuleAction.ASSIGN, plugins[1]),
        Draft("tagged", [_if("tag", "is", "dear"), _if("tag", "is", "large")], RuleAction.ASSIGN, plugins[0]),
        Draft("coast", [_if("province", "in", ["Shanghai", "Fujian"])], RuleAction.ASSIGN, plugins[1]),
    ]
    assert len(made) == 20
    for each in made:
        rules.add(store, each, LINTAS)


def _if(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def orders_of(seed: str, goods: Sequence[RemoteListing], number: int) -> list[RemoteOrder]:
    """Orders as a channel tells them: one to three lines, a buyer, an address, what was sent."""
    began = now() - timedelta(minutes=1)
    return [_order(seed, goods, at, began + timedelta(milliseconds=at)) for at in range(number)]


def _order(seed: str, goods: Sequence[RemoteListing], at: int, moment: Any) -> RemoteOrder:
    remote_id = f"{seed}-{260_000_000_000 + at}"
    named = [goods[(at * 37 + place * 101) % len(goods)] for place in range(1 + at % 3)]
    lines = tuple(
        RemoteLine(str(place), each.remote_id, each.sku, each.title, 1 + (at + place) % 3, each.price)
        for place, each in enumerate(named)
    )
    to = Consignee(
        name=f"Wang Xiaoming {at}",
        phone=f"138{at:08d}",
        address=f"{at} Nanjing Road, Building 7",
        district="Huangpu",
        city="Shanghai",
        province=PROVINCES[at % len(PROVINCES)],
        postcode=f"{200_000 + at * 7 % 99_999}",
        country="CN",
    )
    return RemoteOrder(
        remote_id=remote_id,
        status_word="WAIT_SELLER_STOCK_OUT",
        lines=lines,
        placed_at=moment,
        updated_at=moment,
        paid_at=moment,
        ship_by=moment + timedelta(days=2),
        total=Money(sum(line.quantity * 1990 for line in lines), "CNY"),
        payment_word="4",
        paid_on_delivery=at % 50 == 0,
        shipping_service="air express" if at % 10 == 0 else "standard",
        consignee=to,
        buyer=f"buyer-{at % 7000}",
        raw={"orderId": remote_id, "venderRemark": "", "itemInfoList": [{"skuId": each.listing_id} for each in lines]},
    )


# --- the two ways -----------------------------------------------------------------------------------------------------


def _import(channel_id: uuid.UUID, taken: Sequence[RemoteOrder]) -> Taken:
    """What a run and the work that follows it do: keep page by page, promise, and route what wants to be shipped."""
    channel = db.session.get_one(Connection, (whose(), channel_id))
    keeping = timed(lambda: imports.take_in(channel, taken, PAGE, Resource.ORDERS))
    planning = Watch()
    with patch.object(routing_deciding.planning, "plan", planning.over(routing_deciding.planning.plan)):
        routed = timed(lambda: work.drain(work.house_lane(whose()), {"route": routing.carry_out}, 600))
    return Taken(keeping + routed, routed - planning.seconds, planning.seconds)


def _check(taken: Sequence[RemoteOrder]) -> None:
    """Every order is here, promised and routed: what was measured is what was meant."""
    mine = Order.merchant_id == whose(), Order.remote_id.in_([each.remote_id for each in taken])
    stages = dict(db.session.execute(sa.select(Order.stage, sa.func.count()).where(*mine).group_by(Order.stage)).all())
    assert sum(stages.values()) == len(taken), stages
    assert set(stages) <= {"assigned", "held"}, stages
    assert stages["assigned"] > len(taken) * 0.9, stages
    promised = "select count(distinct order_id) from reservation where state = 'open' and order_id in (select id from"
    found = db.session.scalar(
        sa.text(f"{promised} orders where merchant_id = :merchant and remote_id = any(:ids))"),
        {"merchant": whose(), "ids": [each.remote_id for each in taken]},
    )
    assert found == len(taken), found
    db.session.rollback()


def _copied(stack: Stack, wire: psycopg.Connection[Any], remote_ids: Sequence[str]) -> tuple[float, int]:
    """Seconds in which binary COPY writes the rows of these orders, and how many rows they are.

    The rows are read, taken away, and written again as they were, with every index and foreign key.
    """
    wire.execute("create temp table mine as select id from orders where remote_id = any(%s)", [list(remote_ids)])
    wire.execute("create unique index on mine (id); analyze mine")
    blocks, number = {}, 0
    for table, condition in LEFT.items():
        count = wire.execute(f"select count(*) from {table} where {condition}").fetchone()  # type: ignore[arg-type]
        number += count[0] if count else 0
        told = f"copy (select {_columns(wire, table)} from {table} where {condition}) to stdout (format binary)"
        with wire.cursor().copy(told) as out:  # type: ignore[arg-type]
            blocks[table] = [bytes(each) for each in out]
    wire.execute("set session_replication_role = replica")
    for table, condition in reversed(LEFT.items()):
        if table != "shipment_order":
            wire.execute(f"delete from {table} where {condition}")  # type: ignore[arg-type]
    wire.execute(f"delete from shipment_order where {LEFT['shipment_order']}")
    wire.execute("set session_replication_role = origin")
    ground.settled(stack)
    seconds = timed(lambda: _copy(wire, blocks))
    wire.execute("drop table mine")
    return seconds, number


def _copy(wire: psycopg.Connection[Any], blocks: dict[str, list[bytes]]) -> None:
    with wire.transaction():
        for table, rows in blocks.items():
            told = sql.SQL("copy {} ({}) from stdin (format binary)")
            with wire.cursor().copy(told.format(sql.Identifier(table), sql.SQL(_columns(wire, table)))) as into:
                for each in rows:
                    into.write(each)


def _columns(wire: psycopg.Connection[Any], table: str) -> str:
    """The columns of a table that are written, quoted."""
    names = wire.execute(
        "select quote_ident(column_name) from information_schema.columns"
        " where table_name = %s and is_generated = 'NEVER' order by ordinal_position",
        [table],
    )
    return ", ".join(row[0] for row in names)
