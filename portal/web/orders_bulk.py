"""What is done with several orders of the list at once: with how many it was done, and why not with the others."""

from collections import Counter
from collections.abc import Callable

from flask import Blueprint, abort, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from portal.flows import planning, routing
from portal.flows.routing import Deed
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Order
from portal.web import asked, routing_words, shipments
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.refusals import sentence
from portal.web.show import go

bp = Blueprint("orders_bulk", __name__)

MOST = 200
DEEDS = ("send", "hold", "let_go", "merge", "route_again", "confirm")


@bp.post("/orders/bulk")
@needs(Needs.MANAGE, support=Support.ACTS)
def act() -> Response:
    """Do what the pressed button says with the ticked orders."""
    verb = next((each for each in DEEDS if each in request.form), request.form.get("verb", ""))
    if verb not in DEEDS:
        abort(404)
    orders = [find(Order, each) for each in dict.fromkeys(asked.many("order", MOST))]
    if not orders:
        return _back(_("Tick the orders first."), "warn")
    try:
        said, well = _do(verb, orders)
    except Refusal as why:
        db.session.rollback()
        return _back(sentence(why), "bad")
    return _back(said, "ok" if well else "warn")


def _back(say: str, kind: str) -> Response:
    """To the view of the list that the orders were ticked in."""
    kept = {name: request.form.get(name) or None for name in ("view", "q", "connection", "store", "from", "to")}
    return go("orders.index", say=say, kind=kind, **kept)


def _do(verb: str, orders: list[Order]) -> tuple[str, bool]:
    """What came of it as a sentence, and whether it was done with any of them."""
    if verb == "send":
        return _sent(orders)
    if verb == "merge":
        planning.merge([each.id for each in orders], by())
        number = len(orders)
        return ngettext("%(num)s order travels alone.", "%(num)s orders travel in one parcel now.", number), True
    deeds: dict[str, Callable[[], Deed]] = {
        "hold": lambda: routing.hold(orders, asked.words("why") or _("Held from the list"), by()),
        "let_go": lambda: routing.let_go(orders, by()),
        "route_again": lambda: routing.route_again(orders, by()),
        "confirm": lambda: routing.confirm(orders, by()),
    }
    return _said(deeds[verb]())


def _sent(orders: list[Order]) -> tuple[str, bool]:
    told = planning.send_now([each.id for each in orders], by())
    sent = sum(1 for why in told.values() if not why)
    said = [ngettext("%(num)s order is being sent.", "%(num)s orders are being sent.", sent)]
    for why, number in sorted(Counter(each for each in told.values() if each).items()):
        said.append(
            ngettext(
                "%(num)s was not sent: %(reason)s",
                "%(num)s were not sent: %(reason)s",
                number,
                reason=shipments.reasons()[why](),
            )
        )
    return " ".join(said), sent > 0


def _said(deed: Deed) -> tuple[str, bool]:
    said = [ngettext("Done with %(num)s order.", "Done with %(num)s orders.", deed.done)]
    if deed.left:
        reasons = "; ".join(routing_words.against(why, number) for why, number in sorted(deed.left.items()))
        said.append(_("Not with the others: %(reasons)s.", reasons=reasons))
    return " ".join(said), deed.done > 0
