"""Orders of many lines whose SKUs stand in any order, with many threads at once: no deadlock reaches a caller.

Half of the orders come in, the other half are shipped or cancelled while that goes on, so that the same rows are wanted
from all sides.  Whoever changes stock holds its rows in one order.

The known-bad variant holds them in the order in which the lines stand.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import sqlalchemy as sa

from portal.flows import stock, stock_ledger
from portal.kit.db import acting_for, db, whose
from portal.models import Order
from tests.proof import figure, ordering, parts
from tests.proof.figure import Figure, say
from tests.proof.ordering import Ground, Piece
from tests.stack import Stack

SKUS, LINES, ORDERS = 20, 6, 10_000
LONGEST_PAGE = 20
ENDS = ("shipped", "cancelled")


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, default=ORDERS, help="how many orders")
    given = ask.answered()
    found, chance = Figure("deadlock"), random.Random(given.seed)
    with Stack(workers=0, relay=False, sandbox=False) as stack, stack.app.app_context():
        merchant = parts.merchant("Merchant of long orders")
        with acting_for(merchant):
            place = ordering.ground(merchant, SKUS, 1_000)
            orders = [place.order(chance, LINES) for _ in range(given.n)]
            do = _unsorted if given.control else ordering.import_page
            here, todo = set[object](), list(ordering.pages(orders, chance, LONGEST_PAGE))
            faults = ordering.at_once(stack.app, merchant, todo, lambda page: _both(place, page, do, here))
            deadlocks = [each for each in faults if "eadlock" in each]
            say(f"{len(orders)} orders of {LINES} lines: {len(faults)} faults, {len(deadlocks)} of them deadlocks")
            found.must(not deadlocks, f"no deadlock reaches a caller, and not {len(deadlocks)}: {deadlocks[:1]}")
            found.must(len(faults) == len(deadlocks), f"no other fault either: {faults[:2]}")
            if not given.control:
                found.must(not (off := stock_ledger.unbalanced()), f"no number drifts, and not {off}")
    return found.end(f"{len(orders)} orders of {LINES} lines by {ordering.THREADS} threads: {len(deadlocks)} deadlocks")


def _both(place: Ground, page: Sequence[Piece], do: object, here: set[object]) -> None:
    """A page comes in; then half of its orders end, by another page's side."""
    assert callable(do)
    do(place, page)
    ended = [each.id for each in page[::2]]
    if do is not ordering.import_page or not ended:
        return
    here.update(ended)
    mine = Order.merchant_id == whose(), Order.id.in_(ended)
    db.session.execute(sa.update(Order).where(*mine).values(status=ENDS[len(ended) % 2]))
    stock.settle(ended)
    db.session.commit()


ONE = sa.text("update stock set reserved = reserved + 1 where merchant_id = :merchant and product_id = :product")


def _unsorted(place: Ground, page: Sequence[Piece]) -> None:
    """Each line takes its row when its turn comes."""
    ordering.keep(place, page)
    for each in page:
        for _, product, _ in each.lines:
            db.session.execute(ONE, {"merchant": whose(), "product": product})
    db.session.commit()


if __name__ == "__main__":
    figure.run(main)
