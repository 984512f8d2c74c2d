"""How a connection and a store stand: the one badge that every page shows for them, and the SQL that finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.flows import grants
from portal.kit.clock import now
from portal.kit.db import whose
from portal.models import Connection, ConnectionState, Run, RunState, Store


class Standing(StrEnum):
    """What a merchant wants to know at a glance, the worst first."""

    ATTENTION = "attention"
    STARTING = "starting"
    SETTING_UP = "setting_up"
    ACTIVE = "active"
    OFF = "off"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Badge:
    """A state (ok, warn, bad, info, mute), its word, and its shape where it is not the state's own."""

    state: str
    word: str
    shape: str | None = None


def of_connections() -> sa.Case[Any]:
    """The standing of each connection of a statement over them.

    One that is on stands badly too when its last sync ended badly: its numbers here are not those of the remote.
    """
    last = (
        _runs_of_a_connection()
        .where(Run.state.in_([RunState.DONE, RunState.FAILED]))
        .with_only_columns(Run.state)
        .scalar_subquery()
    )
    state = Connection.state
    return sa.case(
        (state.in_([ConnectionState.FAILED, ConnectionState.PAUSED]), Standing.ATTENTION.value),
        (sa.and_(state == ConnectionState.ACTIVE, last == RunState.FAILED), Standing.ATTENTION.value),
        (state == ConnectionState.ACTIVATING, Standing.STARTING.value),
        (state == ConnectionState.ACTIVE, Standing.ACTIVE.value),
        (
            sa.or_(state == ConnectionState.DRAFT, Connection.active_since.is_(None)),
            Standing.SETTING_UP.value,
        ),
        else_=Standing.OFF.value,
    )


def synced_at() -> sa.ScalarSelect[Any]:
    """When the last sync of each connection ended well."""
    return _runs_of_a_connection().where(Run.state == RunState.DONE).with_only_columns(Run.ended_at).scalar_subquery()


def _runs_of_a_connection() -> sa.Select[Any]:
    return (
        sa.select(Run.id)
        .where(Run.merchant_id == Connection.merchant_id, Run.connection_id == Connection.id)
        .order_by(Run.ended_at.desc())
        .limit(1)
        .correlate(Connection)
    )


def of_stores() -> tuple[sa.Case[Any], sa.Subquery]:
    """The standing of each store, and the subquery (to be joined on `store_id`) that counts its connections.

    A store stands like the worst of its connections; one that is turned off is paused, whatever they are.
    """
    each = (
        sa.select(Connection.store_id, of_connections().label("standing"))
        .where(Connection.merchant_id == whose())
        .subquery("each_connection")
    )

    def any_is(standing: Standing) -> sa.Label[Any]:
        return sa.func.bool_or(each.c.standing == standing.value).label(standing.value)

    total = (
        sa.select(
            each.c.store_id,
            sa.func.count().label("number"),
            sa.func.count().filter(each.c.standing == Standing.ACTIVE.value).label("running"),
            *[any_is(one) for one in (Standing.ATTENTION, Standing.STARTING, Standing.SETTING_UP, Standing.ACTIVE)],
        )
        .group_by(each.c.store_id)
        .subquery("connections")
    )
    standing = sa.case(
        (Store.is_active.is_(False), Standing.PAUSED.value),
        (total.c.attention, Standing.ATTENTION.value),
        (total.c.starting, Standing.STARTING.value),
        (sa.or_(total.c.number.is_(None), total.c.setting_up), Standing.SETTING_UP.value),
        (total.c.active, Standing.ACTIVE.value),
        else_=Standing.OFF.value,
    )
    return standing, total


def connection_badge(connection: Connection, standing: str) -> Badge:
    """The badge of one connection."""
    match Standing(standing):
        case Standing.ATTENTION:
            stopped = connection.state is ConnectionState.ACTIVE
            return Badge("bad", _("Sync stopped") if stopped else _("Needs attention"))
        case Standing.STARTING:
            return Badge("info", _("First check runs"))
        case Standing.SETTING_UP:
            return Badge("info", _("Setting up"), "circle")
        case Standing.ACTIVE:
            return _ending(connection) or Badge("ok", _("Connected"))
        case _:
            return Badge("mute", _("Off"))


def _ending(connection: Connection) -> Badge | None:
    moment = connection.token_expires_at
    if moment is None or not grants.ends_soon(connection):
        return None
    days = max(0, (moment - now()).days)
    word = (
        ngettext("Access ends in %(num)s day", "Access ends in %(num)s days", days)
        if days
        else _("Access ends within a day")
    )
    return Badge("warn", word)


def store_badge(standing: str, running: int = 0, number: int = 0) -> Badge:
    """The badge of a store with so many connections, of which so many run."""
    match Standing(standing):
        case Standing.ATTENTION:
            return Badge("bad", _("Needs attention"))
        case Standing.STARTING:
            return Badge("info", _("First check runs"))
        case Standing.SETTING_UP if running:
            return Badge("info", _("Setting up · %(done)s of %(all)s", done=running, all=number), "circle")
        case Standing.SETTING_UP:
            return Badge("info", _("Setting up"), "circle")
        case Standing.ACTIVE:
            return Badge("ok", _("Active"))
        case Standing.PAUSED:
            return Badge("mute", _("Paused"), "pause")
        case _:
            return Badge("mute", _("Off"))


# What the status filter of a list offers, and the standings that each choice finds.
FOUND_BY: dict[str, Sequence[Standing]] = {
    "active": (Standing.ACTIVE,),
    "attention": (Standing.ATTENTION,),
    "setting_up": (Standing.SETTING_UP, Standing.STARTING),
    "paused": (Standing.PAUSED, Standing.OFF),
}


def choices() -> list[tuple[str, str]]:
    """The status filter: pairs of value and words."""
    return [
        ("", _("Any status")),
        ("active", _("Active")),
        ("attention", _("Needs attention")),
        ("setting_up", _("Setting up")),
        ("paused", _("Paused or off")),
    ]
