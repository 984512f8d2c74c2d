"""The first check of a plugin as a checklist: the declared steps, then what is read, each with its state and cause."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import integrations
from portal.contract.definition import Check, Integration, Resource
from portal.flows import resources, work
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, Run, RunState
from portal.models.work import work_key
from portal.web import causes, languages, words
from portal.web.causes import Explained
from portal.web.reading_words import TITLES, looked_at, so_far

READ = (Resource.PRODUCTS, Resource.STOCK)
Runs = Mapping[Resource, Run | None]


def first_runs(connection: Connection) -> Runs:
    """By what is to be read, the newest run since the connection was turned on.

    One that ended well counts before a later one that did not: the first reading is what the checklist is about.
    """
    return {each: _run_of(connection, each) for each in READ if resources.wanted(connection, each)}


def _run_of(connection: Connection, resource: Resource) -> Run | None:
    if connection.active_since is None:
        return None
    query = sa.select(Run).where(
        Run.merchant_id == whose(),
        Run.connection_id == connection.id,
        Run.resource == resource.value,
        Run.created_at >= connection.active_since,
    )
    newest = query.order_by(Run.id.desc()).limit(1)
    return (
        db.session.scalars(newest.where(Run.state == RunState.DONE)).one_or_none()
        or db.session.scalars(newest).one_or_none()
    )


def all_read(runs: Runs) -> bool:
    """Whether everything that was to be read was read once."""
    return all(run is not None and run.state is RunState.DONE for run in runs.values())


def entries(connection: Connection, runs: Runs, trouble: Explained | None) -> list[dict[str, Any]]:
    """The checklist in its order; `trouble` is why it stopped."""
    one = integrations.get(connection.integration)
    steps = _checks(one, connection, trouble)
    active = connection.state is ConnectionState.ACTIVE
    read = [_reading(resource, run, connection, active) for resource, run in runs.items()]
    ready = active and all_read(runs)
    at = max((run.ended_at for run in runs.values() if run and run.ended_at), default=connection.checked_at)
    note = "" if ready or read else _("Nothing is set to be read. You can change that in the options.")
    last: dict[str, Any] = {
        "state": "ok" if ready else "",
        "what": _("Ready"),
        "at": at if ready else None,
        "note": note if active else "",
    }
    return [*steps, *read, last]


def _checks(one: Integration, connection: Connection, trouble: Explained | None) -> list[dict[str, Any]]:
    found, reached = [], False
    for check in one.checks:
        passed = connection.checks.get(check.key)
        if passed is not None:
            found.append(_passed(check, passed))
        elif reached:
            found.append({"state": "", "what": check.title.said(languages.chosen())})
        else:
            reached = True
            found.append(_current(check, connection, trouble))
    return found


def _passed(check: Check, passed: Mapping[str, str]) -> dict[str, Any]:
    return {
        "state": "ok",
        "what": check.title.said(languages.chosen()),
        "at": datetime.fromisoformat(passed["at"]),
        "note": passed.get("said", ""),
    }


def _current(check: Check, connection: Connection, trouble: Explained | None) -> dict[str, Any]:
    """The step at which the check stands: under way, or stopped."""
    what = check.title.said(languages.chosen())
    if trouble is not None:
        return {"state": "bad", "what": what, "note": trouble.title}
    if connection.state is not ConnectionState.ACTIVATING:
        return {"state": "", "what": what}
    return {"state": "run", "what": what, "note": still_trying(connection) or _("You can leave this page.")}


def still_trying(connection: Connection) -> str:
    """What the work of the check says of its last attempt, "" while there was none."""
    tried = work.unfinished("activate", work_key("activate", connection.id))
    if tried is None or not tried.error:
        return ""
    at = words.clock(tried.not_before.astimezone(words.current_zone()), languages.chosen(), seconds=True)
    return _("No answer yet. We try again at %(time)s.", time=at)


def _reading(resource: Resource, run: Run | None, connection: Connection, active: bool) -> dict[str, Any]:
    what = TITLES[resource]()
    if run is None or not active:
        return {"state": "", "what": what}
    if run.state is RunState.DONE:
        return {"state": "ok", "what": what, "at": run.ended_at, "note": looked_at(run)}
    if run.is_open:
        note = _("%(done)s. You can leave this page.", done=so_far(run))
        slow = run.slowed_until is not None and run.slowed_until > now()
        return {"state": "warn" if slow else "run", "what": what, "note": note}
    why = causes.explain(run.cause, "run", {"detail": run.detail}, connection)
    return {"state": "bad", "what": what, "note": why.title}


def left(runs: Runs) -> str:
    """How many readings are still to come, in words; "" once none is."""
    number = sum(run is None or run.is_open for run in runs.values())
    return ngettext("%(num)s reading to go", "%(num)s readings to go", number) if number else ""
