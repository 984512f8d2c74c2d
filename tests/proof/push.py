"""S5, S6: a storm of changes, lost calls and lost answers, and at rest no listing shows a wrong number.

At every moment a channel shows a number that was right at some version not older than the last one it showed.  The
known-bad variant carries the number in the job, as it was when the job was made.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from portal import integrations
from portal.contract.errors import RemoteError
from portal.contract.records import Level
from portal.flows import levels, lines, pushes, work
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import Connection
from tests import shelves
from tests.proof import figure, parts
from tests.proof.figure import Figure
from tests.shelves import Rak
from tests.stack import Stack
from workers.jobs import VERBS

SKUS, WRITERS, DRAINERS = 200, 6, 2
LOST = 0.05
REST = 10.0
MOST_CALLS = 0.25
CHANGE = sa.text(
    """
    update stock set on_hand = greatest(0, on_hand + :by), version = version + 1
    where merchant_id = :merchant and product_id = :product returning on_hand
    """
)
CARRIED = "carried"


@dataclass
class Witness:
    """What each listing was right to show, version by version, and what it was seen to show."""

    versions: dict[str, list[int]] = field(default_factory=dict)
    shown_as_of: dict[str, int] = field(default_factory=dict)
    regressions: int = 0

    def sees(self, taken: dict[str, int]) -> None:
        """The channel took these numbers: each must be that of a version not older than the last one."""
        for remote_id, number in taken.items():
            known, since = self.versions[remote_id], self.shown_as_of.get(remote_id, 0)
            at = next((at for at in range(since, len(known)) if known[at] == number), None)
            if at is None:
                self.regressions += 1
            else:
                self.shown_as_of[remote_id] = at


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--changes", type=int, default=None, help="changes of stock (4,000; long: 40,000)")
    given = ask.answered()
    changes = given.changes or (40_000 if given.long else 4_000)
    settings = {"PORTAL_PACES": "rak=5000"}
    with (
        Stack(workers=0, relay=False, sandbox=False, durable=False, settings=settings) as stack,
        tempfile.TemporaryDirectory() as folder,
        shelves.opened(stack.app, Path(folder)) as rak,
    ):
        return _proved(stack, rak, changes, given.seed, given.control)


def _proved(stack: Stack, rak: Rak, changes: int, seed: int, control: bool) -> int:
    found, witness, dice = Figure("push"), Witness(), random.Random(seed)
    with stack.app.app_context():
        merchant = parts.merchant("Storm")
        with acting_for(merchant):
            shop = shelves.channel(max_level=40, brake_count=SKUS + 1)
            products = shelves.listed(shop, {f"S{number:03}": 20 for number in range(SKUS)})
            witness.versions = {f"R-{sku}": [20] for sku in products}
            if control:
                _carry(shop)
            pushes.want(list(products.values()))
            db.session.commit()
    stack.rows("analyze")  # As any house is that has been up for a minute.
    rak.watcher, rak.lose, rak.lose_answer, rak.slow = witness.sees, LOST, LOST, 0.02
    rak.dice = random.Random(seed)
    over = threading.Event()
    verbs = VERBS | {CARRIED: _send_carried}
    drainers = [threading.Thread(target=_drain, args=(stack, over, verbs)) for _ in range(DRAINERS)]
    share, items = changes // WRITERS, list(products.items())
    writers = [
        threading.Thread(target=_write, args=(stack, merchant, items, witness, random.Random(dice.random()), share))
        for _ in range(WRITERS)
    ]
    for each in (*drainers, *writers):
        each.start()
    for each in writers:
        each.join()
    wrong, took = _rest(stack, rak, witness)
    over.set()
    for each in drainers:
        each.join()
    made, calls = share * WRITERS, len(rak.told)
    found.must(wrong == 0, f"{wrong} of {SKUS} SKUs show a wrong number {REST:.0f} s after the last change")
    found.must(witness.regressions == 0, f"{witness.regressions} numbers were older than one that was shown before")
    found.must(calls <= made * MOST_CALLS, f"{calls} calls for {made} changes")
    return found.end(
        f"{made} changes over {SKUS} SKUs, {calls} calls, at rest after {took:.1f} s: {wrong} wrong, "
        f"{witness.regressions} regressions"
    )


def _write(
    stack: Stack,
    merchant: uuid.UUID,
    items: list[tuple[str, uuid.UUID]],
    witness: Witness,
    dice: random.Random,
    changes: int,
) -> None:
    with stack.app.app_context(), acting_for(merchant):
        for _ in range(changes):
            sku, product = dice.choice(items)
            values = {"merchant": merchant, "product": product, "by": dice.choice([-3, -2, -1, -1, 1, 2, 4])}
            on_hand = db.session.scalar(CHANGE, values)
            # Known to the witness before anybody can read it; the row is locked, so the versions stay in order.
            witness.versions[f"R-{sku}"].append(min(40, on_hand or 0))
            pushes.want([product])
            db.session.commit()
        db.session.remove()


def _drain(stack: Stack, over: threading.Event, verbs: dict[str, work.Verb]) -> None:
    with stack.app.app_context():
        while not over.is_set():
            lanes = work.lanes_ready()
            for lane in lanes:
                work.drain(lane, verbs, seconds=1.0)
            if not lanes:
                time.sleep(0.05)


def _rest(stack: Stack, rak: Rak, witness: Witness) -> tuple[int, float]:
    """How many SKUs are wrong when all is quiet, at the latest after a while, and how long that took."""
    began = time.monotonic()
    while True:
        took = time.monotonic() - began
        wrong = sum(rak.levels.get(remote_id) != known[-1] for remote_id, known in witness.versions.items())
        pending = stack.one("select count(*) from work where status = 'open' and kind in ('push_stock', 'carried')")
        if took > REST or (wrong == 0 and pending == 0):
            return wrong, took
        stack.pass_time(0.1)


def _carry(shop: uuid.UUID) -> None:
    """The known-bad variant: each change makes a job that carries the number of that moment."""

    def want(product_ids: Collection[uuid.UUID]) -> None:
        connection = db.session.get_one(Connection, (whose(), shop))
        for each in levels.of_products(product_ids).values():
            body = {"connection": str(shop), "remote_id": each.remote_id, "level": each.level}
            work.add(CARRIED, lines.lane(connection), str(new_id()), body)

    pushes.want = want


def _send_carried(claimed: work.Claim) -> work.Outcome:
    connection = db.session.get_one(Connection, (whose(), uuid.UUID(claimed.body["connection"])))
    out = integrations.get(connection.integration).stock_out
    assert out is not None
    level = Level(claimed.body["remote_id"], "", claimed.body["level"])
    try:
        with lines.open_client(connection) as client:
            out.send(client, [level], new_id().hex)
    except RemoteError as why:
        return work.Again(0.3, progress=False, why=str(why))
    return None


if __name__ == "__main__":
    figure.run(main)
