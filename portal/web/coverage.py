"""The coverage matrix: which product is listed, waits or is missing at which sales channel and plugin."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from portal.models import LinkState
from portal.web import asked, catalogue_pages, coverage_pages, link_words
from portal.web.channel_names import Channel, channels
from portal.web.coverage_pages import SIDE_BY_SIDE, Cell, Row, Wanted
from portal.web.doors import Needs, needs
from portal.web.plain import list_as_json, wants_json
from portal.web.show import show

bp = Blueprint("coverage", __name__)

ONLY = {"gaps": "gaps"}


@bp.get("/coverage")
@needs(Needs.VIEW)
def index() -> Response:
    """Products by SKU, connections side by side."""
    known = channels()
    channel = asked.own(known, "connection")
    side, first = _side(known, channel)
    wanted = Wanted(asked.words(), channel, bool(asked.one_of(ONLY, "only")) and bool(side), side)
    page = coverage_pages.page(wanted, asked.cursor())
    count = catalogue_pages.count_products(wanted.words)
    if wants_json():
        return list_as_json(page, [coverage_pages.as_json(row) for row in page.rows], count)
    return show(
        "coverage/index.html",
        "coverage_table",
        wanted=wanted,
        known=known,
        page=page,
        count=count,
        args=_address(wanted, first),
        first=first,
        more=len(known) > len(side) and not channel,
        step=SIDE_BY_SIDE,
        says=says,
        looked_at=coverage_pages.LOOKED_AT,
    )


def _side(known: Mapping[uuid.UUID, Channel], channel: Channel | None) -> tuple[Sequence[Channel], int]:
    """The connections that stand side by side: the one that was chosen, or some of all; and the place of the first."""
    if channel:
        return [channel], 0
    every = list(known.values())
    text = request.args.get("from", "")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    first = first if first < len(every) else 0
    return every[first : first + SIDE_BY_SIDE], first


def _address(wanted: Wanted, first: int) -> dict[str, object]:
    own = {
        "q": wanted.words or None,
        "connection": wanted.channel.id if wanted.channel else None,
        "only": "gaps" if wanted.gaps else None,
        "from": first or None,
    }
    return {name: value for name, value in own.items() if value is not None}


@dataclass(frozen=True, slots=True)
class CellSays:
    """A cell in words, and where it leads: to the listing, or to what to do."""

    kind: str
    word: str
    url: str
    why: str


def says(row: Row, channel: Channel) -> CellSays:
    """What a cell of the matrix shows."""
    cell = row.cells[channel.id]
    if cell.state == "none":
        return CellSays(
            "",
            _("Missing"),
            url_for("links.index", connection=channel.id, state=LinkState.NEW.value),
            _("No listing there has this SKU. See those that no product has."),
        )
    if cell.listing_id and cell.state in {"linked", "off", "gone", LinkState.SKU_CHANGED}:
        return _linked(row, cell)
    badge = link_words.badge(LinkState(cell.state))
    url = url_for("links.index", connection=channel.id, state=cell.state, q=row.sku)
    return CellSays(badge.kind, badge.word, url, _("A listing there has this SKU, or almost. Decide about it."))


def _linked(row: Row, cell: Cell) -> CellSays:
    url = url_for("catalogue.listing", public_id=cell.listing_id)
    if cell.number > 1:
        url = url_for("catalogue.product", public_id=row.id)
        word = ngettext("%(num)s listing", "%(num)s listings", cell.number)
        return CellSays("ok", word, url, _("Several listings there are linked to this product."))
    return {
        "linked": lambda: CellSays("ok", _("Linked"), url, _("See the listing.")),
        "off": lambda: CellSays("mute", _("Not on sale"), url, _("The listing is linked and not on sale there.")),
        "gone": lambda: CellSays("warn", _("Gone"), url, _("The channel no longer has the listing.")),
        LinkState.SKU_CHANGED.value: lambda: CellSays(
            "warn", link_words.badge(LinkState.SKU_CHANGED).word, url, _("The SKU there has changed. Decide about it.")
        ),
    }[cell.state]()
