"""The rules of a store in a browser: written, tried, saved, ordered; and why an order went where it did."""

from __future__ import annotations

import re
from html import unescape

import pytest
import sqlalchemy as sa

from portal.flows import routing
from portal.kit.db import db
from portal.models import Order, Rule
from tests.cast import Cast
from tests.flows import routed
from tests.flows.routed import condition
from tests.web.sandboxed import text_of
from tests.web.shelf import HX, Browser, lantern


@pytest.fixture
def mei(cast: Cast) -> Browser:
    return Browser(cast, cast.mei)


@pytest.fixture
def away(cast: Cast) -> str:
    """Two plugins, of which the first is the default; gives the id of the other."""
    with lantern(cast):
        routed.plugin("Main", ["A"], default=True)
        return str(routed.plugin("Jakarta", ["A"]).id)


def to_jakarta(away: str, **more: str) -> dict[str, str]:
    """A form as a browser sends it."""
    return {
        "name": "Indonesia",
        "c-0-field": "country",
        "c-0-operator": "is",
        "c-0-value": "id",
        "action": "assign",
        "plugin": away,
        **more,
    }


def test_a_rule_is_saved_and_stands_in_the_list_in_words(cast: Cast, mei: Browser, away: str) -> None:
    typed = to_jakarta(away, **{"c-1-field": "quantity", "c-1-operator": "greater", "c-1-value": "5", "then": "save"})
    answer = mei.post(f"/rules/new?store={cast.lantern_store}", typed)
    assert answer.status_code == 303, text_of(answer)
    page = text_of(mei.get("/rules"))
    assert "If ship-to country is ID and total quantity is greater than 5, assign to Jakarta." in page
    assert "Everything else goes to Main, the default plugin." in page
    store = text_of(mei.get(f"/stores/{cast.lantern_store}"))
    assert "Indonesia" in store
    assert "Added the rule Indonesia" in store
    (item,) = mei.json("/rules")["items"]
    assert (item["name"], item["place"], item["is_active"], item["version"]) == ("Indonesia", 1, True, 1)
    shown = mei.get(f"/rules/{item['id']}").text
    assert 'value="ID"' in shown or ">ID</textarea>" in shown


def test_conditions_come_and_go_without_a_script_and_nothing_typed_is_lost(cast: Cast, mei: Browser, away: str) -> None:
    address = f"/rules/new?store={cast.lantern_store}"
    page = mei.post(address, to_jakarta(away, then="add", add_field="sku"))
    assert page.status_code == 200
    assert 'name="c-1-field" value="sku"' in page.text
    assert ">id</textarea>" in page.text
    assert 'value="Indonesia"' in page.text
    both = to_jakarta(away, **{"c-1-field": "sku", "c-1-operator": "in", "c-1-value": "A\r\n B \r\n"})
    page = mei.post(address, both | {"then": "drop-0"})
    assert 'name="c-0-field" value="sku"' in page.text
    assert re.search(r">A\nB</textarea>", unescape(page.text))
    assert "c-1-field" not in page.text
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Rule)) == 0


def test_what_is_wrong_is_said_at_its_condition_and_nothing_is_saved(cast: Cast, mei: Browser, away: str) -> None:
    wrong = to_jakarta(away, name="", plugin="", then="save", **{"c-0-value": "Indonesia"})
    page = mei.post(f"/rules/new?store={cast.lantern_store}", wrong)
    assert page.status_code == 422
    said = text_of(page)
    assert "Condition 1: Enter the two letters of a country, such as ID or CN." in said
    assert "Enter a name of 1 to 80 characters." in said
    assert "Choose a plugin of this store." in said
    assert ">Indonesia</textarea>" in page.text


@pytest.mark.parametrize(
    ("typed", "minor", "currency"),
    [
        ("500", 50000, "CNY"),
        ("1,250.50", 125050, "CNY"),
        ("1.250,5", None, ""),
        ("250000 IDR", 25000000, "IDR"),
        ("1.250.000 idr", 125000000, "IDR"),
        ("many", None, ""),
    ],
)
def test_an_amount_is_read_as_it_is_written(
    cast: Cast, mei: Browser, away: str, typed: str, minor: int | None, currency: str
) -> None:
    value = {"c-0-field": "value", "c-0-operator": "greater", "c-0-value": typed}
    answer = mei.post(f"/rules/new?store={cast.lantern_store}", to_jakarta(away, then="save") | value)
    if minor is None:
        assert answer.status_code in {303, 422}
        if answer.status_code == 422:
            return
    (item,) = mei.json("/rules")["items"]
    if minor is not None:
        assert item["conditions"][0]["value"] == {"minor": minor, "currency": currency}


def test_a_rule_is_tried_on_the_orders_that_are_there_and_not_saved(cast: Cast, mei: Browser, away: str) -> None:
    with lantern(cast):
        made = [routed.order("A", country=each) for each in ("ID", "ID", "CN")]
        routed.route()
        numbers = {routed.seen(each).country: routed.seen(each).number for each in made}
    page = mei.post(f"/rules/new?store={cast.lantern_store}", to_jakarta(away, then="try"))
    assert page.status_code == 200
    said = text_of(page)
    assert "Of the last 3 orders, 2 would go elsewhere than they went." in said
    assert "If ship-to country is ID, assign to Jakarta." in said
    assert f"{numbers['ID']} Main Jakarta" in said
    assert "No rule: Main 1" in said
    assert mei.json("/rules")["items"] == []
    saved = mei.post(f"/rules/new?store={cast.lantern_store}", to_jakarta(away, then="save"))
    assert saved.status_code == 303
    behind = to_jakarta(away, then="try", name="Behind", **{"c-1-field": "sku", "c-1-operator": "exists"})
    said = text_of(mei.post(f"/rules/new?store={cast.lantern_store}", behind))
    assert "No order can reach it: “Indonesia” takes them all before." in said


def test_rules_change_places_and_are_turned_off_and_removed(cast: Cast, mei: Browser, away: str) -> None:
    for name in ("One", "Two"):
        mei.post(f"/rules/new?store={cast.lantern_store}", to_jakarta(away, then="save", name=name))
    one, two = mei.json("/rules")["items"]
    assert mei.post(f"/rules/{two['id']}/move", {"step": "up"}).status_code == 303
    assert [each["name"] for each in mei.json("/rules")["items"]] == ["Two", "One"]
    block = f"rule_active-{two['id']}"
    switched = mei.post(f"/rules/{two['id']}/active", {"on": "0"}, headers={**HX, "HX-Target": block})
    assert f'id="{block}"' in switched.text
    assert "<html" not in switched.text
    assert mei.json(f"/rules/{two['id']}")["is_active"] is False
    assert mei.post(f"/rules/{one['id']}/remove").status_code == 303
    assert [each["name"] for each in mei.json("/rules")["items"]] == ["Two"]


def test_the_page_of_an_order_says_which_rule_chose_and_why_the_others_did_not(
    cast: Cast, mei: Browser, away: str
) -> None:
    with lantern(cast):
        jakarta = routed.named("Jakarta")
        routed.rule("Large", condition("quantity", "greater", 5), to=jakarta)
        routed.rule("Indonesia", condition("country", "is", "ID"), to=jakarta)
        made = routed.order("A", country="ID")
        routed.route()
    page = text_of(mei.get(f"/orders/{made}"))
    assert "Rule 2 “Indonesia” chose Jakarta." in page
    assert "1 · Large Wanted: total quantity is greater than 5. The order has 1." in page
    assert mei.json(f"/orders/{made}")["routing"]["stage"] == "assigned"
    assert mei.json("/rules")["items"][1]["decided_in_30_days"] == 1


def test_an_order_is_held_with_a_reason_let_go_and_sent_elsewhere_from_its_page(
    cast: Cast, mei: Browser, away: str
) -> None:
    with lantern(cast):
        made = routed.order("A")
        routed.route()
    here = f"/orders/{made}/routing"
    refused = mei.post(here, {"deed": "hold", "why": " "})
    assert refused.status_code == 422
    assert "Enter a reason of 1 to 200 characters." in text_of(refused)
    assert mei.post(here, {"deed": "hold", "why": "the buyer called"}).status_code == 303
    assert "Mei Lin put it on hold: the buyer called." in text_of(mei.get(f"/orders/{made}"))
    mei.post(here, {"deed": "let_go"})
    mei.post(here, {"deed": "send_to", "plugin": away})
    with lantern(cast):
        assert routed.goes_to(made) == "Jakarta"
    page = text_of(mei.get(f"/orders/{made}"))
    assert "Mei Lin sent it to Jakarta." in page
    assert "The rules of now would decide otherwise: Main." in page
    assert mei.post(here, {"deed": "made up"}).status_code == 404


def test_an_order_that_is_blocked_says_what_to_do(cast: Cast, mei: Browser, away: str) -> None:
    with lantern(cast):
        routed.rule("All", condition("quantity", "greater", 0), to=routed.named("Jakarta"))
        made = routed.order("B")
        routed.route()
    page = text_of(mei.get(f"/orders/{made}"))
    assert "Jakarta has no listing that is linked to the SKU B." in page
    assert "1 order of Lantern Shanghai is blocked." in text_of(mei.get("/"))


def test_without_a_default_the_list_offers_to_make_one(cast: Cast, mei: Browser) -> None:
    with lantern(cast):
        routed.plugin("Main", ["A"])
        made = routed.order("A")
        routed.route()
        assert routing.waits_for(db.session.scalars(sa.select(Order)).one()) == ""
    page = text_of(mei.get("/rules"))
    assert "Everything else goes nowhere." in page
    assert "Make Main the default" in page
    assert "No rule takes it, and the store has no default plugin." in text_of(mei.get(f"/orders/{made}"))
    assert "1 order of Lantern Shanghai has no plugin to go to." in text_of(mei.get("/"))


def test_who_only_looks_reads_the_rules_and_changes_none(cast: Cast, mei: Browser, away: str) -> None:
    mei.post(f"/rules/new?store={cast.lantern_store}", to_jakarta(away, then="save"))
    (item,) = mei.json("/rules")["items"]
    vera = Browser(cast, cast.vera)
    page = vera.get(f"/rules/{item['id']}")
    assert page.status_code == 200
    assert 'type="submit" name="then"' not in page.text
    for deed in ("", "/active", "/move", "/remove"):
        assert vera.post(f"/rules/{item['id']}{deed}").status_code == 403
    assert Browser(cast, cast.rex).get(f"/rules?store={cast.lantern_store}").status_code == 404
