"""Sync activity: what runs, what ended, what needs somebody."""

from typing import Any

from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.contract.definition import Resource
from portal.flows import notices, sync
from portal.flows.audit import LINTAS
from portal.kit.errors import Refusal
from portal.models import Connection, Run, RunState
from portal.web import asked, causes, group_words, links_pages, problems, reading_words, sync_pages
from portal.web.channel_names import Channel, channels
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import asks_for, go, hx, show

bp = Blueprint("sync", __name__)
bp.add_app_template_filter(sync_pages.badge, "run_badge")
bp.add_app_template_filter(sync_pages.what, "run_what")
bp.add_app_template_filter(sync_pages.took, "run_took")
bp.add_app_template_filter(reading_words.things, "run_things")

VIEWS = {view: view for view in sync_pages.VIEWS}


@bp.get("/sync")
@needs(Needs.VIEW)
def index() -> Response:
    """All runs of all connections, the newest first."""
    known = channels()
    channel, counts = asked.own(known, "connection"), {}
    view = asked.one_of(VIEWS, "view")
    if not view or not wants_json():
        counts = sync_pages.counts(channel)
        view = view or ("attention" if counts["attention"].number and not wants_json() else "all")
    page = sync_pages.runs(view, channel, asked.cursor())
    if wants_json():
        return list_as_json(page, [sync_pages.as_json(run, known[run.connection_id]) for run in page.rows])
    return show(
        "sync/list.html",
        "runs_table",
        also=("run_views",),
        view=view,
        views=_views(view, channel, counts),
        channel=channel,
        known=known,
        page=page,
        count=counts[view],
        problems=_stopped() if view == "attention" else [],
    )


def _views(view: str, channel: Channel | None, counts: dict[str, Any]) -> list[dict[str, Any]]:
    labels = {"attention": _("Needs attention"), "running": _("Running"), "all": _("All")}
    connection = channel.id if channel else None
    return [
        {
            "label": labels[each],
            "args": {"view": each, "connection": connection},
            "count": counts[each],
            "current": each == view,
        }
        for each in sync_pages.VIEWS
    ]


def _stopped() -> list[problems.Problem]:
    """What keeps whole connections from syncing."""
    return problems.explained([each for each in notices.open_notices() if each.subject == "connection"])


@bp.get("/sync/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One run.  Its progress asks for itself; when the run has ended, the whole page is loaded again."""
    run = find(Run, public_id)
    if asks_for("run_progress"):
        return _progress(run)
    return _detail(run)


def _progress(run: Run) -> Response:
    if not run.is_open:
        return hx(refresh=True)
    return show("sync/detail.html", "run_progress", **_moving(run, channels()[run.connection_id]))


def _moving(run: Run, channel: Channel) -> dict[str, Any]:
    """What the block of progress draws."""
    done = sync_pages.notes(run)
    return {
        "run": run,
        "channel": channel,
        "left": sync_pages.left(run, resumed=sync_pages.was_resumed(done)),
        "slow": sync_pages.is_slow(run),
        "notes": done,
        "by_schedule": run.asked_by in {"", LINTAS.name},
    }


def _detail(run: Run, problem: str = "") -> Response:
    channel = channels()[run.connection_id]
    if wants_json():
        return as_json({**sync_pages.as_json(run, channel), "groups": run.groups})
    connection = find(Connection, str(run.connection_id))
    moving, refused = _moving(run, channel), sync_pages.refusals(run)
    trouble = _trouble(run, connection)
    of_goods = run.resource == Resource.PRODUCTS
    groups = sync_pages.asked(channel.id, links_pages.counts(channel.id)) if of_goods else []
    return show(
        "sync/detail.html",
        status=422 if problem else None,
        problem=problem,
        **moving,
        trouble=trouble,
        refused=[(each, _explain_refused(each, run, connection)) for each in refused],
        groups=[(each, group_words.said(each, channel)) for each in groups],
        timeline=sync_pages.timeline(run, moving["notes"], channel, trouble=trouble.title if trouble else ""),
        details=sync_pages.details(run, channel, refused),
        may_retry=run.state in {RunState.FAILED, RunState.STOPPED} and channel.is_on,
    )


def _trouble(run: Run, connection: Connection) -> causes.Explained | None:
    """Why the run is not done, in words."""
    if not run.cause or run.state is RunState.DONE:
        return None
    arguments = {"detail": run.detail, "by": run.detail if run.cause == "stopped_by_hand" else ""}
    return causes.explain(run.cause, "run", arguments, connection)


def _explain_refused(refused: sync_pages.Refusals, run: Run, connection: Connection) -> causes.Explained:
    arguments = {"number": refused.number, "resource": run.resource}
    return causes.explain(refused.cause, "run", arguments, connection)


@bp.post("/sync/<public_id>/stop")
@needs(Needs.MANAGE, support=Support.ACTS)
def stop(public_id: str) -> Response:
    """Stop a run; what it took in stays."""
    run = find(Run, public_id)
    sync.stop(run, by())
    return go("sync.detail", public_id=run.id)


@bp.post("/sync/<public_id>/retry")
@needs(Needs.MANAGE, support=Support.ACTS)
def retry(public_id: str) -> Response:
    """Go on with a run that ended early, at the page where it ended."""
    run = find(Run, public_id)
    try:
        again = sync.retry(run, by())
    except Refusal as why:
        return _detail(run, sentence(why))
    return go("sync.detail", public_id=again.id)


@bp.post("/sync/<public_id>/again")
@needs(Needs.MANAGE, support=Support.ACTS)
def again(public_id: str) -> Response:
    """Start a new run of the same connection and resource, or show the one that is open."""
    run = find(Run, public_id)
    connection = find(Connection, str(run.connection_id))
    try:
        begun = sync.ask(connection, Resource(run.resource), by())
    except Refusal as why:
        return _detail(run, sentence(why))
    return go("sync.detail", public_id=begun.id)
