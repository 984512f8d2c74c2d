"""What the status words of a remote mean: those that are declared, corrected or seen, the unknown ones first."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.contract.records import OrderStatus, ShipmentStatus
from portal.flows import statuses
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, Direction, Document, Order
from portal.web import asked, languages, order_words
from portal.web.connections_pages import frame
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("statuses", __name__, url_prefix="/connections/<public_id>/statuses")

# More and longer ones than any remote has.
MOST_WORDS, LONGEST_WORD = 200, 100


@dataclass(frozen=True, slots=True)
class Line:
    """One status word: what the remote means by it, what it means here ("" while nobody said), how many orders."""

    word: str
    text: str
    meaning: str
    declared: str
    orders: int


@bp.get("")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """Every word with its meaning."""
    connection = _with_words(public_id)
    if wants_json():
        found = [{"word": each.word, "meaning": each.meaning, "orders": each.orders} for each in lines(connection)]
        return as_json({"items": found})
    return _page(connection)


@bp.post("")
@needs(Needs.MANAGE, support=Support.ACTS)
def save(public_id: str) -> Response:
    """Keep what the words mean; orders that have them follow at once."""
    connection = _with_words(public_id)
    pairs = zip(asked.many("word", MOST_WORDS), request.form.getlist("meaning"), strict=False)
    meant = {word: meaning for word, meaning in pairs if meaning and len(word) <= LONGEST_WORD}
    try:
        statuses.save(connection, meant, by())
    except Refusal as why:
        return _page(connection, sentence(why))
    say = _("The meanings were saved. Orders with these words follow them.")
    return go("statuses.index", public_id=connection.id, say=say)


def _with_words(public_id: str) -> Connection:
    connection = find(Connection, public_id)
    if not integrations.get(connection.integration).statuses:
        abort(404)
    return connection


def _page(connection: Connection, problem: str = "") -> Response:
    return show(
        "plugins/statuses.html",
        status=422 if problem else None,
        problem=problem,
        rows=lines(connection),
        meanings=meanings(connection),
        **frame(connection, "statuses"),
    )


def lines(connection: Connection) -> list[Line]:
    """The words, those without a meaning first, then in their order."""
    one, locale = integrations.get(connection.integration), languages.chosen()
    seen = {row.status_word: (str(row.text), int(row.number)) for row in db.session.execute(_seen(connection))}
    known = statuses.meanings(connection)
    found = [
        Line(
            word=word,
            text=one.status_texts[word].said(locale) if word in one.status_texts else seen.get(word, ("", 0))[0],
            meaning=known.get(word, ""),
            declared=one.statuses[word].value if word in one.statuses else "",
            orders=seen.get(word, ("", 0))[1],
        )
        for word in {*known, *seen}
    ]
    return sorted(found, key=lambda each: (bool(each.meaning), each.word))


def _seen(connection: Connection) -> Any:
    """The words of the orders that are there: the remote's own text for each, and how many orders carry it."""
    if statuses.kind_of(connection) is OrderStatus:
        return _counted(Order).where(Order.merchant_id == whose(), Order.connection_id == connection.id)
    return _counted(Document).where(
        Document.merchant_id == whose(), Document.connection_id == connection.id, Document.direction == Direction.OUT
    )


def _counted(kind: type[Order] | type[Document]) -> Any:
    text, number = sa.func.max(kind.status_text).label("text"), sa.func.count().label("number")
    return sa.select(kind.status_word, text, number).group_by(kind.status_word)


def meanings(connection: Connection) -> list[tuple[str, str]]:
    """What a word can mean: pairs of value and words."""
    if statuses.kind_of(connection) is OrderStatus:
        found = [(each.value, order_words.status(each)) for each in OrderStatus if each is not OrderStatus.KEEP]
        return [*found, (OrderStatus.KEEP.value, _("Changes nothing"))]
    return [
        (ShipmentStatus.SENT.value, _("Sent to the warehouse")),
        (ShipmentStatus.PROCESSING.value, _("Processing")),
        (ShipmentStatus.PACKED.value, _("Packed")),
        (ShipmentStatus.DISPATCHED.value, _("Dispatched")),
        (ShipmentStatus.DELIVERED.value, _("Delivered")),
        (ShipmentStatus.DELIVERY_FAILED.value, _("Delivery failed")),
        (ShipmentStatus.RETURNED.value, _("Returned")),
        (ShipmentStatus.CANCELLING.value, _("Cancelling")),
        (ShipmentStatus.CANCELLED.value, _("Cancelled")),
        (ShipmentStatus.ON_HOLD.value, _("On hold")),
        (ShipmentStatus.KEEP.value, _("Changes nothing")),
    ]
