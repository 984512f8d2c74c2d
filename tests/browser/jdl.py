"""The page "Integrating JD" of the help, walked from Stores to a plugin that is checked, filled and ready."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import expect

from tests.browser.seed import Seed, Walk
from tests.browser.visit import Visit

SEED = Seed("jdl")
NAME = "JD UK – Ecom Orders"
CODES = (
    "customer_code",
    "operator_code",
    "source_system_code",
    "cargo_owner_id",
    "warehouse_code",
    "sales_channel_code",
    "customer_dept_code",
)
READY_WITHIN = 120_000
PUSHED_WITHIN = 30.0


@SEED.step("1", "Log in. In the left-hand navigation menu, click Stores; click the edit (pencil) icon")
def the_store(walk: Walk) -> None:
    walk.visit.menu("Stores")
    walk.page.locator("main tbody tr").first.locator("a.btn.icon, a:has(svg)").last.click()
    walk.visit.heads("Plugins")


@SEED.step("2", "In the Plugins section click + ADD; type or select JD in the pop-up, then click Install")
def install(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    page.locator("#add_plugin").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.type("JD")
    expect(page.locator("dialog[open] .pick")).to_have_count(1)
    visit.press("Install", "JD Logistics")
    expect(page.locator("#keys_form")).to_be_visible()
    walk.path = re.sub(r"/settings$", "", page.url.removeprefix(visit.house.url))


@SEED.step("3", "Enter the name and the seven codes exactly as supplied; configure the options")
def codes(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    labels = [visit.say("Plugin Name"), *(visit.words.setting("jdl", key) for key in CODES)]
    shown = page.locator("#keys_form .card:not(#options) .field > label")
    texts = [text.strip() for text in shown.all_inner_texts()][: len(labels)]
    assert texts == labels, "the fields stand in the order of the page, with its words"
    page.locator("#name").fill(NAME)
    for key in CODES:
        page.locator(f"#{key}").fill(f" {walk.account['types'][key]} ")
    for key in ("import_products", "sync_stock", "import_orders"):
        page.get_by_label(visit.words.option("jdl", key), exact=True).check()


@SEED.step("4", "Click Connect to trigger the handshake; follow the instructions on screen")
def connect(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    visit.press("Connect")
    consent(visit, walk.account)
    visit.press("Next")
    expect(page.locator("#keys_form, #plugin_form").first).to_be_visible()


@SEED.step("5a", "Toggle Is Default on; click Save in the bottom right corner")
def save(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    page.get_by_label(visit.say("Is default"), exact=True).check()
    button = page.locator(".savebar").get_by_role("button", name=visit.say("Save"), exact=True)
    box, window = button.bounding_box(), page.viewport_size
    assert box is not None
    assert window is not None
    assert box["y"] > window["height"] * 0.75, f"Save stands at the bottom, not at {box}"
    button.click()
    expect(page.get_by_role("switch", name=visit.say("Is active"), exact=True)).to_have_attribute(
        "aria-checked", "false"
    )


@SEED.step("5b", "After saving, toggle the Is Active switch at the top of the plugin screen")
def activate(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    switch = page.get_by_role("switch", name=visit.say("Is active"), exact=True)
    visit.at_the_top_right(switch)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")


@SEED.step("6", "Within 3 to 5 minutes the plugin is checked, filled and ready")
def ready(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    visit.open(walk.path)
    expect(page.locator("#state_badge .badge").first).to_have_text(visit.say("Connected"), timeout=READY_WITHIN)
    expect(page.locator("#first_check progress")).to_have_count(0, timeout=READY_WITHIN)
    visit.heads("Stock in the warehouse", patience=READY_WITHIN)


def consent(visit: Visit, account: dict[str, Any]) -> None:
    """Sign in at JD's own page, subscribe to its messages, allow; the browser stands at the step of the sign-in."""
    page = visit.page
    page.wait_for_url(f"{visit.house.sandbox.url}/**")
    page.locator("#email").fill(str(account["email"]))
    page.locator("#password").fill(str(account["password"]))
    page.locator("input[type=checkbox]").first.check()
    page.locator("button[value=allow]").click()
    page.wait_for_url(f"{visit.house.url}/connections/**/login")


def push_something(visit: Visit, walk: Walk) -> None:
    """JD is told our address, counts one SKU anew and pushes it; the delivery is waited for."""
    page, sandbox, account = visit.page, visit.house.sandbox, walk.account["name"]
    letter = page.request.get(f"{visit.house.url}{walk.path}/settings").text()
    hook = re.search(r"http://[^\s\"<]+/hooks/[\w-]+", letter)
    assert hook, "the letter to JD names the address for pushes"
    sandbox.control("hook", integration="jdl", account=account, url=hook[0], subscribed=1)
    known = {"integration": "jdl", "account": account, "count": 1}
    sku = sandbox.http.get("/control/listings", params=known).json()[0]["sku"]
    sandbox.control("stock", integration="jdl", account=account, sku=sku, quantity=17)
    ends = time.monotonic() + PUSHED_WITHIN
    while not re.search(r"/deliveries/[\w-]{20,}", page.request.get(f"{visit.house.url}/deliveries").text()):
        assert time.monotonic() < ends, "the push was not received"
        time.sleep(0.5)
