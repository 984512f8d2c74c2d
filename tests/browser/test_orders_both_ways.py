"""Stock goes out and orders come in, both ways: from the channel to the warehouse and back, as a merchant sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser import jd_com, jdl
from tests.browser.house import House
from tests.browser.trade import ACCOUNT, MARKETS, Goods, Trade
from tests.browser.visit import Visit, Visiting

RULE = "JD.com to the warehouse"
# One of the list that the seller has at JD.com.
CARRIER = "京东快递"
RESERVED = ("%(num)s piece reserved", "%(num)s pieces reserved")
CAME_IN = (
    "Came in from %(channel)s with %(num)s piece: %(status)s.",
    "Came in from %(channel)s with %(num)s pieces: %(status)s.",
)


def at_work(house: House, visit: Visit) -> Trade:
    visit.sign_in("owner@samudra.example")
    return Trade(visit, {key: house.walked[f"{key}/{ACCOUNT}"] for key in (*MARKETS, "jdl")})


@pytest.fixture
def trade(all_three: House, visiting: Visiting, request: pytest.FixtureRequest) -> Iterator[Trade]:
    """The merchant at work, in English unless told otherwise; their own language is Indonesian."""
    locale = getattr(request, "param", "en")
    found = at_work(all_three, visiting(locale))
    found.visit.speak(locale)
    yield found
    found.visit.speak("id")


@pytest.fixture
def open_trade(trade: Trade) -> Trade:
    """The same with the export of both marketplaces let out."""
    for market in MARKETS:
        trade.let_out(market)
    return trade


def sum_of(trade: Trade, goods: Goods, market: str) -> int:
    """The number of the explained page, which its own lines have to give."""
    trade.visit.open(f"/listings/{goods.listings[market]}/stock")
    cells = trade.page.locator("#sum tbody td").all_inner_texts()
    on_hand, promised, available, buffer = (trade.visit.number(each) for each in cells[-6:-2])
    cap, shown = cells[-2], trade.visit.number(cells[-1])
    assert sum(trade.visit.number(each) for each in cells[:-6]) == on_hand, "the warehouses make up what is on hand"
    assert on_hand - promised == available
    left = max(0, available - buffer)
    assert shown == (min(left, trade.visit.number(cap)) if any(map(str.isdigit, cap)) else left)
    return shown


@pytest.mark.parametrize(("trade", "market"), [("id", "jd_id"), ("en", "jd_com")], indirect=["trade"])
def test_the_export_is_looked_at_before_it_is_let_out(trade: Trade, market: str) -> None:
    trade.let_out(market)
    goods = trade.goods()
    shown = sum_of(trade, goods, market)
    trade.until(lambda: trade.shelf(goods, market) == shown, f"{market} shows {shown}")


def takes_one(trade: Trade) -> str:
    """The page of an order of JD.com that was just routed: a rule is tried on orders that are there."""
    number = trade.place("jd_com", trade.goods(), 1)
    trade.look_for_orders()
    path = trade.order(number)
    trade.routed(path, "assigned")
    return path


def test_a_rule_is_tried_on_the_last_orders_before_it_is_saved(open_trade: Trade) -> None:
    trade = open_trade
    path = takes_one(trade)
    trade.make_rule(RULE, "jd_com", jdl.NAME)
    trade.visit.open(path)
    trade.visit.sees("No rule takes it, so it goes to the default plugin, %(plugin)s.", plugin=jdl.NAME)


@pytest.mark.parametrize("trade", ["en", "id"], indirect=True)
def test_orders_of_both_channels_are_sent_shipped_and_confirmed_and_stock_falls_at_the_other(
    open_trade: Trade,
) -> None:
    trade, visit, page = open_trade, open_trade.visit, open_trade.page
    plugin, count = jdl.NAME, visit.words.count
    if not trade.rules(RULE):
        takes_one(trade)
        trade.make_rule(RULE, "jd_com", plugin)
    goods = trade.goods()
    on_hand, reserved = trade.stock(goods)
    shown = {market: trade.explained(goods, market)["derivation"]["level"] for market in MARKETS}
    for market in MARKETS:
        trade.until(lambda at=market: trade.shelf(goods, at) == shown[at], f"{market} shows {shown[market]}")

    com = trade.place("jd_com", goods, 3)
    trade.look_for_orders()
    com_path = trade.open_order(com)
    trade.routed(com_path, "assigned")
    visit.open(com_path)
    expect(page.locator("#items")).to_contain_text(count(*RESERVED, 3))
    place = [each["name"] for each in trade.told("/rules")["items"]].index(RULE) + 1
    visit.sees("Rule %(place)s “%(name)s” chose %(plugin)s.", place=place, name=RULE, plugin=plugin)
    trade.until(lambda: trade.shelf(goods, "jd_id") == shown["jd_id"] - 3, "JD.ID shows 3 fewer", 15)

    ours = trade.place("jd_id", goods, 2)
    trade.look_for_orders()
    ours_path = trade.open_order(ours)
    trade.routed(ours_path, "assigned")
    visit.open(ours_path)
    expect(page.locator("#items")).to_contain_text(count(*RESERVED, 2))
    visit.sees("No rule takes it, so it goes to the default plugin, %(plugin)s.", plugin=plugin)
    trade.until(lambda: trade.shelf(goods, "jd_com") == shown["jd_com"] - 5, "JD.com shows 5 fewer", 15)
    assert trade.stock(goods) == (on_hand, reserved + 5)
    assert sum_of(trade, goods, "jd_id") == shown["jd_id"] - 5

    # JD.com merges orders of one buyer, so this one waits for others until the merchant says otherwise.
    visit.open(com_path)
    expect(page.locator("#waits")).to_contain_text(visit.say("Waiting to merge until %(moment)s.").partition("%")[0])
    visit.press("Send now")
    references = {path: trade.shipment(path, "accepted")["reference"] for path in (com_path, ours_path)}
    assert [len(trade.created(each)) for each in references.values()] == [1, 1]

    for path, reference in references.items():
        trade.at_the_warehouse("order", reference=reference, status="10016")
        trade.picked(path)
        trade.at_the_warehouse("ship", reference=reference)
    numbers = {path: trade.shipment(path, "left", "done")["parcels"][0]["tracking"] for path in references}

    # JD.ID chooses its own carrier; JD.com has a list, and is asked for once.
    trade.until(lambda: trade.sold("jd_id", ours)["state"] == "shipped", "JD.ID was told")
    visit.open(ours_path)
    expect(page.locator("#parcels")).to_contain_text(numbers[ours_path])
    expect(page.locator("#timeline")).to_contain_text(trade.sold("jd_id", ours)["waybill"])

    trade.until(lambda: trade.told(com_path)["shipment"]["confirmation"]["state"] in {"waiting", "done"}, "it is asked")
    visit.open(com_path)
    expect(page.locator("#parcels")).to_contain_text(numbers[com_path])
    if trade.told(com_path)["shipment"]["confirmation"]["state"] == "waiting":
        visit.sees("Which carrier is it?")
        page.locator("#parcels select").select_option(label=CARRIER)
        visit.press("Use this carrier")
    trade.until(lambda: trade.sold("jd_com", com)["state"] == "shipped", "JD.com was told")
    assert trade.sold("jd_com", com)["waybill"] == numbers[com_path]
    assert trade.told(com_path)["shipment"]["reference"] == references[com_path]

    trade.look_for_orders()
    trade.status(com_path, "shipped")
    visit.open(com_path)
    came = count(*CAME_IN, 3, channel=jd_com.NAME, status=visit.say("To ship"))
    expect(page.locator("#timeline")).to_contain_text(came)
    trade.timeline("Planned for %(plugin)s.", plugin=plugin)
    trade.timeline("Sent to %(plugin)s as %(reference)s.", plugin=plugin, reference=references[com_path])
    trade.timeline("%(plugin)s is picking it.", plugin=plugin)
    trade.timeline("Left %(plugin)s: %(numbers)s", plugin=plugin, numbers=f"JNE {numbers[com_path]}")
    trade.timeline(
        "%(channel)s was told: %(carrier)s %(numbers)s", channel=jd_com.NAME, carrier=CARRIER, numbers=numbers[com_path]
    )
    trade.until(lambda: trade.stock(goods) == (on_hand - 5, reserved), "what left is off the shelf")
    assert [len(trade.created(each)) for each in references.values()] == [1, 1]
    assert trade.shelf(goods, "jd_com") == shown["jd_com"] - 5


def test_an_order_that_is_cancelled_in_time_lets_its_pieces_go_and_one_too_late_says_when_it_left(
    open_trade: Trade,
) -> None:
    trade, visit, page, goods = open_trade, open_trade.visit, open_trade.page, open_trade.goods()
    before, shown = trade.stock(goods), trade.explained(goods, "jd_id")["derivation"]["level"]

    early = trade.place("jd_com", goods, 2)
    late = trade.place("jd_id", goods, 1)
    trade.look_for_orders()
    early_path, late_path = trade.order(early), trade.order(late)
    reference = trade.shipment(late_path, "accepted")["reference"]
    assert trade.shipment(early_path, "planned")
    assert trade.stock(goods) == (before[0], before[1] + 3)

    trade.at_the_warehouse("cancelling", answer="fails")
    trade.at_the_warehouse("order", reference=reference, status="10016")
    trade.at_the_channel("jd_com", early, "cancel")
    trade.at_the_channel("jd_id", late, "cancel")
    trade.look_for_orders()
    trade.status(early_path, "cancelled")
    trade.status(late_path, "cancelled")
    visit.open(early_path)
    expect(page.locator("header .badge").first).to_have_text("Cancelled")
    trade.timeline("Taken out of its shipment before anything was sent.")

    trade.shipment(late_path, "cancelling")
    visit.open(late_path)
    trade.timeline("%(plugin)s was asked to stop it.", plugin=jdl.NAME)
    trade.at_the_warehouse("order", reference=reference)
    trade.at_the_warehouse("order", reference=reference)
    trade.shipment(late_path, "left", "done")
    visit.open(late_path)
    expect(page.locator("#timeline")).to_contain_text(f"Too late to stop it: it left {jdl.NAME} at")
    expect(page.locator(".note").filter(has_text="Too late")).to_contain_text("Ask the carrier to bring it back")
    assert trade.sold("jd_id", late)["state"] == "cancelled"
    trade.at_the_warehouse("cancelling", answer="succeeds")

    trade.until(lambda: trade.stock(goods) == (before[0] - 1, before[1]), "only the one that left is gone")
    trade.until(lambda: trade.shelf(goods, "jd_id") == shown - 1, "JD.ID shows one fewer")


def test_without_scripts_an_order_is_held_and_a_product_is_counted(open_trade: Trade, visiting: Visiting) -> None:
    number = open_trade.place("jd_com", open_trade.goods(), 1)
    open_trade.look_for_orders()
    open_trade.shipment(open_trade.order(number), "planned")
    plain = at_work(open_trade.visit.house, visiting("en", scripts=False))
    visit, page = plain.visit, plain.page

    path = plain.open_order(number)
    page.locator("#routing input[name=why]").fill("The buyer wants to add something")
    visit.press("Hold")
    visit.sees("%(name)s put it on hold: %(reason)s.", name="Dewi Lestari", reason="The buyer wants to add something")
    assert plain.told(path)["shipment"] is None

    rows = [each for each in plain.told("/stock")["items"] if not each["bundle"]]
    mine = next(each for each in rows if not each["follows"])
    visit.open(f"/stock/{mine['product']['id']}/adjust")
    page.locator("#number").fill("7")
    page.locator("#note").fill("Counted by hand")
    visit.press("Save")
    assert plain.told(f"/stock/{mine['product']['id']}")["on_hand"] == 7

    theirs = next(each for each in rows if each["follows"])
    visit.refused_at("/adjust")
    visit.open(f"/stock/{theirs['product']['id']}/adjust")
    page.locator("#number").fill("7")
    page.locator("#note").fill("Counted by hand")
    visit.press("Save")
    visit.sees(f"follows the warehouse of {jdl.NAME}")
    assert plain.told(f"/stock/{theirs['product']['id']}")["on_hand"] == theirs["on_hand"]
