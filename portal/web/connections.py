"""One connection: how it goes, its switches, its quality words, and the end of it."""

from functools import partial
from typing import Any

from flask import Blueprint, abort, render_template, url_for
from flask_babel import gettext as _
from htmx_flask import request
from werkzeug.wrappers import Response

from portal import integrations
from portal.contract.definition import Resource
from portal.contract.records import Verdict
from portal.flows import connections, resources, sync
from portal.kit.errors import Refusal
from portal.models import Connection
from portal.web import (
    asked,
    connections_pages,
    first_check,
    key_check,
    options_form,
    plugin_form,
    plugin_pages,
    reading_words,
    rehearsals_pages,
    settings_form,
    wizard_steps,
)
from portal.web.connections_pages import frame
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.forms import PortalForm
from portal.web.key_check import Tested
from portal.web.refusals import sentence
from portal.web.show import go, hx, is_hx, path_of_page, show, toast

bp = Blueprint("connections", __name__, url_prefix="/connections/<public_id>")

SWITCHES = {"import_products", "import_orders"}


@bp.get("")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """How the connection goes; one that is not finished leads to the step where it goes on."""
    connection = find(Connection, public_id)
    step = wizard_steps.open_step(connection) if wizard_steps.in_setup(connection) else None
    if step is not None:
        return go(f"wizard.{step}", public_id=connection.id)
    if is_hx() and request.htmx.target == "first_check":
        return _progress(connection)
    return _page(connection)


def _progress(connection: Connection) -> Response:
    """The block that asks how it goes; once nothing moves any more, the whole page is loaded again."""
    going = first_check.progress(connection)
    if going.seconds:
        return _page(connection)
    if going.run is not None and not going.run.is_open:
        toast(_("The import from %(name)s is finished", name=connection.name), first_check.looked_at(going.run), "ok")
    return hx(refresh=True)


def _page(
    connection: Connection,
    *,
    result: Tested | None = None,
    saved: bool = False,
    error: str = "",
    along: bool = False,
) -> Response:
    """The page, or the block of it that asked; `along` sends the progress along with another block."""
    going = first_check.progress(connection)
    missing = connections.missing_steps(connection)
    about = frame(connection)
    of_a_plugin = _of_a_plugin(connection) if wizard_steps.on_one_page(about["one"]) else {}
    return show(
        "plugins/detail.html" if of_a_plugin else "connections/detail.html",
        "first_check",
        "active_switch",
        "test_result",
        also=("state_badge", "first_check") if along else ("state_badge",),
        along=along,
        status=422 if error else None,
        going=going,
        missing=wizard_steps.what_is_missing(missing[0], connection) if missing else "",
        missing_url=wizard_steps.address_of(missing[0], connection.id) if missing else "",
        may_test=not missing,
        result=result,
        saved=saved,
        error=error,
        facts=partial(settings_form.facts, connection, advanced=not of_a_plugin),
        access=partial(connections_pages.access, connection),
        renews=partial(connections_pages.renews, connection),
        ends_soon=partial(connections_pages.ends_soon, connection),
        switches=partial(connections_pages.switches, connection),
        open_notices=partial(connections_pages.notices, connection),
        recent_runs=partial(connections_pages.recent_runs, connection),
        audit_words=partial(connections_pages.audit_words, connection),
        verdicts=connections_pages.verdicts,
        options=partial(options_form.said, connection, without={*SWITCHES, "export"}),
        **of_a_plugin,
        **about,
    )


def _of_a_plugin(connection: Connection) -> dict[str, Any]:
    """What the page of a plugin shows beyond that of a sales channel."""
    return {
        "figures": partial(plugin_pages.figures, connection),
        "pushes": partial(plugin_pages.pushes, connection),
        "offers": partial(plugin_pages.offers, connection),
        "all_options": partial(options_form.said, connection),
        "statuses": partial(plugin_pages.statuses_set, connection),
        "may_sync": plugin_pages.reads_something(connection),
        "named": reading_words.name,
        **plugin_pages.link(connection),
    }


@bp.post("/active")
@needs(Needs.MANAGE, support=Support.ACTS)
def active(public_id: str) -> Response:
    """The switch *Is active*: it moves when the server has answered, and says why where it does not."""
    connection = find(Connection, public_id)
    turn, error = (connections.turn_on if request.form.get("on") == "1" else connections.turn_off), ""
    try:
        turn(connection, by())
    except Refusal as why:
        error = sentence(why)
    if request.htmx and request.htmx.target != "active_switch":
        return _switch_elsewhere(connection, error)
    if is_hx() and path_of_page() == url_for(".detail", public_id=connection.id):
        return _page(connection, saved=not error, error=error, along=True)
    if is_hx() and error:
        return hx(render_template("plugins/switch.html", connection=connection, error=error), status=422)
    return go("connections.detail", error or None, "bad", public_id=connection.id)


def _switch_elsewhere(connection: Connection, error: str) -> Response:
    """The answer to a switch on another page: the switch in its real state, and the badge beside it."""
    answer = render_template(
        "connections/switch.html",
        target=request.htmx.target,
        connection=connection,
        badge=connections_pages.badge(connection),
        export_mark=rehearsals_pages.mark(connection),
        error=error,
    )
    return hx(answer, status=422 if error else 200)


@bp.post("/switches/<key>")
@needs(Needs.MANAGE, support=Support.ACTS)
def switch(public_id: str, key: str) -> Response:
    """One of the switches of what runs."""
    connection = find(Connection, public_id)
    if key not in SWITCHES:
        abort(404)
    connections.save_options(connection, {key: request.form.get("on") == "1"}, by())
    if is_hx():
        line = next(each for each in connections_pages.switches(connection) if each.key == key)
        return hx(render_template("connections/option_switch.html", connection=connection, line=line, saved=True))
    return go("connections.detail", public_id=connection.id, say=_("Saved."), _anchor="runs_what")


@bp.post("/test")
@needs(Needs.MANAGE, support=Support.ACTS)
def test(public_id: str) -> Response:
    """Ask the remote now whether it accepts what is saved."""
    connection = find(Connection, public_id)
    result = key_check.ask(connection, by())
    if wizard_steps.in_setup(connection) and connections.missing_steps(connection):
        return go("wizard.settings", public_id=connection.id)
    if wizard_steps.in_setup(connection) and wizard_steps.on_one_page(integrations.get(connection.integration)):
        return plugin_form.page(connection, result=result)
    return _page(connection, result=result)


@bp.post("/check-again")
@needs(Needs.MANAGE, support=Support.ACTS)
def check_again(public_id: str) -> Response:
    """Begin the first check anew."""
    connection = find(Connection, public_id)
    try:
        connections.check_again(connection, by())
    except Refusal as why:
        return go("connections.detail", sentence(why), "bad", public_id=connection.id)
    return go("connections.detail", public_id=connection.id)


@bp.post("/offer")
@needs(Needs.MANAGE, support=Support.ACTS)
def use_offer(public_id: str) -> Response:
    """Put a value that the remote said would do in place of the one that it refused, and save it."""
    connection = find(Connection, public_id)
    key, _equals, value = request.form.get("use", "").partition("=")
    known = [each for each in plugin_pages.offers(connection) if (each["setting"], each["value"]) == (key, value)]
    if not known:
        return go("connections.detail", public_id=connection.id)
    try:
        connections.save_settings(connection, connection.name, {**connection.settings, key: value}, by())
    except Refusal as why:
        return go("connections.detail", sentence(why), "bad", public_id=connection.id)
    said = _("%(label)s is now %(value)s. It was saved.", label=known[0]["name"], value=value)
    return go("connections.detail", said, public_id=connection.id)


@bp.post("/sync")
@needs(Needs.MANAGE, support=Support.ACTS)
def sync_now(public_id: str) -> Response:
    """Start an import, or show the one that runs."""
    connection = find(Connection, public_id)
    # A sales channel is asked for its products whatever its switches say: that is what the button promises there.
    wanted = resources.all_wanted(connection)
    if not wanted and not wizard_steps.on_one_page(integrations.get(connection.integration)):
        wanted = [Resource.PRODUCTS]
    try:
        if not wanted:
            raise Refusal("nothing_to_sync")
        for resource in wanted:
            sync.ask(connection, resource, by())
    except Refusal as why:
        return go("connections.detail", sentence(why), "bad", public_id=connection.id)
    toast(_("The import from %(name)s is running", name=connection.name), _("You can leave this page."))
    return go("connections.detail", public_id=connection.id)


@bp.post("/audits")
@needs(Needs.MANAGE, support=Support.ACTS)
def save_audits(public_id: str) -> Response:
    """Keep what the words of the remote's quality check mean."""
    connection = find(Connection, public_id)
    pairs = zip(asked.many("word", connections_pages.MOST_AUDIT_WORDS), request.form.getlist("verdict"), strict=False)
    known = {each.value for each in Verdict}
    meant = {
        word: verdict
        for word, verdict in pairs
        if verdict in known and len(word) <= connections_pages.LONGEST_AUDIT_WORD
    }
    connections.save_audits(connection, meant, by())
    say = _("The meanings were saved. The next sync judges by them.")
    return go("connections.detail", say, public_id=connection.id)


@bp.get("/disconnect")
@needs(Needs.VIEW, support=Support.NEVER)
def disconnect(public_id: str) -> Response:
    """What goes and what stays, before anything is done."""
    return _disconnect_page(find(Connection, public_id), PortalForm())


@bp.post("/disconnect")
@needs(Needs.MANAGE, support=Support.NEVER)
def remove(public_id: str) -> Response:
    """Disconnect for good."""
    connection = find(Connection, public_id)
    about: dict[str, Any] = frame(connection)
    name, lists = connection.name, about["here"]
    try:
        connections.remove(connection, by())
    except Refusal as why:
        return _disconnect_page(connection, PortalForm().blame(why))
    return go(lists, _("%(name)s was disconnected. Your products are still here.", name=name))


def _disconnect_page(connection: Connection, form: PortalForm) -> Response:
    goes = connections_pages.what_goes(connection)
    return show("connections/disconnect.html", form=form, goes=goes, **frame(connection))
