"""Activity: who did what in the account of the merchant, for everybody who works there; a file of it for owners."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.kit import tables
from portal.kit.clock import now
from portal.web import activity_pages, asked, downloads, words
from portal.web.activity_pages import Line, Wanted
from portal.web.doors import Needs, Support, may, merchant, needs, signed_in
from portal.web.plain import list_as_json, wants_json
from portal.web.show import show

bp = Blueprint("activity", __name__)

# The names of the columns are the same in every language, so that scripts know them.
COLUMNS = ("Time (UTC)", "Who", "What", "Change", "Reason", "Address", "Request")


@bp.get("/settings/activity")
@needs(Needs.VIEW)
def index() -> Response:
    """What was noted, newest first."""
    wanted = _wanted()
    page, count = activity_pages.page(wanted, asked.cursor())
    if wants_json():
        return list_as_json(page, [_item(each) for each in page.rows], count)
    args = _args(wanted)
    return show(
        "settings/activity.html",
        "activity_list",
        also=["activity_export", "activity_chips"],
        page=page,
        count=count,
        wanted=wanted,
        args=args,
        chips=_chips(wanted, args),
        people=_people(wanted.who),
        kinds=activity_pages.kinds(),
        may_export=may(Needs.OWN),
    )


@bp.get("/settings/activity/file")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def file() -> Response:
    """The same as a file, with the filters of the page."""
    wanted = _wanted()
    lines = downloads.walk(lambda after: activity_pages.piece(wanted, after), lambda line: line)
    return downloads.download(_rows(lines), f"activity {now():%Y-%m-%d}", tables.CSV)


def _rows(lines: Iterator[Line]) -> Iterator[Sequence[str]]:
    yield COLUMNS
    for each in lines:
        at = f"{each.at:%Y-%m-%d %H:%M:%S}"
        yield at, each.who, each.what, each.changes, each.reason, each.address, each.request_id


def _wanted() -> Wanted:
    """What the address filters by; what cannot be read filters nothing."""
    return Wanted(
        who=asked.one_of(_people(asked.words("who")), "who"),
        kind=asked.one_of(activity_pages.KINDS, "kind"),
        support=request.args.get("support") == "1",
        since=_day("from"),
        until=_day("to"),
        zone=signed_in().user.time_zone or merchant().time_zone,
    )


def _people(wanted: str) -> dict[str, str]:
    """Who can be asked for: the members, the house, and whoever is asked for and has left."""
    found = activity_pages.people()
    if wanted and wanted not in found and (name := activity_pages.name_of(wanted)):
        found[str(uuid.UUID(wanted))] = name
    return found


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _args(wanted: Wanted) -> dict[str, Any]:
    """The filters as the parameters of an address; those that filter nothing are None."""
    return {
        "who": wanted.who or None,
        "kind": wanted.kind or None,
        "support": "1" if wanted.support else None,
        "from": wanted.since.isoformat() if wanted.since else None,
        "to": wanted.until.isoformat() if wanted.until else None,
    }


def _chips(wanted: Wanted, args: dict[str, Any]) -> list[tuple[str, str]]:
    """What is filtered in words, each with the address without it."""
    locale = words.current_locale()
    said = {
        "who": _people(wanted.who).get(wanted.who, ""),
        "kind": activity_pages.kinds().get(wanted.kind, ""),
        "support": _("Support staff only") if wanted.support else "",
        "from": _("From %(day)s", day=words.day(wanted.since, locale)) if wanted.since else "",
        "to": _("Until %(day)s", day=words.day(wanted.until, locale)) if wanted.until else "",
    }
    return [(text, url_for("activity.index", **{**args, name: None})) for name, text in said.items() if text]


def _item(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "at": line.at,
        "who": line.who,
        "what": line.what,
        "change": line.changes,
        "reason": line.reason,
        "address": line.address,
        "request": line.request_id,
    }
