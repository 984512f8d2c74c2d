"""Orders: the list with its views, and one order with what comes next."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from portal.contract.definition import Resource
from portal.contract.errors import RemoteError
from portal.flows import carriers, order_asking, order_buyers, order_hand, resources
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.paging import Count
from portal.models import Connection, Order, OrderLine, Store
from portal.web import (
    asked,
    causes,
    order_next,
    order_routing,
    order_standing,
    order_words,
    orders_pages,
    shipments_pages,
)
from portal.web.channel_names import Channel, channels
from portal.web.doors import Needs, Support, by, find, merchant, needs
from portal.web.orders_pages import Row, Wanted
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("orders", __name__)
bp.add_app_template_filter(order_words.event, "order_event")
bp.add_app_template_filter(order_words.theirs, "order_theirs")

VIEWS = {view: view for view in orders_pages.VIEWS}


@bp.get("/orders")
@needs(Needs.VIEW)
def index() -> Response:
    """All orders of all stores, those placed last first."""
    known, stores = channels(), _stores()
    wanted = _wanted(known, stores)
    page = orders_pages.page(wanted, asked.cursor())
    if wants_json():
        rows = [orders_pages.as_item(row, known) for row in page.rows]
        return list_as_json(page, rows, orders_pages.count(wanted))
    counts, newest = orders_pages.counts(wanted), orders_pages.newest_id()
    return show(
        "orders/list.html",
        "orders_table",
        also=("orders_views", "orders_chips"),
        wanted=wanted,
        args=_args(wanted),
        page=page,
        counts=counts,
        count=counts[wanted.view],
        views=_views(wanted, counts),
        known=known,
        stores=stores,
        newest=newest,
        fresh=Count(0),
    )


@bp.get("/orders/new-ones")
@needs(Needs.VIEW)
def new_ones() -> Response:
    """How many orders came in since the list was drawn; the line of the list asks for it."""
    known, stores = channels(), _stores()
    wanted, newest = _wanted(known, stores), request.args.get("newest", "")
    try:
        fresh = orders_pages.came_after(wanted, uuid.UUID(newest))
    except ValueError:
        fresh = Count(0)
    if wants_json():
        return as_json({"count": fresh})
    return show("orders/news.html", "orders_news", args=_args(wanted), newest=newest, fresh=fresh)


@bp.post("/orders/check")
@needs(Needs.MANAGE, support=Support.ACTS)
def check() -> Response:
    """Ask every sales channel for new orders now."""
    try:
        number = len(order_asking.ask_all(by()))
    except Refusal as why:
        return go("orders.index", sentence(why), "warn")
    say = ngettext("%(num)s channel is asked for new orders.", "%(num)s channels are asked for new orders.", number)
    return go("orders.index", say)


def _stores() -> dict[uuid.UUID, str]:
    query = sa.select(Store.id, Store.name).where(Store.merchant_id == whose())
    return {row.id: row.name for row in db.session.execute(query.order_by(sa.func.lower(Store.name), Store.id))}


def _wanted(known: Mapping[uuid.UUID, Channel], stores: Mapping[uuid.UUID, str]) -> Wanted:
    store = asked.own({each: (each, name) for each, name in stores.items()}, "store")
    return Wanted(
        view=asked.one_of(VIEWS, "view") or "all",
        words=asked.words(),
        channel=asked.own(known, "connection"),
        store_id=store[0] if store else None,
        since=_day("from"),
        until=_day("to"),
        zone=merchant().time_zone,
    )


def _day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None
    return found if date(1900, 1, 1) <= found <= date(9000, 1, 1) else None


def _args(wanted: Wanted) -> dict[str, Any]:
    """What the address of the list says."""
    return {
        "view": wanted.view if wanted.view != "all" else None,
        "q": wanted.words or None,
        "connection": wanted.channel.id if wanted.channel else None,
        "store": wanted.store_id,
        "from": wanted.since.isoformat() if wanted.since else None,
        "to": wanted.until.isoformat() if wanted.until else None,
    }


def _views(wanted: Wanted, counts: Mapping[str, Count]) -> list[dict[str, Any]]:
    labels = {
        "all": _("All"),
        "to_ship": _("To ship"),
        "attention": _("Needs attention"),
        "hold": _("On hold"),
        "warehouse": _("At the warehouse"),
        "shipped": _("Shipped"),
        "cancelled": _("Cancelled"),
    }
    args = _args(wanted)
    return [
        {
            "label": labels[each],
            "args": {**args, "view": each if each != "all" else None},
            "count": counts[each],
            "current": each == wanted.view,
        }
        for each in orders_pages.VIEWS
    ]


@bp.get("/orders/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One order."""
    order = find(Order, public_id)
    if wants_json():
        found = orders_pages.lines_of(order)
        row = Row(order, sum(each.missing for each in found))
        items = [orders_pages.line_as_item(each) for each in found]
        said = {"lines": items, "routing": order_routing.as_json(order), "shipment": shipments_pages.as_json(order)}
        return as_json({**orders_pages.as_item(row, channels()), **said})
    return page(order)


def page(order: Order, problem: str = "", *, buyer: order_buyers.Buyer | None = None) -> Response:
    """The page of an order, with what was refused or with the buyer shown."""
    known, found = channels(), orders_pages.lines_of(order)
    missing, shipping = sum(each.missing for each in found), shipments_pages.of(order)
    channel = known.get(order.connection_id) if order.connection_id else None
    store = db.session.get_one(Store, (whose(), order.store_id))
    return show(
        "orders/detail.html",
        status=422 if problem else None,
        problem=problem,
        order=order,
        channel=channel,
        store=store,
        lines=found,
        carrier=carriers.name_of(_connection(order), order.carrier) if order.connection_id else order.carrier,
        theirs_first=bool(order.connection_id and _connection(order).known_options.use_channel_names),
        next_step=order_next.next_step(order, missing > 0, shipping),
        standing=order_standing.badges(order, order_standing.ways_of([order]).get(order.id), missing),
        overdue=order.ship_by is not None and order.ship_by < now(),
        is_open=order_hand.is_open(order),
        events=orders_pages.events_of(order),
        source=channel.name if channel else store.name,
        routing=order_routing.of(order),
        shipping=shipping,
        concerns=shipments_pages.concerns(order),
        buyer=buyer,
        buyer_gone_at=None if order.sealed else order.buyer_gone_at,
        may_refresh=channel is not None and channel.is_on and _can_be_asked(order),
    )


def _connection(order: Order) -> Connection:
    return find(Connection, str(order.connection_id))


def _can_be_asked(order: Order) -> bool:
    return resources.can_refresh(_connection(order), Resource.ORDERS)


@bp.post("/orders/<public_id>/reveal")
@needs(Needs.MANAGE, support=Support.ALWAYS)
def reveal(public_id: str) -> Response:
    """Show who the order goes to, in this answer only; that somebody looked is kept."""
    order = find(Order, public_id)
    try:
        buyer = order_hand.reveal(order, by())
    except Refusal as why:
        return page(order, sentence(why))
    return page(order, buyer=buyer)


@bp.post("/orders/<public_id>/refresh")
@needs(Needs.MANAGE, support=Support.ACTS)
def refresh(public_id: str) -> Response:
    """Ask the channel what the order is now."""
    order = find(Order, public_id)
    if order.connection_id is None:
        return page(order, sentence(Refusal("order_is_ours")))
    connection = _connection(order)
    try:
        news = order_asking.ask_one(order, connection, by())
    except RemoteError as why:
        db.session.rollback()
        return page(order, causes.explain(why.cause.value, "run", {}, connection).title)
    say = _("The order was brought up to date.") if news else _("Nothing has changed at the channel.")
    return go("orders.detail", public_id=order.id, say=say)


@bp.post("/orders/<public_id>/receive")
@needs(Needs.MANAGE, support=Support.ACTS)
def receive(public_id: str) -> Response:
    """Take pieces of a line that came back into the stock."""
    order = find(Order, public_id)
    line = find(OrderLine, request.form.get("line", ""))
    try:
        order_hand.receive(order, line, request.form.get("pieces", ""), asked.words("note"), by())
    except Refusal as why:
        return page(order, sentence(why))
    return go("orders.detail", public_id=order.id, say=_("The pieces are in stock again."))


@bp.post("/orders/<public_id>/cancel")
@needs(Needs.MANAGE, support=Support.ACTS)
def cancel(public_id: str) -> Response:
    """Cancel an order that was entered by hand."""
    order = find(Order, public_id)
    try:
        order_hand.cancel(order, asked.words("why"), by())
    except Refusal as why:
        return page(order, sentence(why))
    return go("orders.detail", public_id=order.id, say=_("The order was cancelled. Its pieces are free again."))


@bp.post("/orders/<public_id>/ship")
@needs(Needs.MANAGE, support=Support.ACTS)
def ship(public_id: str) -> Response:
    """Mark an order that was entered by hand as shipped."""
    order = find(Order, public_id)
    try:
        order_hand.ship(order, asked.words("carrier"), asked.words("tracking"), by())
    except Refusal as why:
        return page(order, sentence(why))
    return go("orders.detail", public_id=order.id, say=_("The order was marked as shipped."))
