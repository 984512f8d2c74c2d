"""The same three pages of instructions with scripts turned off: shorter, and to the end."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import jd_com, jdl, screens
from tests.browser.house import House
from tests.browser.seed import counts_of, wait_for_import
from tests.browser.visit import Visit, Visiting
from tests.browser.workbench import make_products


def at_home(visiting: Visiting) -> Visit:
    visit = visiting("en", scripts=False)
    visit.sign_in("owner@northwick.example")
    return visit


def test_jd_id_is_connected_without_scripts(house: House, visiting: Visiting) -> None:
    visit = at_home(visiting)
    page = visit.page
    account = house.new_account("jd_id", size=120, dirty=0.2)
    visit.menu("Sales channels")
    page.locator("header.head summary").click()
    visit.follow("Add integration")
    visit.press("Select", "JD.ID")
    screens.tick_guide(visit)
    page.locator("#name").fill("JD.ID without scripts")
    screens.enter_keys(visit, "jd_id", account)
    visit.press("Install")
    screens.consent(visit, account)
    visit.sees(account["shop_name"])
    visit.press("Next")
    visit.press("Finish")
    visit.toast("The item import from %(remote)s is running", remote="JD.ID")
    wait_for_import(visit)

    truth = house.sandbox.truth(f"jd_id/{account['name']}")
    connection = page.url.rsplit("/", 1)[-1].partition("?")[0]
    assert counts_of(visit, connection) == truth["imported"]
    assert make_products(visit, connection, undo=True) == truth["products"]
    assert counts_of(visit, connection) == truth["created"]


def test_jd_com_is_connected_without_scripts(house: House, visiting: Visiting) -> None:
    visit = at_home(visiting)
    page = visit.page
    visit.menu("Settings")
    visit.follow("Add New Sales Channel")
    visit.press("Select", "JD.com")
    visit.press("Continue")
    page.locator("#name").fill("JD.com without scripts")
    page.locator("#logo").set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": jd_com.logo()})
    screens.enter_keys(visit, "jd_com", house.sandbox.account("jd_com", "northwick"))
    visit.press("Test")
    visit.alarm("%(remote)s accepted the keys.", remote="JD.com")
    expect(page.locator("img.logo")).to_be_visible()
    visit.press("Continue")

    result = page.locator("#stock_preview .part.result b")
    before = visit.number(result.inner_text())
    page.locator("#buffer").fill("10")
    visit.press("Update preview")
    expect(result).to_have_text(str(before - 10))
    expect(page.locator("#buffer")).to_have_value("10")
    visit.press("Save and continue")
    visit.press("Save")
    page.get_by_role("switch", name="Is active", exact=True).click()
    wait_for_import(visit)
    truth = house.sandbox.truth("jd_com/northwick")["imported"]
    connection = page.url.rsplit("/", 1)[-1].partition("?")[0].partition("#")[0]
    assert sum(counts_of(visit, connection).values()) == sum(truth.values())


def test_jd_logistics_is_installed_without_scripts(house: House, visiting: Visiting) -> None:
    visit = at_home(visiting)
    page = visit.page
    account = house.new_account("jdl", size=60)
    visit.menu("Stores")
    page.locator("main tbody tr a.name").first.click()
    page.locator("#add_plugin").click()
    page.locator("input[type=search]").fill("JD")
    page.keyboard.press("Enter")
    visit.press("Install", "JD Logistics")
    page.locator("#name").fill("JD without scripts")
    for key in jdl.CODES:
        page.locator(f"#{key}").fill(account["types"][key])
    for key in ("import_products", "sync_stock"):
        page.get_by_label(visit.words.option("jdl", key), exact=True).check()
    visit.press("Connect")
    jdl.consent(visit, account)
    visit.press("Next")
    page.get_by_role("switch", name="Is active", exact=True).click()
    visit.heads("Stock in the warehouse", patience=jdl.READY_WITHIN)
    connection = page.url.rsplit("/", 1)[-1].partition("?")[0].partition("#")[0]
    assert sum(counts_of(visit, connection).values()) == account["size"]
