"""The staff area: merchants and how they stand, the sessions in which staff worked as one, and the month's report."""

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_skeleton
from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from portal.kit.clock import now
from portal.web import activity_words, asked, staff_merchant, staff_pages, staff_sessions, staff_words, words
from portal.web.doors import Needs, Support, needs, signed_in
from portal.web.show import nav_url, show
from portal.web.staff_sessions import Asked

bp = Blueprint("staff", __name__)
bp.add_app_template_filter(activity_words.sentence, "deed")

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
SORTS = {"health": "health"}
OPEN = {"open": "open"}


@bp.get("/support")
@needs(Needs.STAFF, support=Support.NEVER)
def merchants() -> Response:
    """Every merchant, by name or the worst first."""
    health, sort = asked.one_of(staff_words.FOUND_BY, "health"), asked.one_of(SORTS, "sort")
    with staff_pages.looking() as look:
        page, count = staff_pages.merchants(look, asked.words(), health, asked.cursor(), worst_first=sort == "health")
    return show(
        "staff/merchants.html",
        "merchants_list",
        here="staff.merchants",
        page=page,
        count=count,
        q=asked.words(),
        chosen=health,
        sort=sort,
        choices=staff_words.health_choices(),
    )


@bp.get("/support/merchants/<public_id>")
@needs(Needs.STAFF, support=Support.NEVER)
def merchant(public_id: str) -> Response:
    """One merchant: its problems, stores, connections, syncs, work, people and sessions."""
    with staff_pages.looking() as look:
        found = staff_merchant.one(look, _id(public_id))
        if found is None:
            abort(404)
        whole, sessions = staff_merchant.whole(look, found), staff_sessions.of_merchant(look, found.id)
    return show(
        "staff/merchant.html",
        here="staff.merchants",
        whole=whole,
        merchant_of_page=found,
        sessions=sessions,
        view_as=_view_as(found.id),
        **_words(),
    )


@bp.get("/support/sessions")
@needs(Needs.STAFF, support=Support.NEVER)
def sessions() -> Response:
    """Who worked as a merchant, as whom, why, how long, and what came of it."""
    with staff_pages.looking() as look:
        agents = staff_sessions.agents(look)
        agent = _of_agent(agents)
        of = _of_merchant(look)
        wanted = Asked(asked.words(), agent, of.id if of else None, bool(asked.one_of(OPEN, "state")))
        page, count = staff_sessions.sessions(look, wanted, asked.cursor())
    return show(
        "staff/sessions.html",
        "sessions_list",
        here="staff.sessions",
        page=page,
        count=count,
        q=wanted.words,
        agents=agents,
        agent=wanted.agent,
        of=of,
        state="open" if wanted.open_only else "",
        **_words(),
    )


@bp.get("/support/sessions/<public_id>")
@needs(Needs.STAFF, support=Support.NEVER)
def session(public_id: str) -> Response:
    """One session with every page that was opened and everything that was changed."""
    with staff_pages.looking() as look:
        row = staff_sessions.one(look, _id(public_id))
        if row is None:
            abort(404)
        pages, deeds = staff_sessions.pages(look, row, asked.cursor()), staff_sessions.deeds(look, row)
    return show(
        "staff/session.html", "session_pages", here="staff.sessions", row=row, pages=pages, deeds=deeds, **_words()
    )


@bp.get("/support/report")
@needs(Needs.STAFF, support=Support.NEVER)
def report() -> Response:
    """What somebody should look at of one month's sessions."""
    since, until = _month(request.args.get("month", ""))
    with staff_pages.looking() as look:
        found = staff_sessions.report(look, since, until)
    ahead = until <= now()
    return show(
        "staff/report.html",
        here="staff.sessions",
        report=found,
        month=_named(since),
        previous=_address(_before(since)),
        previous_name=_named(_before(since)),
        next=_address(until) if ahead else "",
        next_name=_named(until),
        **_words(),
    )


def _id(public_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(public_id)
    except ValueError:
        abort(404)


def _view_as(merchant_id: uuid.UUID) -> str | None:
    """Where whoever is signed in begins to look as this merchant; None without the right."""
    return nav_url("support.view_as", public_id=merchant_id) if signed_in().user.may_view_as else None


def _of_agent(agents: Mapping[uuid.UUID, str]) -> uuid.UUID | None:
    """The agent that the address names; whoever was never one is not there (404)."""
    text = request.args.get("agent", "")
    if not text:
        return None
    found = _id(text)
    return found if found in agents else abort(404)


def _of_merchant(look: Any) -> Any:
    text = request.args.get("merchant", "")
    return (staff_merchant.one(look, _id(text)) or abort(404)) if text else None


def _words() -> dict[str, Any]:
    """What the templates say of sessions and people."""
    return {
        "consents": staff_words.CONSENTS,
        "roles": staff_words.ROLES,
        "reasons": staff_words.REASONS,
        "ends": staff_words.ENDS,
        "mode_badge": staff_words.mode_badge,
        "minutes": staff_words.minutes,
        "zone": str(words.current_zone()),
    }


def _month(text: str) -> tuple[datetime, datetime]:
    """The beginning and the end of a month in the zone of the page; of this month where none is named."""
    zone = words.current_zone()
    named = MONTH.fullmatch(text)
    today = now().astimezone(zone)
    year, month = (int(named[1]), int(named[2])) if named else (today.year, today.month)
    since = datetime(year, month, 1, tzinfo=zone)
    return since, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)


def _before(since: datetime) -> datetime:
    year, month = (since.year, since.month - 1) if since.month > 1 else (since.year - 1, 12)
    return datetime(year, month, 1, tzinfo=since.tzinfo)


def _address(since: datetime) -> str:
    return f"{since:%Y-%m}"


def _named(since: datetime) -> str:
    return format_skeleton("yMMMM", since, locale=words.current_locale())
