"""A catalogue import through kills ends as a clean one does, and asks again for at most the page in hand at each kill.

One catalogue is imported twice: in peace by one merchant, then by another one (with keys of its own) while workers,
relay, Valkey and, in the long form, PostgreSQL are killed at random moments.  Valkey keeps nothing on disk.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Pull, Resource
from portal.contract.records import Page
from portal.flows import connections, lines, resources, sync
from portal.flows.audit import LINTAS
from portal.flows.resources import DOORS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.text import near
from portal.models import Connection, Run
from tests import stack as house
from tests.proof import figure, parts, worker
from tests.proof.figure import Figure, say
from tests.stack import Stack

INTEGRATION = "jd_com"
DIRTY = 0.08
# Short proofs do not wait out the minute for which a dead worker's claim holds.
SHORT_LEASE = 1.0
# Makes a page take some round trips, so that kills fall into it and not only between pages.
LATENCY = "latency:50"
HOWS = ("parent", "child", "group")
KILLED = {"worker": 10, house.RELAY: 4, house.VALKEY: 4}
INTERRUPTS = {"worker", house.POSTGRES}
# Work whose worker ends at each of five attempts without a page of progress is poison and set aside: another promise.
MOST_ON_ONE_PAGE = 3
WARES = "searchWare4Valid"
BACK_WITHIN = 30.0
NUMBERS = (
    *("state", "cause", "pages", "seen", "kept", "refused"),
    *("fresh", "changed", "held", "missing", "total", "groups"),
)


@dataclass(frozen=True)
class Kill:
    """What is killed, how, and when: a moment after so many pages are kept."""

    page: int
    after: float
    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.name}/{self.how} after page {self.page} + {self.after:.2f} s"


def drawn(dice: random.Random, number: int, pages: range, page_seconds: float, weights: dict[str, int]) -> list[Kill]:
    """The kills of a run, in order."""
    made: list[Kill] = []
    interrupted: Counter[int] = Counter()
    while len(made) < number:
        (name,) = dice.choices(list(weights), list(weights.values()))
        kill = Kill(dice.choice(pages), dice.uniform(0, page_seconds), name, dice.choice(HOWS))
        if name in INTERRUPTS:
            if interrupted[kill.page] == MOST_ON_ONE_PAGE:
                continue
            interrupted[kill.page] += 1
        made.append(kill)
    return sorted(made, key=lambda kill: (kill.page, kill.after))


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--items", type=int, default=None, help="SKUs of the catalogue (3,000; long: 20,000)")
    ask.add_argument("--kills", type=int, default=20)
    ask.add_argument("--lease", type=float, help="seconds for which a claim holds (1; long: as it is)")
    given = ask.answered()
    items = given.items or (20_000 if given.long else 3_000)
    lease = given.lease or (None if given.long else SHORT_LEASE)
    words = ["--lease", str(lease)] if lease else []
    words += ["--verbs", "tests.proof.resume:BAD"] if given.control else []
    found = Figure("resume")
    instead = {house.WORKER: worker.command(*words)} if words else {}
    with Stack(workers=2, settings={"PORTAL_PACES": f"{INTEGRATION}=500"}, instead=instead) as stack:
        return _proved(stack, found, items, given)


def _proved(stack: Stack, found: Figure, items: int, given: Any) -> int:
    stack.sandbox.control("fault", integration=INTEGRATION, kind=LATENCY, times=None)
    clean = Import(stack, "A", items)
    clean.turn_on()
    if not found.must(clean.ended(600), f"the clean import ends, and stands at {clean.numbers()}"):
        return found.end("no comparison")
    took, pages = clean.seconds(), clean.numbers()["pages"]
    say(f"clean: {items} SKUs in {took:.1f} s, {pages} pages, {len(clean.calls())} calls")
    truth = stack.sandbox.truth(f"{INTEGRATION}/{clean.account['name']}")["imported"]
    found.must(clean.total() == sum(truth.values()), f"the clean import has all {sum(truth.values())} listings")

    dice = random.Random(given.seed)
    # The known-bad variant goes wrong where a worker dies behind the first page, so that is what befalls it.
    weights = {**KILLED, **({house.POSTGRES: 4} if given.long else {})} if not given.control else {"worker": 1}
    kills = drawn(dice, given.kills, range(int(given.control), pages), took / pages, weights)
    torn = Import(stack, "B", items)
    torn.turn_on()
    chaos = Chaos(stack, torn, dice)
    done = chaos.carry_out(kills)
    found.must(torn.ended(120 + 90 * given.kills), f"the import ends in spite of {len(done)} kills: {torn.numbers()}")
    found.must(len(done) >= given.kills // 3, f"a third of the kills fell into the import, not only {len(done)}")
    back = chaos.slowest_return
    found.must(
        back <= BACK_WITHIN, f"the work of a killed worker is taken up within {BACK_WITHIN:.0f} s, not {back:.0f}"
    )
    _compare(found, clean, torn, done)
    calls, again = len(clean.calls()), len(torn.calls()) - len(clean.calls())
    by_name = ", ".join(f"{number} × {name}" for name, number in sorted(Counter(done).items()))
    return found.end(
        f"{items} SKUs through {len(done)} kills ({by_name}): {torn.without(clean)} lost, "
        f"{clean.without(torn)} too many, {again} of {calls} calls asked again "
        f"(a page has up to {clean.largest_page()}), "
        f"{took:.1f} s in peace and {torn.seconds():.1f} s torn, taken up again after at most {back:.1f} s"
    )


def _compare(found: Figure, clean: Import, torn: Import, kills: list[str]) -> None:
    found.must(torn.digest() == clean.digest(), "the end state is the clean one")
    found.must(torn.numbers() == clean.numbers(), f"the run counted {clean.numbers()}, not {torn.numbers()}")
    found.must(torn.runs() == 1, f"there is one run, not {torn.runs()}")
    found.must(torn.left_over() == [], f"no work is open or dead but what is planned: {torn.left_over()}")
    again, most = len(torn.calls()) - len(clean.calls()), allowed(clean, kills)
    found.must(again <= most, f"at most {most} calls are asked again, not {again}")


def allowed(clean: Import, kills: list[str]) -> int:
    """The page in hand for each kill; the relay's death interrupts nobody."""
    return clean.largest_page() * sum(name != house.RELAY for name in kills)


class Import:
    """A merchant, an account with the catalogue, and what became of the import."""

    def __init__(self, stack: Stack, name: str, items: int) -> None:
        self._stack = stack
        sandbox = stack.sandbox
        self.account = sandbox.control(
            "account",
            integration=INTEGRATION,
            name=f"torn-{name.lower()}",
            size=items,
            dirty=DIRTY,
            seed="torn",
            channel="torn",
        )
        listed = sandbox.http.get(
            "/control/listings", params={"integration": INTEGRATION, "account": self.account["name"], "count": 1000}
        ).json()
        # Two accounts have the same catalogue under other ids; the first id is where an account's own begin.
        self._first = listed[0]["id"] - listed[0]["slot"]
        with stack.app.app_context():
            self.merchant = parts.merchant(f"Merchant {name}")
            with acting_for(self.merchant):
                parts.products(_half(listed))
                self.connection: uuid.UUID = parts.connection(self.account, sandbox, f"Channel {name}").id

    def turn_on(self) -> None:
        """The merchant turns the channel on: the check and the import are work from here on."""
        with self._stack.app.app_context(), acting_for(self.merchant):
            connections.turn_on(connections.find(self.connection), LINTAS)

    def ended(self, seconds: float) -> bool:
        """Whether the run came to its end and the connection's other work too."""
        return self._stack.until(lambda: self.numbers().get("state") == "done" and self.left_over() == [], seconds)

    def numbers(self) -> dict[str, Any]:
        """The numbers of the run; empty before there is one."""
        rows = self._stack.rows(
            f"select {', '.join(NUMBERS)} from run where merchant_id = %s and resource = 'products' order by id",
            self.merchant,
        )
        return dict(zip(NUMBERS, rows[0], strict=True)) if rows else {}

    def runs(self) -> int:
        """How many runs of the catalogue there are; orders come in by runs of their own."""
        query = "select count(*) from run where merchant_id = %s and resource = 'products'"
        return int(self._stack.one(query, self.merchant))

    def lease(self) -> int:
        """How often the work of the run was claimed."""
        query = "select coalesce(sum(lease), 0) from work where merchant_id = %s and kind in ('sync', 'activate')"
        return int(self._stack.one(query, self.merchant))

    def left_over(self) -> list[tuple[Any, ...]]:
        """Work that is open or dead, except the next run, which is planned for later."""
        query = """
            select kind, status, error from work where merchant_id = %s
                and (status = 'dead' or status = 'open' and not (kind = 'sync_due' and not_before > now()))"""
        return self._stack.rows(query, self.merchant)

    def seconds(self) -> float:
        query = """
            select extract(epoch from max(ended_at) - min(started_at)) from run
            where merchant_id = %s and resource = 'products'"""
        return float(self._stack.one(query, self.merchant) or 0)

    def _listings(self) -> list[tuple[Any, ...]]:
        return self._stack.rows(
            """
            select l.remote_id::bigint - %s, l.sku, l.link_state, p.sku, l.missing_since is null, l.digest
            from listing l left join product p on p.merchant_id = l.merchant_id and p.id = l.product_id
            where l.merchant_id = %s order by 1
            """,
            self._first,
            self.merchant,
        )

    def total(self) -> int:
        return len(self._listings())

    def without(self, other: Import) -> int:
        """How many listings the other has and this one has not."""
        return len({row[0] for row in other._listings()} - {row[0] for row in self._listings()})

    def digest(self) -> str:
        """A hash over every listing with its state and link, and every product."""
        # The remote's ids are part of the kept digest of a listing; here only our own columns count.
        rows = [row[:5] for row in self._listings()]
        skus = self._stack.rows("select sku from product where merchant_id = %s order by sku", self.merchant)
        return hashlib.sha256(json.dumps([rows, skus], default=str).encode()).hexdigest()

    def calls(self) -> list[dict[str, Any]]:
        """Every call that the remote got from this account."""
        return self._stack.sandbox.journal(kind="request", account=self.account["name"])

    def largest_page(self) -> int:
        """How many calls the largest page took: a page begins where wares are searched after SKUs were."""
        sizes, before = [0], ""
        for call in self.calls():
            here = str(call["operation"])
            if here.endswith(WARES) and not before.endswith(WARES):
                sizes.append(0)
            sizes[-1] += 1
            before = here
        return max(sizes)


def _half(listed: list[Mapping[str, Any]]) -> list[str]:
    """Products for some of the listings: the same SKU for every third, a near one for every seventh."""
    skus = list(dict.fromkeys(each["sku"] for each in listed if near(each["sku"])))
    return list(dict.fromkeys([*skus[::3], *(sku.lower() for sku in skus[1::7])]))


def _ahead(claimed: Claim) -> Outcome:
    """The known-bad variant: a read-ahead of one page, for speed, whose cursor moves when a page has been read."""
    run_id = uuid.UUID(claimed.body["run"])
    opened = sync._begin(claimed, run_id)
    if opened is None:
        return None
    connection, resource, since, cursor = opened
    pull = integrations.get(connection.integration).pulls[resource]
    who = lines.account(connection)
    db.session.commit()
    waiting: Page | None = None
    with lines.open_client(connection, with_account=who) as client:
        for page in pull.pages(client, since, cursor):
            db.session.execute(
                sa.update(Run).where(Run.merchant_id == whose(), Run.id == run_id).values(cursor=page.cursor)
            )
            db.session.commit()
            if waiting is not None:
                _take_in(claimed, run_id, connection, pull, waiting)
            waiting = page
    if waiting is not None:
        _take_in(claimed, run_id, connection, pull, waiting)
    return sync._end(run_id, connection)


def _take_in(claimed: Claim, run_id: uuid.UUID, connection: Connection, pull: Pull, page: Page) -> None:
    door = DOORS[Resource.PRODUCTS]
    records, bad = resources.translate(page.items, pull, door)
    cursor = db.session.get_one(Run, (whose(), run_id)).cursor
    sync._keep(claimed, run_id, connection, replace(page, cursor=cursor), records, bad, door, now())


BAD: dict[str, Verb] = {"sync": _ahead}


class Chaos:
    """Carries out the kills, each in a moment in which it can do harm."""

    def __init__(self, stack: Stack, torn: Import, dice: random.Random) -> None:
        self._stack, self._torn, self._dice = stack, torn, dice
        self._claims = 0
        self._killed_at = 0.0
        self.slowest_return = 0.0

    def carry_out(self, kills: list[Kill]) -> list[str]:
        """The names of what was killed, until the import ended."""
        done = []
        for kill in kills:
            if not self._stack.until(partial(self._ready, kill), 300) or self._is_over():
                break
            time.sleep(kill.after)
            name, how = self._aimed(kill)
            if self._is_over():
                break
            self._claims = self._torn.lease() if name.startswith("worker") else 0
            self._killed_at = time.monotonic()
            if self._stack.kill(name, how):
                done.append(name.split("-")[0])
                say(f"killed {name}/{how} after page {kill.page} + {kill.after:.2f} s")
        return done

    def _ready(self, kill: Kill) -> bool:
        """After a worker's death the work must have been taken up again, or the next kill would meet nobody."""
        numbers = self._torn.numbers()
        if numbers.get("state") == "done":
            return True
        if self._claims and self._torn.lease() > self._claims:
            self._claims = 0
            self.slowest_return = max(self.slowest_return, time.monotonic() - self._killed_at)
        return numbers.get("pages", 0) >= kill.page and not self._claims

    def _is_over(self) -> bool:
        return self._torn.numbers().get("state") == "done"

    def _aimed(self, kill: Kill) -> tuple[str, str]:
        """The worker that is at work, where one is meant."""
        if kill.name != "worker":
            return kill.name, "group"
        names = [name for name in self._stack.children if name.startswith("worker")]
        busy = [name for name in names if len(house.session_of(self._stack.children[name].pid)) > 1]
        return self._dice.choice(busy or names), kill.how if busy else "group"


if __name__ == "__main__":
    figure.run(main)
