"""Support staff begin to work as a merchant, ask to change something, take longer, and stop."""

import uuid
from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, flash, g, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField

from portal.flows import support
from portal.flows.acting import Acting
from portal.flows.support import Member, Place, Wish
from portal.kit.errors import Refusal
from portal.models import Role, SupportEnd, SupportReason
from portal.web import support_strip, support_words
from portal.web.doors import Needs, Support, by, needs, signed_in
from portal.web.forms import PortalForm
from portal.web.show import go, nav_url, show

bp = Blueprint("support", __name__, url_prefix="/support")
bp.add_app_template_filter(support_words.reason, "support_reason")

ROLES = {Role.OWNER: lazy_gettext("owner"), Role.MANAGER: lazy_gettext("manager"), Role.VIEWER: lazy_gettext("viewer")}


class ViewAsForm(PortalForm):
    """As whom, and why.  What is wrong with a value is said by the flow, in one place."""

    whom = SelectField(validate_choice=False)
    reason = SelectField(validate_choice=False)
    ticket = StringField()
    note = TextAreaField()


class WhyForm(PortalForm):
    """What for."""

    why = TextAreaField()


class NoForm(PortalForm):
    """Nothing but the button."""


def _form(members: list[Member]) -> ViewAsForm:
    form = ViewAsForm()
    form.whom.label.text = _("As whom")
    form.whom.description = _("You see what this person sees, and may never do more than this person may.")
    form.whom.choices = [(str(each.id), f"{each.name} · {ROLES[each.role]}") for each in members]
    form.reason.label.text = _("Reason")
    form.reason.description = _("The merchant reads it.")
    form.reason.choices = [(each.value, said()) for each, said in support_words.REASONS.items()]
    form.ticket.label.text = _("Ticket number")
    form.note.label.text = _("Note")
    form.note.description = _("Needed for another reason. The merchant reads it.")
    return form


@bp.route("/merchants/<public_id>/view-as", methods=["GET", "POST"])
@needs(Needs.STAFF, support=Support.NEVER, fresh=True)
def view_as(public_id: str) -> Response:
    """Begin to look as a member of a merchant."""
    merchant = _merchant(public_id)
    if not signed_in().user.may_view_as:
        return show("support/may_not.html", status=403, to=merchant)
    members = list(support.members(merchant.id))
    form = _form(members)
    open_one = support.running(signed_in().user.id)
    context: dict[str, Any] = {"form": form, "to": merchant, "nobody": not members, "open_one": open_one}
    if not form.validate_on_submit():
        return show("support/view_as.html", **context)
    try:
        opened = support.start(signed_in(), merchant.id, _wish(form), by())
    except Refusal as why:
        form.blame(why)
        return show("support/view_as.html", **{**context, "open_one": support.running(signed_in().user.id)})
    answer = support_strip.leave_to(url_for("home.index"))
    support_strip.start_anew(answer, opened.parent)
    support_strip.give(answer, opened.token)
    return answer


def _merchant(public_id: str) -> Place:
    """The merchant that the address names; whatever else it names, the answer is the same 404."""
    try:
        found = support.merchant_of(uuid.UUID(public_id))
    except ValueError:
        found = None
    if found is None:
        abort(404)
    return found


def _wish(form: ViewAsForm) -> Wish:
    try:
        whom = uuid.UUID(form.whom.data or "")
    except ValueError:
        raise Refusal("support_whom", "whom") from None
    if form.reason.data not in set(SupportReason):
        raise Refusal("support_reason", "reason")
    return Wish(whom, SupportReason(form.reason.data), form.ticket.data or "", form.note.data or "")


@bp.post("/stop")
@needs(Needs.STAFF, support=Support.ALWAYS)
def stop() -> Response:
    """End it, from inside or from the agent's own place."""
    who = signed_in()
    if who.acting is None:
        support.end_all(who.user.id, SupportEnd.STOPPED, by())
        return go(_place(), _("You work as no merchant any more."))
    support.stop(who.acting, by())
    answer = support_strip.leave_to(url_for("support.over", why=SupportEnd.STOPPED.value))
    # Where it was stopped twice at once, the other one has given this browser its new token already.
    with suppress(Refusal):
        support_strip.start_anew(answer, support.back_to_own(who))
    support_strip.take(answer)
    return answer


def _place() -> str:
    """The agent's own place."""
    return "staff.merchants" if nav_url("staff.merchants") else "home.index"


@bp.get("/over")
@needs(Needs.NOTHING, support=Support.ALWAYS)
def over() -> Response:
    """That work as a merchant is over, and why."""
    word = request.args.get("why", "")
    how = SupportEnd(word) if word in set(SupportEnd) else SupportEnd.STOPPED
    own = nav_url(_place()) if g.signed_in is not None else nav_url("people.login", next=nav_url(_place()))
    return show("support/over.html", how=how.value, own=own)


def _acting() -> Acting | None:
    return signed_in().acting


def _nothing_open() -> Response:
    return go(_place(), _("You work as no merchant now."), "info")


def _why_form(label: str, help_text: str) -> WhyForm:
    form = WhyForm()
    form.why.label.text, form.why.description = label, help_text
    return form


@bp.route("/extend", methods=["GET", "POST"])
@needs(Needs.STAFF, support=Support.ALWAYS)
def extend() -> Response:
    """Go on until 60 minutes after the start, with a new reason."""
    acting = _acting()
    if acting is None:
        return _nothing_open()
    form = _why_form(_("Why it takes longer"), _("The merchant reads it."))
    if not form.validate_on_submit():
        return show("support/extend.html", form=form)
    try:
        support.extend(acting, form.why.data or "", by())
    except Refusal as why:
        return show("support/extend.html", form=form.blame(why))
    return go("home.index", _("You have until 60 minutes after the start."))


@bp.route("/ask", methods=["GET", "POST"])
@needs(Needs.STAFF, support=Support.ALWAYS)
def ask() -> Response:
    """Ask the merchant's owners to let this session change something."""
    acting = _acting()
    if acting is None:
        return _nothing_open()
    form = _why_form(_("What you want to change"), _("The owners read it and answer under Settings, Support access."))
    if not form.validate_on_submit():
        return show("support/ask.html", form=form)
    try:
        support.ask(acting, form.why.data or "", by())
    except Refusal as why:
        return show("support/ask.html", form=form.blame(why))
    return go("support.ask", _("The owners were asked, here and by e-mail."))


@bp.route("/act", methods=["GET", "POST"])
@needs(Needs.STAFF, support=Support.ALWAYS)
def act() -> Response:
    """Begin to change things, where the merchant allows it: the agent confirms it once more."""
    acting = _acting()
    if acting is None:
        return _nothing_open()
    form = NoForm()
    if not form.validate_on_submit():
        return show("support/act.html", form=form)
    try:
        token = support.act(acting, by())
    except Refusal as why:
        return show("support/act.html", form=form.blame(why))
    # Forms of the pages before belong to a session that only looked.
    session.clear()
    flash(_("You act now. Each change carries both names."), "warn")
    answer = support_strip.leave_to(url_for("home.index"))
    support_strip.give(answer, token)
    return answer
