"""What follows from links that were made or taken away: orders get their products, listings their numbers, plugins
their say.

Links change in many places, and in thousands at once; all of them only ask for this work.  It looks for what does not
fit the links as they are, mends that piece by piece, and ends when it finds nothing more.
"""

import uuid
from collections.abc import Collection, Iterable
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from portal.flows import order_flags, order_follow, prices, pushes, stock_sources, work
from portal.flows.work import Again, Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.models.work import work_key

KIND = "links_changed"
PIECE = 500
# Each look walks past what is dealt with already, so a first import is worth few large steps.
MANY = 20_000
# Decisions come one after the other; what follows from them is done together.
GATHER = timedelta(seconds=2)
PRIORITY = 3

# A line names the listing that it was imported with, or the channel's number of one that came in later.
UNLINKED_LINES = sa.text(
    """
    select l.id, l.order_id, i.id as listing_id, i.product_id
    from order_line l
    join orders o on o.merchant_id = :merchant and o.id = l.order_id
    join listing i on i.merchant_id = :merchant and i.connection_id = o.connection_id
        and i.remote_id = l.remote_listing_id
    where l.merchant_id = :merchant and l.product_id is null and i.product_id is not null
    union all
    select l.id, l.order_id, i.id, i.product_id
    from order_line l
    join listing i on i.merchant_id = :merchant and i.id = l.listing_id
    where l.merchant_id = :merchant and l.product_id is null and i.product_id is not null
        and i.remote_id <> l.remote_listing_id
    limit :most
    """
)
LINK_LINES = sa.text(
    """
    update order_line l set product_id = i.product_id, listing_id = i.id
    from unnest(cast(:ids as uuid[]), cast(:listings as uuid[])) as r(id, listing_id)
    join listing i on i.merchant_id = :merchant and i.id = r.listing_id and i.product_id is not null
    where l.merchant_id = :merchant and l.id = r.id and l.product_id is null
    """
)
LOCK_ORDERS = sa.text(
    """
    select id from orders where merchant_id = :merchant and id = any(cast(:orders as uuid[])) order by id for update
    """
)
# A listing that is linked to another product wants another number; one that waits to be sent gets it anyway.
UNPUSHED = sa.text(
    """
    select l.id from connection c
    join listing l on l.merchant_id = :merchant and l.connection_id = c.id and l.product_id is not null
    where c.merchant_id = :merchant and c.kind = 'marketplace' and not exists (
        select from push p where p.merchant_id = :merchant and p.listing_id = l.id
            and (p.sent < p.wanted or p.wanted_at >= coalesce(l.linked_at, p.wanted_at)))
    limit :most
    """
)


def links_changed() -> None:
    """Links of listings change in the open transaction; what follows from it is done after its commit."""
    work.add(
        KIND,
        work.house_lane(whose()),
        work_key(KIND, whose()),
        {},
        priority=PRIORITY,
        not_before=now() + GATHER,
    )


def carry_out(claimed: Claim) -> Outcome:
    """Work: mend what does not fit the links, one piece in each transaction.

    The last look is taken while the work's row is held, so that whoever asks meanwhile asks for work that is new.
    """
    mended = sum(step() for step in (_lines, _listings, _ended, _begun, _uneven))
    if mended:
        return Again()
    work.hold(claimed)
    return Again() if _something_is_left() else None


def _something_is_left() -> bool:
    values = {"merchant": whose(), "most": 1}
    if any(db.session.execute(query, values).first() for query in (UNLINKED_LINES, UNPUSHED)):
        return True
    return bool(stock_sources.ended(1) or stock_sources.begun(1) or stock_sources.uneven(1))


def _lines() -> int:
    """Lines of listings that are linked now get their product, and their orders are promised it."""
    rows = db.session.execute(UNLINKED_LINES, {"merchant": whose(), "most": PIECE}).all()
    if rows:
        # Orders are held before their lines change, as whoever takes orders in holds them.
        values = {"merchant": whose(), "orders": array({row.order_id for row in rows}), "moment": now()}
        db.session.execute(LOCK_ORDERS, values)
        lines = {"ids": array(row.id for row in rows), "listings": array(row.listing_id for row in rows)}
        db.session.execute(LINK_LINES, {"merchant": whose(), **lines})
        order_flags.judge({row.order_id for row in rows})
        order_follow.follow(sorted({row.order_id for row in rows}))
        db.session.commit()
    return len(rows)


def _listings() -> int:
    """Listings of channels that are linked now want a number."""
    found = list(db.session.execute(UNPUSHED, {"merchant": whose(), "most": MANY}).scalars())
    if found:
        pushes.want_listings(found)
        prices.want_listings(found)
        db.session.commit()
    return len(found)


def _ended() -> int:
    """Plugins that count no longer for some products."""
    found = stock_sources.ended(PIECE)
    for connection_id, products in _by_connection(found):
        stock_sources.end(products, connection_id)
        db.session.commit()
    return len(found)


def _begun() -> int:
    """Plugins that count for some products from now on."""
    found = stock_sources.begun(PIECE)
    for connection_id, products in _by_connection(found):
        stock_sources.take_over(connection_id, products)
        db.session.commit()
    return len(found)


def _uneven() -> int:
    """Products one of whose plugins was removed."""
    found = stock_sources.uneven(PIECE)
    if found:
        stock_sources.even_out(found)
        db.session.commit()
    return len(found)


def _by_connection(
    found: Iterable[tuple[uuid.UUID, uuid.UUID]],
) -> Iterable[tuple[uuid.UUID, Collection[uuid.UUID]]]:
    for connection_id, rows in groupby(sorted(found, key=itemgetter(1)), key=itemgetter(1)):
        yield connection_id, [product_id for product_id, _ in rows]
