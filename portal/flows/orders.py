"""The door for orders: set-wise, newest wins, what did not change is not written, pieces promised at once."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.records import OrderStatus, RemoteOrder
from portal.flows import notices, order_buyers, order_events, order_flags, order_follow, order_rows, windows
from portal.flows.intake import Kept
from portal.flows.order_events import Happened
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import Connection

UNKNOWN_WORD = "unknown_order_word"


@dataclass(frozen=True, slots=True)
class News:
    """One order that is new or has changed: its record, its row, and the row that was there, None for a new one."""

    record: RemoteOrder
    row: dict[str, Any]
    known: Any


def meanings(connection: Connection) -> dict[str, OrderStatus]:
    """What the channel's words for the way of an order mean for this connection."""
    declared = integrations.get(connection.integration).statuses
    return {word: OrderStatus(meaning) for word, meaning in {**declared, **connection.statuses}.items()}


def keep_orders(connection: Connection, records: Sequence[RemoteOrder], asked: datetime) -> Kept:
    """Take a page of orders into the open transaction: a constant number of statements, however long the page.

    Orders from before the start are left out, except those that are here already.
    """
    newest = order_rows.newest(records)
    if not newest:
        return Kept()
    values = {"merchant": whose(), "connection": connection.id, "ids": array(newest)}
    known = {row.remote_id: row for row in db.session.execute(order_rows.KNOWN, values)}
    start = windows.start_of(connection)
    taken = {key: each for key, each in newest.items() if key in known or each.placed_at >= start}
    mean = meanings(connection)
    news = _news(connection, taken, known, mean, asked)
    if not news:
        return Kept()
    raced = _write(connection, news, asked)
    news = [each for each in news if each.record.remote_id not in raced]
    lines = _write_lines(connection, news)
    _tell_unknown(connection, news, mean)
    order_events.add([event for each in news for event in _events(each, lines, mean)])
    ids = [each.row["id"] for each in news]
    order_flags.judge(ids)
    order_follow.follow([each.row["id"] for each in news if _moves_stock(each, lines)])
    fresh = sum(each.known is None for each in news)
    told = tuple(each.record.remote_id for each in news)
    if not raced:
        return Kept(fresh, len(news) - fresh, news=told)
    # Somebody else wrote these meanwhile: they are known now, and what we were told may be newer.
    again = keep_orders(connection, [taken[remote_id] for remote_id in raced], asked)
    return Kept(fresh + again.fresh, len(news) - fresh + again.changed, news=(*told, *again.news))


def _news(
    connection: Connection,
    taken: Mapping[str, RemoteOrder],
    known: Mapping[str, Any],
    mean: Mapping[str, OrderStatus],
    asked: datetime,
) -> list[News]:
    key, found = order_buyers.secret_key(), []
    for remote_id, record in taken.items():
        old, digest = known.get(remote_id), order_rows.digest(record, key)
        if old is not None and not _is_newer(record, digest, old, asked):
            continue
        status = mean.get(record.status_word)
        if status is OrderStatus.KEEP:
            status = OrderStatus(old.status) if old is not None and old.status else None
        order_id = old.id if old is not None else new_id()
        row = order_rows.row(record, order_id, status, digest, key, connection.id)
        found.append(News(record, row, old))
    return found


def _is_newer(record: RemoteOrder, digest: bytes, old: Any, asked: datetime) -> bool:
    """Whether a record says something else than what is kept, and not something older."""
    if bytes(old.digest) == digest:
        return False
    theirs, ours = record.updated_at, old.remote_updated_at
    if theirs is not None and ours is not None and theirs != ours:
        return bool(theirs > ours)
    return bool(asked >= old.asked_at)


def _write(connection: Connection, news: Sequence[News], asked: datetime) -> set[str]:
    """Write the rows; gives the remote ids of new ones that somebody else wrote meanwhile."""
    about = {"merchant": whose(), "asked": asked, "moment": now()}
    fresh = [each.row for each in news if each.known is None]
    changed = [each.row for each in news if each.known is not None]
    written: set[str] = set()
    if fresh:
        values = {**about, "store": connection.store_id, "connection": connection.id, **order_rows.arrays(fresh)}
        written = set(db.session.scalars(order_rows.INSERT, values))
    if changed:
        db.session.execute(order_rows.UPDATE, {**about, **order_rows.arrays(changed)})
    return {row["remote_id"] for row in fresh} - written


def _write_lines(connection: Connection, news: Sequence[News]) -> set[uuid.UUID]:
    """Write the lines, with their listings and products; gives the orders of which one changed."""
    if not news:
        return set()
    wanted = order_rows.wanted_listings(line for each in news for line in each.record.lines)
    values = {"merchant": whose(), "connection": connection.id, **wanted}
    listings = {(row.remote_listing_id, row.sku): row for row in db.session.execute(order_rows.FIND_LISTINGS, values)}
    rows = [_line(each, place, listings) for each in news for place in range(len(each.record.lines))]
    arrays = order_rows.arrays(rows, order_rows.LINE)
    changed = set(db.session.scalars(order_rows.KEEP_LINES, {"merchant": whose(), **arrays}))
    known = [each.row["id"] for each in news if each.known is not None]
    if known:
        told = {name: arrays[name] for name in ("order_id", "remote_id")}
        values = {"merchant": whose(), "orders": array(known), **told}
        changed |= set(db.session.scalars(order_rows.EMPTY_LINES, values))
    return changed


def _line(news: News, place: int, listings: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    line = news.record.lines[place]
    found = listings[line.listing_id, line.sku]
    return {
        "id": new_id(),
        "order_id": news.row["id"],
        "remote_id": line.remote_id,
        "place": place,
        "remote_listing_id": line.listing_id,
        "listing_id": found.listing_id,
        "product_id": found.product_id,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "price_minor": line.price.minor if line.price is not None else None,
    }


def _moves_stock(news: News, lines: set[uuid.UUID]) -> bool:
    old = news.known
    if old is None or old.id in lines:
        return True
    return bool((old.status, old.by_channel) != (news.row["status"], news.row["by_channel"]))


def _events(news: News, lines: set[uuid.UUID], mean: Mapping[str, OrderStatus]) -> list[Happened]:
    """What a merchant would say happened to the order."""
    order_id, word, status, old = news.row["id"], news.record.status_word, news.row["status"], news.known
    if old is None:
        said = {"status": status, "word": word, "pieces": news.row["pieces"]}
        return [Happened(order_id, order_events.IMPORTED, said)]
    found = []
    if (old.status, old.status_word) != (status, word):
        said = {"from": old.status, "to": status, "word": word, "kept": mean.get(word) is OrderStatus.KEEP}
        found.append(Happened(order_id, order_events.STATUS, said))
    if order_id in lines:
        found.append(Happened(order_id, order_events.LINES, {"pieces": news.row["pieces"]}))
    return found


def _tell_unknown(connection: Connection, news: Sequence[News], mean: Mapping[str, OrderStatus]) -> None:
    """One notice for words that nobody has given a meaning yet; their orders need mapping until then."""
    unknown = sorted({each.record.status_word for each in news} - mean.keys())
    if unknown:
        notices.tell("connection", connection.id, UNKNOWN_WORD, grave=False, name=connection.name, words=unknown)


JUDGE_AGAIN = sa.text(
    """
    with meant as (
        select * from unnest(cast(:words as text[]), cast(:meanings as text[])) as m(word, status)
    ), old as (
        select o.id, o.status, o.status_word, meant.status as wanted from orders o
        join meant on meant.word = o.status_word
        where o.merchant_id = :merchant and o.connection_id = :connection and o.status is distinct from meant.status
        order by o.id for no key update of o
    )
    update orders set status = old.wanted, changed_at = :moment from old
    where orders.merchant_id = :merchant and orders.id = old.id
    returning orders.id, old.status as before, old.wanted, old.status_word
    """
)


def judge_again(connection: Connection, who: str) -> int:
    """Give the orders of a channel what their words mean now, in the open transaction; gives how many follow."""
    mean = {word: status for word, status in meanings(connection).items() if status is not OrderStatus.KEEP}
    values = {"words": array(mean), "meanings": array(each.value for each in mean.values()), "moment": now()}
    changed = db.session.execute(JUDGE_AGAIN, {**values, "merchant": whose(), "connection": connection.id}).all()
    order_events.add(
        [
            Happened(row.id, order_events.MAPPED, {"from": row.before, "to": row.wanted, "word": row.status_word})
            for row in changed
        ],
        who,
    )
    order_flags.judge([row.id for row in changed])
    order_follow.follow(sorted(row.id for row in changed))
    return len(changed)
