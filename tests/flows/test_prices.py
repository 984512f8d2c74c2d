"""Prices that are set here reach the channels that sell in their currency, where that is turned on, and only then."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from portal.flows import connections, prices
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.money import Money, money
from portal.models import (
    Connection,
    ConnectionState,
    ExportStage,
    LinkState,
    Listing,
    Notice,
    PricePush,
    Product,
    Work,
)
from tests import goods
from tests.cast import Cast
from tests.flows.jd import MEI, jd_com, point_at, work_off
from tests.sandbox_server import Running, sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
Told = Callable[[], list[str]]
WHO = {"integration": "jd_com", "account": "northwick"}


@pytest.fixture(autouse=True)
def lantern(cast: Cast, sandbox: Running) -> Iterator[None]:
    before = cast.app.extensions["lintas"]
    point_at(cast.app, sandbox.url)
    sandbox.control("account", integration="jd_com", name="northwick", size=20, dirty=0)
    with cast.app.app_context(), acting_for(cast.lantern):
        yield
    cast.app.extensions["lintas"] = before


@pytest.fixture
def channel(sandbox: Running) -> uuid.UUID:
    """JD.com with its catalogue imported, its export let out and prices sent."""
    made = jd_com(sandbox)
    channel_id = made.id
    connections.turn_on(made, MEI)
    work_off()
    found = of(channel_id)
    assert found.state is ConnectionState.ACTIVE
    found.export_stage = ExportStage.OPEN
    found.options = {**found.options, "export": True, "export_prices": True}
    db.session.commit()
    return channel_id


def of(channel: uuid.UUID) -> Connection:
    return db.session.get_one(Connection, (whose(), channel), populate_existing=True)


def linked(channel: uuid.UUID) -> tuple[uuid.UUID, str]:
    """A product with one listing of the channel linked to it: the product's id and the listing's number there."""
    query = sa.select(Listing).where(Listing.merchant_id == whose(), Listing.connection_id == channel)
    listing = db.session.scalars(query.order_by(Listing.remote_id).limit(1)).one()
    product = goods.product(listing.sku)
    listing.product_id, listing.link_state, listing.link_how = product.id, LinkState.LINKED, "hand"
    listing.linked_at, listing.linked_sku = now(), listing.sku
    found = product.id, listing.remote_id
    db.session.commit()
    return found


def rows(sandbox: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.http.get("/control/listings", params={**WHO, "count": 20}).json()
    return found


def there(sandbox: Running, listing: str) -> str:
    return next(str(each["price"]) for each in rows(sandbox) if str(each["id"]) == listing)


def put(product: uuid.UUID, price: Money | None, currency: str = "CNY") -> None:
    prices.put_all(db.session.get_one(Product, (whose(), product)), [(currency, price)], MEI)


def set_to(product: uuid.UUID, price: Money | None, currency: str = "CNY") -> None:
    put(product, price, currency)
    hurry()


def hurry() -> None:
    for _ in range(6):
        db.session.execute(sa.update(Work).where(Work.kind == prices.KIND).values(not_before=now()))
        db.session.commit()
        work_off(2)


@pytest.fixture
def sent(sandbox: Running) -> Told:
    """The prices that JD.com was told since the test began."""

    def told() -> list[str]:
        return [each for each in sandbox.http.get("/control/journal").text.splitlines() if '"price.set"' in each]

    before = len(told())
    return lambda: told()[before:]


def push_of(listing: str) -> PricePush:
    query = sa.select(PricePush).join(Listing, Listing.id == PricePush.listing_id).where(Listing.remote_id == listing)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def test_a_price_reaches_the_channel_exactly(sandbox: Running, channel: uuid.UUID, sent: Told) -> None:
    product, listing = linked(channel)
    set_to(product, money("1299.50", "CNY"))
    assert there(sandbox, listing) == "1299.50"
    push = push_of(listing)
    assert (push.acked_minor, push.acked) == (129950, push.wanted)
    set_to(product, money("1299.50", "CNY"))
    assert len(sent()) == 1, "what the channel was told already is not told again"
    set_to(product, money("99", "CNY"))
    assert there(sandbox, listing) == "99.00"


def test_a_price_in_another_currency_stays_here(sandbox: Running, channel: uuid.UUID, sent: Told) -> None:
    product, _listing = linked(channel)
    set_to(product, money("10", "GBP"), "GBP")
    assert sent() == []


@pytest.mark.parametrize("against", ["option", "held", "off"])
def test_nothing_is_sent_while_something_stands_against_it_and_everything_after(
    sandbox: Running, channel: uuid.UUID, sent: Told, against: str
) -> None:
    product, listing = linked(channel)
    found = of(channel)
    if against == "option":
        found.options = {**found.options, "export_prices": False}
    elif against == "held":
        found.export_stage = ExportStage.HELD
    else:
        found.state = ConnectionState.PAUSED
    db.session.commit()
    set_to(product, money("77.70", "CNY"))
    assert sent() == []
    again = of(channel)
    again.state, again.export_stage = ConnectionState.ACTIVE, ExportStage.OPEN
    db.session.commit()
    again = of(channel)
    connections.save_options(again, {**again.options, "export_prices": True}, MEI)
    prices.ring(of(channel))
    db.session.commit()
    hurry()
    assert there(sandbox, listing) == "77.70"


def test_after_a_lost_answer_the_price_that_is_right_then_is_sent(sandbox: Running, channel: uuid.UUID) -> None:
    product, listing = linked(channel)
    sandbox.control("fault", integration="jd_com", kind="cut", times=1, after=1, operation="*updateSkuJdPrice*")
    put(product, money("50", "CNY"))
    work_off(1)
    assert push_of(listing).acked < push_of(listing).sent, "nobody knows whether it arrived"
    set_to(product, money("60", "CNY"))
    assert there(sandbox, listing) == "60.00"
    push = push_of(listing)
    assert (push.acked, push.acked_minor) == (push.wanted, 6000)


def test_a_refused_price_is_told_and_not_tried_again_until_it_changes(
    sandbox: Running, channel: uuid.UUID, sent: Told
) -> None:
    product, listing = linked(channel)
    slot = next(each["slot"] for each in rows(sandbox) if str(each["id"]) == listing)
    sandbox.control("listing", **WHO, slot=slot, deed="withdraw")
    set_to(product, money("50", "CNY"))
    assert push_of(listing).cause
    open_ones = sa.select(Notice.cause).where(Notice.merchant_id == whose(), Notice.cleared_at.is_(None))
    assert "price_refused" in db.session.scalars(open_ones).all()
    hurry()
    assert sent() == []
    sandbox.control("listing", **WHO, slot=slot, deed="restore")
    set_to(product, money("55", "CNY"))
    assert there(sandbox, listing) == "55.00"
    assert "price_refused" not in db.session.scalars(open_ones).all()
