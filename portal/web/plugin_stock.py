"""The figures that the warehouse of a plugin tells: searched, narrowed to what stands out, page by page."""

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.contract.definition import Resource
from portal.kit.db import begins, db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import Connection, Listing, WarehouseStock
from portal.web import asked
from portal.web.connections_pages import frame
from portal.web.doors import Needs, find, needs
from portal.web.plain import list_as_json, wants_json
from portal.web.show import show

bp = Blueprint("plugin_stock", __name__, url_prefix="/connections/<public_id>/stock")

VIEWS: dict[str, sa.ColumnElement[bool]] = {
    "differ": WarehouseStock.available != WarehouseStock.on_hand,
    "zero": sa.and_(WarehouseStock.available == 0, WarehouseStock.gone_since.is_(None)),
    "below": WarehouseStock.told != "",
    "gone": WarehouseStock.gone_since.is_not(None),
}


@bp.get("")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """The figures by SKU."""
    connection = find(Connection, public_id)
    if Resource.STOCK not in integrations.get(connection.integration).pulls:
        abort(404)
    words, view = asked.words(), asked.one_of(VIEWS, "view")
    found, count = page(connection, words, view, asked.cursor())
    if wants_json():
        return list_as_json(found, [as_item(row) for row in found.rows], count)
    return show(
        "plugins/stock.html",
        "stock_table",
        page=found,
        count=count,
        q=words,
        view=view,
        views=_views(),
        **frame(connection, "stock"),
    )


def _views() -> list[tuple[str, str]]:
    return [
        ("", _("All figures")),
        ("differ", _("Available differs from on hand")),
        ("zero", _("None available")),
        ("below", _("Told below zero")),
        ("gone", _("Not told any more")),
    ]


def page(connection: Connection, words: str, view: str, cursor: str | None) -> tuple[Slice[WarehouseStock], Count]:
    """One page of figures by the warehouse's own id, and how many there are."""
    query = sa.select(WarehouseStock).where(
        WarehouseStock.merchant_id == whose(), WarehouseStock.connection_id == connection.id
    )
    if words:
        query = query.where(sa.or_(begins(WarehouseStock.sku, words), begins(WarehouseStock.remote_id, words)))
    if view:
        query = query.where(VIEWS[view])
    keys = [WarehouseStock.remote_id]
    found = slice_of(db.session(), query, keys, cursor, lambda row: [row.WarehouseStock.remote_id])
    rows = [row.WarehouseStock for row in found.rows]
    return Slice(rows, after=found.after, before=found.before), count_of(db.session(), query, along=keys)


def as_item(row: WarehouseStock) -> dict[str, Any]:
    """What scripts read of the figures of one SKU."""
    return {
        "remote_id": row.remote_id,
        "sku": row.sku,
        "title": row.title,
        "warehouse": row.warehouse,
        "available": row.available,
        "on_hand": row.on_hand,
        "reserved": row.reserved,
        "locked": row.locked,
        "inbound": row.inbound,
        "told": row.told,
        "read_at": row.read_at,
        "gone_since": row.gone_since,
    }


def of_listings(listings: Iterable[Listing]) -> dict[uuid.UUID, WarehouseStock]:
    """The figures of listings by the listing's id, where their warehouse tells any; one statement for all of them."""
    ids = [each.id for each in listings]
    if not ids:
        return {}
    query = (
        sa.select(Listing.id, WarehouseStock)
        .join(
            WarehouseStock,
            sa.and_(
                WarehouseStock.merchant_id == Listing.merchant_id,
                WarehouseStock.connection_id == Listing.connection_id,
                WarehouseStock.remote_id == Listing.remote_id,
            ),
        )
        .where(Listing.merchant_id == whose(), Listing.id.in_(ids))
    )
    return {row.id: row.WarehouseStock for row in db.session.execute(query)}
