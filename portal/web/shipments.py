"""What a person does about the shipment of an order: send it, take it apart, take it back, complete the address."""

from collections.abc import Callable
from dataclasses import asdict

from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import Length, Optional, Regexp

from portal.contract.records import Consignee
from portal.flows import addresses, cancelling, carriers, confirming, planning, shipments
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.text import storable
from portal.models import Confirmation, Connection, Order
from portal.web import orders, shipments_pages
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.show import go

bp = Blueprint("shipments", __name__, url_prefix="/orders/<public_id>/shipment")

LONGEST = 200


class AddressForm(PortalForm):
    """The parts of an address; what is left empty stays as the channel told it."""

    name = StringField(validators=[Length(max=100)])
    phone = StringField(validators=[Length(max=50)])
    address = StringField(validators=[Length(max=400)])
    district = StringField(validators=[Length(max=LONGEST)])
    city = StringField(validators=[Length(max=LONGEST)])
    province = StringField(validators=[Length(max=LONGEST)])
    postcode = StringField(validators=[Length(max=20)])
    country = StringField(validators=[Optional(), Regexp(r"^[A-Za-z]{2}$")])

    def consignee(self) -> Consignee:
        """What was typed."""
        typed = {name: value or "" for name, value in self.data.items() if name != "csrf_token"}
        return Consignee(**{**typed, "country": typed["country"].upper()})


@bp.post("/send")
@needs(Needs.MANAGE, support=Support.ACTS)
def send(public_id: str) -> Response:
    """Send it now, ask again about it, or try again what was refused."""
    order = find(Order, public_id)
    why = planning.send_now([order.id], by()).get(order.id, "")
    if why:
        return orders.page(order, reasons()[why]())
    return go("orders.detail", public_id=order.id, say=_("The order is being sent."))


def reasons() -> dict[str, Callable[[], str]]:
    """Why an order is not sent now."""
    return {
        "not_to_ship": lambda: _("There is nothing to ship of this order now."),
        "not_routed": lambda: _("This order has no plugin yet. Route it first."),
        "already_sent": lambda: _("The warehouse has this order already."),
    }


@bp.post("/unmerge")
@needs(Needs.MANAGE, support=Support.ACTS)
def unmerge(public_id: str) -> Response:
    """Let an order travel alone, or all that travel with it."""
    order = find(Order, public_id)
    shipment_id = shipments.of_orders([order.id]).get(order.id)
    only = None if request.form.get("all") else order.id

    def deed() -> None:
        if shipment_id is None:
            raise Refusal("not_merged")
        planning.unmerge(shipment_id, by(), only)

    return _done(order, deed, _("The orders travel apart now."))


@bp.post("/take-back")
@needs(Needs.MANAGE, support=Support.ACTS)
def take_back(public_id: str) -> Response:
    """Take an order back from its plugin, as long as that can still be."""
    order = find(Order, public_id)
    say = _("It is held as soon as the warehouse has said that it stops. The timeline shows its answer.")
    return _done(order, lambda: cancelling.take_back(order.id, by()), say)


@bp.post("/address")
@needs(Needs.MANAGE, support=Support.ACTS)
def address(public_id: str) -> Response:
    """Complete the address, and try again."""
    order, form = find(Order, public_id), AddressForm()
    if not form.validate():
        return orders.page(
            order, _("One part of the address is too long, or the country is not a code of two letters.")
        )
    wanted = form.consignee()
    if wanted == Consignee():
        return orders.page(order, _("Fill in at least one part of the address."))
    if not all(map(storable, asdict(wanted).values())):
        return orders.page(order, sentence(Refusal("unreadable_text")))
    say = _("The address was completed. The order is tried again.")
    return _done(order, lambda: addresses.complete(order.id, wanted, by()), say)


@bp.post("/seen")
@needs(Needs.MANAGE, support=Support.ACTS)
def seen(public_id: str) -> Response:
    """Put away what is only told of an order."""
    order = find(Order, public_id)
    return _done(order, lambda: cancelling.seen(order.id, by()), _("Put away. The timeline keeps it."))


@bp.post("/confirm")
@needs(Needs.MANAGE, support=Support.ACTS)
def confirm(public_id: str) -> Response:
    """Tell the channel once more, or of the part that has left."""
    order = find(Order, public_id)
    deed = confirming.confirm_partly if request.form.get("partly") else confirming.retry
    return _done(order, lambda: deed(order.id, by()), _("The channel is being told."))


@bp.post("/carrier")
@needs(Needs.MANAGE, support=Support.ACTS)
def carrier(public_id: str) -> Response:
    """Say which carrier of the channel's list it was; that holds for all orders."""
    order = find(Order, public_id)
    name, chosen = request.form.get("name", ""), request.form.get("carrier", "")

    def deed() -> None:
        if order.connection_id is None or not chosen or not _is_waiting(order, name):
            raise Refusal("unknown_carrier")
        carriers.save(db.session.get_one(Connection, (whose(), order.connection_id)), {name: chosen}, by())

    return _done(order, deed, _("The carrier is known now, and the channel is being told."))


def _is_waiting(order: Order, name: str) -> bool:
    found = shipments_pages.confirmation(order)
    return isinstance(found, Confirmation) and found.carrier_name == name


def _done(order: Order, deed: Callable[[], None], say: str) -> Response:
    order_id = order.id
    try:
        deed()
    except Refusal as why:
        db.session.rollback()
        return orders.page(find(Order, str(order_id)), sentence(why))
    return go("orders.detail", public_id=order_id, say=say)
