"""What the lists of sales channels and plugins show: one statement for a page of rows, whatever its length."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Integration, Kind
from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import Connection, ConnectionState, Store
from portal.web import rehearsals_pages, standing
from portal.web.standing import Badge


@dataclass(frozen=True, slots=True)
class Row:
    """One connection in a list.  `ready` says that there is something to turn on, `standing` how it stands.

    `mark` is the warning of a channel that is sent nothing yet.
    """

    id: uuid.UUID
    name: str
    letters: str
    remote: str
    kind: str
    store_id: uuid.UUID
    store: str
    zone: str
    badge: Badge
    synced_at: datetime | None
    on: bool
    ready: bool
    is_default: bool
    standing: str
    connection: Connection
    mark: Badge | None = None


def page(kind: Kind, words: str, status: str, cursor: str | None) -> tuple[Slice[Row], Count]:
    """One page of the merchant's connections of a kind, by name, and how many there are."""
    query = _query().where(Connection.kind == kind.value)
    if words:
        query = query.where(
            sa.or_(
                Connection.name.icontains(words, autoescape=True),
                Store.name.icontains(words, autoescape=True),
                Connection.integration.in_(_called(words)),
            )
        )
    if status:
        query = query.where(standing.of_connections().in_(standing.FOUND_BY[status]))
    keys = [sa.func.lower(Connection.name, type_=sa.Text()), Connection.id]
    found = slice_of(db.session(), query, keys, cursor, lambda row: (row.key, row.Connection.id))
    rows = [_row(each) for each in found.rows]
    return Slice(rows, after=found.after, before=found.before), count_of(db.session(), query)


def of_store(store_id: uuid.UUID) -> dict[str, list[Row]]:
    """All connections of one store by kind, the default plugin first, then by name."""
    query = _query().where(Connection.store_id == store_id)
    query = query.order_by(Connection.is_default.desc(), sa.func.lower(Connection.name))
    rows = [_row(each) for each in db.session.execute(query)]
    return {kind.value: [row for row in rows if row.kind == kind.value] for kind in Kind}


def _query() -> sa.Select[Any]:
    return (
        sa.select(
            Connection,
            sa.func.lower(Connection.name).label("key"),
            Store.name.label("store"),
            Store.time_zone.label("zone"),
            standing.of_connections().label("standing"),
            standing.synced_at().label("synced_at"),
        )
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(Connection.merchant_id == whose())
    )


def _row(found: Any) -> Row:
    connection: Connection = found.Connection
    known = integrations.all_integrations().get(connection.integration)
    return Row(
        id=connection.id,
        name=connection.name,
        letters=known.tile if known else connection.integration[:2],
        remote=known.name if known else connection.integration,
        kind=connection.kind,
        store_id=connection.store_id,
        store=found.store,
        zone=found.zone,
        badge=standing.connection_badge(connection, found.standing),
        synced_at=found.synced_at,
        on=connection.is_active,
        ready=connection.state is not ConnectionState.DRAFT,
        is_default=connection.is_default,
        standing=found.standing,
        connection=connection,
        mark=rehearsals_pages.mark(connection),
    )


def _called(words: str) -> list[str]:
    wanted = words.casefold()
    return [key for key, each in integrations.all_integrations().items() if wanted in each.name.casefold()]


@dataclass(frozen=True, slots=True)
class Offer:
    """One integration in the chooser.  `open` is False for a remote that is no more and has no sandbox here."""

    key: str
    name: str
    letters: str
    summary: str
    closed: str
    open: bool


def offers(kind: Kind, words: str, locale: str, sandbox: bool) -> tuple[list[Offer], int]:
    """The integrations of a kind that answer to these words, those that are no more last, and how many of the kind are
    installed."""
    installed = [each for each in integrations.all_integrations().values() if each.kind is kind]
    found = [each for each in installed if _answers_to(each, words.casefold(), locale)]
    found.sort(key=lambda each: (each.closed is not None, each.name.casefold()))
    return [_offer(each, locale, sandbox) for each in found], len(installed)


def _answers_to(each: Integration, wanted: str, locale: str) -> bool:
    texts = (each.name, each.summary.said(locale), each.summary.en, *each.search_words)
    return any(wanted in text.casefold() for text in texts)


def _offer(each: Integration, locale: str, sandbox: bool) -> Offer:
    return Offer(
        key=each.key,
        name=each.name,
        letters=each.tile,
        summary=each.summary.said(locale),
        closed=each.closed.said(locale) if each.closed else "",
        open=each.closed is None or sandbox,
    )


def tiles(rows: Iterable[Any]) -> dict[uuid.UUID, list[dict[str, str]]]:
    """The tiles of connections by store: pairs of `store_id` and `integration`, each integration once."""
    found: dict[uuid.UUID, list[dict[str, str]]] = {}
    for row in rows:
        known = integrations.all_integrations().get(row.integration)
        tile = {
            "letters": known.tile if known else row.integration[:2],
            "name": known.name if known else row.integration,
        }
        of_this = found.setdefault(row.store_id, [])
        if tile not in of_this:
            of_this.append(tile)
    return found
