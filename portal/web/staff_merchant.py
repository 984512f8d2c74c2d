"""One merchant as the support staff see it: its problems in its own sentences, its syncs, work, people and connections.

Every query here runs in the session of `staff_pages.looking`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from portal import integrations
from portal.models import (
    Connection,
    Document,
    Membership,
    Merchant,
    Notice,
    Role,
    Run,
    RunState,
    Store,
    User,
    Work,
    WorkStatus,
)
from portal.web import problems, reading_words, staff_pages, standing
from portal.web.causes import Explained, explain
from portal.web.problems import Problem
from portal.web.standing import Badge

MOST_PROBLEMS = 20
MOST_RUNS = 10
MOST_PAST = 5
# What the hat may read of a merchant, a connection and a notice; anything else cannot be loaded by mistake.
OF_A_MERCHANT = load_only(
    Merchant.id,
    Merchant.name,
    Merchant.locale,
    Merchant.currency,
    Merchant.time_zone,
    Merchant.support_consent,
    Merchant.created_at,
    raiseload=True,
)
OF_A_CONNECTION = load_only(
    Connection.id,
    Connection.store_id,
    Connection.integration,
    Connection.kind,
    Connection.name,
    Connection.settings,
    Connection.checks,
    Connection.state,
    Connection.trouble,
    Connection.trouble_detail,
    Connection.trouble_said,
    Connection.trouble_offers,
    Connection.trouble_since,
    Connection.token_expires_at,
    Connection.shop_id,
    Connection.shop_name,
    Connection.active_since,
    Connection.created_at,
    raiseload=True,
)

OF_A_NOTICE = load_only(
    Notice.id,
    Notice.subject,
    Notice.subject_id,
    Notice.cause,
    Notice.grave,
    Notice.arguments,
    Notice.since,
    Notice.cleared_at,
    raiseload=True,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A connection with the name of its remote, the store it stands in, and the badge that the merchant sees."""

    connection: Connection
    remote: str
    store: str
    zone: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A sync that did not end well: what it was to bring, where, and the sentence of its cause."""

    run: Run
    place: Place
    what: str
    said: Explained


@dataclass(frozen=True, slots=True)
class Dead:
    """Work of one kind that was given up: how many pieces, and since when."""

    kind: str
    number: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the merchant."""

    name: str
    email: str
    role: Role
    since: datetime
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One merchant as its page shows it."""

    merchant: Merchant
    badge: Badge
    stores: Sequence[Store]
    places: Sequence[Place]
    problems: Sequence[Problem]
    past: Sequence[tuple[Problem, datetime | None]]
    failed: Sequence[FailedRun]
    dead: Sequence[Dead]
    members: Sequence[Member]


def one(look: Session, merchant_id: uuid.UUID) -> Merchant | None:
    """The merchant of this id."""
    return look.scalar(sa.select(Merchant).options(OF_A_MERCHANT).where(Merchant.id == merchant_id))


def whole(look: Session, of: Merchant) -> Whole:
    """Everything that the page of a merchant shows of it."""
    stores = look.scalars(
        sa.select(Store)
        .options(load_only(Store.id, Store.name, Store.currency, Store.time_zone, Store.is_active, raiseload=True))
        .where(Store.merchant_id == of.id)
        .order_by(sa.func.lower(Store.name), Store.id)
    ).all()
    places = _places(look, of.id, {each.id: each for each in stores})
    is_open = Notice.cleared_at.is_(None)
    open_ones = look.scalars(_notices(of.id).where(is_open).order_by(Notice.grave.desc(), Notice.since)).all()
    gone = look.scalars(_notices(of.id).where(~is_open).order_by(Notice.cleared_at.desc()).limit(MOST_PAST)).all()
    return Whole(
        merchant=of,
        badge=staff_pages.badges(look, [of.id])[of.id],
        stores=stores,
        places=list(places.values()),
        problems=_explained(look, of.id, places, problems.gathered(open_ones)[:MOST_PROBLEMS]),
        past=list(zip(_explained(look, of.id, places, gone), [each.cleared_at for each in gone], strict=True)),
        failed=_failed(look, of.id, places),
        dead=_dead(look, of.id),
        members=_members(look, of.id),
    )


def _places(look: Session, merchant_id: uuid.UUID, stores: dict[uuid.UUID, Store]) -> dict[uuid.UUID, Place]:
    query = (
        sa.select(Connection, standing.of_connections().label("standing"))
        .options(OF_A_CONNECTION)
        .where(Connection.merchant_id == merchant_id)
        .order_by(sa.func.lower(Connection.name), Connection.id)
    )
    found = [_place(row.Connection, row.standing, stores[row.Connection.store_id]) for row in look.execute(query)]
    return {each.connection.id: each for each in found}


def _place(connection: Connection, stands: str, store: Store) -> Place:
    one = integrations.all_integrations().get(connection.integration)
    badge = standing.connection_badge(connection, stands)
    return Place(connection, one.name if one else connection.integration, store.name, store.time_zone, badge)


def _notices(merchant_id: uuid.UUID) -> sa.Select[Any]:
    return sa.select(Notice).options(OF_A_NOTICE).where(Notice.merchant_id == merchant_id)


def _explained(
    look: Session, merchant_id: uuid.UUID, places: dict[uuid.UUID, Place], notices: Sequence[Notice]
) -> list[Problem]:
    """The notices in the sentences that the merchant reads."""
    owners = _connections_of(look, merchant_id, notices)
    found = [(each, places.get(owners.get(each.id, each.subject_id))) for each in notices]
    return [problems.told(each, at.connection, at.store, at.zone) if at else problems.told(each) for each, at in found]


def _connections_of(look: Session, merchant_id: uuid.UUID, notices: Sequence[Notice]) -> dict[uuid.UUID, uuid.UUID]:
    """The connection that a notice about a run or a document concerns, by the notice's id."""
    found: dict[uuid.UUID, uuid.UUID] = {}
    for subject, model in (("run", Run), ("document", Document)):
        asked = {each.subject_id: each.id for each in notices if each.subject == subject}
        if asked:
            query = sa.select(model.id, model.connection_id).where(
                model.merchant_id == merchant_id, model.id.in_(asked)
            )
            found |= {asked[row.id]: row.connection_id for row in look.execute(query)}
    return found


def _failed(look: Session, merchant_id: uuid.UUID, places: dict[uuid.UUID, Place]) -> list[FailedRun]:
    kept = load_only(
        Run.id,
        Run.connection_id,
        Run.resource,
        Run.state,
        Run.cause,
        Run.detail,
        Run.created_at,
        Run.started_at,
        Run.ended_at,
        raiseload=True,
    )
    query = sa.select(Run).options(kept).where(Run.merchant_id == merchant_id, Run.state == RunState.FAILED)
    runs = look.scalars(query.order_by(Run.id.desc()).limit(MOST_RUNS))
    return [_failed_run(run, places[run.connection_id]) for run in runs]


def _failed_run(run: Run, place: Place) -> FailedRun:
    from_there = reading_words.FROM.get(run.resource)
    what = from_there(place.connection.name) if from_there else f"{run.resource} · {place.connection.name}"
    return FailedRun(run, place, what, explain(run.cause, "run", {"detail": run.detail}, place.connection))


def _dead(look: Session, merchant_id: uuid.UUID) -> list[Dead]:
    number = sa.func.count()
    query = (
        sa.select(Work.kind, number, sa.func.min(Work.ended_at))
        .where(Work.merchant_id == merchant_id, Work.status == WorkStatus.DEAD)
        .group_by(Work.kind)
        .order_by(number.desc(), Work.kind)
    )
    return [Dead(*row) for row in look.execute(query)]


def _members(look: Session, merchant_id: uuid.UUID) -> list[Member]:
    rank = sa.case({role.value: role.rank for role in Role}, value=sa.cast(Membership.role, sa.Text), else_=0)
    query = (
        sa.select(User.name, User.email, Membership.role, Membership.created_at, User.disabled_at.is_not(None))
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.merchant_id == merchant_id)
        .order_by(rank.desc(), sa.func.lower(User.name), User.id)
    )
    return [Member(*row) for row in look.execute(query)]
