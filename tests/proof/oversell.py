"""Ten thousand orders at three channels for four thousand pieces: exactly four thousand are covered, no counter drifts.

The orders come in pages, with many threads at once.  All of them are recorded, since a channel has sold them; which are
covered follows from the number on hand and the order in which they were promised.  `--copies` delivers each page
several times at once, `--db-delay 5-50` holds every message to and from the database back by so many milliseconds.

The known-bad variant reads what is available, decides, and then writes: it covers more than there is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack

import sqlalchemy as sa

from portal.flows import stock, stock_ledger
from portal.kit.clock import now
from portal.kit.db import acting_for, array, db, whose
from portal.kit.ids import new_id
from tests.proof import figure, ordering, parts
from tests.proof.figure import Figure, say
from tests.proof.ordering import Ground, Piece
from tests.stack import Stack

SKUS, ORDERS = 20, 10_000
LONGEST_PAGE = 25
AT_ONCE = 500
SECONDS = 20.0


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, default=ORDERS, help="how many orders; two in five find a piece")
    ask.add_argument("--copies", type=int, default=1, help="how often each page is delivered at once")
    ask.add_argument("--db-delay", default="", metavar="A-B", help="milliseconds that a message of the database takes")
    given = ask.answered()
    found, chance = Figure("oversell"), random.Random(given.seed)
    each = given.n * 2 // 5 // SKUS
    with Stack(workers=0, relay=False, sandbox=False) as stack, stack.app.app_context(), ExitStack() as way:
        merchant = parts.merchant("Merchant of ten thousand orders")
        with acting_for(merchant):
            place = ordering.ground(merchant, SKUS, each)
            orders = _orders(place, chance, given.n)
            app = stack.app
            if given.db_delay:
                least, most = map(int, given.db_delay.split("-"))
                app = way.enter_context(ordering.slow_app(stack, (least, most)))
            todo = [page for page in ordering.pages(orders, chance, LONGEST_PAGE) for _ in range(given.copies)]
            began = time.monotonic()
            do = _naive if given.control else ordering.import_page
            faults = ordering.at_once(app, merchant, todo, lambda page: do(place, page))
            took = time.monotonic() - began
            say(f"{len(orders)} orders in {len(todo)} pages with {ordering.THREADS} threads: {took:.1f} s")
            found.must(not faults, f"no page is refused, and not {len(faults)}: {faults[:2]}")
            covered = _accepted() if given.control else _covered(orders)
            _judge(found, place, covered, each)
            quick = given.db_delay or given.control or given.copies > 1 or took <= SECONDS * given.n / ORDERS + 5
            found.must(quick, f"all are in after {SECONDS:.0f} s and not {took:.0f} s")
    told = f", each delivered {given.copies} times" if given.copies > 1 else ""
    return found.end(f"{len(orders)} orders{told} for {each * SKUS} pieces: {sum(covered)} covered, {took:.1f} s")


def _orders(place: Ground, chance: random.Random, number: int) -> list[Piece]:
    """One piece each; every SKU is wanted equally often."""
    rounds = [place.products[at % SKUS] for at in range(number)]
    chance.shuffle(rounds)
    return [Piece(new_id(), chance.choice(place.channels), [(new_id(), product, 1)]) for product in rounds]


def _covered(orders: Sequence[Piece]) -> list[int]:
    """By SKU, how many of its orders find their piece."""
    found: dict[object, int] = {}
    for at in range(0, len(orders), AT_ONCE):
        piece = orders[at : at + AT_ONCE]
        missing = stock.covered([each.id for each in piece])
        for each in piece:
            product = each.lines[0][1]
            found[product] = found.get(product, 0) + (missing[each.id] == 0)
    return list(found.values())


def _judge(found: Figure, place: Ground, covered: Sequence[int], each: int) -> None:
    found.must(
        sum(covered) == each * SKUS and set(covered) == {each},
        f"exactly {each} orders of each SKU are covered, and not {min(covered, default=0)} to {max(covered, default=0)}"
        f" ({sum(covered) - each * SKUS:+d} in all)",
    )
    found.must(not (off := stock_ledger.unbalanced()), f"no number differs from the sum of its moves, and not {off}")
    reserved = sa.text("select count(*) from reservation where merchant_id = :merchant and state = 'open'")
    told = sa.text("select count(*) from notice where merchant_id = :merchant and cause = 'oversold'")
    values = {"merchant": place.merchant}
    say(f"{db.session.scalar(reserved, values)} reservations, {db.session.scalar(told, values)} notices")


# --- the known-bad variant --------------------------------------------------------------------------------------------

READ = sa.text(
    "select product_id, on_hand, reserved from stock where merchant_id = :merchant and product_id = any(:ids)"
)
WRITE = sa.text("update stock set reserved = :reserved where merchant_id = :merchant and product_id = :product")
ACCEPT = sa.text(
    """
    insert into reservation (merchant_id, id, order_id, line_id, product_id, quantity, state, firm, by_parcel, at)
    select :merchant, r.id, r.order_id, r.line_id, r.product_id, 1, 'open', false, false, :moment
    from unnest(cast(:ids as uuid[]), cast(:orders as uuid[]), cast(:lines as uuid[]), cast(:products as uuid[]))
        as r(id, order_id, line_id, product_id)
    """
)
ACCEPTED = sa.text(
    "select count(*) from reservation where merchant_id = :merchant and state = 'open' group by product_id"
)


def _naive(place: Ground, page: Sequence[Piece]) -> None:
    """Read what is available, promise as much of it as is wanted, write what was reckoned."""
    ordering.keep(place, page)
    products = sorted({each.lines[0][1] for each in page})
    rows = db.session.execute(READ, {"merchant": whose(), "ids": products})
    numbers = {row.product_id: [row.on_hand, row.reserved] for row in rows}
    time.sleep(0.002)  # Whatever else a request does between its two statements.
    taken = []
    for each in page:
        line, product, _ = each.lines[0]
        if numbers[product][0] > numbers[product][1]:
            numbers[product][1] += 1
            taken.append((new_id(), each.id, line, product))
    for product in products:
        db.session.execute(WRITE, {"merchant": whose(), "product": product, "reserved": numbers[product][1]})
    if taken:
        columns = [array(column) for column in zip(*taken, strict=True)]
        names = ("ids", "orders", "lines", "products")
        values = {"merchant": whose(), "moment": now(), **dict(zip(names, columns, strict=True))}
        db.session.execute(ACCEPT, values)
    db.session.commit()


def _accepted() -> list[int]:
    """By SKU, how many orders were told that there is a piece for them."""
    return list(db.session.execute(ACCEPTED, {"merchant": whose()}).scalars())


if __name__ == "__main__":
    figure.run(main)
