"""Orders in the situations that a merchant meets, and a rule, so that their pages can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import expect

from tests.browser.trade import ACCOUNT, MARKETS, Trade
from tests.browser.visit import Visit

# By situation: where the order is placed, and how.  Two buyers, because orders of one may travel together.
PLACED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "waiting": ("jd_com", {"buyer": 11, "note": "Titip di pos satpam, ya.", "gift": 1, "ship_by_hours": 6}),
    "unpaid": ("jd_com", {"unpaid": 1}),
    "by_channel": ("jd_com", {"by_channel": 1}),
    "left": ("jd_com", {"buyer": 12}),
    "cancelled": ("jd_id", {}),
}
PICKED = "10016"


def make(visit: Visit) -> None:
    """Make them all; the house keeps the path of each order as `order_` and its situation."""
    walked = visit.house.walked
    trade = Trade(visit, {key: walked[f"{key}/{ACCOUNT}"] for key in (*MARKETS, "jdl")})
    goods = trade.goods()
    # No stock is sent yet, so a marketplace may show none of it.
    numbers = {name: trade.place(market, goods, 1, force=1, **how) for name, (market, how) in PLACED.items()}
    trade.at_the_channel("jd_id", numbers["cancelled"], "cancel")
    visit.open("/orders")
    trade.page.locator("form[action='/orders/check'] button").click()
    found = {name: trade.order(number) for name, number in numbers.items()}
    _leave(trade, found["left"])
    found["refused"] = _by_hand(trade, goods.sku)
    walked.update({f"order_{name}": path for name, path in found.items()})
    _tag_rule(visit)


def _leave(trade: Trade, path: str) -> None:
    """The warehouse sends an order that would have waited for others; its channel does not know the carrier yet."""
    trade.routed(path, "assigned")
    trade.visit.open(path)
    if trade.told(path)["shipment"]["state"] == "planned":
        trade.page.locator("#shipment form[action$='/send'] button").first.click()
    reference = trade.shipment(path, "accepted")["reference"]
    trade.at_the_warehouse("order", reference=reference, status=PICKED)
    trade.picked(path)
    trade.at_the_warehouse("ship", reference=reference)
    trade.shipment(path, "left", "done")


def _by_hand(trade: Trade, sku: str) -> str:
    """An order whose address lacks what the warehouse needs."""
    visit, page = trade.visit, trade.page
    visit.open("/orders/new")
    for field, value in {
        "sku_1": sku,
        "pieces_1": "1",
        "name": "Rini Example",
        "city": "Jakarta",
        "country": "ID",
    }.items():
        page.locator(f"#{field}").fill(value)
    page.locator("#entry .actions button[type=submit]").click()
    expect(page.locator("#routing")).to_be_visible()
    path = page.url.removeprefix(visit.house.url)
    trade.shipment(path, "refused")
    return path


def _tag_rule(visit: Visit) -> None:
    """A rule that moves nothing."""
    page = visit.page
    visit.open("/rules/new")
    page.locator("#name").fill("Jakarta")
    page.locator("#c-0-value").fill("ID")
    page.locator("input[name=action][value=tag]").check()
    page.locator("#text").fill("Jabodetabek")
    page.locator(".savebar button[value=save]").click()
    expect(page.locator("#rules tbody tr").first).to_be_visible()
