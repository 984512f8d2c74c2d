"""The page "JD.com Integration Guide" of the help, walked in Indonesian from Settings to Is active."""

from __future__ import annotations

import io
import re

from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.seed import Seed, Walk, wait_for_import

SEED = Seed("jd_com")
NAME = "JD Worldwide"


def logo() -> bytes:
    """A small picture with transparent corners."""
    picture = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((4, 4, 92, 92), fill=(196, 32, 36, 255))
    pen.rectangle((30, 42, 66, 54), fill=(255, 255, 255, 255))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@SEED.step("3", "Log in. Navigate to Settings → My Store")
def my_store(walk: Walk) -> None:
    walk.visit.menu("Settings")
    walk.visit.heads("My Store")


@SEED.step("4", "Click Add New Sales Channel and select JD.com from the list")
def add_channel(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    page.locator("#add_channel").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.type("worldwide")
    expect(page.locator("dialog[open] .pick")).to_have_count(1)
    visit.press("Select", "JD.com")
    visit.heads("Connect %(remote)s", remote="JD.com")
    walk.path = re.sub(r"/guide$", "", page.url.removeprefix(visit.house.url))


@SEED.step("1-2", "Register and verify your JD seller account. Request API access. You will need five values")
def at_jd(walk: Walk) -> None:
    steps = walk.page.locator("#todo ol.guide > li")
    expect(steps).to_have_count(2)
    expect(steps.nth(0).locator("a")).to_have_attribute("href", "https://www.jd.hk")
    for value in ("API Key", "API Secret", "App ID", "Access Token", "API Endpoint"):
        expect(steps.nth(1)).to_contain_text(value)
    walk.visit.press("Continue")


@SEED.step("5", "Enter required details: name, logo, API Key, API Secret, App ID, Access Token, API Endpoint")
def details(walk: Walk) -> None:
    visit, page, sandbox = walk.visit, walk.page, walk.visit.house.sandbox
    labels = [visit.say("Sales Channel Name"), visit.say("Sales Channel Logo")]
    labels += [visit.words.setting("jd_com", key) for key in ("api_key", "api_secret", "app_id")]
    labels += [visit.words.setting("jd_com", key) for key in ("access_token", "api_endpoint")]
    fields = page.locator("#settings_form .field > label")
    expect(fields).to_have_count(len(labels))  # Waits for the page, which reading the texts at once does not.
    shown = fields.all_inner_texts()
    assert [text.removesuffix(visit.say("(optional)")).strip() for text in shown] == labels
    values = [
        walk.account["app_key"],
        walk.account["app_secret"],
        "700002",
        walk.account["tokens"][0]["access"],
        f"{sandbox.url}/jd_com",
    ]
    visit.enter(labels[0], NAME)
    page.locator("#logo").set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": logo()})
    for label, value in zip(labels[2:], values, strict=True):
        visit.enter(label, value)


@SEED.step("5a", "The keys can be tried before going on")
def test_keys(walk: Walk) -> None:
    visit = walk.visit
    visit.press("Test")
    visit.alarm("%(remote)s accepted the keys.", remote="JD.com")
    visit.sees(walk.account["shop_name"])
    expect(walk.page.locator("#api_secret-field .secret-set")).to_be_visible()
    picture = walk.page.locator("img.logo")
    expect(picture).to_be_visible()
    picture.evaluate("it => it.decode()")  # Fails where the uploaded logo cannot be drawn.


@SEED.step("6", "Click Continue")
def go_on(walk: Walk) -> None:
    walk.visit.press("Continue")
    walk.visit.heads("What %(remote)s would show", remote="JD.com")


@SEED.step("7", "Sync Inventory; Sync Stock Levels; Use Channel Names")
def inventory(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    label = visit.words.option
    expect(page.get_by_label(label("jd_com", "import_products"), exact=True)).to_be_checked()
    stock = page.locator("#goods div").filter(has_text=label("jd_com", "export")).first
    expect(stock).to_contain_text(visit.say("Off"))
    visit.tick(label("jd_com", "use_channel_names"))


@SEED.step("8", "Max Stock Levels; Stock Buffer")
def cap_and_buffer(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    result = page.locator("#stock_preview .part.result b")
    free = visit.number(result.inner_text())
    visit.enter(visit.words.option("jd_com", "buffer"), "10")
    expect(result).to_have_text(str(free - 10))
    visit.enter(visit.words.option("jd_com", "max_level"), "5")
    expect(result).to_have_text("5")
    expect(page.locator("#echo")).to_contain_text("5")
    visit.enter(visit.words.option("jd_com", "max_level"), "")
    expect(result).to_have_text(str(free - 10))
    visit.enter(visit.words.option("jd_com", "max_level"), "100")
    expect(result).to_have_text("100")
    expect(page.locator("#max_level")).to_be_focused()


@SEED.step("9", "Auto Merge Orders; Order Importing Type: the start date and time")
def orders(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    visit.tick(visit.words.option("jd_com", "auto_merge"))
    page.locator("input[name=import_orders_from][value=moment]").check()
    page.locator("#import_orders_from_at").fill("2026-11-20T08:30")
    expect(page.locator("#import_orders_from_at-words")).to_contain_text("2026")
    visit.press("Save and continue")


@SEED.step("10", "Click Save once all settings are configured")
def save(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    for value in (NAME, "700002", "100", "10"):
        expect(page.locator("main")).to_contain_text(value)
    visit.press("Save")


@SEED.step("11", "Set the channel to Is Active at the top of the screen")
def activate(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    switch = page.get_by_role("switch", name=visit.say("Is active"), exact=True)
    expect(switch).to_have_attribute("aria-checked", "false")
    visit.at_the_top_right(switch)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()


@SEED.step("12", "Your JD.com integration is now live")
def live(walk: Walk) -> None:
    wait_for_import(walk.visit)
    expect(walk.page.locator("#state_badge .badge").first).to_have_text(walk.visit.say("Connected"))
