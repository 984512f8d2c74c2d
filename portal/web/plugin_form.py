"""The one form of a plugin: its name, its codes and its options, with what the remote said of them at their fields."""

from collections.abc import Mapping, Sequence
from functools import partial

from flask import request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms import BooleanField

from portal import integrations
from portal.flows import connect_links, connections, plugins, slips
from portal.kit.errors import Refusal
from portal.models import Connection, ConnectionState
from portal.web import causes, key_check, languages, options_form, plugin_pages, settings_form, wizard_steps
from portal.web.connections_pages import frame
from portal.web.doors import by
from portal.web.key_check import Tested
from portal.web.plugin_words import FIELD_OF
from portal.web.refusals import sentence
from portal.web.setting_out import set_out
from portal.web.settings_form import Needed, SettingsForm
from portal.web.show import go, show

MEND, TEST, CONNECT, LINK = "mend:", "test", "connect", "link"
# The field of a button that puts a value which the remote offers into its field: "warehouse_code=C0001".
USE = "use"


class PluginForm(SettingsForm):
    """Name and default; the declared settings and options are added to it."""

    is_default = BooleanField()


def form_for(connection: Connection, zone: str, *, fresh: bool = False) -> PluginForm:
    """The form, bound to what was sent, or (`fresh`) filled with what is saved."""
    options, chosen = options_form.fields_of(connection, zone)
    kind = type("ConnectionForm", (PluginForm,), {**settings_form.fields_of(connection), **options})
    filled = {**settings_form.filled_with(connection), **chosen, "is_default": connection.is_default}
    form: PluginForm = (
        kind(formdata=_sent(connection), data=filled)
        if request.method == "POST" and not fresh
        else kind(formdata=None, data=filled)
    )
    settings_form.say_names(form, connection)
    form.name.validators = [Needed(form.name.label.text)]
    del form.logo  # A plugin shows the letters of its remote.
    form.is_default.label.text = _("Is default")
    form.is_default.description = _default_help(connection)
    return form


def _sent(connection: Connection) -> MultiDict[str, str]:
    """What was sent; a value that was chosen from those that the remote offers stands in its field."""
    sent: MultiDict[str, str] = MultiDict(request.form)
    key, _equals, value = request.form.get(USE, "").partition("=")
    if key in {each.key for each in integrations.get(connection.integration).settings}:
        sent.setlist(key, [value])
    return sent


def _default_help(connection: Connection) -> str:
    name = plugins.default_plugins().get(connection.store_id)
    if name is None:
        return _("Orders that no rule matches go to this plugin. The store has no default yet.")
    if connection.is_default:
        return _("Orders that no rule matches go to this plugin.")
    return _("Orders that no rule matches go to this plugin. Now: %(name)s.", name=name)


def page(connection: Connection, form: PluginForm | None = None, result: Tested | None = None) -> Response:
    """The form; a refused one answers 422, what the remote said of saved values is shown at their fields."""
    about = frame(connection)
    refused = form is not None and bool(form.errors)
    form = form or form_for(connection, about["zone"], fresh=result is not None)
    told, offers = ("", {}) if refused else _told(connection, form, result)
    rows = settings_form.rows(form, connection, request.args.getlist("replace"))
    missing = connections.missing_steps(connection)
    return show(
        "plugins/form.html",
        "plugin_form",
        also=("problems",),
        status=422 if refused else 200,
        form=form,
        rows=rows,
        offers=offers,
        offers_words=partial(_offers_words, about["remote"]),
        told=told,
        groups=options_form.rows(form, connection),
        statuses=plugin_pages.statuses_set(connection),
        slips=any(row.odd for row in rows),
        result=result,
        may_test=not missing,
        missing_steps=missing,
        missing=wizard_steps.what_is_missing(missing[0], connection) if missing else "",
        steps_to_go=plugin_pages.way(connection, missing, len(form.errors)),
        needs_house=plugin_pages.house_trouble(connection),
        letters=plugin_pages.letters(connection),
        **plugin_pages.link(connection),
        **about,
    )


def _told(
    connection: Connection, form: PluginForm, result: Tested | None
) -> tuple[str, Mapping[str, Sequence[tuple[str, str]]]]:
    """Put what the remote said of a value at its field.

    Gives the cause that is told so, and by field the values that it offers, each with its words.
    """
    if result is not None:
        why = result.why
        listed = [(each.setting, each.value, each.label) for each in result.offers]
    elif connection.state in {ConnectionState.FAILED, ConnectionState.PAUSED}:
        why = causes.explain(connection.trouble, "connection", {}, connection)
        listed = [(str(each["setting"]), str(each["value"]), str(each["label"])) for each in connection.trouble_offers]
    else:
        return "", {}
    known = {each.key for each in integrations.get(connection.integration).settings}
    if why is None:
        return "", {}
    field = next((each for each in (FIELD_OF.get(why.cause, ""), *(one[0] for one in listed)) if each in known), "")
    if not field:
        return "", {}
    form[field].errors = [why.title]
    saved = str(connection.settings.get(field) or "")
    pairs = [(value, label) for setting, value, label in listed if setting == field and value != saved]
    return why.cause, {field: pairs} if pairs else {}


def _offers_words(remote: str, number: int) -> str:
    """What stands before the values that would do."""
    return ngettext("%(remote)s would take this:", "%(remote)s lists these instead:", number, remote=remote)


def save(connection: Connection) -> Response:
    """Save codes and options; then test, mend one value, or stay, as the button says."""
    zone = frame(connection)["zone"]
    form = form_for(connection, zone)
    if not form.validate_on_submit():
        return page(connection, form)
    try:
        typed = settings_form.typed(form, connection)
        connections.save_settings(connection, form.name.data or "", typed, by(), is_default=bool(form.is_default.data))
    except Refusal as why:
        form.blame(why)
        return page(connection, form)
    connections.save_options(connection, options_form.typed(form, connection, zone), by())
    return _saved(connection, request.form.get("then", ""))


def _saved(connection: Connection, then: str) -> Response:
    if then == TEST:
        return page(connection, result=key_check.ask(connection, by()))
    if then.startswith(MEND):
        slips.mend(connection, then.removeprefix(MEND), by())
        return go("wizard.settings", public_id=connection.id, say=_("The characters were replaced and saved."))
    if slips.found(connection) and not request.form.get("seen_slips"):
        return go("wizard.settings", public_id=connection.id)  # The page names the odd characters before it goes on.
    if then == CONNECT:
        return set_out(connection)
    if then == LINK:
        return _link_made(connection)
    return go(wizard_steps.after(connection, "settings"), public_id=connection.id, say=_said(connection))


def _link_made(connection: Connection) -> Response:
    try:
        connect_links.make(connection, by())
    except Refusal as why:
        return go("wizard.settings", sentence(why), "bad", public_id=connection.id)
    say = _("Everything is saved, and the connect link is ready to be copied.")
    return go("wizard.settings", say, public_id=connection.id, _anchor="connect_link")


def _said(connection: Connection) -> str:
    """What the page says after it was saved: what changed, or what comes next."""
    key, _equals, value = request.form.get(USE, "").partition("=")
    if key:
        label = next(
            each.label.said(languages.chosen())
            for each in integrations.get(connection.integration).settings
            if each.key == key
        )
        return _("%(label)s is now %(value)s. It was saved.", label=label, value=value)
    if connections.missing_steps(connection):
        return _("Everything is saved. Connect next.")
    return _("The settings were saved.") if connection.is_active else _("Everything is saved. Turn it on at the top.")
