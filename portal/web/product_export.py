"""All products as a file, with where each is listed; the same file imported again changes nothing."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.kit import tables
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Listing, Product
from portal.web import asked, catalogue_pages, downloads
from portal.web.channel_names import Channel, channels
from portal.web.doors import Needs, Support, needs
from portal.web.show import go, show

bp = Blueprint("product_export", __name__)

# The names of the columns are the same in every language, so that scripts and the import know them.
COLUMNS = {"title": "Title", "barcode": "Barcode", "image": "Image"}
KINDS = {tables.XLSX: "XLSX", tables.CSV: "CSV"}
PIECE = 1_000


@bp.get("/products/export")
@needs(Needs.VIEW, support=Support.NEVER)
def index() -> Response:
    """Choose the columns of the file."""
    labels = [("title", _("Title")), ("barcode", _("Barcode")), ("image", _("Image"))]
    count = catalogue_pages.count_products("")
    return show("files/export.html", columns=labels, kinds=KINDS, known=channels(), count=count)


@bp.get("/products/export/file")
@needs(Needs.VIEW, support=Support.NEVER)
def file() -> Response:
    """The file itself."""
    kind = asked.one_of(KINDS, "kind")
    if not kind:
        return go("product_export.index")
    known = channels()
    wanted = set(request.args.getlist("column"))
    fields = [each for each in COLUMNS if each in wanted]
    listed = [each for each in known.values() if str(each.id) in wanted]
    return downloads.download(_rows(fields, listed), f"products {now():%Y-%m-%d}", kind)


def _rows(fields: Sequence[str], listed: Sequence[Channel]) -> Iterator[Sequence[str]]:
    """The head, then every product by SKU."""
    found = downloads.walk(lambda after: _piece(after, listed), lambda row: row[0].sku)

    def told() -> Iterator[Sequence[str]]:
        yield ["SKU", *(COLUMNS[each] for each in fields), *(f"Listings: {each.name}, {each.store}" for each in listed)]
        for product, there in found:
            yield [
                product.sku,
                *(getattr(product, each) for each in fields),
                *("; ".join(there.get(each.id, ())) for each in listed),
            ]

    return told()


def _piece(after: str | None, listed: Sequence[Channel]) -> Sequence[tuple[Any, dict[uuid.UUID, list[str]]]]:
    """The next products, each with the remote ids of its listings by connection."""
    query = sa.select(Product.id, Product.sku, Product.title, Product.barcode, Product.image)
    query = query.where(Product.merchant_id == whose()).order_by(Product.sku).limit(PIECE)
    products = db.session.execute(query.where(Product.sku > after) if after is not None else query).all()
    there: dict[uuid.UUID | None, dict[uuid.UUID, list[str]]] = {each.id: {} for each in products}
    if listed and products:
        rows = sa.select(Listing.product_id, Listing.connection_id, Listing.remote_id).where(
            Listing.merchant_id == whose(),
            Listing.product_id.in_(there),
            Listing.connection_id.in_([each.id for each in listed]),
            Listing.missing_since.is_(None),
        )
        for product_id, connection_id, remote_id in db.session.execute(rows.order_by(Listing.remote_id)):
            there[product_id].setdefault(connection_id, []).append(remote_id)
    return [(each, there[each.id]) for each in products]
