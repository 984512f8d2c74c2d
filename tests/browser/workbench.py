"""The workbench: products for all new listings of a channel, with preview, and taken back as a whole."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.seed import counts_of
from tests.browser.visit import Visit


def make_products(visit: Visit, connection: str, *, undo: bool = False) -> int:
    """Create a product for every new listing; with `undo` once for a look, and then for good.  Gives their number."""
    before = counts_of(visit, connection)
    made = _create_all(visit, connection)
    assert counts_of(visit, connection)["new"] == 0
    if undo:
        visit.page.go_back()
        visit.press("Undo")
        visit.alarm("Undone. The listings stand again as the rules say.")
        assert counts_of(visit, connection) == before, "taken back as a whole"
        assert _create_all(visit, connection) == made
    return made


def _create_all(visit: Visit, connection: str) -> int:
    page = visit.page
    visit.open(f"/links?connection={connection}&state=new")
    new = visit.number(page.locator("#link_tabs a[aria-current] .n").inner_text())
    if visit.scripts:
        page.locator("[data-check-all]").check()
    page.locator("#bulk").get_by_role("link").click()
    page.locator(".bulk button[name=verb][value=create]").click()

    visit.sees("This is what would happen. Nothing has been changed yet.")
    numbers = [visit.number(each) for each in page.locator(".stats dd").all_inner_texts()]
    assert numbers[0] == new
    create = visit.words.count("Create %(num)s product", "Create %(num)s products", numbers[1])
    page.get_by_role("button", name=create, exact=True).click()
    expect(page.locator("#batch_result .note.ok")).to_be_visible(timeout=60_000)
    visit.alarm(visit.words.count("%(num)s product created.", "%(num)s products created.", numbers[1]))
    return numbers[1]
