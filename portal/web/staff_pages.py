"""All merchants as the support staff see them: by name or the worst first, and the badge of each.

Every query here runs on a connection of its own under the role `lintas_support`, which may read the columns that
these pages show and nothing else: no secret, no token, no buyer.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.kit.db import looking_as
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.kit.roles import SUPPORT
from portal.models import (
    Connection,
    ConnectionState,
    Membership,
    Merchant,
    Notice,
    Store,
    User,
    Work,
    WorkStatus,
)
from portal.web import staff_words
from portal.web.staff_words import Health
from portal.web.standing import Badge

IN_TROUBLE = (ConnectionState.FAILED, ConnectionState.PAUSED)


@dataclass(frozen=True, slots=True)
class Row:
    """One merchant in the list."""

    id: uuid.UUID
    name: str
    currency: str
    time_zone: str
    since: datetime
    stores: int
    connections: int
    badge: Badge


@contextmanager
def looking() -> Iterator[Session]:
    """A session that sees every merchant, and of each only what these pages show."""
    with looking_as(SUPPORT) as look:
        yield look


def merchants(
    look: Session, words: str, health: str, cursor: str | None, *, worst_first: bool
) -> tuple[Slice[Row], Count]:
    """One page of merchants, and how many there are."""
    name, rank = sa.func.lower(Merchant.name, type_=sa.Text()), _rank()
    query = sa.select(
        Merchant.id,
        Merchant.name,
        Merchant.currency,
        Merchant.time_zone,
        Merchant.created_at,
        name.label("key"),
        rank.label("rank"),
    ).select_from(Merchant)
    if words:
        query = query.where(Merchant.id.in_(_found_by(words)))
    if health:
        query = query.where(rank.in_([each.rank for each in staff_words.FOUND_BY[health]]))
    keys: list[Any] = [name, Merchant.id]
    page = slice_of(
        look,
        query,
        [rank, *keys] if worst_first else keys,
        cursor,
        lambda row: [row.rank, row.key, row.id] if worst_first else [row.key, row.id],
    )
    return Slice(_rows(look, page.rows), after=page.after, before=page.before), count_of(look, query)


def _rank() -> sa.Case[Any]:
    """How badly each merchant of a statement stands, 0 for the worst."""
    told = [(_any(condition), health.rank) for health, condition in _reasons().items()]
    off = ~_any(sa.and_(Connection.merchant_id == Merchant.id, Connection.active_since.is_not(None)))
    return sa.case(*told, (off, Health.STARTING.rank), else_=Health.WELL.rank)


def _reasons() -> dict[Health, sa.ColumnElement[bool]]:
    """What makes a merchant stand badly: a condition on the rows of one table each."""
    is_open = Notice.cleared_at.is_(None)
    return {
        Health.TROUBLE: sa.and_(Connection.merchant_id == Merchant.id, Connection.state.in_(IN_TROUBLE)),
        Health.DEAD: sa.and_(Work.merchant_id == Merchant.id, Work.status == WorkStatus.DEAD),
        # A run that ended badly has a notice until a later one goes well.
        Health.FAILED: sa.and_(Notice.merchant_id == Merchant.id, is_open, Notice.subject == "run"),
        Health.GRAVE: sa.and_(Notice.merchant_id == Merchant.id, is_open, Notice.grave),
    }


def _any(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.select(sa.literal(1)).where(condition).correlate(Merchant).exists()


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.count()).where(condition).correlate(Merchant).scalar_subquery()


def _found_by(words: str) -> sa.CompoundSelect[Any]:
    """The merchants that are called so, or have a store, a person or a shop at a remote that is."""

    def has(*columns: Any) -> sa.ColumnElement[bool]:
        return sa.or_(*[each.icontains(words, autoescape=True) for each in columns])

    people = sa.select(Membership.merchant_id).join(User, User.id == Membership.user_id)
    return sa.union(
        sa.select(Merchant.id).where(has(Merchant.name)),
        sa.select(Store.merchant_id).where(has(Store.name)),
        people.where(has(User.name, User.email)),
        sa.select(Connection.merchant_id).where(
            has(Connection.shop_id, Connection.shop_name, Connection.name, Connection.settings["shop_id"].astext)
        ),
    )


def _rows(look: Session, found: Sequence[Any]) -> list[Row]:
    ids = [each.id for each in found]
    stores, connections = _number_of(look, Store, ids), _number_of(look, Connection, ids)
    shown = badges(look, ids)
    return [
        Row(
            each.id,
            each.name,
            each.currency,
            each.time_zone,
            each.created_at,
            stores.get(each.id, 0),
            connections.get(each.id, 0),
            shown[each.id],
        )
        for each in found
    ]


def _number_of(look: Session, model: type[Store] | type[Connection], ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    query = sa.select(model.merchant_id, sa.func.count()).where(model.merchant_id.in_(ids)).group_by(model.merchant_id)
    return {row[0]: row[1] for row in look.execute(query)}


def badges(look: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Badge]:
    """The badge of each merchant: the worst that is so, and how often."""
    reasons = _reasons()
    query = sa.select(
        Merchant.id, _rank().label("rank"), *[_how_many(each).label(health) for health, each in reasons.items()]
    ).where(Merchant.id.in_(ids))
    found = {}
    for row in look.execute(query):
        health = list(Health)[row.rank]
        found[row.id] = staff_words.health_badge(health, getattr(row, health) if health in reasons else 0)
    return found
