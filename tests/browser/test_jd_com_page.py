"""The page of instructions for JD.com, followed to the letter; its catalogue meets the one that is there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import jd_com
from tests.browser.house import House
from tests.browser.visit import Visiting


def test_jd_com_is_connected_by_its_page_of_instructions_and_linked_by_sku(jd_id: House, visiting: Visiting) -> None:
    visit = visiting("id")
    visit.sign_in("owner@samudra.example")
    walk = jd_com.SEED.walk(visit)
    truth = visit.house.sandbox.truth("jd_id/samudra", "jd_com/samudra")
    assert walk.shown() == truth["second"]
    assert truth["second"]["matched"] > 0

    visit.menu("Products")
    page = visit.page
    both = page.locator("main tbody tr").filter(has_text=visit.words.count("%(num)s listing", "%(num)s listings", 2))
    both.first.locator("a.name").click()
    channels = page.locator("#listings tbody a.name")
    expect(channels).to_have_count(2)
    assert sorted(channels.all_inner_texts()) == ["JD Worldwide", "JD.ID"]
