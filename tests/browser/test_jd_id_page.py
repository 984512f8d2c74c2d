"""The page of instructions for JD.ID, followed to the letter."""

from __future__ import annotations

from tests.browser import jd_id
from tests.browser.visit import Visiting
from tests.browser.workbench import make_products


def test_jd_id_is_connected_by_its_page_of_instructions_and_its_new_products_are_made(visiting: Visiting) -> None:
    visit = visiting("id")
    visit.sign_in("owner@samudra.example")
    walk = jd_id.SEED.walk(visit)
    truth = visit.house.sandbox.truth("jd_id/samudra")
    assert make_products(visit, walk.path.rsplit("/", 1)[-1], undo=True) == truth["products"]
    assert walk.shown() == truth["created"]
