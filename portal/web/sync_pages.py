"""What the pages of sync activity read, and the words that are computed from it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.contract.definition import Resource
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import AuditNote, LinkState, Run, RunState
from portal.models.sync import OPEN
from portal.web import reading_words
from portal.web.channel_names import Channel

VIEWS = ("attention", "running", "all")
# Link states that somebody has to look at, the gravest first; the last one waits for the channel.
ASKED = (
    LinkState.SKU_CHANGED,
    LinkState.REISSUED,
    LinkState.DUPLICATE,
    LinkState.EMPTY,
    LinkState.AMBIGUOUS,
    LinkState.NEAR,
    LinkState.MATCHED,
    LinkState.WAITING,
)
SAMPLES = 2
# A rate that was seen for a shorter time says little.
LEAST_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Badge:
    """How a run stands."""

    kind: str
    word: str
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Listings of a connection in one state: how many, and the SKUs or ids of some."""

    state: LinkState
    number: Count
    samples: Sequence[str]


@dataclass(frozen=True, slots=True)
class Refusals:
    """Items of a run that could not be taken in, for one cause."""

    cause: str
    number: int
    samples: Sequence[tuple[str, str]]


def runs(view: str, channel: Channel | None, cursor: str | None) -> Slice[Run]:
    """One page of runs, the newest first."""
    query = sa.select(Run).where(*_conditions(view, channel))
    page = slice_of(db.session(), query, [Run.id], cursor, lambda row: [row.Run.id], descending=True)
    return Slice([row.Run for row in page.rows], after=page.after, before=page.before)


def counts(channel: Channel | None) -> dict[str, Count]:
    """How many runs each view has."""
    return {
        view: count_of(
            db.session(),
            sa.select(Run).where(*_conditions(view, channel)),
            along=[Run.id] if view == "all" else (),
        )
        for view in VIEWS
    }


# Runs that ended badly, as long as no later one went well; and the last finished run of a connection, where it could
# not take everything in.  Found by way of the notices and the connections: both are few, however many runs there were.
NEEDS_ATTENTION = """
    run.id = any(array(
        select n.subject_id from notice n
        where n.merchant_id = :whose and n.subject = 'run' and n.cleared_at is null
        union all
        select last.id from connection c
        cross join unnest(cast(:resources as text[])) as r(resource)
        cross join lateral (
            select d.id, d.refused from run d
            where d.merchant_id = :whose and d.connection_id = c.id and d.resource = r.resource and d.state = 'done'
            order by d.created_at desc, d.id desc limit 1) last
        where c.merchant_id = :whose and last.refused > 0))
    and (run.state = 'failed' or (run.state = 'done' and run.refused > 0))
    """


def _conditions(view: str, channel: Channel | None) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [Run.merchant_id == whose()]
    if channel:
        found.append(Run.connection_id == channel.id)
    if view == "running":
        found.append(Run.state.in_(OPEN))
    elif view == "attention":
        values = {"whose": whose(), "resources": [each.value for each in Resource]}
        found.append(sa.text(NEEDS_ATTENTION).bindparams(**values))  # type: ignore[arg-type]  # A condition as well.
    return found


def badge(run: Run) -> Badge:
    """The badge of a run."""
    match run.state:
        case RunState.WAITING if run.slowed_until:
            return Badge("info", _("Slowed down"), "clock")
        case RunState.WAITING:
            return Badge("info", _("Waiting"), "clock")
        case RunState.RUNNING:
            return Badge("info", _("Running"))
        case RunState.DONE if run.refused:
            return Badge("warn", _("Partly done"), "warn")
        case RunState.DONE:
            return Badge("ok", _("Done"))
        case RunState.FAILED:
            return Badge("bad", _("Not finished"))
        case _:
            return Badge("mute", _("Stopped"), "pause")


def what(run: Run, channel: Channel) -> str:
    """What a run brings from where."""
    said = reading_words.FROM.get(run.resource)
    return said(channel.name) if said else f"{run.resource} · {channel.name}"


def took(run: Run) -> str:
    """How long a run has been at work, "" before it began."""
    if run.started_at is None:
        return ""
    seconds = max(0, round(((run.ended_at or now()) - run.started_at).total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 60:
        return _("%(seconds)s s", seconds=seconds)
    if minutes < 60:
        return _("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=seconds % 60)
    return _("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes % 60)


def left(run: Run, *, resumed: bool) -> str:
    """About how long it still takes, at the rate that was seen since the run began; "" where nobody can say."""
    if run.state is not RunState.RUNNING or run.started_at is None or not run.seen or resumed:
        return ""
    seconds = (now() - run.started_at).total_seconds()
    todo = (run.total or 0) - run.seen
    if seconds < LEAST_SECONDS or todo <= 0:
        return ""
    minutes = round(todo * seconds / run.seen / 60)
    if minutes < 1:
        return _("less than a minute left")
    return ngettext("about %(num)s min left", "about %(num)s min left", minutes)


def is_slow(run: Run) -> bool:
    """Whether the remote asked for patience that is not over."""
    return run.state is RunState.WAITING and run.slowed_until is not None and run.slowed_until > now()


def notes(run: Run) -> Sequence[AuditNote]:
    """What people did with a run, the last first."""
    query = sa.select(AuditNote).where(AuditNote.merchant_id == whose(), AuditNote.subject_id == run.id)
    return db.session.scalars(query.order_by(AuditNote.id.desc()).limit(20)).all()


def was_resumed(done: Sequence[AuditNote]) -> bool:
    """Whether a run was taken up again after it had ended: then its start says nothing about its rate."""
    return any(each.what == "sync_retried" for each in done)


def timeline(run: Run, done: Sequence[AuditNote], channel: Channel, *, trouble: str) -> list[dict[str, Any]]:
    """What happened, the last first.  `trouble` is why the run ended, as a sentence."""
    found = [*_end(run, trouble), *_now(run, channel), *_deeds(done)]
    if run.started_at:
        found.append({"state": "ok", "what": _("Began at %(remote)s", remote=channel.remote), "at": run.started_at})
    schedule = not run.asked_by or run.asked_by == LINTAS.name
    begun = _("Started by schedule") if schedule else _("Started by %(who)s", who=run.asked_by)
    found.append({"state": "ok", "what": begun, "at": run.created_at})
    return found


def _end(run: Run, trouble: str) -> list[dict[str, Any]]:
    if run.ended_at is None:
        return []
    if run.state is RunState.DONE:
        seen = _("%(things)s looked at", things=reading_words.things(run, run.seen))
        return [{"state": "ok", "what": _("Done"), "at": run.ended_at, "note": seen}]
    word = _("Stopped") if run.state is RunState.STOPPED else _("Ended before everything was seen")
    state = "warn" if run.state is RunState.STOPPED else "bad"
    return [{"state": state, "what": word, "at": run.ended_at, "note": trouble}]


def _now(run: Run, channel: Channel) -> list[dict[str, Any]]:
    if is_slow(run):
        return [{"state": "warn", "what": _("Slowed down"), "note": _("%(remote)s asked us to", remote=channel.remote)}]
    if run.state is RunState.RUNNING:
        words = ngettext("%(num)s page taken in", "%(num)s pages taken in", run.pages)
        return [{"state": "run", "what": _("Asking for the next page"), "note": words}]
    return []


def _deeds(done: Sequence[AuditNote]) -> list[dict[str, Any]]:
    return [
        {"state": "run", "what": _("Tried again by %(who)s", who=each.who), "at": each.at}
        for each in done
        if each.what == "sync_retried"
    ]


REFUSED = sa.text(
    """
    select cause, count(*) as number, (array_agg(remote_id order by id))[1:3] as ids,
        (array_agg(detail order by id))[1:3] as details
    from run_problem where merchant_id = :merchant and run_id = :run group by cause order by number desc
    """
)


def refusals(run: Run) -> list[Refusals]:
    """What a run could not take in, by cause."""
    rows = db.session.execute(REFUSED, {"merchant": whose(), "run": run.id})
    return [Refusals(row.cause, row.number, list(zip(row.ids, row.details, strict=True))) for row in rows]


SOME = sa.text(
    """
    select s.state, case when l.sku_near = '' then l.remote_id else l.sku end as name
    from unnest(cast(:states as text[])) s(state)
    cross join lateral (
        select sku, sku_near, remote_id from listing
        where merchant_id = :merchant and connection_id = :connection and link_state = s.state
            and missing_since is null
        order by id limit :most) l
    """
)


def asked(connection_id: uuid.UUID, numbers: Mapping[LinkState, Count]) -> list[Asked]:
    """The link states of a connection that somebody has to look at, as they are now."""
    states = [state for state in ASKED if state in numbers and numbers[state].number]
    values = {
        "merchant": whose(),
        "connection": connection_id,
        "states": [state.value for state in states],
        "most": SAMPLES,
    }
    names: dict[str, list[str]] = {}
    for state, name in db.session.execute(SOME, values):
        names.setdefault(state, []).append(name)
    return [Asked(state, numbers[state], names.get(state.value, [])) for state in states]


def details(run: Run, channel: Channel, refused: Sequence[Refusals]) -> str:
    """What support asks for: ids, codes and numbers, and nothing that is secret."""
    lines = [
        f"run={run.id} connection={channel.id} integration={channel.integration}",
        f"resource={run.resource} state={run.state.value} pages={run.pages}",
        f"seen={run.seen} kept={run.kept} refused={run.refused} total={'-' if run.total is None else run.total}",
    ]
    if run.since:
        lines.append(f"since={run.since.isoformat()}")
    if run.cause:
        lines.append(f"cause={run.cause} remote_said={run.detail or '-'}")
    for each in refused:
        told = ", ".join(f"{remote_id or '?'}: {detail}" for remote_id, detail in each.samples)
        lines.append(f"refused cause={each.cause} count={each.number} ({told})")
    return "\n".join(lines)


def as_json(run: Run, channel: Channel) -> dict[str, Any]:
    """What scripts read of a run."""
    return {
        "id": run.id,
        "connection": {"id": channel.id, "name": channel.name, "integration": channel.integration},
        "store": {"id": channel.store_id, "name": channel.store},
        "resource": run.resource,
        "state": run.state,
        "since": run.since,
        "seen": run.seen,
        "kept": run.kept,
        "refused": run.refused,
        "new": run.fresh,
        "changed": run.changed,
        "unchanged": run.kept - run.fresh - run.changed,
        "held": run.held,
        "missing": run.missing,
        "total": run.total,
        "cause": run.cause,
        "slowed_until": run.slowed_until,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }
