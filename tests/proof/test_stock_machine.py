"""Whatever happens to the stock, in whatever order: its numbers are those of a model made of plain dicts.

Orders come, change, leave in parcels or by their channel's word, are cancelled, come back, are told again; people
count, bring in and take out, set limits, make bundles, send files; a transaction is cut off in the middle.  After each
step the database must agree with the model, the balance with the sum of the moves.  The long form is asked for with
`LINTAS_STOCK_RUNS=2000`.
"""

from __future__ import annotations

import io
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from portal.contract.records import OrderStatus
from portal.flows import bundles, stock, stock_counts, stock_files
from portal.flows.audit import LINTAS
from portal.flows.work import Claim
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import LEFT, RESERVING, Notice, OrderLine, Product, Reservation, Stock, StockMove, StockWhy
from tests.cast import Cast
from tests.goods import product
from tests.selling import becomes, lines_of, order

RUNS = int(os.environ.get("LINTAS_STOCK_RUNS", "200"))
STEPS = 50 if "LINTAS_STOCK_RUNS" in os.environ else 8
NAMES = ("A", "B", "C", "GIFT")
PARTS = ("A", "B")

few = st.integers(1, 6)
statuses = st.sampled_from([*OrderStatus])


@dataclass
class Line:
    """One line of an order of the model: pieces that left in a parcel by product, pieces that are promised."""

    sku: str
    quantity: int
    gone: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)


@dataclass
class Sale:
    """One order of the model."""

    status: OrderStatus | None
    by_channel: bool
    lines: list[Line]


class Model:
    """The stock as plain numbers."""

    def __init__(self) -> None:
        self.on_hand: Counter[str] = Counter()
        self.parts: dict[str, int] = {}
        self.sales: dict[uuid.UUID, Sale] = {}

    def wanted(self, sale: Sale, line: Line) -> Counter[str]:
        """What a line shall be promised."""
        if sale.by_channel or (sale.status is not None and sale.status not in RESERVING):
            return Counter()
        whole = self.parts if line.sku == "GIFT" and self.parts else {line.sku: 1}
        found = Counter({sku: line.quantity * number - line.gone[sku] for sku, number in whole.items()})
        return +found

    def settle(self, sale: Sale) -> None:
        """Promise, give back, or let leave."""
        for line in sale.lines:
            if sale.status in LEFT and not sale.by_channel:
                for sku, number in line.held.items():
                    self.on_hand[sku] = max(0, self.on_hand[sku] - number)
            line.held = self.wanted(sale, line)

    def ship(self, line: Line, sku: str, number: int) -> None:
        """A parcel takes some of what is promised."""
        taken = min(number, line.held[sku])
        line.held = +(line.held - Counter({sku: taken}))
        line.gone[sku] += taken
        self.on_hand[sku] = max(0, self.on_hand[sku] - taken)

    @property
    def reserved(self) -> Counter[str]:
        """What is promised of each SKU."""
        return sum((line.held for sale in self.sales.values() for line in sale.lines), Counter())


class StockMachine(RuleBasedStateMachine):
    """The real stock beside the model; `house` is set by the test."""

    house: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.ids: dict[str, uuid.UUID] = {}
        self.way = ExitStack()

    @initialize()
    def begin(self) -> None:
        """A merchant's products, new for each run."""
        self.way.enter_context(acting_for(StockMachine.house.lantern))
        run = new_id().hex[-8:]
        self.ids = {name: product(f"{name}-{run}").id for name in NAMES}

    def teardown(self) -> None:
        db.session.rollback()
        self.way.close()

    def of(self, name: str) -> Product:
        return db.session.get_one(Product, (whose(), self.ids[name]))

    def some(self, chance: random.Random) -> uuid.UUID | None:
        return chance.choice(sorted(self.model.sales)) if self.model.sales else None

    # --- orders -------------------------------------------------------------------------------------------------------

    @rule(
        lines=st.lists(st.tuples(st.sampled_from(NAMES), few), min_size=1, max_size=3),
        status=st.sampled_from([None, OrderStatus.UNPAID, OrderStatus.TO_SHIP, OrderStatus.SHIPPED]),
        by_channel=st.sampled_from([False, False, False, True]),
    )
    def an_order_comes(self, lines: list[tuple[str, int]], status: OrderStatus | None, by_channel: bool) -> None:
        made = order(*[(self.of(sku), number) for sku, number in lines], status=status, by_channel=by_channel)
        sale = Sale(status, by_channel, [Line(sku, number) for sku, number in lines])
        self.model.sales[made] = sale
        self.model.settle(sale)

    @rule(status=statuses.filter(lambda each: each is not OrderStatus.KEEP), chance=st.randoms(use_true_random=False))
    def an_order_changes(self, status: OrderStatus, chance: random.Random) -> None:
        if chosen := self.some(chance):
            becomes(chosen, status)
            self.model.sales[chosen].status = status
            self.model.settle(self.model.sales[chosen])

    @rule(number=st.integers(0, 6), chance=st.randoms(use_true_random=False))
    def a_line_changes(self, number: int, chance: random.Random) -> None:
        if chosen := self.some(chance):
            place = chance.randrange(len(self.model.sales[chosen].lines))
            line_id = lines_of(chosen)[place]
            db.session.execute(sa.update(OrderLine).where(OrderLine.id == line_id).values(quantity=number))
            stock.settle([chosen])
            db.session.commit()
            self.model.sales[chosen].lines[place].quantity = number
            self.model.settle(self.model.sales[chosen])

    @rule(number=few, chance=st.randoms(use_true_random=False))
    def a_parcel_leaves(self, number: int, chance: random.Random) -> None:
        if chosen := self.some(chance):
            sale = self.model.sales[chosen]
            place = chance.randrange(len(sale.lines))
            for sku in sorted(sale.lines[place].held):
                stock.ship({(lines_of(chosen)[place], self.ids[sku]): number}, now())
                db.session.commit()
                self.model.ship(sale.lines[place], sku, number)

    @rule(cut=st.booleans())
    def everything_is_told_again(self, cut: bool) -> None:
        """A replay changes nothing; one that is cut off before its end changes nothing either."""
        stock.settle(list(self.model.sales))
        if cut:
            db.session.rollback()
        else:
            db.session.commit()

    @rule(
        status=st.sampled_from([OrderStatus.SHIPPED, OrderStatus.CANCELLED]), chance=st.randoms(use_true_random=False)
    )
    def a_crash_loses_a_change(self, status: OrderStatus, chance: random.Random) -> None:
        if chosen := self.some(chance):
            db.session.execute(
                sa.text("update orders set status = :status where id = :id"), {"status": status.value, "id": chosen}
            )
            stock.settle([chosen])
            db.session.rollback()

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(NAMES),
        why=st.sampled_from([StockWhy.COUNT, StockWhy.IN, StockWhy.OUT]),
        number=st.integers(0, 12),
    )
    def somebody_counts(self, name: str, why: StockWhy, number: int) -> None:
        there = self.model.on_hand[name]
        allowed = why is StockWhy.COUNT or (number > 0 and (why is StockWhy.IN or number <= there))
        if not allowed or (name == "GIFT" and self.model.parts):
            with pytest.raises(Refusal):
                stock_counts.adjust(self.of(name), why, number, "a reason", LINTAS)
            db.session.rollback()
            return
        stock_counts.adjust(self.of(name), why, number, "a reason", LINTAS)
        sign = {StockWhy.COUNT: number, StockWhy.IN: there + number, StockWhy.OUT: there - number}
        self.model.on_hand[name] = sign[why]

    @rule(name=st.sampled_from(PARTS), number=few)
    def goods_come_back(self, name: str, number: int) -> None:
        stock.receive({self.ids[name]: number}, "Tom")
        db.session.commit()
        self.model.on_hand[name] += number

    @rule(counts=st.dictionaries(st.sampled_from(("A", "B", "C")), st.integers(0, 12), min_size=1))
    def a_file_counts(self, counts: dict[str, int]) -> None:
        rows = [f"{self.of(name).sku},{number}" for name, number in counts.items()]
        read = stock_files.read(io.BytesIO("\n".join(["SKU,Quantity", *rows]).encode()), "counts.csv")
        assert not read.wrong
        moved, same = stock_files.take_over(read, LINTAS, whole=True)
        assert moved + same == len(counts)
        assert moved == sum(self.model.on_hand[name] != number for name, number in counts.items())
        self.model.on_hand.update(Counter({}))
        for name, number in counts.items():
            self.model.on_hand[name] = number

    @rule(buffer=st.none() | few, most=st.none() | st.integers(0, 6), name=st.sampled_from(NAMES))
    def limits_change(self, buffer: int | None, most: int | None, name: str) -> None:
        """Limits move no stock."""
        stock_counts.set_limits(self.of(name), buffer, most, LINTAS)

    @rule(name=st.sampled_from(PARTS), number=st.integers(0, 3))
    def the_bundle_changes(self, name: str, number: int) -> None:
        if self.model.on_hand["GIFT"] and number:
            with pytest.raises(Refusal):
                bundles.add_part(self.of("GIFT"), self.of(name), number, LINTAS)
            db.session.rollback()
            return
        if number:
            bundles.add_part(self.of("GIFT"), self.of(name), number, LINTAS)
            self.model.parts[name] = number
        else:
            bundles.remove_part(self.of("GIFT"), self.ids[name], LINTAS)
            self.model.parts.pop(name, None)
        body = {"product": str(self.ids["GIFT"])}
        bundles.carry_out(Claim(whose(), new_id(), "house", bundles.KIND, body, 1, 1, ""))
        for sale in self.model.sales.values():
            if any(line.sku == "GIFT" for line in sale.lines) and (sale.status is None or sale.status in RESERVING):
                self.model.settle(sale)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_numbers_are_those_of_the_model(self) -> None:
        if not self.ids:
            return
        mine = list(self.ids.values())
        by_id = {product_id: name for name, product_id in self.ids.items()}
        rows = db.session.execute(
            sa.select(Stock.product_id, Stock.on_hand, Stock.reserved, Stock.version).where(Stock.product_id.in_(mine))
        ).all()
        real = {by_id[row.product_id]: (row.on_hand, row.reserved) for row in rows}
        reserved = self.model.reserved
        for name in NAMES:
            assert real.get(name, (0, 0)) == (self.model.on_hand[name], reserved[name]), name
        sums = sa.select(
            StockMove.product_id, sa.func.sum(StockMove.on_hand), sa.func.sum(StockMove.reserved), sa.func.count()
        )
        found = db.session.execute(sums.where(StockMove.product_id.in_(mine)).group_by(StockMove.product_id)).all()
        assert {tuple(row) for row in found} == {tuple(row) for row in rows if row.version}
        held = (
            sa.select(Reservation.product_id, sa.func.sum(Reservation.quantity))
            .where(Reservation.product_id.in_(mine), Reservation.state == "open")
            .group_by(Reservation.product_id)
        )
        assert {by_id[row[0]]: row[1] for row in db.session.execute(held)} == dict(reserved)
        told = sa.select(Notice.subject_id).where(Notice.cause == "oversold", Notice.cleared_at.is_(None))
        short = {name for name in NAMES if reserved[name] > self.model.on_hand[name]}
        assert {by_id[each] for each in db.session.scalars(told.where(Notice.subject_id.in_(mine)))} == short
        db.session.rollback()


@pytest.fixture
def house(cast: Cast) -> Iterator[None]:
    with cast.app.app_context():
        StockMachine.house = cast
        yield
        StockMachine.house = None


@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("house")
def test_the_stock_is_what_a_model_of_plain_numbers_says() -> None:
    run_state_machine_as_test(
        StockMachine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="LINTAS_STOCK_RUNS" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
