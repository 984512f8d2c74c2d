"""Draw the main screens into docs/screens/: wide, on a phone (`-m`), and some in the dark (`-dark`).

    make screenshots

It starts the house as a user would, walks both pages of instructions on the way, and shows what a merchant sees.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from portal.kit.embedded import ROOT
from tests.browser import house as houses
from tests.browser import jd_com, jd_id, jdl, people_case, screens, situations, support_case
from tests.browser.house import House
from tests.browser.trade import ACCOUNT, MARKETS, Trade
from tests.browser.visit import BROWSER_FLAGS, IMPORT_PATIENCE, LANGUAGES, Visit
from tests.browser.words import Words
from tests.browser.workbench import make_products

PLACE = ROOT / "docs" / "screens"
LARGEST = 10 * 1024 * 1024
IN_THE_DARK = {
    *("home", "links", "jd-com-options", "run", "channel", "plugin", "plugin-wrong-code"),
    *("orders", "order", "stock-product", "export"),
    *("staff-merchants", "staff-merchant", "acting-home", "acting-acts", "support-access", "support-asked"),
    *("login", "people-invited", "security-on", "activity"),
}
# Much like another one: the tests look at them, and the folder carries no picture.
ALIKE = {
    "orders_attention",
    "orders_none",
    "order_by_channel",
    "order_cancelled",
    "stock_low",
    "stock_oversold",
    "stock_by_hand",
    "jd_id_export",
    "jd_com_export",
    "jd_id_statuses",
    "staff_worst",
    "staff_none",
    "staff_sessions_open",
    "acting_support",
}
WIDE, PHONE, HEIGHT = 1280, 390, 860
# Until nothing is on its way from one colour or width to another any more.
STILL = """async () => {
  await document.fonts.ready;
  const moving = () => document.getAnimations().some(each => each instanceof CSSTransition);
  for (let still = 0, frame = 0; still < 4 && frame < 60; frame++, still = moving() ? 0 : still + 1)
    await new Promise(requestAnimationFrame);
}"""


# As somebody finds it who opens it at this width.
AT_REST = """() => {
  document.activeElement?.blur();
  document.querySelector(".views [aria-current]")?.scrollIntoView({inline: "center", block: "nearest"});
  scrollTo(0, 0);
}"""


class Album:
    """Takes the pictures and keeps them small."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str, *, focus: bool = False) -> None:
        """The page as it stands: wide, narrow, and where it is wanted in the dark."""
        page.emulate_media(color_scheme="light")
        for width, mark in ((WIDE, ""), (PHONE, "-m")):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            self._keep(page, name + mark, focus=focus)
        page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        if name in IN_THE_DARK:
            page.emulate_media(color_scheme="dark")
            self._keep(page, f"{name}-dark", focus=focus)
            page.emulate_media(color_scheme="light")

    def _keep(self, page: Page, name: str, *, focus: bool) -> None:
        page.evaluate(STILL)
        if not focus:
            page.evaluate(AT_REST)
        drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        # Flat colours stay exactly what they are; only the soft edges of letters move, where nobody sees it.
        few = drawn.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
        few.save(self.place / f"{name}.png", optimize=True)
        print(f"  {name}.png", flush=True)


def connect_jd_id(visit: Visit, album: Album) -> None:
    """The pages of JD.ID in the merchant's own language, as they are filled in."""
    page, sandbox = visit.page, visit.house.sandbox
    visit.open("/channels")
    page.locator("#add_first").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    album.take(page, "chooser", focus=True)
    page.keyboard.press("Escape")

    def take(name: str) -> Callable[[], None]:
        return lambda: album.take(page, name)

    def finish() -> None:
        album.take(page, "jd-id-check")
        sandbox.control("fault", integration="jd_id", kind="latency:250", times=None)

    def running() -> None:
        page.locator(".toast").hover()  # It waits for who reads it.
        expect(page.locator("#first_check .stats dd").filter(has_not_text=re.compile("^0$")).first).to_be_visible(
            timeout=IMPORT_PATIENCE
        )
        album.take(page, "jd-id-import")
        sandbox.control("clear", integration="jd_id")

    walk = jd_id.SEED.walk(
        visit,
        before={
            "!": take("jd-id-guide"),
            "13": take("jd-id-settings"),
            "14": take("jd-id-login"),
            "15": take("jd-id-given"),
            "16": finish,
            "17": running,
        },
    )
    make_products(visit, walk.path.rsplit("/", 1)[-1])
    screens.unfinished_jd_id(visit)
    album.take(page, "jd-id-refused")


def connect_jd_com(visit: Visit, album: Album) -> None:
    """The pages of JD.com in English."""
    page = visit.page

    def tested() -> None:
        page.mouse.move(0, 0)
        album.take(page, "jd-com-settings")

    walk = jd_com.SEED.walk(
        visit,
        before={
            "6": tested,
            "9": lambda: album.take(page, "jd-com-options"),
            "10": lambda: album.take(page, "jd-com-check"),
        },
    )
    visit.open(walk.path)
    album.take(page, "channel")


def install_jdl(visit: Visit, album: Album) -> None:
    """The pages of JD Logistics in English: chooser, form, wrong code with what JD lists, first check, ready."""
    page = visit.page

    def chooser() -> None:
        page.locator("#add_plugin").click()
        expect(page.locator("dialog[open]")).to_be_visible()
        album.take(page, "plugin-chooser", focus=True)
        page.keyboard.press("Escape")

    def running() -> None:
        visit.house.sandbox.control("fault", integration="jdl", kind="latency:400", times=None)

    def checked() -> None:
        expect(page.locator("#first_check")).to_be_visible()
        album.take(page, "plugin-first-check")
        visit.house.sandbox.control("clear", integration="jdl")

    walk = jdl.SEED.walk(
        visit,
        account="samudra",
        before={
            "2": chooser,
            "4": lambda: album.take(page, "plugin-form"),
            "5b": running,
            "6": checked,
        },
    )
    jdl.push_something(visit, walk)
    visit.open(f"{walk.path}/settings")
    page.locator("#warehouse_code").fill("C0000000000")
    visit.press("Test connection")
    expect(page.locator("#warehouse_code-field .field-error, #warehouse_code-error").first).to_be_visible()
    album.take(page, "plugin-wrong-code")
    page.locator("#warehouse_code").fill(str(walk.account["types"]["warehouse_code"]))
    page.locator(".savebar").get_by_role("button", name=visit.say("Save"), exact=True).click()
    screens.upload(visit)
    screens.connect_link(visit)
    visit.open(page.locator("#connect_address").inner_text().strip().removeprefix(visit.house.url))
    album.take(page, "connect-link")


def let_stock_out(visit: Visit, album: Album) -> None:
    """The export of JD.com: what would change, the first twenty, everything; then JD.ID's."""
    page, walked = visit.page, visit.house.walked
    trade = Trade(visit, {key: walked[f"{key}/{ACCOUNT}"] for key in (*MARKETS, "jdl")})
    here = f"{trade.connections['jd_com']}/export"
    visit.open(here)
    visit.press("Show what would change")
    expect(visit.button("Send the first 20 and look")).to_be_visible(timeout=IMPORT_PATIENCE)
    visit.open(here)
    album.take(page, "export")
    visit.press("Send the first 20 and look")
    expect(page.locator("#export_progress .note.ok, #export_progress .note.warn")).to_be_visible(
        timeout=IMPORT_PATIENCE
    )
    visit.open(here)
    album.take(page, "export-first")
    if page.locator("#zeroed").count():
        page.locator("#zeroed").fill(str(trade.told(here)["rehearsal"]["zeroed"]))
    visit.press("Send the rest")
    trade.let_out("jd_id")


def try_a_rule(visit: Visit, album: Album) -> None:
    """A rule that is tried on the last orders, and not saved."""
    page = visit.page
    visit.open("/rules/new")
    page.locator("#name").fill("To the warehouse in China")
    page.locator("#c-0-value").fill("CN")
    page.locator("#plugin").select_option(jdl.NAME)
    page.locator(".savebar button[value=try]").click()
    visit.heads("Tried, not saved")
    page.locator("#outcome").scroll_into_view_if_needed()
    album.take(page, "rule-tried", focus=True)


def look_around(visit: Visit, album: Album) -> None:
    """What a merchant sees who has both channels."""
    known = screens.addresses(visit)
    # The second catalogue, each listing beside the product that the first one brought.
    known["links_linked"] += f"&connection={known['jd_com'].rpartition('/')[2]}"
    named = {
        "home": "home",
        "stores": "stores",
        "store": "store",
        "channels": "channels",
        "links": "links_linked",
        "links-near": "links_near",
        "links-new": "links_new",
        "links-duplicate": "links_duplicate",
        "bulk": "bulk_create",
        "sync": "sync",
        "run": "run",
        "orders": "orders",
        "order": "order_left",
        "stock": "stock",
        "stock-product": "stock_product",
        "number": "number",
        "rules": "rules",
        "products": "products",
        "product": "product",
        "my-store": "my_store",
        "plugins": "plugins",
        "plugin": "jdl",
        "plugin-stock": "jdl_stock",
        "plugin-statuses": "jdl_statuses",
        "coverage": "coverage",
        "file": "file",
        "sku-check": "sku_check",
        "deliveries": "deliveries",
        "delivery": "delivery",
    }
    # Whatever else has an address is shown under its own name.
    rest = {key.replace("_", "-"): key for key in known if key not in {*named.values(), *ALIKE}}
    for name, key in {**rest, **named}.items():
        visit.look_at(known[key])
        album.take(visit.page, name)
    visit.speak("zh_Hans")
    visit.open(known["links_near"])
    album.take(visit.page, "links-zh")


def work_as_staff(visit: Visit, owner: Visit, album: Album) -> None:
    """The staff area, the pages of a merchant under the strip, and what its owner sees meanwhile."""
    visit.refused_at("/support/sessions")
    known = screens.of_staff(visit)
    known["staff_merchant"] = known.pop("staff_merchant_samudra")
    known["view_as"] = f"{known['staff_merchant']}/view-as"
    _take_all(visit, known, album)
    visit.open(known["staff_merchant"])
    support_case.look_as(visit)
    _take_all(visit, screens.as_a_merchant(visit), album)
    owner.speak("en")
    for name, at in support_case.consent(visit, owner):
        album.take(at.page, name)
    support_case.leave(visit)


def _take_all(visit: Visit, known: dict[str, str], album: Album) -> None:
    for key, path in known.items():
        if key not in ALIKE:
            visit.look_at(path)
            album.take(visit.page, key.replace("_", "-"))


def come_in(newcomer: Visit, owner: Visit, album: Album) -> None:
    """Somebody is invited and sets up a second step; the letter that came, and the list of what was done."""
    for name, at in people_case.moments(owner, newcomer):
        album.take(at.page, name)
    newcomer.page.goto(f"{newcomer.house.sandbox.url}/control/mail")
    album.take(newcomer.page, "letters")


def _sit_down(house: House, browser: Browser, locale: str) -> Visit:
    """Somebody at a browser of their own, in this language."""
    context = browser.new_context(
        locale=LANGUAGES[locale],
        viewport={"width": WIDE, "height": HEIGHT},
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce",
    )
    return Visit(house, context, Words(locale))


def draw(house: House, browser: Browser, place: Path) -> None:
    """All pictures."""
    album = Album(place)
    visit, agent = _sit_down(house, browser, "id"), _sit_down(house, browser, "en")
    visit.open("/login")
    album.take(visit.page, "login")
    visit.sign_in("owner@samudra.example")
    connect_jd_id(visit, album)
    visit.speak("en")
    connect_jd_com(visit, album)
    install_jdl(visit, album)
    let_stock_out(visit, album)
    situations.make(visit)
    try_a_rule(visit, album)
    support_case.visit_of_staff(agent, "samudra")
    look_around(visit, album)
    work_as_staff(agent, visit, album)
    newcomer = _sit_down(house, browser, "en")
    come_in(newcomer, visit, album)
    for each in (visit, agent, newcomer):
        each.page.context.close()


def main() -> int:
    """Draw them all; the folder may not grow beyond what a repository should carry."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else PLACE
    program = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        print("There is no Chromium on PATH (Debian: apt install chromium).", file=sys.stderr)
        return 1
    with houses.running() as house, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
        draw(house, browser, place)
        browser.close()
    size = sum(each.stat().st_size for each in place.glob("*.png"))
    print(f"{size / 1024 / 1024:.1f} MB in {place}")
    return 0 if size <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main())
