"""S8: one number in a hundred is changed by hand at the channel; one reading finds, names and mends every one.

Listings that the channel no longer knows are named and left.  The known-bad variant believes what it sent.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import sqlalchemy as sa

from portal.flows import drift, pushes, work
from portal.flows.drift import Drift, Verdict
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Listing, Push, Work
from tests import shelves
from tests.proof import figure, parts
from tests.proof.figure import Figure
from tests.shelves import Rak
from tests.stack import Stack
from workers.jobs import VERBS

SHARE, GONE = 0.01, 3


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--listings", type=int, default=None, help="listings of the channel (2,000; long: 20,000)")
    given = ask.answered()
    number = given.listings or (20_000 if given.long else 2_000)
    if given.control:
        drift.judged = lambda push, read, level, may_be_order: Verdict(Drift.NONE, push.acked_level)
    settings = {"PORTAL_PACES": "rak=5000"}
    with (
        Stack(workers=0, relay=False, sandbox=False, durable=False, settings=settings) as stack,
        tempfile.TemporaryDirectory() as folder,
        shelves.opened(stack.app, Path(folder)) as rak,
        stack.app.app_context(),
        acting_for(parts.merchant("Drift")),
    ):
        return _proved(stack, rak, number, random.Random(given.seed))


def _proved(stack: Stack, rak: Rak, number: int, dice: random.Random) -> int:
    found = Figure("drift")
    shop = shelves.channel(brake_count=number)
    products = shelves.listed(shop, {f"S{each:05}": dice.randrange(1, 90) for each in range(number)})
    stack.rows("analyze")
    pushes.want(list(products.values()))
    db.session.commit()
    _work()
    right = dict(rak.levels)
    touched = dice.sample(sorted(right), max(1, int(number * SHARE)) + GONE)
    gone, edited = touched[:GONE], touched[GONE:]
    for each in edited:
        rak.levels[each] = max(0, right[each] + dice.choice([-5, -1, 1, 7, 500])) if right[each] else 9
        if rak.levels[each] == right[each]:
            rak.levels[each] += 1
    for each in gone:
        del rak.levels[each]
    drift.ask(shelves.the(shop), "the proof")
    db.session.commit()
    _work()
    named = _named()
    wrong = [each for each, level in right.items() if each not in gone and rak.levels[each] != level]
    found.must(not wrong, f"{len(wrong)} of {len(edited)} edited numbers were not mended")
    found.must(all(named.get(each) == Drift.EDITED for each in edited), "every edited number is named as edited")
    found.must(all(named.get(each) == Drift.LINK for each in gone), "every listing that is gone is named as gone")
    found.must(len(named) == len(touched), f"{len(named)} listings are named, {len(touched)} were touched")
    return found.end(
        f"{number} listings, {len(edited)} edited and {len(gone)} gone: {len(named)} named, {len(wrong)} not mended"
    )


def _named() -> dict[str, str]:
    """The listings with a difference, and what it was named."""
    query = sa.select(Listing.remote_id, Push.drift).join(Push, Push.listing_id == Listing.id)
    return {row.remote_id: row.drift for row in db.session.execute(query.where(Push.drift != ""))}


def _work() -> None:
    """What the workers would do; waiting times are cut short."""
    for _ in range(200):
        db.session.execute(sa.update(Work).where(Work.kind.in_([pushes.KIND, drift.KIND])).values(not_before=now()))
        db.session.commit()
        if not work.drain_all(VERBS, rounds=1):
            return


if __name__ == "__main__":
    figure.run(main)
