"""A page of instructions as numbered steps that a person walks one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import expect

from tests.browser.visit import IMPORT_PATIENCE, Visit


class Walk:
    """One person on the way through a page of instructions, with the account that they have at the remote."""

    def __init__(self, visit: Visit, integration: str, account: dict[str, Any]) -> None:
        self.visit = visit
        self.page = visit.page
        self.integration = integration
        self.account = account
        self.path = ""

    def shown(self) -> dict[str, int]:
        """How many listings of this channel stand where, by the words of the truth."""
        return counts_of(self.visit, self.path.rsplit("/", 1)[-1])


Step = Callable[[Walk], None]


class Seed:
    """The steps, in their order; `number` is the one that the page of instructions gives."""

    def __init__(self, integration: str) -> None:
        self.integration = integration
        self.steps: list[tuple[str, str, Step]] = []

    def step(self, number: str, words: str) -> Callable[[Step], Step]:
        """The next step."""

        def keep(step: Step) -> Step:
            self.steps.append((number, words, step))
            return step

        return keep

    def walk(
        self, visit: Visit, account: str = "samudra", before: Mapping[str, Callable[[], None]] | None = None
    ) -> Walk:
        """Do all steps.  A step that cannot be done fails with its number and words.

        `before` is what happens just before a step of that number, for whoever wants to look.
        """
        walk = Walk(visit, self.integration, visit.house.sandbox.account(self.integration, account))
        for number, words, step in self.steps:
            try:
                if before and number in before:
                    before[number]()
                step(walk)
            except Exception as why:
                why.add_note(f"This was step {number} of the page of {self.integration}: {words}")
                raise
        visit.house.walked[f"{self.integration}/{account}"] = walk.path
        return walk


TABS = {
    "matched": "Matched",
    "new": "New",
    "near": "Near match",
    "ambiguous": "Ambiguous",
    "duplicate": "Duplicate",
    "empty": "Empty SKU",
    "waiting": "Waiting for QC",
}


def counts_of(visit: Visit, connection: str) -> dict[str, int]:
    """The numbers on the tabs of the workbench, for one channel."""
    visit.open(f"/links?connection={connection}")
    shown = {}
    for key, word in TABS.items():
        tab = visit.page.locator("#link_tabs a").filter(has_text=visit.say(word)).first
        shown[key] = visit.number(tab.locator(".n").inner_text())
    return shown


def wait_for_import(visit: Visit) -> None:
    """The page of the connection says by itself when everything came in."""
    visit.heads("Imported products", patience=IMPORT_PATIENCE)
    expect(visit.page.locator("#first_check progress")).to_have_count(0)
