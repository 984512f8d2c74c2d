"""Trade in a browser: what a merchant sees of stock and orders, and what the remotes know of the same things."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from playwright.sync_api import expect

from tests.browser.visit import IMPORT_PATIENCE, Visit

T = TypeVar("T")

ACCOUNT = "samudra"
MARKETS = ("jd_com", "jd_id")
# A bound, not a goal: the machine may do other things as well.
WITHIN = 90.0
PAUSE = 0.4
# So many pieces of one product that a buffer of 10 and a cap of 100 hide no sale.
FEWEST, MOST = 40, 90
PAGES_OF_STOCK = 20


@dataclass(frozen=True, slots=True)
class Goods:
    """A product that both marketplaces and the warehouse have: `listings` and `remote` are its ids by integration."""

    product: str
    sku: str
    listings: Mapping[str, str]
    remote: Mapping[str, int]


class Trade:
    """One merchant at work; `connections` are the paths of its connections by integration."""

    def __init__(self, visit: Visit, connections: Mapping[str, str]) -> None:
        self.visit = visit
        self.page = visit.page
        self.sandbox = visit.house.sandbox
        self.connections = connections
        self._slots: dict[tuple[str, int], int] = {}

    # --- what the portal knows ----------------------------------------------------------------------------------------

    def told(self, path: str) -> Any:
        """A page as scripts read it, with the session of this person."""
        answer = self.page.request.get(self.visit.house.url + path, headers={"accept": "application/json"})
        assert answer.ok, f"{path}: {answer.status}"
        return answer.json()

    def until(self, look: Callable[[], T | None], what: str, within: float = WITHIN) -> T:
        """What `look` finds, as soon as it finds anything."""
        ends = time.monotonic() + within
        while not (found := look()):
            assert time.monotonic() < ends, f"not within {within:.0f} s: {what}"
            time.sleep(PAUSE)
        return found

    def goods(self) -> Goods:
        """A product of both marketplaces and the warehouse that no test has dealt with yet."""
        after, dealt = "", self.visit.house.dealt
        for _ in range(PAGES_OF_STOCK):
            page = self.told(f"/stock{after}")
            for row in page["items"]:
                fits = row["follows"] and not row["bundle"] and FEWEST <= row["available"] <= MOST
                if row["product"]["sku"] in dealt or not fits:
                    continue
                if (found := self._at_all_three(row["product"])) is not None:
                    dealt.add(found.sku)
                    return found
            after = f"?page={page['next']}"
            assert page["next"], "no product fits"
        raise AssertionError("no product fits")

    def _at_all_three(self, product: Mapping[str, Any]) -> Goods | None:
        rows = self.told(f"/products/{product['id']}")["listings"]
        ids = {path.rsplit("/", 1)[-1]: key for key, path in self.connections.items()}
        found = {ids[row["connection"]["id"]]: row for row in rows if row["connection"]["id"] in ids}
        if len(rows) != len(found) or found.keys() != {*MARKETS, "jdl"}:
            return None
        return Goods(
            product=product["id"],
            sku=product["sku"],
            listings={key: row["id"] for key, row in found.items()},
            remote={key: int(found[key]["remote_id"]) for key in MARKETS},
        )

    def explained(self, goods: Goods, market: str) -> dict[str, Any]:
        """How the number of one listing comes about."""
        found: dict[str, Any] = self.told(f"/listings/{goods.listings[market]}/stock")
        return found

    def stock(self, goods: Goods) -> tuple[int, int]:
        """On hand and reserved."""
        said = self.told(f"/stock/{goods.product}")
        return said["on_hand"], said["reserved"]

    # --- what the remotes know ----------------------------------------------------------------------------------------

    def shelf(self, goods: Goods, market: str) -> int:
        """The pieces that a marketplace shows of the listing now."""
        wanted = goods.remote[market]
        who = {"integration": market, "account": ACCOUNT}
        if (market, wanted) not in self._slots:
            start, size = 0, 1_000
            while found := self.sandbox.http.get(
                "/control/listings", params={**who, "start": start, "count": size}
            ).json():
                self._slots.update({(market, each["id"]): each["slot"] for each in found})
                start += size
        slot = self._slots[market, wanted]
        (row,) = self.sandbox.http.get("/control/listings", params={**who, "start": slot, "count": 1}).json()
        assert row["id"] == wanted
        return int(row["stock"])

    def sold(self, market: str, number: str) -> dict[str, Any]:
        """An order as the marketplace has it."""
        params: Mapping[str, Any] = {"integration": market, "account": ACCOUNT, "after": int(number) - 1, "count": 1}
        (found,) = self.sandbox.http.get("/control/orders", params=params).json()
        assert str(found["number"]) == number
        return dict(found)

    def created(self, reference: str) -> list[dict[str, Any]]:
        """How often the warehouse made an order of our reference."""
        made = self.sandbox.journal(effect="outstock.created", account=ACCOUNT)
        return [each for each in made if each["arguments"]["reference"] == reference]

    def place(self, market: str, goods: Goods, quantity: int, **more: Any) -> str:
        """A buyer orders at a marketplace; gives the number of the order."""
        line = {"id": goods.remote[market], "quantity": quantity}
        placed = self.sandbox.control("order", integration=market, account=ACCOUNT, lines=[line], **more)
        return str(placed["number"])

    def at_the_channel(self, market: str, number: str, deed: str) -> None:
        """Something becomes of an order at its marketplace."""
        self.sandbox.control("order_state", integration=market, account=ACCOUNT, order=int(number), deed=deed)

    def at_the_warehouse(self, deed: str, **said: Any) -> None:
        """Something happens in the warehouse."""
        self.sandbox.control(deed, integration="jdl", account=ACCOUNT, **said)

    # --- what the merchant does ---------------------------------------------------------------------------------------

    def look_for_orders(self) -> None:
        """Press the button of the list of orders."""
        self.visit.menu("Orders")
        self.visit.press("Check for new orders")
        said = self.visit.words.count(
            "%(num)s channel is asked for new orders.", "%(num)s channels are asked for new orders.", len(MARKETS)
        )
        self.visit.sees(said)

    def order(self, number: str) -> str:
        """The path of an order, as soon as it has come in."""

        def look() -> str | None:
            items = self.told(f"/orders?q={number}")["items"]
            return f"/orders/{items[0]['id']}" if items else None

        return self.until(look, f"order {number} comes in")

    def open_order(self, number: str) -> str:
        """Find an order in the list and open it, as a merchant does."""
        path = self.order(number)
        self.visit.open(f"/orders?q={number}")
        self.page.locator("#orders_table tbody a.name").first.click()
        expect(self.page).to_have_url(f"{self.visit.house.url}{path}")
        return path

    def shipment(self, path: str, *states: str) -> dict[str, Any]:
        """The shipment of an order, as soon as it is in one of these states."""

        def look() -> dict[str, Any] | None:
            found = self.told(path)["shipment"]
            return found if found and found["state"] in states else None

        return self.until(look, f"the shipment of {path} is {' or '.join(states)}")

    def picked(self, path: str) -> None:
        """Wait until the warehouse is known to pick an order."""
        self.until(lambda: self.told(path)["shipment"]["status"] == "processing", f"{path} is picked")

    def status(self, path: str, wanted: str) -> None:
        """Wait until an order has a status."""
        self.until(lambda: self.told(path)["status"] == wanted, f"{path} is {wanted}")

    # --- what is turned on once ---------------------------------------------------------------------------------------

    def let_out(self, market: str) -> None:
        """Turn the export of a marketplace on: look at every number, send 20 of them, read them back, send the rest."""
        visit, page, path = self.visit, self.page, f"{self.connections[market]}/export"
        if self.told(path)["stage"] == "open":
            return
        visit.open(self.connections[market])
        visit.follow("Show what would change")
        visit.press("Show what would change")
        expect(visit.button("Send the first 20 and look")).to_be_visible(timeout=IMPORT_PATIENCE)
        visit.open(path)
        self._compares()
        visit.press("Send the first 20 and look")
        # JD.ID takes no number of what is not on sale, so that not all of them agree there.
        read_back = page.locator("#export_progress .note.ok, #export_progress .note.warn")
        expect(read_back).to_be_visible(timeout=IMPORT_PATIENCE)
        assert self.visit.number(read_back.inner_text()) > 0
        # The brake asks whoever lets it all out to say how many will show nothing.
        if page.locator("#zeroed").count():
            page.locator("#zeroed").fill(str(self.told(path)["rehearsal"]["zeroed"]))
        visit.press("Send the rest")
        expect(page.locator("#export_progress .badge").first).to_have_text(visit.say("On"))

    def _compares(self) -> None:
        """Each line of the rehearsal says what the marketplace shows now and what it would show."""
        rows = self.page.locator("#changes_table tbody tr")
        expect(rows.first).to_be_visible()
        for row in rows.all()[:5]:
            now, then = (self.visit.number(cell) for cell in row.locator("td.num").all_inner_texts())
            assert now != then

    def make_rule(self, name: str, market: str, plugin: str) -> None:
        """Add a rule for the orders of one marketplace; it is tried on the last orders before it is saved."""
        visit, page = self.visit, self.page
        visit.open("/rules")
        visit.follow("Add rule")
        page.locator("#name").fill(name)
        visit.press("Remove", visit.say("Ship-to country"))
        page.locator("select[name=add_field]").select_option("channel")
        visit.press("Add condition")
        channel = self.connections[market].rsplit("/", 1)[-1]
        page.locator(f"input[name=c-0-value][value='{channel}']").check()
        page.locator("#plugin").select_option(plugin)
        page.locator(".savebar button[value=try]").click()
        visit.heads("Tried, not saved")
        mine = page.locator("#outcome tr").filter(has=page.locator(".badge"))
        assert visit.number(mine.locator("td.num").inner_text()) > 0, "it would have taken orders"
        assert not self.rules(name), "nothing is saved by trying"
        page.locator(".savebar button[value=save]").click()
        visit.sees("The rule was saved. Orders that were decided before stay where they are.")

    def rules(self, name: str) -> list[dict[str, Any]]:
        """The rules of that name."""
        return [each for each in self.told("/rules")["items"] if each["name"] == name]

    def routed(self, path: str, stage: str) -> None:
        """Wait until an order stands somewhere."""
        self.until(lambda: self.told(path)["routing"]["stage"] == stage, f"{path} is {stage}")

    def timeline(self, sentence: str, /, **values: Any) -> None:
        """The timeline of the open order tells this."""
        expect(self.page.locator("#timeline")).to_contain_text(self.visit.say(sentence, **values))
