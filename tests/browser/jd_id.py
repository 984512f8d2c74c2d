"""The page "JD.ID" of the help, walked in Indonesian from its conditions to its seventeenth step."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.seed import Seed, Walk, wait_for_import

SEED = Seed("jd_id")
AT_JD = {
    "1": "https://seller.jd.id/",
    "2": "https://open-console.jd.id/",
    "3": "Register",
    "4": "Create App",
    "5": "Seller to JD.ID",
    "6": "Normal Standard API",
    "7": "App Name",
    "8": "Publish App",
    "9": "App Management",
    "10": "App Setting",
}


@SEED.step("11", "Pilih integration pada kanan atas, lalu pilih Add Integration. Lalu pilih JD.ID")
def add_integration(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    expect(page.locator("html")).to_have_attribute("lang", "id")
    visit.menu("Sales channels")
    integrations = page.locator("header.head summary").filter(has_text=visit.say("Integrations"))
    visit.at_the_top_right(integrations)
    integrations.click()
    visit.follow("Add integration")
    expect(page.locator("dialog[open]")).to_be_visible()
    assert page.locator("dialog[open] input[type=search]").evaluate("it => it === document.activeElement")
    expect(page.locator("dialog[open] .pick").filter(has_text="JD.ID")).to_contain_text("31 Maret 2023")
    visit.press("Select", "JD.ID")
    visit.heads("Connect %(remote)s", remote="JD.ID")
    walk.path = re.sub(r"/guide$", "", page.url.removeprefix(visit.house.url))


@SEED.step("!", "pastikan toko Anda sudah Qualified Seller; produk yang sama mempunyai Kode SKU yang sama")
def conditions(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    qualified, same_sku = visit.words.guide("jd_id")[:2]
    how = page.locator("#ticks a").first
    expect(how).to_have_attribute("href", re.compile(r"^https://www\.jd\.id/blog/segera-update-toko-Anda-jadi-quali"))
    expect(page.locator("#ticks")).to_contain_text("Basic Seller")
    visit.refused_at("/guide")
    visit.press("Continue")
    visit.alarm("Tick this once it is so. It cannot go on before.")
    visit.tick(qualified)
    visit.tick(same_sku)


@SEED.step("1-9", "Log in ke seller center dan dev console, Register, Create App, ... , App Management")
def at_the_console(walk: Walk) -> None:
    entries = walk.page.locator("#todo ol.guide > li")
    expect(entries).to_have_count(len(AT_JD))
    for entry, (number, words) in zip(entries.all(), AT_JD.items(), strict=True):
        expect(entry.locator(".dot")).to_have_text(number)
        if words.startswith("https://"):
            expect(entry.locator("a")).to_have_attribute("href", words)
        else:
            expect(entry.locator("h3")).to_have_text(words)


@SEED.step("10", "App Setting: Input URL Callback pada Callback URL")
def callback(walk: Walk) -> None:
    visit, page, sandbox = walk.visit, walk.page, walk.visit.house.sandbox
    sandbox.control("account", integration="jd_id", name=walk.account["name"], callbacks=[])
    visit.press("Copy", visit.say("Callback URL"))
    expect(page.locator("[data-copy=copy_callback_url] span").first).to_have_text(visit.say("Copied"))
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{visit.house.url}/oauth/jd_id/callback"

    console = page.context.new_page()
    console.goto(f"{sandbox.url}/control")
    form = console.locator("form[action='/control/callback']")
    form.locator("select[name=who]").select_option(f"jd_id/{walk.account['name']}")
    form.locator("input[name=url]").fill(copied)
    form.locator("button").click()
    expect(console.locator(".done")).to_be_visible()
    console.close()
    visit.press("Continue")


@SEED.step("12", "Input Shop ID, API Key, API Secret yang didapat dari dev console")
def keys(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    expect(page.locator("#shop_id-help")).to_contain_text("Informasi Toko")
    expect(page.locator("#api_key-help")).to_contain_text("dev console")
    visit.enter(visit.words.setting("jd_id", "shop_id"), str(walk.account["shop_id"]))
    visit.enter(visit.words.setting("jd_id", "api_key"), walk.account["app_key"])
    visit.enter(visit.words.setting("jd_id", "api_secret"), walk.account["app_secret"])


@SEED.step("13", "Sudah diinput semua, klik install")
def install(walk: Walk) -> None:
    walk.visit.press("Install")


@SEED.step("14", "Klik Log in")
def log_in(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    visit.heads("Once allowed, we may")
    visit.press("Sign in at %(remote)s", remote="JD.ID")
    page.wait_for_url(f"{visit.house.sandbox.url}/jd_id/oauth2/**")
    page.get_by_label("Email penjual").fill(walk.account["email"])
    page.get_by_label("Kata sandi").fill(walk.account["password"])
    page.get_by_role("button", name="Izinkan").click()
    page.wait_for_url(f"{visit.house.url}{walk.path}/login")
    visit.heads("%(remote)s has given access", remote="JD.ID")
    visit.sees(walk.account["shop_name"])
    visit.sees(str(walk.account["shop_id"]))


@SEED.step("15", "Pilih Next")
def next_(walk: Walk) -> None:
    walk.visit.press("Next")
    walk.visit.heads("What happens first")


@SEED.step("16", "Klik Finish, pop up sebelah kanan atas menginformasikan sedang proses import item JD.ID")
def finish(walk: Walk) -> None:
    visit = walk.visit
    visit.press("Finish")
    visit.at_the_top_right(visit.toast("The item import from %(remote)s is running", remote="JD.ID"))


@SEED.step("17", "JD.ID berhasil diintegrasikan. Note: sync Export masih Off")
def integrated(walk: Walk) -> None:
    visit, page = walk.visit, walk.page
    wait_for_import(visit)
    expect(page.locator("#state_badge .badge").first).to_have_text(visit.say("Connected"))
    export = page.locator(".switch-line").filter(has_text=visit.words.option("jd_id", "export"))
    expect(export).to_be_visible()
    expect(export.locator("[role=switch][aria-checked=true]")).to_have_count(0)


@SEED.step("18", "hanya akan mengimport item dengan status audit lolos / lulus qc")
def only_what_passed(walk: Walk) -> None:
    truth = walk.visit.house.sandbox.truth(f"jd_id/{walk.account['name']}")["imported"]
    assert truth["waiting"] > 0
    assert walk.shown() == truth
