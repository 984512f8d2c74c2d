"""Received pushes: what was believed, what became of it, what was refused, and applying it again."""

from typing import Any

from flask import Blueprint
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from portal.flows import replays
from portal.kit.errors import Refusal
from portal.kit.paging import Count
from portal.models import Delivery
from portal.web import asked, deliveries_pages, delivery_words
from portal.web.channel_names import Channel, channels
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("deliveries", __name__, url_prefix="/deliveries")
bp.add_app_template_filter(delivery_words.badge, "delivery_badge")
bp.add_app_template_filter(deliveries_pages.topic, "delivery_topic")
bp.add_app_template_filter(deliveries_pages.headers, "header_lines")

VIEWS = {view: view for view in deliveries_pages.VIEWS}


@bp.get("")
@needs(Needs.VIEW)
def index() -> Response:
    """All received pushes, the newest first."""
    known = channels()
    channel, event_id = asked.own(known, "connection"), asked.words()
    view = asked.one_of(VIEWS, "view") or "all"
    if wants_json():
        return _as_json(view, channel, event_id, known)
    counts = deliveries_pages.counts(channel, event_id)
    if view == "refused":
        page: Any = deliveries_pages.refused(channel, asked.cursor())
    else:
        page = deliveries_pages.listed(deliveries_pages.chosen(view, channel, event_id), asked.cursor())
    return show(
        "deliveries/list.html",
        "deliveries_table",
        also=("delivery_views",),
        view=view,
        views=_views(view, channel, event_id, counts),
        channel=channel,
        known={each.id: each for each in known.values() if deliveries_pages.webhook_of(each)},
        all_known=known,
        q=event_id,
        page=page,
        count=counts[view],
        reason_of=delivery_words.reason_of,
        cause_of=delivery_words.cause_of,
        groups=deliveries_pages.groups(channel) if view == "dead" and not event_id else [],
    )


def _as_json(view: str, channel: Channel | None, event_id: str, known: dict[Any, Channel]) -> Response:
    if view == "refused":
        rows = deliveries_pages.refused(channel, asked.cursor())
        items = [deliveries_pages.refusal_as_json(each, known[each.connection_id]) for each in rows.rows]
        return list_as_json(rows, items)
    page = deliveries_pages.listed(deliveries_pages.chosen(view, channel, event_id), asked.cursor())
    return list_as_json(page, [deliveries_pages.as_json(each, known[each.connection_id]) for each in page.rows])


def _views(view: str, channel: Channel | None, event_id: str, counts: dict[str, Count]) -> list[dict[str, Any]]:
    labels = {
        "all": _("All"),
        "waiting": _("Waiting"),
        "applied": _("Applied"),
        "dead": _("Not applied"),
        "refused": _("Refused"),
    }
    connection = channel.id if channel else None
    return [
        {
            "label": labels[each],
            "args": {"view": each, "connection": connection, "q": event_id or None},
            "count": counts[each],
            "current": each == view,
        }
        for each in deliveries_pages.VIEWS
    ]


@bp.post("/replay")
@needs(Needs.MANAGE, support=Support.ACTS)
def replay_many() -> Response:
    """Apply everything again that a view and its filters show, or a group of one cause."""
    channel, event_id = asked.own(channels(), "connection"), asked.words()
    view, cause = asked.one_of(VIEWS, "view"), asked.words("cause")
    number = 0
    if view and view != "refused":
        number = replays.replay_many(deliveries_pages.chosen(view, channel, event_id, cause), by())
    back: dict[str, Any] = {
        "view": "waiting" if number else view or None,
        "connection": channel.id if channel else None,
    }
    if not number:
        return go("deliveries.index", _("There is nothing to apply again."), "info", **back)
    say = ngettext("%(num)s push is applied again.", "%(num)s pushes are applied again.", number)
    return go("deliveries.index", say, **back)


@bp.get("/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One push: what it says, what it hinted at, what changed by it."""
    return _detail(find(Delivery, public_id))


def _detail(found: Delivery, problem: str = "") -> Response:
    channel = channels()[found.connection_id]
    if wants_json():
        return as_json(deliveries_pages.as_json(found, channel))
    work = deliveries_pages.work_of(found)
    return show(
        "deliveries/detail.html",
        status=422 if problem else None,
        problem=problem,
        found=found,
        channel=channel,
        work=work,
        why=delivery_words.cause_of(found.cause, channel) if found.cause else None,
        changed=deliveries_pages.changed(found),
        payload=deliveries_pages.payload(found, channel),
        timeline=deliveries_pages.timeline(found),
        details=deliveries_pages.details(found, work),
    )


@bp.post("/<public_id>/replay")
@needs(Needs.MANAGE, support=Support.ACTS)
def replay(public_id: str) -> Response:
    """Apply one push again."""
    found = find(Delivery, public_id)
    try:
        replays.replay(found, by())
    except Refusal as why:
        return _detail(found, sentence(why))
    return go("deliveries.detail", _("The push is applied again."), public_id=found.id)
