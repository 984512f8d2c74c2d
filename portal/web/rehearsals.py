"""Sending stock to a channel: what would change, let out step by step, and turned off."""

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.flows import rehearsals
from portal.kit import tables
from portal.kit.clock import now
from portal.kit.errors import Refusal
from portal.models import Connection, ExportStage, Rehearsal
from portal.web import asked, downloads, rehearsals_pages
from portal.web.connections_pages import frame
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("rehearsals", __name__, url_prefix="/connections/<public_id>/export")

VIEWS = {view: view for view in rehearsals_pages.VIEWS}
LONGEST_NUMBER = 9
MOVING = {"waiting", "reading"}


@bp.get("")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """How far the export is, and every number that would change."""
    connection = _exporting(public_id)
    rehearsal = rehearsals.newest(connection.id)
    if wants_json():
        return as_json(_as_json(connection, rehearsal))
    return _page(connection, rehearsal)


def _exporting(public_id: str) -> Connection:
    """A connection whose remote takes numbers of pieces; any other has no such page."""
    connection = find(Connection, public_id)
    if integrations.get(connection.integration).stock_out is None:
        abort(404)
    return connection


def _page(connection: Connection, rehearsal: Rehearsal | None, problem: str = "", zeroed: str = "") -> Response:
    view, text = asked.one_of(VIEWS, "view") or "changes", asked.words()
    listed = rehearsal is not None and rehearsal.state in {"ready", "first", "released"}
    counts = rehearsals_pages.counts(rehearsal) if rehearsal and listed else {}
    return show(
        "export/index.html",
        "changes_table",
        "export_progress",
        status=422 if problem else None,
        problem=problem,
        zeroed=zeroed,
        rehearsal=rehearsal,
        listed=listed,
        moving=rehearsal is not None and (rehearsal.state in MOVING or _is_looked_at(rehearsal)),
        stage=rehearsals_pages.stage(connection),
        may_begin=_may_begin(connection, rehearsal),
        summary=rehearsals_pages.summary(rehearsal) if rehearsal and listed else "",
        progress=rehearsals_pages.read_so_far(rehearsal) if rehearsal and rehearsal.state in MOVING else None,
        page=rehearsals_pages.changes(rehearsal, view, text, asked.cursor()) if rehearsal and listed else None,
        view=view,
        q=text,
        views=_views(connection, view, text, counts),
        lot=len(rehearsal.cursor.get("lot", ())) if rehearsal else 0,
        agree=rehearsal.cursor.get("agree") if rehearsal else None,
        **frame(connection, "export"),
    )


def _is_looked_at(rehearsal: Rehearsal) -> bool:
    """Whether the first lot is under way and nobody knows yet whether it arrived."""
    return rehearsal.state == "first" and "agree" not in rehearsal.cursor


def _may_begin(connection: Connection, rehearsal: Rehearsal | None) -> bool:
    """Whether a new look can be asked for: the export is not let out, and none is open."""
    opened = rehearsal is not None and rehearsal.state in rehearsals.OPEN
    return not opened and (connection.export_stage is not ExportStage.OPEN or not connection.known_options.export)


def _views(connection: Connection, view: str, text: str, counts: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "url": url_for("rehearsals.index", public_id=connection.id, view=each, q=text or None),
            "count": counts.get(each, 0),
            "current": each == view,
        }
        for each, label in rehearsals_pages.labels().items()
    ]


@bp.post("")
@needs(Needs.MANAGE, support=Support.ACTS)
def act(public_id: str) -> Response:
    """One of the buttons: look, send the first 20, send all, or leave it off."""
    connection = _exporting(public_id)
    rehearsal, what = rehearsals.newest(connection.id), request.form.get("do", "")
    try:
        if what == "look":
            rehearsals.begin(connection, by())
            say = _("We read what %(name)s shows now. Nothing is sent.", name=connection.name)
        elif what == "off":
            rehearsals.turn_off(connection, by())
            say = _("The export is off. The numbers at %(name)s stay as they are.", name=connection.name)
        elif what == "brake":
            rehearsals.set_brake(connection, _whole("brake_count"), _whole("brake_share"), by())
            say = _("The limit of the brake was saved.")
        elif what in {"first", "all"} and rehearsal is not None:
            say = _let_out(connection, rehearsal, what)
        else:
            abort(400)
    except Refusal as why:
        return _page(connection, rehearsals.newest(connection.id), sentence(why), request.form.get("zeroed", ""))
    return go("rehearsals.index", public_id=connection.id, say=say)


def _let_out(connection: Connection, rehearsal: Rehearsal, what: str) -> str:
    if what == "first":
        rehearsals.send_first(rehearsal, by())
        return _("The first numbers are on their way. They are read back in a moment.")
    rehearsals.send_all(rehearsal, by(), _whole("zeroed"))
    return _("%(name)s is sent every change of stock from now on.", name=connection.name)


def _whole(name: str) -> int:
    """A whole number of the form; -1, which nothing takes, for anything else."""
    typed = request.form.get(name, "").strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= LONGEST_NUMBER else -1


@bp.get("/file")
@needs(Needs.VIEW, support=Support.NEVER)
def file(public_id: str) -> Response:
    """Every line of the newest rehearsal as a CSV file."""
    connection = _exporting(public_id)
    rehearsal = rehearsals.newest(connection.id)
    if rehearsal is None:
        abort(404)
    name = f"{connection.name} {now():%Y-%m-%d} changes"
    return downloads.download(_lines(rehearsal.id), name, tables.CSV)


def _lines(rehearsal_id: uuid.UUID) -> Iterator[Sequence[str]]:
    """The head, then every line; its words are the same in every language, so that scripts know them."""
    found = downloads.walk(partial(rehearsals_pages.piece, rehearsal_id), lambda row: row.listing_id)

    def told() -> Iterator[Sequence[str]]:
        yield ["SKU", "Title", "Shows", "Would show", "Change"]
        for row in found:
            yield [row.sku, row.title, "" if row.shows is None else str(row.shows), str(row.would), row.kind]

    return told()


def _as_json(connection: Connection, rehearsal: Rehearsal | None) -> dict[str, Any]:
    data: dict[str, Any] = {"export": connection.known_options.export, "stage": connection.export_stage}
    if rehearsal is None:
        return data | {"rehearsal": None}
    page = rehearsals_pages.changes(rehearsal, asked.one_of(VIEWS, "view") or "changes", asked.words(), asked.cursor())
    return data | {
        "rehearsal": {
            "id": rehearsal.id,
            "state": rehearsal.state,
            "made_at": rehearsal.made_at,
            "ready_at": rehearsal.ready_at,
            "listings": rehearsal.listings,
            "changes": rehearsal.changes,
            "zeroed": rehearsal.zeroed,
            "braked": rehearsal.braked,
        },
        "items": [
            {"listing": row.listing_id, "sku": row.sku, "shows": row.shows, "would": row.would, "change": row.kind}
            for row in page.rows
        ],
        "next": page.after,
        "previous": page.before,
    }
