"""Products, and the listings that channels have of them."""

from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.flows import bundles, linking
from portal.kit.errors import Refusal
from portal.models import LinkState, Listing, Product, WarehouseStock
from portal.web import (
    asked,
    catalogue_pages,
    codes,
    explained_pages,
    link_words,
    links_pages,
    plugin_stock,
    stock_pages,
)
from portal.web.catalogue_pages import Wanted
from portal.web.channel_names import channels
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("catalogue", __name__)
bp.add_app_template_filter(codes.seen, "seen")
bp.add_app_template_filter(link_words.badge, "link_badge")
bp.add_app_template_filter(link_words.how, "link_how")

SALE = {"on": "on", "off": "off", "missing": "missing"}
STATES = {state.value: state for state in LinkState}


@bp.get("/products")
@needs(Needs.VIEW)
def products() -> Response:
    """All products by SKU."""
    words, known = asked.words(), channels()
    page = catalogue_pages.products(words, asked.cursor(), known)
    count = catalogue_pages.count_products(words)
    if wants_json():
        return list_as_json(page, [_row_as_json(row) for row in page.rows], count)
    return show("catalogue/products.html", "products_table", q=words, page=page, count=count, known=known)


def _row_as_json(row: catalogue_pages.Row) -> dict[str, Any]:
    connections = [each.id for each in row.channels]
    return {
        **catalogue_pages.product_as_json(row),
        "updated_at": row.updated,
        "listing_count": row.listings,
        "connections": connections,
    }


@bp.get("/products/<public_id>")
@needs(Needs.VIEW)
def product(public_id: str) -> Response:
    """One product and every listing of it."""
    found = find(Product, public_id)
    listed, known = catalogue_pages.listings_of(found), channels()
    figures = plugin_stock.of_listings(listed)
    if wants_json():
        rows = [
            {**catalogue_pages.listing_as_json(each, known[each.connection_id]), **_figures(figures.get(each.id))}
            for each in listed
        ]
        return as_json({**catalogue_pages.product_as_json(found), "created_at": found.created_at, "listings": rows})
    return show(
        "catalogue/product.html",
        product=found,
        listings=listed,
        known=known,
        figures=figures,
        stock=stock_pages.numbers(found),
        makes=bundles.makes([found.id]).get(found.id),
    )


def _figures(found: WarehouseStock | None) -> dict[str, Any]:
    return {"warehouse_stock": plugin_stock.as_item(found)} if found is not None else {}


@bp.get("/listings")
@needs(Needs.VIEW)
def listings() -> Response:
    """All listings of all channels."""
    known = channels()
    wanted = Wanted(
        asked.words(), asked.own(known, "connection"), asked.one_of(STATES, "state"), asked.one_of(SALE, "sale")
    )
    page, count = catalogue_pages.listings(wanted, asked.cursor()), catalogue_pages.count_listings(wanted)
    if wants_json():
        rows = [catalogue_pages.listing_as_json(row.Listing, known[row.Listing.connection_id]) for row in page.rows]
        return list_as_json(page, rows, count)
    return show(
        "catalogue/listings.html",
        "listings_table",
        also=("listings_chips",),
        wanted=wanted,
        page=page,
        count=count,
        known=known,
        states=[(state.value, link_words.badge(state).word) for state in LinkState],
        sale=_sale_words(),
    )


def _sale_words() -> list[tuple[str, str]]:
    return [("on", _("On sale")), ("off", _("Not on sale")), ("missing", _("Gone at the channel"))]


@bp.get("/listings/<public_id>")
@needs(Needs.VIEW)
def listing(public_id: str) -> Response:
    """One listing: what the channel says of it, and what it is linked to."""
    found = find(Listing, public_id)
    channel = channels()[found.connection_id]
    figure = plugin_stock.of_listings([found]).get(found.id)
    if wants_json():
        return as_json({**catalogue_pages.listing_as_json(found, channel), **_figures(figure)})
    return show(
        "catalogue/listing.html",
        listing=found,
        figure=figure,
        channel=channel,
        row=links_pages.row_of(found),
        one_kind=integrations.get(channel.integration).kind,
        sent=explained_pages.push_of(found.id),
        says=link_words.says(found.link_state),
    )


@bp.route("/listings/<public_id>/unlink", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def unlink(public_id: str) -> Response:
    """Ask whether a link is to be taken away, and do it."""
    found = find(Listing, public_id)
    product_id, problem = found.product_id, ""
    if request.method == "POST":
        try:
            linking.unlink(found, by())
        except Refusal as why:
            problem = sentence(why)
        else:
            say = link_words.done("unlink", found.sku)
            if request.values.get("back") == "product":
                return go("catalogue.product", public_id=product_id, say=say)
            return go("catalogue.listing", public_id=found.id, say=say)
    return show(
        "catalogue/unlink.html",
        "dialog",
        status=422 if problem else None,
        listing=found,
        channel=channels()[found.connection_id],
        product=catalogue_pages.product_of(found),
        back=asked.one_of({"product": "product"}, "back"),
        problem=problem,
    )
