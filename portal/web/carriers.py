"""Which carrier of a channel's own list is meant by the names that warehouses use."""

from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.contract.errors import RemoteError
from portal.flows import carriers
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Confirmation, Connection, Order, Parcel
from portal.web import asked, causes
from portal.web.connections_pages import frame
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("carriers", __name__, url_prefix="/connections/<public_id>/carriers")

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One name that a warehouse uses: the id that it goes by, and whether somebody said so or the names are equal."""

    name: str
    chosen: str
    said: bool


@bp.get("")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """Every name with the carrier that it means."""
    connection = _with_list(public_id)
    if wants_json():
        listed = [{"id": remote_id, "name": name} for remote_id, name in carriers.known(connection).items()]
        items = [{"name": each.name, "carrier": each.chosen} for each in lines(connection)]
        return as_json({"items": items, "list": listed, "read_at": carriers.read_at(connection)})
    return _page(connection)


@bp.post("")
@needs(Needs.MANAGE, support=Support.ACTS)
def save(public_id: str) -> Response:
    """Keep what the names mean; orders that waited for it are confirmed."""
    connection = _with_list(public_id)
    pairs = zip(asked.many("name", carriers.MOST_NAMES), request.form.getlist("carrier"), strict=False)
    known = {each.name for each in lines(connection)}
    wanted = {name: chosen for name, chosen in pairs if name in known and len(name) <= LONGEST_NAME}
    try:
        carriers.save(connection, wanted, by())
    except Refusal as why:
        db.session.rollback()
        return _page(connection, sentence(why))
    say = _("The carriers were saved. Orders that waited for them are being confirmed.")
    return go("carriers.index", public_id=connection.id, say=say)


@bp.post("/read")
@needs(Needs.MANAGE, support=Support.ACTS)
def read(public_id: str) -> Response:
    """Ask the channel for its list again."""
    connection = _with_list(public_id)
    try:
        carriers.read(connection, by())
    except RemoteError as why:
        db.session.rollback()
        return _page(connection, causes.explain(why.cause.value, "run", {}, connection).title)
    return go("carriers.index", public_id=connection.id, say=_("The list was read."))


def _with_list(public_id: str) -> Connection:
    connection = find(Connection, public_id)
    if not carriers.has_list(connection):
        abort(404)
    return connection


def _page(connection: Connection, problem: str = "") -> Response:
    listed = sorted(carriers.known(connection).items(), key=lambda each: each[1].casefold())
    return show(
        "channels/carriers.html",
        status=422 if problem else None,
        problem=problem,
        rows=lines(connection),
        listed=listed,
        read_at=carriers.read_at(connection),
        **frame(connection, "carriers"),
    )


def lines(connection: Connection) -> list[Line]:
    """The names of warehouses that were seen or have a meaning; those without one first."""
    said = carriers.meant(connection)
    found = [
        Line(name, carriers.find(connection, name) or "", name in said)
        for name in {*said, *_seen(connection)}
        if len(name) <= LONGEST_NAME
    ]
    return sorted(found, key=lambda each: (bool(each.chosen), each.name.casefold()))[: carriers.MOST_NAMES]


def _seen(connection: Connection) -> set[str]:
    """The carriers of confirmations of this channel, and of parcels of the same merchant."""
    told = (
        sa.select(Confirmation.carrier_name)
        .join(Order, sa.and_(Order.merchant_id == Confirmation.merchant_id, Order.id == Confirmation.order_id))
        .where(Confirmation.merchant_id == whose(), Order.connection_id == connection.id)
    )
    of_parcels = sa.select(Parcel.carrier).where(Parcel.merchant_id == whose(), Parcel.carrier != "")
    return set(db.session.scalars(told.distinct())) | set(db.session.scalars(of_parcels.distinct()))
