"""Every page with something on it: for whoever cannot see it, on a phone, in the dark, and without a mouse."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import people_case, screens, situations, support_case
from tests.browser.house import House
from tests.browser.visit import Visit, Visiting

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
ASK = """async ([rules, without]) => {
  const options = {
    resultTypes: ["violations"],
    rules: Object.fromEntries(without.map(name => [name, {enabled: false}])),
    ...(rules ? {runOnly: {type: "rule", values: rules}} : {}),
  };
  const found = await axe.run(document, options);
  const colours = ({fgColor, bgColor}) => fgColor ? ` ${fgColor} on ${bgColor}` : "";
  const place = node => node.target.join(" ") + colours(node.any[0]?.data || {});
  return found.violations.map(each => `${each.id} (${each.help}): ${each.nodes.map(place).slice(0, 4).join(" | ")}`);
}"""
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
# What is on its way from one colour or width to another cannot be judged yet.
SETTLED = """async () => {
  const moving = () => document.getAnimations().some(each => each instanceof CSSTransition);
  for (let still = 0, frame = 0; still < 4 && frame < 60; frame++, still = moving() ? 0 : still + 1)
    await new Promise(requestAnimationFrame);
}"""
# On a phone the heads of columns are there for screen readers only and have their names by aria-label.
HIDDEN_ON_A_PHONE = ["empty-table-header"]
# Answers that are no pages: a file, a redirect, or a word for machines.
NO_PAGES = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/<path:filename>",
    "/logos/<public_id>",
    "/oauth/<integration>/callback",
    "/connections/<public_id>/export/file",
    "/orders/new-ones",
    "/products/export/file",
    "/products/import/<public_id>/problems.csv",
    "/settings/activity/file",
    "/settings/support/file",
}
# These lead on to a page that is looked at under its own address.
LEAD_ON = {"/settings", "/channels/add", "/plugins/add", "/login/code"}
# Whoever opens these is not signed in: a mail led here, or a password was forgotten.
OF_STRANGERS = ("/login", "/forgotten", "/reset/there-is-no-such-link", "/invited/there-is-no-such-link")
STAFF_AREA = "/support"


@pytest.fixture
def owner(all_three: House, visiting: Visiting) -> Visit:
    """The owner of Toko Samudra, with both channels and the plugin, two channels that are not finished, and a file."""
    visit = visiting("id", reduced_motion="reduce")
    visit.sign_in("owner@samudra.example")
    if "unfinished" not in all_three.walked:
        screens.unfinished_jd_id(visit)
        screens.unfinished_jd_com(visit)
        screens.upload(visit)
        screens.connect_link(visit)
        situations.make(visit)
        support_case.visit_of_staff(visiting("en", reduced_motion="reduce"), "samudra")
        all_three.walked["unfinished"] = ""
    return visit


def faults_of(visit: Visit, name: str) -> list[str]:
    """What is wrong with the page on the screen, wide and narrow, light and dark."""
    page, found = visit.page, []
    page.evaluate(AXE)
    for width, without in ((1280, []), (390, HIDDEN_ON_A_PHONE)):
        found += _too_wide(visit, name, width)
        for scheme, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(SETTLED)
            found += [f"{name} at {width}, {scheme}: {each}" for each in page.evaluate(ASK, [rules, without])]
    found += _too_wide(visit, name, 320)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


def _too_wide(visit: Visit, name: str, width: int) -> list[str]:
    visit.page.set_viewport_size({"width": width, "height": 900})
    return [f"{name} at {width}: wider than the window"] if visit.page.evaluate(OVERFLOWS) else []


def test_every_page_is_readable_for_everyone_and_fits_on_a_phone(owner: Visit) -> None:
    owner.refused_at("/nowhere", "/connect/there-is-no-such-link")
    found: list[str] = []
    for name, path in screens.addresses(owner).items():
        owner.look_at(path)
        found += faults_of(owner, name)
    assert not found, "\n".join(found)


def test_no_page_is_left_out(owner: Visit) -> None:
    seen = [*screens.addresses(owner).values(), *OF_STRANGERS]
    left = [each for each in unseen(owner.house, seen) if not each.startswith(STAFF_AREA)]
    assert not left, f"tests/browser/screens.py names no example of {left}"


def unseen(house: House, seen: Iterable[str]) -> list[str]:
    """The pages of the address map of which no address is among these."""
    told = support_case.portal(house, "routes")
    pages = [rule for rule, methods, *_ in map(str.split, told.splitlines()) if "GET" in methods.split(",")]
    paths = [path.partition("?")[0] for path in seen]
    return [
        rule
        for rule in pages
        if rule not in NO_PAGES | LEAD_ON
        and not any(re.fullmatch(re.sub(r"<[^>]+>", "[^/]+", rule), path) for path in paths)
    ]


def test_every_page_of_the_staff_area_and_under_the_strip_is_readable_for_everyone(
    owner: Visit, visiting: Visiting
) -> None:
    agent = visiting("en", reduced_motion="reduce")
    agent.sign_in(support_case.STAFF, support_case.STAFF_PASSWORD)
    agent.refused_at("/support/sessions")
    found, staff = [], screens.of_staff(agent)
    for name, path in staff.items():
        agent.look_at(path)
        found += faults_of(agent, name)
    agent.open(screens.of_staff(agent)["staff_merchant_samudra"])
    support_case.look_as(agent)
    acting = screens.as_a_merchant(agent)
    for name, path in acting.items():
        agent.open(path)
        expect(agent.page.locator("#support_strip")).to_be_visible()
        found += faults_of(agent, name)
    agent.page.set_viewport_size({"width": 390, "height": 800})
    agent.page.mouse.wheel(0, 600)
    for told in (agent.page.locator("#support_strip .extra"), agent.page.locator("#support_clock")):
        expect(told, "why, and how long, is said on a phone too, however far one reads").to_be_in_viewport()
    for name, visit in support_case.consent(agent, owner):
        found += faults_of(visit, name)
    support_case.leave(agent)
    assert not found, "\n".join(found)
    left = [each for each in unseen(owner.house, [*staff.values(), *acting.values()]) if each.startswith(STAFF_AREA)]
    assert not left, f"tests/browser/screens.py names no example of {left}"


def test_the_pages_before_the_sign_in_are_readable_for_everyone(visiting: Visiting) -> None:
    for locale in ("en", "id", "zh_Hans"):
        visit = visiting(locale)
        visit.refused_at(*OF_STRANGERS[2:])
        for path in OF_STRANGERS:
            visit.open(path)
            assert not faults_of(visit, f"{path} in {locale}")


def test_the_screens_from_an_invitation_to_a_second_step_are_readable_for_everyone(
    owner: Visit, visiting: Visiting
) -> None:
    newcomer, found = visiting("en", reduced_motion="reduce"), []
    for name, visit in people_case.moments(owner, newcomer):
        found += faults_of(visit, name)
    assert not found, "\n".join(found)


def test_dialogs_are_readable_hold_the_focus_and_give_it_back(owner: Visit) -> None:
    page = owner.page
    owner.open("/settings/my-store")
    opener = page.locator("#add_channel")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    expect(dialog.locator("input[type=search]")).to_be_focused()
    assert not faults_of(owner, "chooser in a dialog")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_the_skip_link_leads_past_the_menu(owner: Visit) -> None:
    page = owner.page
    owner.open("/products")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    expect(skip).to_be_focused()
    box = skip.bounding_box()
    assert box is not None
    assert box["y"] >= 0, "it is seen while it has the focus"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')"), "the next stop lies in the page"


def test_ctrl_k_goes_to_the_search_and_typing_filters(owner: Visit) -> None:
    page = owner.page
    owner.open("/products")
    page.keyboard.press("Control+k")
    search = page.locator("#products_table_q")
    expect(search).to_be_focused()
    page.keyboard.type("there-is-no-such-product")
    owner.sees("No product matches.")
    expect(search).to_be_focused()
