"""What the pages of a plugin show beside its form: the way to the first check, the link, the warehouse, the pushes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from portal import integrations
from portal.contract.definition import Integration, Resource
from portal.contract.errors import Cause, Refused
from portal.flows import connect_links, grants, lines, resources, warehouse, webhooks
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, Document, WarehouseStock
from portal.web import causes, languages, words
from portal.web.causes import Explained
from portal.web.doors import may_let_in


def way(connection: Connection, missing: Sequence[str], wrong: int) -> list[dict[str, Any]]:
    """The three steps to a plugin that works: codes saved, access given, first check.  `wrong` fields are refused."""
    one = integrations.get(connection.integration)
    saved = "settings" not in missing
    codes: dict[str, Any] = {"state": "ok" if saved else "", "what": _("Codes saved")}
    if wrong:
        codes |= {
            "state": "bad",
            "note": ngettext("%(num)s field to fix", "%(num)s fields to fix", wrong),
        }
    elif not saved:
        codes["note"] = _("Fill in the form and save it")
    return [codes, _access(one, connection, missing), _first_check(connection)]


def _access(one: Integration, connection: Connection, missing: Sequence[str]) -> dict[str, Any]:
    what = _("%(remote)s confirms access", remote=one.name)
    ends, locale, zone = connection.token_expires_at, languages.chosen(), words.current_zone()
    if connection.trouble in {Cause.TOKEN_EXPIRED, Cause.TOKEN_MISSING} or (ends is not None and ends < now()):
        ended = words.full(ends, locale, zone) if ends is not None and ends < now() else ""
        note = _("Ended on %(moment)s", moment=ended) if ended else _("The access has ended")
        return {"state": "bad", "what": what, "note": note}
    if "login" in missing or connection.granted_at is None:
        return {"state": "", "what": what, "note": _("You or a partner opens the connect link")}
    since = words.full(connection.granted_at, locale, zone)
    return {"state": "ok", "what": what, "note": _("Since %(moment)s", moment=since)}


def _first_check(connection: Connection) -> dict[str, Any]:
    what = _("First check")
    match connection.state:
        case ConnectionState.ACTIVE:
            return {"state": "ok", "what": what}
        case ConnectionState.ACTIVATING:
            return {"state": "run", "what": what}
        case ConnectionState.FAILED | ConnectionState.PAUSED:
            return {"state": "bad", "what": what, "note": _("Something needs your attention")}
        case _:
            return {"state": "", "what": what, "note": _("Takes 3 to 5 minutes")}


def link(connection: Connection) -> dict[str, Any]:
    """The connect link that still works, for those who may hand it on."""
    found = connect_links.good_link(connection) if may_let_in() else None
    address = connect_links.address(connection) if found is not None else ""
    return {"connect_link": found if address else None, "connect_address": address}


def offers(connection: Connection) -> list[dict[str, str]]:
    """The values that the remote said would do, each with the name of its setting; for one that rests."""
    if connection.state not in {ConnectionState.FAILED, ConnectionState.PAUSED}:
        return []
    one, locale = integrations.get(connection.integration), languages.chosen()
    labels = {each.key: each.label.said(locale) for each in one.settings}
    return [
        {**each, "name": labels[each["setting"]]} for each in connection.trouble_offers if each["setting"] in labels
    ]


def letters(connection: Connection) -> dict[str, str]:
    """The ready message to whoever hands out the codes, in English and Chinese; nothing where none is declared."""
    one = integrations.get(connection.integration)
    if one.letter is None or not may_let_in():
        return {}
    hook = webhooks.address(connection) or "–"
    return {
        locale: one.letter.said(locale).replace("{callback}", grants.callback_url(one)).replace("{hook}", hook)
        for locale in ("en", "zh_Hans")
    }


def house_trouble(connection: Connection) -> Explained | None:
    """What the operator of this house has to set before the remote can be called, None where all is there."""
    one = integrations.get(connection.integration)
    try:
        for each in one.house_values:
            if not lines.house_value(one, each.key) and each.key == one.app_key:
                raise Refused(Cause.HOUSE_KEYS, f"PORTAL_{one.key}_{each.key}".upper())
    except Refused as why:
        return causes.explain(why.cause.value, "connection", {"detail": why.detail}, connection)
    return None


@dataclass(frozen=True, slots=True)
class Set:
    """How many of the remote's status words have a meaning."""

    done: int
    total: int


def statuses_set(connection: Connection) -> Set | None:
    """How far the mapping of status words is, None for a remote without such words."""
    if not integrations.get(connection.integration).statuses:
        return None
    known = warehouse.meanings(connection)
    query = sa.select(Document.status_word).where(
        Document.merchant_id == whose(), Document.connection_id == connection.id, Document.direction == "out"
    )
    seen = set(db.session.scalars(query.distinct()))
    return Set(len(known), len(known.keys() | seen))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the warehouse says in short: SKUs with figures, those with none available, those that are gone."""

    skus: int
    empty: int
    gone: int
    read_at: datetime | None


def figures(connection: Connection) -> Figures | None:
    """The warehouse's figures in short, None for a remote that tells none."""
    if Resource.STOCK not in integrations.get(connection.integration).pulls:
        return None
    here = WarehouseStock.gone_since.is_(None)
    query = sa.select(
        sa.func.count().filter(here),
        sa.func.count().filter(here, WarehouseStock.available == 0),
        sa.func.count().filter(~here),
        sa.func.max(WarehouseStock.read_at),
    ).where(WarehouseStock.merchant_id == whose(), WarehouseStock.connection_id == connection.id)
    return Figures(*db.session.execute(query).one())


def reads_something(connection: Connection) -> bool:
    """Whether the options ask for anything, so that *Sync now* has something to do."""
    return bool(resources.all_wanted(connection))


@dataclass(frozen=True, slots=True)
class Pushes:
    """How pushes stand: the last believed one, every how many minutes we ask where none come, where they are sent to.

    `own_key` says that they are signed with a key of the connection's own.
    """

    last: datetime | None
    ticked: bool
    minutes: int
    address: str
    own_key: bool


def pushes(connection: Connection) -> Pushes | None:
    """How pushes stand, None for a remote that sends none."""
    one = integrations.get(connection.integration)
    if one.webhook is None:
        return None
    every = [pull.every for resource, pull in one.pulls.items() if resource is not Resource.PRODUCTS]
    minutes = round(min(every).total_seconds() / 60) if every else 0
    last, ticked = webhooks.last_push(connection), connection.pushes is True
    return Pushes(last, ticked, minutes, webhooks.address(connection), webhooks.has_own_key(one))
