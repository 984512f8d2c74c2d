"""The first check of a connection and the import that follows it, as one block that asks for itself while it moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import integrations
from portal.contract.definition import Integration, Resource
from portal.flows import activation, linking
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, Run, RunState
from portal.models.sync import OPEN
from portal.web import causes, checklist, languages, sync_pages, words
from portal.web.causes import Explained

QUICK, SLOW = 2, 10
# After so long nobody watches every second any more.
LONG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The first check and the import, as one block that asks again while something moves.

    `entries` are the checklist, empty once it is history.  `seconds` is how soon to ask again, 0 for not at all.
    """

    entries: Sequence[Mapping[str, Any]]
    done: int
    run: Run | None
    groups: Sequence[Mapping[str, Any]]
    left: str
    trouble: Explained | None
    seconds: int


def progress(connection: Connection) -> Progress:
    """How far the connection has come."""
    one = integrations.get(connection.integration)
    if one.checks:
        return _step_by_step(one, connection)
    run = last_import(connection)
    checking = connection.state is ConnectionState.ACTIVATING
    moving = checking or (run is not None and run.is_open)
    entries = _checklist(one, connection, run) if _is_first(connection, run) else []
    since = (run.started_at if run and run.is_open else None) or connection.active_since
    return Progress(
        entries=entries,
        done=sum(each["state"] == "ok" for each in entries),
        run=run if run and (run.is_open or run.state is RunState.DONE) else None,
        groups=_numbers(one, connection, run, moving=moving) if run else [],
        left=sync_pages.left(run, resumed=False) if run else "",
        trouble=trouble(connection),
        seconds=(SLOW if since and now() - since > LONG else QUICK) if moving else 0,
    )


def _step_by_step(one: Integration, connection: Connection) -> Progress:
    """The same where the remote is checked in steps: the checklist says how far the reading is as well."""
    runs, why = checklist.first_runs(connection), trouble(connection)
    active, checking = connection.state is ConnectionState.ACTIVE, connection.state is ConnectionState.ACTIVATING
    begun = connection.active_since if connection.state is not ConnectionState.SAVED else None
    recent = begun is not None and begun > now() - LONG
    shown = begun is not None and (not active or recent or not checklist.all_read(runs))
    run = None if shown else last_import(connection)
    moving = checking or any(each is not None and each.is_open for each in (run, *runs.values()))
    entries = checklist.entries(connection, runs, why) if shown else []
    return Progress(
        entries=entries,
        done=sum(each["state"] == "ok" for each in entries),
        run=run if run and (run.is_open or run.state is RunState.DONE) else None,
        groups=_numbers(one, connection, run, moving=moving) if run else [],
        left=checklist.left(runs) if shown and active else sync_pages.left(run, resumed=False) if run else "",
        trouble=why,
        seconds=(SLOW if begun and now() - begun > LONG else QUICK) if moving else 0,
    )


def last_import(connection: Connection) -> Run | None:
    """The run over the catalogue that goes on, else the last one that ended well, else the last one.

    One question each, so that each is answered from the end of an index, however many runs there are.
    """
    runs = sa.select(Run).where(Run.merchant_id == whose(), Run.connection_id == connection.id).limit(1)
    runs = runs.where(Run.resource == Resource.PRODUCTS.value)
    # The states are written out, as they are in the index of open runs.
    is_open = Run.state.in_([sa.literal_column(f"'{each.value}'") for each in OPEN])
    ended = runs.where(Run.ended_at.is_not(None)).order_by(Run.ended_at.desc(), Run.id.desc())
    for each in (runs.where(is_open).order_by(Run.id.desc()), ended.where(Run.state == RunState.DONE), ended):
        if (found := db.session.scalars(each).one_or_none()) is not None:
            return found
    return None


def _is_first(connection: Connection, run: Run | None) -> bool:
    """Whether the first check is still news: since it was turned on, no import has ended well."""
    if connection.active_since is None or connection.state is ConnectionState.SAVED:
        return False
    if connection.state is ConnectionState.ACTIVE and not connection.known_options.import_products:
        return connection.active_since > now() - LONG
    return run is None or run.state is not RunState.DONE or (run.ended_at or now()) < connection.active_since


def _checklist(one: Integration, connection: Connection, run: Run | None) -> list[dict[str, Any]]:
    """Credentials accepted, shop named, catalogue n of m, import finished."""
    active, checking = connection.state is ConnectionState.ACTIVE, connection.state is ConnectionState.ACTIVATING
    waits = checklist.still_trying(connection) if checking else ""
    stopped = not active and not checking
    shop = (
        _("%(name)s, Shop ID %(id)s", name=connection.shop_name, id=connection.shop_id)
        if connection.shop_name
        else connection.shop_id
    )
    entries: list[dict[str, Any]] = [
        {
            "state": "ok" if active else "bad" if stopped else "run",
            "what": _("Keys accepted")
            if active
            else _("Asking %(remote)s to accept the keys", remote=one.name)
            if checking
            else _("Keys not accepted"),
            "at": connection.checked_at if active else None,
            "note": waits or ("" if not stopped else _("%(remote)s has not confirmed them.", remote=one.name)),
        },
        {
            "state": "ok" if active else "",
            "what": _("Shop found"),
            "note": shop if active and shop else "" if active else _("After the keys are accepted."),
        },
    ]
    if not connection.known_options.import_products or Resource.PRODUCTS not in one.pulls:
        return [
            *entries,
            {"state": "ok" if active else "", "what": _("Ready"), "note": _("The import of the catalogue is off.")},
        ]
    return [*entries, *_import_entries(run if active else None)]


def _import_entries(run: Run | None) -> list[dict[str, Any]]:
    if run is None or run.state is RunState.DONE:
        return [
            {"state": "", "what": _("Reading the catalogue"), "note": _("Nothing at the channel changes.")},
            {"state": "", "what": _("Import finished"), "note": ""},
        ]
    state = "run" if run.is_open else "bad"
    return [
        {"state": state, "what": _("Reading the catalogue"), "note": read_so_far(run)},
        {"state": "", "what": _("Import finished"), "note": _("You can leave this page.") if run.is_open else ""},
    ]


def read_so_far(run: Run) -> str:
    """How much of the catalogue has come in, in words."""
    locale = languages.chosen()
    if run.total:
        done, total = words.number(run.seen, locale), words.number(run.total, locale)
        return _("%(done)s of %(total)s products", done=done, total=total)
    return ngettext(
        "%(shown)s product so far", "%(shown)s products so far", run.seen, shown=words.number(run.seen, locale)
    )


def looked_at(run: Run) -> str:
    """How much a run that is over has seen, in words."""
    shown = words.number(run.seen, languages.chosen())
    return ngettext("%(shown)s product looked at", "%(shown)s products looked at", run.seen, shown=shown)


def trouble(connection: Connection) -> Explained | None:
    """Why the connection rests, or why its first check takes too long."""
    if connection.state in {ConnectionState.FAILED, ConnectionState.PAUSED}:
        return causes.explain(connection.trouble, "connection", {}, connection)
    late = connection.active_since is not None and connection.active_since + activation.FIRST_CHECK < now()
    if connection.state is ConnectionState.ACTIVATING and late:
        return causes.explain("first_check_late", "connection", {}, connection)
    return None


GROUPS = {
    "match": ("linked", "sku_changed", "matched", "reissued"),
    "new": ("new", "near"),
    "waiting": ("waiting",),
    "bad": ("empty", "duplicate", "ambiguous"),
}


def _numbers(one: Integration, connection: Connection, run: Run, *, moving: bool) -> list[dict[str, Any]]:
    """What the import brought.

    A page that asks every few seconds shows what the run itself has counted; only one at rest counts the listings.
    """
    if run.is_open:
        return [
            {"value": run.kept, "label": _("taken in")},
            {"value": run.refused, "label": _("not taken in"), "bad": run.refused > 0},
        ]
    return _groups(one, connection, run.groups if moving else linking.groups(connection.id))


def _groups(one: Integration, connection: Connection, found: Mapping[str, int]) -> list[dict[str, Any]]:
    """The imported listings in the four groups that a merchant thinks in, each a link to the first of its states."""
    labels = {
        "match": _("match a SKU of yours"),
        "new": _("new SKUs that wait for you"),
        "waiting": _("wait for the quality check"),
        "bad": _("with an empty or double SKU"),
    }
    groups = []
    for key, states in GROUPS.items():
        if key == "waiting" and not one.audits:
            continue
        number = sum(found.get(each, 0) for each in states)
        state = next((each for each in states if found.get(each)), None)
        url = url_for("links.index", state=state, connection=connection.id) if state else None
        groups.append({"value": number, "label": labels[key], "url": url, "bad": key == "bad" and number > 0})
    return groups
