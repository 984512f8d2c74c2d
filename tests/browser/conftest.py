"""The house that all browser tests share, one browser, and a fresh context for each person in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser import house as houses
from tests.browser import jd_com as jd_com_page
from tests.browser import jd_id as jd_id_page
from tests.browser import jdl as jdl_page
from tests.browser.house import House
from tests.browser.jdl import push_something
from tests.browser.visit import BROWSER_FLAGS, LANGUAGES, Visit, Visiting
from tests.browser.words import Words
from tests.browser.workbench import make_products

# The pages of the seeds are walked first, so that the others find what they leave behind.
ORDER = ["test_jd_id_page", "test_jd_com_page", "test_jdl_page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.parent.name == "browser"]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.timeout(600))
    places = [place for place, item in enumerate(items) if item in ours]
    ours.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))
    for place, item in zip(places, ours, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def house(chromium: str) -> Iterator[House]:
    """The portal as a user starts it."""
    with houses.running() as running:
        yield running


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright_driver: Playwright, chromium: str) -> Iterator[Browser]:
    """One browser for all tests."""
    running = playwright_driver.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
    yield running
    running.close()


@pytest.fixture
def visiting(house: House, browser: Browser) -> Iterator[Visiting]:
    """Someone opens the portal.  What the browser complains about in the meantime fails the test."""
    opened: list[Visit] = []

    def open_it(locale: str = "en", *, width: int = 1280, scripts: bool = True, **more: Any) -> Visit:
        context = browser.new_context(
            locale=LANGUAGES[locale],
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            **{"permissions": ["clipboard-read", "clipboard-write"], **more},
        )
        opened.append(Visit(house, context, Words(locale), scripts=scripts))
        return opened[-1]

    yield open_it
    for visit in opened:
        visit.page.context.close()
    assert not (faults := [fault for visit in opened for fault in visit.faults]), "\n".join(faults)


@pytest.fixture
def jd_id(house: House, visiting: Visiting) -> House:
    """Toko Samudra with JD.ID connected and its products made, as the first page leaves it."""
    if "jd_id/samudra" not in house.walked:
        visit = visiting("id")
        visit.sign_in("owner@samudra.example")
        make_products(visit, jd_id_page.SEED.walk(visit).path.rsplit("/", 1)[-1])
    return house


@pytest.fixture
def both_channels(jd_id: House, visiting: Visiting) -> House:
    """The same merchant with JD.com beside it."""
    if "jd_com/samudra" not in jd_id.walked:
        visit = visiting("id")
        visit.sign_in("owner@samudra.example")
        jd_com_page.SEED.walk(visit)
    return jd_id


@pytest.fixture
def all_three(both_channels: House, visiting: Visiting) -> House:
    """The same merchant with a warehouse of JD Logistics, which has pushed something."""
    if "jdl/samudra" not in both_channels.walked:
        visit = visiting("id")
        visit.sign_in("owner@samudra.example")
        walk = jdl_page.SEED.walk(visit, account="samudra")
        push_something(visit, walk)
    return both_channels
