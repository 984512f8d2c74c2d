"""Products whose number on hand follows the warehouse of a plugin.

A plugin with *Auto sync stock* counts for the products that its listings are linked to: on hand is what its warehouse
would still sell and what it keeps for orders of ours that it has accepted, summed over all such plugins.  While a
plugin is off or paused its last figures stay; they end where the switch is turned off, the link is taken away, or the
plugin is removed.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.contract.definition import Kind
from portal.flows import stock_ledger
from portal.flows.stock_ledger import Cause
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, StockSource, StockWhy

FOLLOWS = "c.kind = 'fulfilment' and coalesce((c.options->>'sync_stock')::boolean, false)"
TOLD_OF = sa.text(
    """
    select distinct l.product_id from unnest(cast(:remote_ids as text[])) as told(remote_id)
    join listing l on l.merchant_id = :merchant and l.connection_id = :connection and l.remote_id = told.remote_id
    where l.product_id is not null and not exists (
        select from bundle_part b where b.merchant_id = :merchant and b.product_id = l.product_id)
    """
)
# What is promised to orders that the warehouse had accepted when it told its figures, and that have not left it.
KEPT_FOR_US = """
    select coalesce(sum(v.quantity), 0) from reservation v
    join shipment_order so on so.merchant_id = :merchant and so.order_id = v.order_id and so.live
    join shipment sh on sh.merchant_id = :merchant and sh.id = so.shipment_id
    where v.merchant_id = :merchant and v.product_id = f.product_id and v.state = 'open' and v.firm
        and sh.connection_id = :connection and sh.accepted_at < f.read_at
"""
KEEP = sa.text(
    f"""
    with figures as (
        select l.product_id, sum(w.available) as available, sum(w.reserved) as reserved, min(w.read_at) as read_at
        from unnest(cast(:products as uuid[])) as wanted(product_id)
        join listing l on l.merchant_id = :merchant and l.product_id = wanted.product_id
            and l.connection_id = :connection
        join warehouse_stock w on w.merchant_id = :merchant and w.connection_id = :connection
            and w.remote_id = l.remote_id
        group by l.product_id
    )
    insert into stock_source (merchant_id, id, product_id, connection_id, available, kept, read_at)
    select :merchant, gen_random_uuid(), f.product_id, :connection, least(f.available, :most),
        least(f.reserved, ({KEPT_FOR_US}), :most), f.read_at
    from figures f
    on conflict (merchant_id, product_id, connection_id) do update set
        available = excluded.available, kept = excluded.kept, read_at = excluded.read_at
    """  # noqa: S608 - the words are this file's own.
)
SUMS = sa.text(
    """
    select product_id, sum(available + kept) as pieces from stock_source
    where merchant_id = :merchant and product_id = any(cast(:products as uuid[])) group by product_id
    """
)


def counts(connection: Connection) -> bool:
    """Whether a connection's figures are to be the number on hand of the products that it lists."""
    return connection.kind == Kind.FULFILMENT.value and connection.known_options.sync_stock


def sources_told(connection: Connection, remote_ids: Collection[str]) -> None:
    """The warehouse of a plugin has told figures of these SKUs, which are kept already; in the open transaction."""
    if not remote_ids or not counts(connection):
        return
    values = {"merchant": whose(), "connection": connection.id, "remote_ids": array(set(remote_ids))}
    take_over(connection.id, list(db.session.execute(TOLD_OF, values).scalars()))


def take_over(connection_id: uuid.UUID, product_ids: Collection[uuid.UUID]) -> None:
    """Let a plugin's kept figures be the number on hand of these products, in the open transaction."""
    if not product_ids:
        return
    ledger = stock_ledger.hold(product_ids)
    values = {"merchant": whose(), "connection": connection_id, "products": array(set(product_ids))}
    db.session.execute(KEEP, {**values, "most": stock_ledger.MOST})
    _count(ledger, product_ids, StockWhy.WAREHOUSE, connection_id)
    ledger.write()


def _count(
    ledger: stock_ledger.Ledger, product_ids: Collection[uuid.UUID], why: StockWhy, connection_id: uuid.UUID
) -> None:
    """Bring the number on hand to the sum of the sources; where none is left it stays as it is."""
    values = {"merchant": whose(), "products": array(set(product_ids))}
    for product_id, pieces in sorted(db.session.execute(SUMS, values).all()):
        ledger.count(product_id, int(pieces), why, Cause("connection", connection_id))


# --- what changed with the links and the switches ---------------------------------------------------------------------

ENDED = sa.text(
    f"""
    select s.product_id, s.connection_id from stock_source s
    join connection c on c.merchant_id = :merchant and c.id = s.connection_id
    where s.merchant_id = :merchant and (not ({FOLLOWS}) or not exists (
            select from listing l where l.merchant_id = :merchant and l.product_id = s.product_id
                and l.connection_id = s.connection_id)
        or exists (select from bundle_part b where b.merchant_id = :merchant and b.product_id = s.product_id))
    order by s.connection_id, s.product_id limit :most
    """  # noqa: S608 - the words are this file's own.
)
BEGUN = sa.text(
    f"""
    select distinct l.product_id, l.connection_id from connection c
    join listing l on l.merchant_id = :merchant and l.connection_id = c.id and l.product_id is not null
    join warehouse_stock w on w.merchant_id = :merchant and w.connection_id = c.id and w.remote_id = l.remote_id
    where c.merchant_id = :merchant and {FOLLOWS} and not exists (
        select from stock_source s where s.merchant_id = :merchant and s.product_id = l.product_id
            and s.connection_id = c.id)
        and not exists (select from bundle_part b where b.merchant_id = :merchant and b.product_id = l.product_id)
    limit :most
    """  # noqa: S608 - the words are this file's own.
)
# A plugin that was removed has taken its figures along; those of the others are what is on hand.
UNEVEN = sa.text(
    """
    select f.product_id from (
        select product_id, sum(available + kept) as pieces from stock_source
        where merchant_id = :merchant group by product_id) f
    join stock s on s.merchant_id = :merchant and s.product_id = f.product_id
    where s.on_hand <> f.pieces limit :most
    """
)


def ended(most: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Sources that are none any more: product and connection."""
    return [(row[0], row[1]) for row in db.session.execute(ENDED, {"merchant": whose(), "most": most})]


def begun(most: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Products whose listing at a counting plugin has figures that do not count yet: product and connection."""
    return [(row[0], row[1]) for row in db.session.execute(BEGUN, {"merchant": whose(), "most": most})]


def uneven(most: int) -> list[uuid.UUID]:
    """Products whose number on hand is not what their sources tell together."""
    return list(db.session.execute(UNEVEN, {"merchant": whose(), "most": most}).scalars())


def end(product_ids: Collection[uuid.UUID], connection_id: uuid.UUID) -> None:
    """A plugin counts no longer for these products, in the open transaction; what is on hand is counted by hand."""
    if not product_ids:
        return
    ledger = stock_ledger.hold(product_ids)
    gone = sa.delete(StockSource).where(
        StockSource.merchant_id == whose(),
        StockSource.connection_id == connection_id,
        StockSource.product_id.in_(product_ids),
    )
    db.session.execute(gone)
    _count(ledger, product_ids, StockWhy.SOURCE_ENDED, connection_id)
    ledger.write()


def even_out(product_ids: Collection[uuid.UUID]) -> None:
    """Bring the number on hand to what the sources tell, in the open transaction, after one of them was removed."""
    if not product_ids:
        return
    ledger = stock_ledger.hold(product_ids)
    values = {"merchant": whose(), "products": array(set(product_ids))}
    for product_id, pieces in sorted(db.session.execute(SUMS, values).all()):
        ledger.count(product_id, int(pieces), StockWhy.SOURCE_ENDED)
    ledger.write()


# --- who follows ------------------------------------------------------------------------------------------------------


def followed(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Those of the products whose number follows a plugin, and the plugin's name."""
    query = (
        sa.select(StockSource.product_id, Connection.name)
        .join(
            Connection,
            sa.and_(Connection.merchant_id == StockSource.merchant_id, Connection.id == StockSource.connection_id),
        )
        .where(StockSource.merchant_id == whose(), StockSource.product_id.in_(set(product_ids)))
        .order_by(Connection.name.desc())
    )
    return {row.product_id: row.name for row in db.session.execute(query)}


def refuse_followed(product_ids: Collection[uuid.UUID]) -> None:
    """Raise Refusal where one of the products follows a plugin; its stock must be held already."""
    names = followed(product_ids)
    if names:
        raise Refusal("stock_follows_plugin", plugin=min(names.values()))


# --- what leaves ------------------------------------------------------------------------------------------------------

FIGURES = sa.text(
    """
    select id, product_id, available, kept, read_at from stock_source
    where merchant_id = :merchant and product_id = any(cast(:products as uuid[])) order by product_id, kept desc, id
    """
)
LOWER = sa.text(
    """
    update stock_source s set available = r.available, kept = r.kept
    from unnest(cast(:ids as uuid[]), cast(:available as integer[]), cast(:kept as integer[]))
        as r(id, available, kept)
    where s.merchant_id = :merchant and s.id = r.id
    """
)


@dataclass(slots=True)
class _Figure:
    id: uuid.UUID
    available: int
    kept: int
    read_at: datetime
    lowered: bool = False


class Leaving:
    """Pieces that leave, and the figures of the warehouses that do not know of it yet; the stock is held already."""

    def __init__(self, product_ids: Iterable[uuid.UUID]) -> None:
        wanted = set(product_ids)
        self._figures: dict[uuid.UUID, list[_Figure]] = {}
        rows: Sequence[Any] = ()
        if wanted:
            rows = db.session.execute(FIGURES, {"merchant": whose(), "products": array(wanted)}).all()
        for row in rows:
            figure = _Figure(row.id, row.available, row.kept, row.read_at)
            self._figures.setdefault(row.product_id, []).append(figure)

    def take(self, product_id: uuid.UUID, number: int, left_at: datetime) -> int:
        """How many of the pieces are to be taken off what is on hand.

        All of them where people count.  Where warehouses do, those that one of them still counts: figures that are
        newer than the leaving hold them no longer.
        """
        figures = self._figures.get(product_id)
        if figures is None:
            return number
        rest = number
        for each in (figure for figure in figures if figure.read_at <= left_at):
            from_kept = min(rest, each.kept)
            from_rest = min(rest - from_kept, each.available)
            each.kept, each.available = each.kept - from_kept, each.available - from_rest
            each.lowered = each.lowered or bool(from_kept or from_rest)
            rest -= from_kept + from_rest
        return number - rest

    def write(self) -> None:
        """Write the lowered figures."""
        lowered: list[_Figure] = [each for figures in self._figures.values() for each in figures if each.lowered]
        if lowered:
            values: Mapping[str, Any] = {
                "merchant": whose(),
                "ids": array(each.id for each in lowered),
                "available": array(each.available for each in lowered),
                "kept": array(each.kept for each in lowered),
            }
            db.session.execute(LOWER, dict(values))
