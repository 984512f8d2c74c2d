"""Why something did not work, as a merchant reads it: what is true, why, what to do, and the buttons for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import g, url_for
from flask_babel import gettext as _

from portal import integrations
from portal.contract.definition import Entry, Integration, Step
from portal.contract.errors import Cause
from portal.flows import grants, lines
from portal.kit.clock import now
from portal.models import Connection, ConnectionState
from portal.web import words
from portal.web.cause_about import About, Turn, Words
from portal.web.cause_words import WORDS, refused
from portal.web.doors import Needs, may
from portal.web.plugin_words import FIELD_OF

__all__ = ["Action", "Explained", "Turn", "explain"]

HOUSE_VARIABLE = re.compile(r"\bPORTAL_[A-Z0-9_]+\b")


@dataclass(frozen=True, slots=True)
class Action:
    """One button: its words and where it leads.  `post` makes it a form, `away` a page of somebody else."""

    label: str
    url: str
    post: bool = False
    away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One cause in words.  `details` are for support; they hold no secret.

    `said` is the remote's own wording and `code` its number, both "" where it said nothing.
    """

    cause: str
    title: str
    why: str
    todo: str
    turn: Turn
    actions: tuple[Action, ...] = ()
    details: str = ""
    said: str = ""
    code: str = ""


def explain(
    cause: str,
    subject: str = "connection",
    arguments: Mapping[str, Any] | None = None,
    connection: Connection | None = None,
) -> Explained:
    """A cause of `portal.contract.errors.Cause`, of a notice or of a run, in the language of the page.

    `subject` is "connection" or "run", `arguments` those of the notice.  Where the connection is given, the sentences
    name it and the buttons lead to its pages.  A cause that nobody knows is told as a refusal.
    """
    given = dict(arguments or {})
    one = integrations.all_integrations().get(connection.integration) if connection else None
    said = WORDS.get(cause, refused)(_about(cause, subject, given, connection, one))
    return Explained(
        cause=cause,
        title=said.title,
        why=said.why,
        todo=said.todo,
        turn=said.turn,
        actions=_actions(said, connection, one) if connection and one else (),
        details=_details(cause, given, connection),
        said=_said(cause, given, connection),
        code=_code(cause, given, connection),
    )


def _code(cause: str, arguments: Mapping[str, Any], connection: Connection | None) -> str:
    """The remote's own number, where it said one."""
    kept = connection.trouble_detail if connection is not None and connection.trouble == cause else ""
    first = kept.partition(" ")[0]
    return str(arguments.get("code") or (first if first.isdigit() else ""))


def _said(cause: str, arguments: Mapping[str, Any], connection: Connection | None) -> str:
    """The remote's own wording: what came along, else what the connection keeps of the same cause."""
    kept = connection.trouble_said if connection is not None and connection.trouble == cause else ""
    return str(arguments.get("said") or kept)


def _about(
    cause: str, subject: str, arguments: Mapping[str, Any], connection: Connection | None, one: Integration | None
) -> About:
    variable = _variable(cause, arguments, connection)
    if connection is None or one is None:
        name = str(arguments.get("name") or "")
        return About(remote=name or _("The sales channel"), name=name, of_run=subject == "run", arguments=arguments)
    kept = connection if connection.trouble == cause else None
    step = _level_step(one)
    return About(
        remote=one.name,
        name=connection.name,
        shop=_typed_shop(connection),
        host=_host(one, connection),
        ended=_ended(connection),
        ends=_end(connection),
        value=str(connection.settings.get(FIELD_OF.get(cause, "")) or ""),
        offers=bool(arguments.get("offers") or (kept and kept.trouble_offers)),
        step=_waits_at(one, connection),
        variable=variable,
        level=step.text.said(words.current_locale()) if step and step.text else "",
        callback=grants.callback_url(one) if one.grant else "",
        typed=not _signs_in(one, connection),
        gave_up=connection.state is ConnectionState.FAILED and subject == "connection",
        of_run=subject == "run",
        arguments=arguments,
    )


def _typed_shop(connection: Connection) -> str:
    return str(connection.settings.get("shop_id") or connection.shop_id or "")


def _host(one: Integration, connection: Connection) -> str:
    typed = [connection.settings.get(each.key) for each in one.settings if each.entry is Entry.ADDRESS]
    return urlsplit(next((str(each) for each in typed if each), lines.addresses(one).get("gateway", ""))).netloc


def _ended(connection: Connection) -> str:
    ends = connection.token_expires_at
    return "" if ends is None or ends > now() else _end(connection)


def _end(connection: Connection) -> str:
    ends = connection.token_expires_at
    return words.full(ends, words.current_locale(), words.current_zone()) if ends else ""


def _waits_at(one: Integration, connection: Connection) -> str:
    """The step of the first check that has not been passed, "" where there are no steps or all are passed."""
    title = next((each.title for each in one.checks if each.key not in connection.checks), None)
    return title.said(words.current_locale()) if title else ""


def _may_know() -> bool:
    return g.get("signed_in") is not None and (may(Needs.MANAGE) or may(Needs.STAFF))


def _is_support() -> bool:
    who = g.get("signed_in")
    return who is not None and who.acting is not None


def _variable(cause: str, arguments: Mapping[str, Any], connection: Connection | None) -> str:
    """The variable that the operator has to set, for those who may tell the operator; viewers need not know it."""
    if cause != Cause.HOUSE_KEYS or not _may_know():
        return ""
    kept = connection.trouble_detail if connection is not None and connection.trouble == cause else ""
    found = HOUSE_VARIABLE.search(str(arguments.get("detail") or kept))
    return found[0] if found else ""


def _signs_in(one: Integration, connection: Connection) -> bool:
    return one.grant is not None and one.grant.needed(connection.settings)


def _level_step(one: Integration) -> Step | None:
    """What the declaration's guide says about who may use the API: its first tick that leads somewhere."""
    return next((each for each in one.guide if each.confirm and each.link), None)


def _details(cause: str, arguments: Mapping[str, Any], connection: Connection | None) -> str:
    if cause == Cause.HOUSE_KEYS and not _may_know():
        return ""
    told = [cause, str(arguments.get("code") or ""), str(arguments.get("detail") or "")]
    if connection is not None and connection.trouble == cause and not told[2]:
        told[1:] = [connection.trouble_detail]
    return " · ".join(each for each in told if each)


KEYS = frozenset({"replace", "edit", "reconnect", "sign_in"})
Maker = Callable[[Connection, Integration], Action | None]


def _actions(said: Words, connection: Connection, one: Integration) -> tuple[Action, ...]:
    # Keys and sign-ins at remotes are nothing that support staff may touch, so no button leads them there.
    shut = KEYS if _is_support() else frozenset()
    made = [ACTIONS[each](connection, one) for each in said.actions if each not in shut]
    return tuple(each for each in made if each is not None)


def _replace(connection: Connection, one: Integration) -> Action:
    return Action(_("Replace both"), url_for("wizard.settings", public_id=connection.id, replace="all"))


def _edit(connection: Connection, one: Integration) -> Action:
    return Action(_("Edit the settings"), url_for("wizard.settings", public_id=connection.id))


def _test(connection: Connection, one: Integration) -> Action:
    return Action(_("Test again"), url_for("connections.test", public_id=connection.id), post=True)


def _reconnect(connection: Connection, one: Integration) -> Action:
    label = _("Reconnect %(remote)s", remote=one.name)
    if _signs_in(one, connection):
        return Action(label, url_for("wizard.login", public_id=connection.id))
    return Action(label, url_for("wizard.settings", public_id=connection.id, replace="all"))


def _sign_in(connection: Connection, one: Integration) -> Action | None:
    if not _signs_in(one, connection):
        return None
    return Action(_("Sign in again"), url_for("wizard.sign_in", public_id=connection.id), post=True)


def _level(connection: Connection, one: Integration) -> Action | None:
    step = _level_step(one)
    return Action(_("How to get there"), step.link, away=True) if step and step.link else None


def _check(connection: Connection, one: Integration) -> Action:
    if connection.state is ConnectionState.ACTIVE:
        return _sync(connection, one)
    if connection.state in {ConnectionState.DRAFT, ConnectionState.SAVED}:
        return _test(connection, one)
    return Action(_("Check again"), url_for("connections.check_again", public_id=connection.id), post=True)


def _sync(connection: Connection, one: Integration) -> Action:
    return Action(_("Sync now"), url_for("connections.sync_now", public_id=connection.id), post=True)


def _audits(connection: Connection, one: Integration) -> Action:
    return Action(_("Say what it means"), url_for("connections.detail", public_id=connection.id, _anchor="audits"))


def _statuses(connection: Connection, one: Integration) -> Action:
    return Action(_("Say what it means"), url_for("statuses.index", public_id=connection.id))


def _open(connection: Connection, one: Integration) -> Action:
    return Action(_("Open %(name)s", name=connection.name), url_for("connections.detail", public_id=connection.id))


def _deliveries(connection: Connection, one: Integration) -> Action:
    return Action(_("See the pushes"), url_for("deliveries.index", connection=connection.id, view="dead"))


def _refused_deliveries(connection: Connection, one: Integration) -> Action:
    return Action(_("See what was refused"), url_for("deliveries.index", connection=connection.id, view="refused"))


def _export(connection: Connection, one: Integration) -> Action | None:
    if one.stock_out is None:
        return None
    return Action(_("See every number"), url_for("rehearsals.index", public_id=connection.id))


def _unlinked(connection: Connection, one: Integration) -> Action:
    return Action(_("Link them"), url_for("orders.index", view="attention", connection=connection.id))


def _carriers(connection: Connection, one: Integration) -> Action | None:
    if one.confirming is None or one.confirming.carriers is None:
        return None
    return Action(_("Choose the carrier"), url_for("carriers.index", public_id=connection.id))


def _blocked_orders(connection: Connection, one: Integration) -> Action:
    return Action(_("See the orders"), url_for("orders.index", view="attention"))


ACTIONS: dict[str, Maker] = {
    "replace": _replace,
    "edit": _edit,
    "test": _test,
    "reconnect": _reconnect,
    "sign_in": _sign_in,
    "level": _level,
    "check": _check,
    "sync": _sync,
    "audits": _audits,
    "statuses": _statuses,
    "open": _open,
    "deliveries": _deliveries,
    "refused_deliveries": _refused_deliveries,
    "export": _export,
    "links": _unlinked,
    "carriers": _carriers,
    "blocked_orders": _blocked_orders,
}
