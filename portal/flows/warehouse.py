"""The door for what warehouses tell: figures of stock, and how far orders have come.  Set-wise, newest wins."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from portal import integrations
from portal.contract.errors import BadRecord
from portal.contract.records import RemoteDocument, RemoteParcel, RemotePiece, RemoteStock, ShipmentStatus
from portal.flows import following, notices, stock_sources
from portal.flows.intake import Kept
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.kit.text import storable
from portal.models import Connection, Direction, Document

FIGURES = ("available", "on_hand", "reserved", "locked", "inbound")
MOST_PIECES = 2**31 - 1

_TOLD = ("sku", "title", "warehouse", "told", *FIGURES)
KEEP_STOCK = sa.text(
    f"""
    insert into warehouse_stock as old (merchant_id, connection_id, id, remote_id, {", ".join(_TOLD)},
        read_at, changed_at)
    select :merchant, :connection, r.*, cast(:asked as timestamptz), cast(:moment as timestamptz)
    from unnest(cast(:id as uuid[]), cast(:remote_id as text[]), cast(:sku as text[]), cast(:title as text[]),
        cast(:warehouse as text[]), cast(:told as text[]),
        {", ".join(f"cast(:{name} as integer[])" for name in FIGURES)})
        as r(id, remote_id, {", ".join(_TOLD)})
    on conflict (merchant_id, connection_id, remote_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _TOLD)},
        read_at = excluded.read_at, gone_since = null,
        changed_at = case
            when ({", ".join("old." + name for name in _TOLD)}) is distinct from
                ({", ".join("excluded." + name for name in _TOLD)}) or old.gone_since is not null
            then excluded.changed_at else old.changed_at end
    where old.read_at <= excluded.read_at
    returning remote_id, xmax = 0 as fresh, changed_at = :moment as news
    """  # noqa: S608 - the names are this file's own.
)
WOULD_BE_GONE = sa.text(
    """
    select count(*) filter (where not seen), count(*) from (
        select s.remote_id in (
            select unnest(remote_ids) from run_page where merchant_id = :merchant and run_id = :run) as seen
        from warehouse_stock s
        where s.merchant_id = :merchant and s.connection_id = :connection and s.gone_since is null) there
    """
)
# What was asked for after the run began (a push hinted at it) is newer than the run.
GONE = sa.text(
    f"""
    update warehouse_stock set {", ".join(f"{name} = 0" for name in FIGURES)}, told = '',
        gone_since = :moment, changed_at = :moment, read_at = :moment
    where merchant_id = :merchant and connection_id = :connection and gone_since is null
        and read_at < (select started_at from run where merchant_id = :merchant and id = :run)
        and remote_id not in (
            select unnest(remote_ids) from run_page where merchant_id = :merchant and run_id = :run)
    returning remote_id
    """  # noqa: S608 - the names are this file's own.
)


def check_stock(record: RemoteStock) -> None:
    """Raise BadRecord for what no table can hold."""
    if not all(map(storable, (record.remote_id, record.sku, record.title, record.warehouse))):
        raise BadRecord("a text that cannot be kept", record.remote_id)
    if any(not 0 <= getattr(record, name) <= MOST_PIECES for name in FIGURES):
        raise BadRecord("a number of pieces that cannot be", record.remote_id)


def keep_stock(connection: Connection, records: Sequence[RemoteStock], asked: datetime) -> Kept:
    """Take figures into the open transaction; what was asked for earlier never replaces what was asked for later."""
    newest = {each.remote_id: each for each in records}
    if not newest:
        return Kept()
    rows = sorted(newest.values(), key=lambda each: each.remote_id)  # Two who tell the same wait in one order.
    columns = ("remote_id", *_TOLD)
    found = db.session.execute(
        KEEP_STOCK,
        {
            **{name: array(getattr(each, name) for each in rows) for name in columns},
            "id": array(new_id() for _ in rows),
            "merchant": whose(),
            "connection": connection.id,
            "asked": asked,
            "moment": now(),
        },
    ).all()
    fresh = [row.remote_id for row in found if row.fresh]
    changed = [row.remote_id for row in found if row.news and not row.fresh]
    stock_sources.sources_told(connection, [row.remote_id for row in found])
    return Kept(len(fresh), len(changed), news=(*fresh, *changed))


def lost_stock(connection: Connection, run_id: uuid.UUID) -> tuple[int, int]:
    """How many of how many SKUs with figures a run did not see."""
    values = {"merchant": whose(), "connection": connection.id, "run": run_id}
    gone, there = db.session.execute(WOULD_BE_GONE, values).one()
    return gone, there


def settle_stock(connection: Connection, run_id: uuid.UUID, *, complete: bool) -> int:
    """At the end of a run: a SKU that a complete run did not find counts as none.  Answers how many became so."""
    if not complete:
        return 0
    values = {"merchant": whose(), "connection": connection.id, "run": run_id, "moment": now()}
    gone = list(db.session.execute(GONE, values).scalars())
    stock_sources.sources_told(connection, gone)
    return len(gone)


_SAID = (
    *("reference", "status_word", "status_text", "warehouse", "carrier", "tracking"),
    *("pieces", "parcels", "left_at"),
)
_NEW = ", ".join("excluded." + name for name in _SAID)
KEEP_DOCUMENTS = sa.text(
    f"""
    insert into document as old (merchant_id, connection_id, direction, id, remote_id, {", ".join(_SAID)},
        status, status_at, asked_at, changed_at, created_at)
    select :merchant, :connection, :direction, r.id, r.remote_id, {", ".join("r." + name for name in _SAID)},
        nullif(r.status, 'keep'), r.status_at, :asked, :moment, :moment
    from unnest(cast(:id as uuid[]), cast(:remote_id as text[]), cast(:reference as text[]),
        cast(:status_word as text[]), cast(:status_text as text[]), cast(:warehouse as text[]),
        cast(:carrier as text[]), cast(:tracking as text[]), cast(:pieces as jsonb[]), cast(:parcels as jsonb[]),
        cast(:left_at as timestamptz[]), cast(:status as text[]), cast(:status_at as timestamptz[]))
        as r(id, remote_id, {", ".join(_SAID)}, status, status_at)
    on conflict (merchant_id, connection_id, direction, remote_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _SAID)},
        status = case when excluded.status_word = any(cast(:keeps as text[])) then old.status else excluded.status end,
        status_at = excluded.status_at, asked_at = excluded.asked_at, changed_at = excluded.changed_at
    where old.asked_at <= excluded.asked_at
        and (old.status_at is null or excluded.status_at is null or old.status_at <= excluded.status_at)
        and (({", ".join("old." + name for name in _SAID)}, old.status_at) is distinct from ({_NEW}, excluded.status_at)
            or (old.status is distinct from excluded.status
                and not excluded.status_word = any(cast(:keeps as text[]))))
    returning id, remote_id, reference, status_word, xmax = 0 as fresh
    """  # noqa: S608 - the names are this file's own.
)


def check_document(record: RemoteDocument) -> None:
    """Raise BadRecord for what no table can hold."""
    texts = (record.remote_id, record.reference, record.status_word, record.status_text, record.warehouse)
    inside = [each.sku for each in record.pieces] + [word for each in record.parcels for word in _texts(each)]
    if not all(map(storable, (*texts, record.carrier, record.tracking, *inside))):
        raise BadRecord("a text that cannot be kept", record.remote_id)


def _texts(parcel: RemoteParcel) -> tuple[str, ...]:
    return (parcel.remote_id, parcel.tracking, parcel.carrier, *(each.sku for each in parcel.pieces))


def keep_outbound(connection: Connection, records: Sequence[RemoteDocument], asked: datetime) -> Kept:
    """Take orders that go out into the open transaction, with their parcels; `references` are those with news."""
    kept = _keep_documents(connection, Direction.OUT, records, asked)
    following.follow(connection, kept.references)
    return kept


def keep_inbound(connection: Connection, records: Sequence[RemoteDocument], asked: datetime) -> Kept:
    """Take goods that are announced or come in into the open transaction."""
    return _keep_documents(connection, Direction.IN, records, asked)


def meanings(connection: Connection) -> dict[str, ShipmentStatus]:
    """What the remote's words for the way of an order mean for this connection."""
    declared = integrations.get(connection.integration).statuses
    return {word: ShipmentStatus(meaning) for word, meaning in {**declared, **connection.statuses}.items()}


def _keep_documents(
    connection: Connection, direction: Direction, records: Sequence[RemoteDocument], asked: datetime
) -> Kept:
    newest = _newest(records)
    if not newest:
        return Kept()
    mean = meanings(connection) if direction is Direction.OUT else {}
    keeps = [word for word, status in mean.items() if status is ShipmentStatus.KEEP]
    plain = ("remote_id", *(name for name in _SAID if name not in {"pieces", "parcels"}), "status_at")
    found = db.session.execute(
        KEEP_DOCUMENTS,
        {
            **{name: array(getattr(each, name) for each in newest) for name in plain},
            "pieces": array(_json(each.pieces) for each in newest),
            "parcels": array(_json(each.parcels) for each in newest),
            "status": array(mean.get(each.status_word) for each in newest),
            "keeps": array(keeps),
            "id": array(new_id() for _ in newest),
            "merchant": whose(),
            "connection": connection.id,
            "direction": direction.value,
            "asked": asked,
            "moment": now(),
        },
    ).all()
    if direction is Direction.OUT:
        _tell(connection, newest, mean)
        kept = [row for row in found if row.status_word in keeps]
        for row in kept:
            notices.tell("document", row.id, "status_kept", reference=row.reference, word=row.status_word)
        others = {row.id for row in found} - {row.id for row in kept}
        if others:
            notices.clear_all("document", sa.select(Document.id).where(Document.id.in_(others)))
    fresh = [row.remote_id for row in found if row.fresh]
    return Kept(
        len(fresh),
        len(found) - len(fresh),
        news=tuple(row.remote_id for row in found),
        references=tuple(dict.fromkeys(row.reference for row in found if row.reference)),
    )


def _json(parts: Sequence[RemotePiece] | Sequence[RemoteParcel]) -> str:
    """Pieces or parcels as they are kept: moments as ISO 8601."""
    return json.dumps([asdict(each) for each in parts], default=datetime.isoformat)


def _newest(records: Sequence[RemoteDocument]) -> list[RemoteDocument]:
    """One record for each number: the one with the latest status where a page shows it twice."""
    found: dict[str, RemoteDocument] = {}
    for each in records:
        other = found.get(each.remote_id)
        if other is None or not each.status_at or not other.status_at or each.status_at >= other.status_at:
            found[each.remote_id] = each
    return sorted(found.values(), key=lambda each: each.remote_id)  # Two who tell the same wait in one order.


def _tell(connection: Connection, records: Sequence[RemoteDocument], mean: dict[str, ShipmentStatus]) -> None:
    """One notice for words that nobody has given a meaning yet; the orders stay as they are until then."""
    unknown = sorted({each.status_word for each in records} - mean.keys())
    if unknown:
        notices.tell(
            "connection", connection.id, "unknown_status_word", grave=False, name=connection.name, words=unknown
        )


JUDGE_AGAIN = sa.text(
    """
    update document set status = m.status, changed_at = :moment
    from unnest(cast(:words as text[]), cast(:meanings as text[])) as m(word, status)
    where merchant_id = :merchant and connection_id = :connection and direction = 'out'
        and status_word = m.word and document.status is distinct from m.status
    returning reference
    """
)


def judge_again(connection: Connection) -> tuple[str, ...]:
    """Give the orders at the warehouse, and the shipments they are of, what their words mean now.

    Answers the references of those that changed.
    """
    mean = {word: status for word, status in meanings(connection).items() if status is not ShipmentStatus.KEEP}
    values = {"words": array(mean), "meanings": array(each.value for each in mean.values()), "moment": now()}
    found = db.session.execute(JUDGE_AGAIN, {**values, "merchant": whose(), "connection": connection.id})
    references = tuple(dict.fromkeys(row.reference for row in found if row.reference))
    following.follow(connection, references)
    return references
