"""The page behind every number at a channel: how it comes about, and what of it is there."""

from typing import Any

from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.flows import push_again
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, Listing, Product, Push
from portal.web import explained_pages
from portal.web.channel_names import channels
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.explained_pages import Block, Derivation
from portal.web.plain import as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("explained", __name__, url_prefix="/listings/<public_id>/stock")
bp.add_app_template_filter(explained_pages.set_at, "set_at")


@bp.get("")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """How the number of one listing comes about."""
    listing = find(Listing, public_id)
    connection = db.session.get_one(Connection, (whose(), listing.connection_id))
    found, push = explained_pages.derivation(listing.id), explained_pages.push_of(listing.id)
    blocked = explained_pages.blocks(listing, connection, push)
    if wants_json():
        return as_json(_as_json(listing, found, push, blocked))
    product = db.session.get(Product, (whose(), listing.product_id)) if listing.product_id else None
    remote = integrations.get(connection.integration).name
    return show(
        "export/number.html",
        listing=listing,
        channel=channels()[listing.connection_id],
        product=product,
        found=found,
        push=push,
        blocked=blocked,
        next_step=explained_pages.next_step(blocked, push, found.level if found else None),
        drifted=explained_pages.said_drift(push, remote),
        remote=remote,
        may_send=explained_pages.sends(connection) and found is not None and found.shown.fit,
    )


def _as_json(listing: Listing, found: Derivation | None, push: Push | None, blocked: list[Block]) -> dict[str, Any]:
    data: dict[str, Any] = {"listing": listing.id, "connection": listing.connection_id, "product": listing.product_id}
    if found is not None:
        shown = found.shown
        data["derivation"] = {
            "on_hand": shown.on_hand,
            "reserved": shown.reserved,
            "available": found.available,
            "buffer": {"value": shown.buffer, "from": shown.buffer_from or None},
            "max_level": {"value": shown.max_level, "from": shown.max_from or None},
            "level": found.level,
            "sources": [
                {"connection": each.connection_id, "available": each.available, "kept": each.kept, "at": each.read_at}
                for each in found.sources
            ],
            "reservations": [
                {"order": each.order_id, "number": each.number, "quantity": each.quantity} for each in found.promises
            ],
            "reserved_by_more": found.more_orders,
            "parts": [
                {"product": each.product_id, "quantity": each.quantity, "makes": each.makes} for each in found.parts
            ],
        }
    if push is not None:
        data["push"] = {
            "wanted_at": push.wanted_at,
            "due": push.sent < push.wanted,
            "sent": {"level": push.sent_level, "at": push.sent_at},
            "acknowledged": {"level": push.acked_level, "at": push.acked_at, "unsure": push.acked < push.sent},
            "read_back": {"level": push.read_level, "at": push.read_at, "drift": push.drift or None},
            "refused": {"cause": push.cause, "at": push.refused_at} if push.cause else None,
        }
    return data | {"blocked_by": [each.key for each in blocked]}


@bp.post("")
@needs(Needs.MANAGE, support=Support.ACTS)
def send(public_id: str) -> Response:
    """The button *Send again*."""
    listing = find(Listing, public_id)
    try:
        push_again.send(listing, by())
    except Refusal as why:
        return go("explained.index", sentence(why), "bad", public_id=listing.id)
    return go("explained.index", _("The number is on its way."), public_id=listing.id)
