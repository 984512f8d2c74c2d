"""What goes wrong in practice: each issue ends in words that say what to do, and nothing that was typed is lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import screens
from tests.browser.house import House
from tests.browser.seed import wait_for_import
from tests.browser.visit import Visit, Visiting


@pytest.fixture
def owner(house: House, visiting: Visiting) -> Visit:
    """The owner of a business that writes English."""
    visit = visiting("en")
    visit.sign_in("owner@northwick.example")
    return visit


def settings_of(visit: Visit, remote: str) -> None:
    """A draft of a connection, its settings on the screen."""
    screens.add_channel(visit, remote)
    screens.tick_guide(visit)
    expect(visit.page.locator("#settings_form")).to_be_visible()
    visit.refused_at("/settings")


def test_a_wrong_key_or_secret_is_named_and_the_right_one_can_be_put_in_its_place(owner: Visit, house: House) -> None:
    page, account = owner.page, house.new_account("jd_com")
    settings_of(owner, "JD.com")
    page.locator("#name").fill("Wrong secret")
    screens.enter_keys(owner, "jd_com", account, api_secret="not-the-secret")
    owner.press("Test")
    note = owner.alarm("%(remote)s did not accept this API Key and Secret.", remote="JD.com")
    expect(note).to_contain_text("Copy both again from the developer console")
    expect(page.locator("#name")).to_have_value("Wrong secret")
    expect(page.locator("#app_id")).to_have_value("700002")

    owner.follow("Replace", "API Secret")
    expect(page.locator("#api_secret")).to_be_visible()
    page.locator("#api_secret").fill(account["app_secret"])
    owner.press("Test")
    owner.alarm("%(remote)s accepted the keys.", remote="JD.com")


def test_a_shop_id_that_is_not_of_these_keys_stops_the_connection_with_both_named(owner: Visit, house: House) -> None:
    page, account = owner.page, house.new_account("jd_id")
    settings_of(owner, "JD.ID")
    page.locator("#shop_id").fill("not a number")
    owner.press("Install")
    owner.alarm("A Shop ID has digits only.")
    expect(page.locator("#shop_id")).to_have_value("not a number")

    screens.enter_keys(owner, "jd_id", account, shop_id="999999")
    owner.press("Install")
    screens.consent(owner, account)
    note = owner.alarm("The keys belong to another shop than %(shop)s.", shop="999999")
    expect(note).to_contain_text("Compare the Shop ID with the one in the seller centre")
    owner.follow("Change")
    expect(page.locator("#api_key")).to_have_value(account["app_key"])
    expect(page.locator("#api_secret-field .secret-set")).to_be_visible()
    page.locator("#shop_id").fill(str(account["shop_id"]))
    owner.press("Install")
    screens.consent(owner, account)
    owner.heads("%(remote)s has given access", remote="JD.ID")


def test_a_basic_seller_is_told_that_the_interface_is_for_qualified_sellers(owner: Visit, house: House) -> None:
    page, account = owner.page, house.sandbox.account("jd_id", "kenanga")
    settings_of(owner, "JD.ID")
    screens.enter_keys(owner, "jd_id", account)
    owner.press("Install")
    screens.consent(owner, account)
    note = owner.alarm("%(remote)s has not given access.", remote="JD.ID")
    expect(note).to_contain_text("Your keys stay saved.")
    expect(note).to_contain_text("Qualified Seller")
    expect(note.locator("a[href^='https://www.jd.id/']")).to_be_visible()

    house.sandbox.control("level", integration="jd_id", account="kenanga", level="qualified")
    screens.consent(owner, account)
    house.sandbox.control("level", integration="jd_id", account="kenanga", level="basic")
    owner.heads("%(remote)s has given access", remote="JD.ID")
    expect(page.locator("#refused")).to_have_count(0)


def test_a_refused_consent_leads_back_and_can_be_given_later(owner: Visit, house: House) -> None:
    account = house.new_account("jd_id")
    settings_of(owner, "JD.ID")
    screens.enter_keys(owner, "jd_id", account)
    owner.press("Install")
    screens.consent(owner, account, allow=False)
    note = owner.alarm("%(remote)s has not given access.", remote="JD.ID")
    expect(note).to_contain_text("Sign in again and allow the access there.")
    screens.consent(owner, account)
    owner.heads("%(remote)s has given access", remote="JD.ID")


def test_an_address_that_is_no_gateway_is_refused_before_anything_is_sent(owner: Visit, house: House) -> None:
    page, account = owner.page, house.new_account("jd_com")
    settings_of(owner, "JD.com")
    page.locator("#name").fill("Elsewhere")
    screens.enter_keys(owner, "jd_com", account, api_endpoint="https://gateway.elsewhere.example/routerjson")
    owner.press("Test")
    error = owner.alarm("is not a gateway that may be called here.")
    expect(error).to_contain_text("api.jd.com")
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#api_endpoint")).to_have_value("https://gateway.elsewhere.example/routerjson")
    expect(page.locator("#name")).to_have_value("Elsewhere")
    assert not house.sandbox.journal(account=account["name"], kind="request")


def test_a_logo_that_is_no_picture_is_refused_and_the_rest_of_the_form_stays(owner: Visit, house: House) -> None:
    page = owner.page
    settings_of(owner, "JD.com")
    page.locator("#name").fill("With a logo")
    screens.enter_keys(owner, "jd_com", house.new_account("jd_com"))
    page.locator("#logo").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"}
    )
    owner.press("Continue")
    owner.alarm("This file is not a picture that can be used. Choose a PNG, JPEG or WebP file.")
    expect(page.locator("#name")).to_have_value("With a logo")
    expect(page.locator("#app_id")).to_have_value("700002")


def test_a_code_with_full_width_characters_is_shown_beside_the_plain_one_and_mended(owner: Visit, house: House) -> None:
    page, account = owner.page, house.new_account("jd_com")
    wide = "".join(chr(ord(each) + 0xFEE0) if each.isdigit() else each for each in account["app_key"])
    assert wide != account["app_key"]
    settings_of(owner, "JD.com")
    screens.enter_keys(owner, "jd_com", account, api_key=wide)
    owner.press("Continue")
    note = owner.alarm("characters that the eye cannot tell.")
    expect(note).to_contain_text(account["app_key"])
    expect(page.locator("#api_key")).to_have_value(wide)
    owner.press("Replace them", "API Key")
    owner.alarm("The characters were replaced and saved.")
    expect(page.locator("#api_key")).to_have_value(account["app_key"])
    owner.press("Test")
    owner.alarm("%(remote)s accepted the keys.", remote="JD.com")


def test_an_expired_token_rests_the_connection_until_it_is_replaced(owner: Visit, house: House) -> None:
    page, account = owner.page, house.new_account("jd_com")
    settings_of(owner, "JD.com")
    page.locator("#name").fill("Expiring")
    screens.enter_keys(owner, "jd_com", account)
    owner.press("Continue")
    owner.press("Save and continue")
    owner.press("Save")
    switch = page.get_by_role("switch", name="Is active", exact=True)
    switch.click()
    wait_for_import(owner)
    home = page.url.partition("?")[0].partition("#")[0]

    house.sandbox.control("token", integration="jd_com", account=account["name"], deed="expire")
    owner.press("Sync now")
    note = owner.alarm("%(remote)s does not accept the access token any more.", remote="JD.com")
    expect(note).to_contain_text("What was imported stays, and nothing is lost.")
    expect(note).to_contain_text("Get a new Access Token from JD.com and enter it here.")

    house.sandbox.control("token", integration="jd_com", account=account["name"], deed="new")
    fresh = house.sandbox.account("jd_com", account["name"])["tokens"][0]["access"]
    note.get_by_role("link", name=re.compile("Reconnect")).click()
    page.locator("#access_token").fill(fresh)
    page.locator("#keys_form .savebar .primary").click()
    page.goto(home)
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    wait_for_import(owner)
    expect(page.locator("#state_badge .badge").first).to_have_text("Connected")
    expect(page.locator("#trouble")).to_have_count(0)
