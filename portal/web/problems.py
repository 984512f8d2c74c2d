"""Open notices with what they concern, as pages show them: the sentences of their cause, the buttons, the place."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import g, url_for
from flask_babel import gettext as _

from portal.flows.support import SUBJECT as SUPPORT
from portal.kit.db import db, whose
from portal.models import Connection, Document, Notice, Run, ShipmentOrder, Store
from portal.web import causes
from portal.web.causes import Action, Explained

OVERSOLD = "oversold"
# Where those are seen that one notice speaks of.
PAGES: dict[str, tuple[Callable[[], str], str, str]] = {
    OVERSOLD: (lambda: _("See the stock"), "stock.index", "oversold"),
    "needs_plugin": (lambda: _("See the orders"), "orders.index", "attention"),
    "orders_not_routed": (lambda: _("See the orders"), "orders.index", "attention"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One open notice.  `channel`, `store` and `zone` say where, and are empty where that exists no longer."""

    id: uuid.UUID
    said: Explained
    since: datetime
    channel: str = ""
    store: str = ""
    zone: str = ""


def explained(notices: Sequence[Notice]) -> list[Problem]:
    """The notices with their sentences; a fixed number of statements, however many there are.

    Products that are oversold are told together, for one bad day brings many of them.
    """
    notices = gathered(notices)
    owners = _connections_of(notices)
    query = (
        sa.select(Connection, Store.name.label("store"), Store.time_zone)
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(Connection.merchant_id == whose(), Connection.id.in_(set(owners.values())))
    )
    known = {row.Connection.id: row for row in db.session.execute(query)} if owners else {}
    orders = _orders_of(notices)
    found = [_with_order(_problem(each, known.get(owners[each.id])), orders.get(each.id)) for each in notices]
    return [_leads_to(each) for each in found]


def _orders_of(notices: Sequence[Notice]) -> dict[uuid.UUID, uuid.UUID]:
    """The order that each notice about one, or about a shipment, concerns, by the notice's id."""
    parcels = {each.subject_id for each in notices if each.subject == "shipment"}
    query = sa.select(ShipmentOrder.shipment_id, ShipmentOrder.order_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.shipment_id.in_(parcels)
    )
    inside = {row.shipment_id: row.order_id for row in db.session.execute(query)} if parcels else {}
    orders = {each.id: each.subject_id for each in notices if each.subject == "order"}
    return orders | {each.id: inside[each.subject_id] for each in notices if each.subject_id in inside}


def gathered(notices: Sequence[Notice]) -> list[Notice]:
    """The notices with those that are told together as one: the first of them, which says how many there are."""
    together = [each for each in notices if each.cause == OVERSOLD]
    if len(together) < 2:
        return list(notices)
    first = together[0]
    arguments = {**first.arguments, "together": len(together)}
    told = Notice(id=first.id, subject=first.subject, subject_id=first.subject_id, cause=first.cause, since=first.since)
    told.arguments = arguments
    return [told if each is first else each for each in notices if each is first or each not in together]


def _leads_to(problem: Problem) -> Problem:
    """The same with the page where many are seen to at once."""
    if problem.said.cause not in PAGES or problem.said.actions:
        return problem
    label, endpoint, view = PAGES[problem.said.cause]
    action = Action(label(), url_for(endpoint, view=view))
    return replace(problem, said=replace(problem.said, actions=(action,)))


def _with_order(problem: Problem, order_id: uuid.UUID | None) -> Problem:
    """The same with the way to its order."""
    if order_id is None:
        return problem
    action = Action(_("Open the order"), url_for("orders.detail", public_id=order_id))
    return replace(problem, said=replace(problem.said, actions=(action, *problem.said.actions)))


def _connections_of(notices: Sequence[Notice]) -> dict[uuid.UUID, uuid.UUID]:
    """The connection that each notice concerns, by the notice's id."""
    runs = {each.subject_id for each in notices if each.subject == "run"}
    query = sa.select(Run.id, Run.connection_id).where(Run.merchant_id == whose(), Run.id.in_(runs))
    owners = {row.id: row.connection_id for row in db.session.execute(query)} if runs else {}
    papers = {each.subject_id for each in notices if each.subject == "document"}
    query = sa.select(Document.id, Document.connection_id).where(
        Document.merchant_id == whose(), Document.id.in_(papers)
    )
    owners |= {row.id: row.connection_id for row in db.session.execute(query)} if papers else {}
    return {each.id: owners.get(each.subject_id, each.subject_id) for each in notices}


def _problem(notice: Notice, found: Any) -> Problem:
    return told(notice, found.Connection, found.store, found.time_zone) if found else told(notice)


def told(notice: Notice, connection: Connection | None = None, store: str = "", zone: str = "") -> Problem:
    """One notice with its sentences; the connection that it concerns is one of this store."""
    g.time_zone = zone or None  # A sentence that names a time means that of the store.
    said = causes.explain(notice.cause, notice.subject, notice.arguments, connection)
    g.time_zone = None
    if notice.subject == SUPPORT:
        visit = Action(_("See what support does"), url_for("support_access.visit", public_id=notice.subject_id))
        said = replace(said, actions=(visit,))
    return Problem(notice.id, said, notice.since, connection.name if connection else "", store, zone)
