"""Sixty-four threads share a few pooled connections, break off at random, and no one is given another's row.

Each request is of a random merchant: a page with its session, or work as a worker does it, with queries that name no
merchant at all and so stand on the walls of the database alone.  At random a request breaks in its midst, a statement
runs out of time, or the database ends the connection under it.  Every row and every page that comes back is looked at.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import people
from portal.kit import db as kit
from portal.kit.db import acting_for, db
from portal.models import Listing, Product, Role, Store
from tests.cast import PASSWORD, csrf
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack

THREADS, MERCHANTS = 64, 12
SHORT, LONG = 1500, 10_000
BREAKS, SLOW, KILLED, WORKS = 0.06, 0.04, 0.01, 0.5
PAGES = ("/stores", "/products", "/settings", "/links", "/stock", "/")
LEAST_GOOD = 0.6


class Broken(Exception):
    """The breakage of a proof."""


def main() -> int:
    asked = figure.Asked(__doc__)
    asked.add_argument("--n", type=int, default=None, help="requests in all")
    given = asked.answered()
    number = given.n or (LONG if given.long else SHORT)
    found = Figure("bleed")
    with parts.portal_alone() as stack:
        crowd = Crowd(stack, found, given.seed)
        if given.control:
            _keep_the_merchant()
        return crowd.worked(number)


def _keep_the_merchant() -> None:
    """The known-bad variant: the merchant is told once to a connection, which keeps it when it is back in the pool."""

    def tell(wire: Any) -> None:
        if "told" not in wire.info and kit._merchant.get() is not None:
            wire.info["told"] = True
            lasting = str(kit.TELL).replace(", true", ", false")
            wire.execute(sa.text(lasting), {"merchant": str(kit._merchant.get()), "person": ""})

    kit._tell = tell


class Crowd:
    """Merchants with a mark of their own, and those who ask for them."""

    def __init__(self, stack: Stack, found: Figure, seed: int) -> None:
        self._stack, self._found, self._seed = stack, found, seed
        self._app = stack.app
        self._local = threading.local()
        self._lock = threading.Lock()
        self._told: Counter[str] = Counter()
        self._wrong = self._rows = 0
        self._marks: dict[uuid.UUID, str] = {}
        self._sessions: dict[uuid.UUID, str] = {}
        for at in range(MERCHANTS):
            self._merchant(at)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._disturb)

    def _merchant(self, at: int) -> None:
        mark = f"mark-{at:02}-{uuid.uuid4().hex[:8]}"
        with self._app.app_context():
            made = parts.merchant(mark)
            owner = people.create_user(f"{mark}@example.com", mark, PASSWORD)
            people.join(made, owner, Role.OWNER)
            with acting_for(made):
                for number in range(3):
                    db.session.add(
                        Product(merchant_id=made, sku=f"{mark}-{number}", sku_near=f"{mark}{number}", title=mark)
                    )
                db.session.commit()
        client = self._app.test_client()
        form = {"email": f"{mark}@example.com", "password": PASSWORD, "csrf_token": csrf(client, "/login")}
        client.post("/login", data=form)
        cookie = client.get_cookie("sid")
        assert cookie is not None, "the owner is signed in"
        self._marks[made], self._sessions[made] = mark, cookie.value

    def worked(self, number: int) -> int:
        """Everybody at once; gives the exit code."""
        begun = time.monotonic()
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                for each in pool.map(self._one, range(number)):
                    del each
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", self._disturb)
        took = time.monotonic() - begun
        say(f"{number} requests in {took:.0f} s: {dict(sorted(self._told.items()))}")
        good = self._told["page"] + self._told["work"]
        self._found.must(good > LEAST_GOOD * number, f"{good} of {number} requests came to their end")
        for kind in ("broken", "out of time", "cut off"):
            self._found.must(self._told[f"made {kind}"], f"some requests were {kind}")
        self._found.must(not self._left_open(), "no connection in the pool has a merchant left in it")
        return self._found.end(
            f"{THREADS} threads, {number} requests of {MERCHANTS} merchants, {self._rows} rows: "
            f"{self._wrong} of the wrong merchant"
        )

    def _one(self, at: int) -> None:
        chance = random.Random(f"{self._seed}-{at}")
        merchant = chance.choice(list(self._marks))
        self._local.harm = self._harm(chance)
        try:
            if chance.random() < WORKS:
                self._work(merchant)
                self._count("work")
            else:
                status = self._page(merchant, chance.choice(PAGES))
                self._count("page" if status == 200 else f"page {status}")
        except (Broken, sa.exc.SQLAlchemyError) as why:
            self._count(type(why).__name__)
        finally:
            self._local.harm = ()

    def _harm(self, chance: random.Random) -> tuple[str, int] | tuple[()]:
        """What happens to a request, and at which of its statements."""
        drawn = chance.random()
        for share, kind in ((KILLED, "cut off"), (SLOW, "out of time"), (BREAKS, "broken")):
            if drawn < share:
                return kind, chance.randrange(1, 7)
            drawn -= share
        return ()

    def _disturb(self, wire: Any, cursor: Any, statement: str, *_: Any) -> None:
        harm = getattr(self._local, "harm", ())
        if not harm:
            return
        kind, left = harm
        if left > 1:
            self._local.harm = (kind, left - 1)
            return
        self._local.harm = ()
        self._count(f"made {kind}")
        if kind == "broken":
            raise Broken
        if kind == "out of time":
            cursor.execute("set local statement_timeout = '20ms'")
            cursor.execute("select pg_sleep(1)")
        else:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    # --- what is asked for --------------------------------------------------------------------------------------------

    def _page(self, merchant: uuid.UUID, path: str) -> int:
        client: FlaskClient = self._app.test_client()
        client.set_cookie("sid", self._sessions[merchant])
        answer = client.get(path)
        foreign = [mark for owner, mark in self._marks.items() if owner != merchant and mark in answer.text]
        own = self._marks[merchant] in answer.text or answer.status_code != 200
        self._judge(len(foreign), f"{path} of {self._marks[merchant]} shows {foreign}")
        self._judge(int(not own), f"{path} of {self._marks[merchant]} shows nothing of its own")
        signed_out = answer.status_code == 303 and "/login" in answer.headers.get("Location", "")
        self._judge(int(signed_out), f"{self._marks[merchant]} is somebody else at {path}")
        return answer.status_code

    def _work(self, merchant: uuid.UUID) -> None:
        """As a worker does it, by statements that say nothing of whose the rows are."""
        with self._app.app_context(), acting_for(merchant):
            try:
                for model in (Product, Store, Listing):
                    for (owner,) in db.session.execute(sa.select(model.merchant_id)):
                        self._row(merchant, owner, model.__tablename__)
                db.session.execute(sa.update(Product).values(title=self._marks[merchant]))
                db.session.commit()
                rows = db.session.execute(sa.select(Product.merchant_id, Product.title)).all()
                for owner, title in rows:
                    self._row(merchant, owner, "product")
                    self._judge(int(title != self._marks[merchant]), f"{self._marks[merchant]} reads {title}")
                self._judge(int(not rows), f"{self._marks[merchant]} sees its products")
            finally:
                db.session.remove()

    def _row(self, merchant: uuid.UUID, owner: uuid.UUID, table: str) -> None:
        with self._lock:
            self._rows += 1
        self._judge(int(owner != merchant), f"{self._marks[merchant]} is given a row of {table} of another")

    def _judge(self, wrong: int, what: str) -> None:
        if wrong:
            with self._lock:
                self._wrong += wrong
                self._found.must(False, what)

    def _count(self, what: str) -> None:
        with self._lock:
            self._told[what] += 1

    def _left_open(self) -> list[str]:
        """What merchant each connection of the pool still has when nobody uses it."""
        with self._app.app_context():
            wires = [db.engine.connect() for _ in range(MERCHANTS)]
            asked = sa.text("select coalesce(current_setting('app.merchant', true), '')")
            left = [str(wire.scalar(asked)) for wire in wires]
            for wire in wires:
                wire.close()
        return [each for each in left if each]


if __name__ == "__main__":
    figure.run(main)
