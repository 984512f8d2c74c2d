"""The page of instructions for JD Logistics, followed to the letter; its goods meet the products that are there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import jdl
from tests.browser.house import House
from tests.browser.visit import Visiting


def test_jd_logistics_is_installed_by_its_page_of_instructions_and_ready(house: House, visiting: Visiting) -> None:
    visit = visiting("en")
    visit.sign_in("owner@northwick.example")
    walk = jdl.SEED.walk(visit, account="northwick")
    truth = house.sandbox.truth("jdl/northwick")["imported"]
    assert sum(walk.shown().values()) == sum(truth.values())
    visit.open(f"{walk.path}/stock")
    expect(visit.page.locator("main tbody tr").first).to_be_visible()
