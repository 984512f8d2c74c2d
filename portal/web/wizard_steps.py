"""The steps of the wizard, derived from what an integration declares: which there are, which is next."""

import uuid
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from portal import integrations
from portal.contract.definition import Integration, Kind
from portal.flows import connections
from portal.models import Connection, ConnectionState
from portal.web import options_form


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its word in the address, its name on screen."""

    key: str
    name: str
    url: str


def of(connection: Connection) -> list[Step]:
    """The steps of a connection, in order; none where everything stands on one page.

    The sign-in is one where these settings need a consent.  The options are one where they ask for more than a yes or
    no: plain switches have their defaults and are changed from the last page.
    """
    one = integrations.get(connection.integration)
    if on_one_page(one):
        return []
    names = {"settings": _("Details and keys"), "check": _("Check and turn on")}
    if one.guide:
        names["guide"] = _("Get ready")
    if signs_in(one, connection):
        names["login"] = _("Sign in at %(remote)s", remote=one.name)
    if options_form.asks(one):
        names["options"] = _("Interaction settings")
    order = ("guide", "settings", "login", "options", "check")
    return [Step(key, names[key], url_for(f"wizard.{key}", public_id=connection.id)) for key in order if key in names]


def on_one_page(one: Integration) -> bool:
    """Whether codes, options and access stand on one page: a warehouse gives out all its codes at once."""
    return one.kind is Kind.FULFILMENT


def signs_in(one: Integration, connection: Connection) -> bool:
    """Whether the merchant lets us in at the remote's own page, with the settings as they are saved."""
    return one.grant is not None and one.grant.needed(connection.settings)


def in_setup(connection: Connection) -> bool:
    """Whether the wizard leads: the connection was never turned on."""
    return connection.active_since is None


def after(connection: Connection, key: str) -> str:
    """The endpoint that follows a step that was finished; the connection's own page once it was turned on."""
    if not in_setup(connection):
        return "connections.detail"
    if on_one_page(integrations.get(connection.integration)):
        return "wizard.settings"
    keys = [each.key for each in of(connection)]
    # A page that is no step of this connection was opened from the last one.
    return f"wizard.{keys[keys.index(key) + 1]}" if key in keys[:-1] else "wizard.check"


def open_step(connection: Connection) -> str | None:
    """The step where a connection that was never turned on has to go on; None when everything is there."""
    if on_one_page(integrations.get(connection.integration)):
        return "settings"
    if connection.state is ConnectionState.DRAFT:
        keys = [each.key for each in of(connection)]
        return "settings" if connection.confirmed else keys[0]
    missing = connections.missing_steps(connection)
    return missing[0] if missing else None


def what_is_missing(step: str, connection: Connection) -> str:
    """Why a connection cannot be turned on yet, in words."""
    one = integrations.get(connection.integration)
    if on_one_page(one):
        return _("Connect first.") if step == "login" else _("Save and connect first.")
    name = one.name
    return {
        "guide": _("Tick what must be true first."),
        "settings": _("Enter the keys first."),
        "login": _("Sign in at %(remote)s first.", remote=name),
    }[step]


def address_of(step: str, public_id: uuid.UUID) -> str:
    """The address of a step."""
    return url_for(f"wizard.{step}", public_id=public_id)
