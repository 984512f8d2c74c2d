"""The one wizard for every integration: guide, settings, sign-in, options, check.  Its pages also serve to edit."""

from urllib.parse import urlsplit

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import integrations
from portal.flows import connections, grants, slips
from portal.flows.house import house
from portal.kit.errors import Refusal
from portal.models import Connection
from portal.web import (
    causes,
    connect,
    connections_pages,
    guide_form,
    key_check,
    options_form,
    plugin_form,
    settings_form,
    stock_preview,
    wizard_steps,
)
from portal.web.connect import PasteForm
from portal.web.connections_pages import frame, said_on_finish
from portal.web.doors import Needs, Support, by, find, needs, signed_in
from portal.web.forms import PortalForm
from portal.web.guide_form import GuideForm
from portal.web.key_check import Tested
from portal.web.options_form import OptionsForm
from portal.web.refusals import sentence
from portal.web.setting_out import set_out
from portal.web.settings_form import SettingsForm
from portal.web.show import go, show

bp = Blueprint("wizard", __name__, url_prefix="/connections/<public_id>")

MEND = "mend:"


@bp.get("/guide")
@needs(Needs.VIEW)
def guide(public_id: str) -> Response:
    """What has to be done at the remote before the keys can be entered."""
    connection = find(Connection, public_id)
    if _is_one_page(connection):
        return go("wizard.settings", public_id=connection.id)
    return _guide_page(connection, guide_form.form_for(connection))


@bp.post("/guide")
@needs(Needs.MANAGE, support=Support.ACTS)
def save_guide(public_id: str) -> Response:
    """Keep the ticks and go on."""
    connection = find(Connection, public_id)
    form = guide_form.form_for(connection)
    if not form.validate_on_submit():
        return _guide_page(connection, form)
    connections.confirm(connection, guide_form.ticked(form), by())
    return go(wizard_steps.after(connection, "guide"), public_id=connection.id)


def _is_one_page(connection: Connection) -> bool:
    return wizard_steps.on_one_page(integrations.get(connection.integration))


def _guide_page(connection: Connection, form: GuideForm) -> Response:
    return show(
        "connections/guide.html",
        form=form,
        guide=guide_form.lines(form, connection),
        copies=guide_form.copies(connection),
        **frame(connection, "guide"),
    )


@bp.get("/settings")
@needs(Needs.VIEW, support=Support.NEVER, fresh=True)
def settings(public_id: str) -> Response:
    """Name, logo and keys."""
    connection = find(Connection, public_id)
    if _is_one_page(connection):
        return plugin_form.page(connection)
    return _settings_page(connection, settings_form.form_for(connection))


@bp.post("/settings")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def save_settings(public_id: str) -> Response:
    """Save; then test, mend one value, or go on, as the button says."""
    connection = find(Connection, public_id)
    if _is_one_page(connection):
        return plugin_form.save(connection)
    form = settings_form.form_for(connection)
    if not form.validate_on_submit():
        return _settings_page(connection, form)
    try:
        typed, picture = settings_form.typed(form, connection), settings_form.picture(form)
        connections.save_settings(connection, form.name.data or "", typed, by(), picture=picture)
    except Refusal as why:
        return _settings_page(connection, form.blame(why))
    return _settings_saved(connection, request.form.get("then", ""))


def _settings_saved(connection: Connection, then: str) -> Response:
    if then == "test":
        result = key_check.ask(connection, by())
        return _settings_page(connection, settings_form.form_for(connection, fresh=True), result)
    if then.startswith(MEND):
        slips.mend(connection, then.removeprefix(MEND), by())
        return go("wizard.settings", public_id=connection.id, say=_("The characters were replaced and saved."))
    if slips.found(connection) and not request.form.get("seen_slips"):
        return go("wizard.settings", public_id=connection.id)  # The page names the odd characters before it goes on.
    said = None if wizard_steps.in_setup(connection) else _("The settings were saved.")
    return go(wizard_steps.after(connection, "settings"), public_id=connection.id, say=said)


def _settings_page(connection: Connection, form: SettingsForm, result: Tested | None = None) -> Response:
    missing = set(connections.missing_steps(connection))
    rows = settings_form.rows(form, connection, request.args.getlist("replace"))
    return show(
        "connections/settings.html",
        "settings_form",
        also=("problems",),
        form=form,
        rows=rows,
        logo_url=url_for("logos.picture", public_id=connection.logo_id) if connection.logo_id else None,
        slips=any(row.odd for row in rows),
        result=result,
        may_test=not (missing - {"guide", "settings"}),
        **frame(connection, "settings"),
    )


@bp.get("/login")
@needs(Needs.VIEW, support=Support.NEVER)
def login(public_id: str) -> Response:
    """What we may and may not do, the button to the remote's own page, and what came of the last trip there."""
    connection = find(Connection, public_id)
    one = integrations.get(connection.integration)
    if not wizard_steps.signs_in(one, connection):
        return go(wizard_steps.after(connection, "settings"), public_id=connection.id)
    return _login_page(connection, connect.paste_form(one))


def _login_page(connection: Connection, form: PasteForm) -> Response:
    one = integrations.get(connection.integration)
    trip = grants.last_trip(connection, signed_in().session_hash)
    refused = (
        causes.explain(trip.cause, "connection", {"detail": trip.detail}, connection) if trip and trip.cause else None
    )
    return show(
        "connections/login.html",
        trip=trip,
        refused=refused,
        facts=settings_form.facts(connection, short=True, advanced=not _is_one_page(connection)),
        callback=grants.callback_url(one),
        elsewhere=_elsewhere(),
        form=form,
        shown_at=connect.shown_at(one, connection),
        subscribing=connect.subscribing(one),
        **frame(connection, "login"),
    )


@bp.post("/login/paste")
@needs(Needs.MANAGE, support=Support.NEVER)
def paste(public_id: str) -> Response:
    """Take what the remote showed on its own page instead of leading back."""
    connection = find(Connection, public_id)
    form = connect.paste_form(integrations.get(connection.integration))
    try:
        grants.pasted(connection, form.text.data or "", signed_in().session_hash, by())
    except Refusal as why:
        form.blame(why)
        return _login_page(connection, form)
    return go("wizard.login", public_id=connection.id)


def _elsewhere() -> str:
    """This page under the address to which the remote leads back, where the browser stands at another one."""
    home = house().settings.portal_url
    return f"{home}{request.path}" if urlsplit(home).netloc != request.host else ""


@bp.post("/login")
@needs(Needs.MANAGE, support=Support.NEVER)
def sign_in(public_id: str) -> Response:
    """Send the browser to the remote's consent page."""
    return set_out(find(Connection, public_id))


@bp.post("/login/next")
@needs(Needs.MANAGE, support=Support.NEVER)
def adopt(public_id: str) -> Response:
    """The merchant saw whose shop it is and goes on: the tokens are taken over."""
    connection = find(Connection, public_id)
    one = integrations.get(connection.integration)
    pushes = request.form.get("pushes") == "1" if one.webhook is not None else None
    try:
        connections.adopt(connection, signed_in().session_hash, by(), pushes=pushes)
    except Refusal as why:
        return go("wizard.login", public_id=connection.id, say=sentence(why), kind="bad")
    said = None if wizard_steps.in_setup(connection) else _("The access was renewed.")
    if _is_one_page(connection) and said is None:
        said = _("Connected. Turn it on at the top.")
    return go(wizard_steps.after(connection, "login"), public_id=connection.id, say=said)


@bp.get("/options")
@needs(Needs.VIEW)
def options(public_id: str) -> Response:
    """How the house deals with the remote."""
    connection = find(Connection, public_id)
    if _is_one_page(connection):
        return go("wizard.settings", public_id=connection.id, _anchor="options")
    return _options_page(connection)


@bp.get("/preview")
@needs(Needs.VIEW)
def preview(public_id: str) -> Response:
    """What the remote would show with the numbers in the address; saves nothing."""
    connection = find(Connection, public_id)
    return _options_page(connection)


@bp.post("/options")
@needs(Needs.MANAGE, support=Support.ACTS)
def save_options(public_id: str) -> Response:
    """Save the options and go on; or only draw the preview anew, where that button was pressed."""
    connection = find(Connection, public_id)
    zone = frame(connection)["zone"]
    form = options_form.form_for(connection, zone)
    if not form.validate_on_submit() or request.form.get("then") == "preview":
        return _options_page(connection, form)
    connections.save_options(connection, options_form.typed(form, connection, zone), by())
    said = None if wizard_steps.in_setup(connection) else _("The settings were saved.")
    return go(wizard_steps.after(connection, "options"), public_id=connection.id, say=said)


def _options_page(connection: Connection, form: OptionsForm | None = None) -> Response:
    about = frame(connection, "options")
    form = form or options_form.form_for(connection, about["zone"])
    numbers = {"max_level", "buffer"} & set(form.data)
    return show(
        "connections/options.html",
        "stock_preview",
        also=("echo",),
        form=form,
        groups=options_form.rows(form, connection),
        preview=stock_preview.of(connection, request.values) if numbers else None,
        **about,
    )


@bp.get("/check")
@needs(Needs.VIEW)
def check(public_id: str) -> Response:
    """Everything on one page, and what will happen first; once it was turned on, its own page says how it goes."""
    connection = find(Connection, public_id)
    if not wizard_steps.in_setup(connection) or _is_one_page(connection):
        return go("connections.detail", public_id=connection.id)
    return _check_page(connection, PortalForm())


@bp.post("/check")
@needs(Needs.MANAGE, support=Support.ACTS)
def finish(public_id: str) -> Response:
    """The last button: turn it on at once where the merchant let us in a minute ago, else by the switch at the top."""
    connection = find(Connection, public_id)
    if request.form.get("then") != "finish":
        return go("connections.detail", public_id=connection.id, say=_("Everything is saved. Turn it on at the top."))
    form = PortalForm()
    try:
        connections.turn_on(connection, by())
    except Refusal as why:
        return _check_page(connection, form.blame(why))
    said_on_finish(connection)
    return go("connections.detail", public_id=connection.id)


def _check_page(connection: Connection, form: PortalForm) -> Response:
    about = frame(connection, "check")
    missing = connections.missing_steps(connection)
    return show(
        "connections/check.html",
        form=form,
        facts=settings_form.facts(connection),
        options=options_form.said(connection, about["zone"]),
        access=connections_pages.access(connection),
        missing=[(wizard_steps.what_is_missing(each, connection), f"wizard.{each}") for each in missing],
        **about,
    )
