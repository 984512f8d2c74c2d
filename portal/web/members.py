"""Users and roles: who works for the merchant and as what, whom it has invited, and which merchant is open here."""

import uuid

from flask import Blueprint, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectChoice, StringField
from wtforms.validators import DataRequired

from portal.flows import invitations, letters, members, sessions
from portal.kit.errors import Refusal
from portal.models import Invitation, Membership, Role
from portal.web import cookies, member_words, members_pages
from portal.web.doors import Needs, Support, by, find, merchant, needs, signed_in
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("members", __name__)

# What most people need comes first, and is chosen until somebody chooses otherwise.
OFFERED = (Role.VIEWER, Role.MANAGER, Role.OWNER)


class RoleForm(PortalForm):
    """A role, with what it may do."""

    role = RadioField(validators=[DataRequired()])

    def label(self) -> None:
        """Say the roles in the language of the page."""
        self.role.label.text = _("Role")
        self.role.choices = [
            SelectChoice(each.value, f"{member_words.name(each)}: {member_words.says(each)}") for each in OFFERED
        ]


class InviteForm(RoleForm):
    """Whom to invite, and as what."""

    email = StringField(validators=[DataRequired()])

    def label(self) -> None:
        """Say what is wanted."""
        super().label()
        self.email.label.text = _("E-mail address")
        self.email.description = _("A letter with a link goes there. It works once, for seven days.")


def _invite_form() -> InviteForm:
    form = InviteForm(role=Role.VIEWER.value)
    form.label()
    return form


@bp.get("/settings/people")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def index() -> Response:
    """Everybody who works here, and who was invited."""
    return _page(_invite_form())


@bp.post("/settings/people")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def invite() -> Response:
    """Ask somebody to join."""
    form = _invite_form()
    if not form.validate_on_submit():
        return _page(form)
    try:
        found = invitations.invite(form.email.data or "", Role(form.role.data), by())
    except Refusal as why:
        return _page(form.blame(why))
    return go("members.index", _said_of_letter(found.email))


def _said_of_letter(email: str) -> str:
    if letters.can_send():
        return _("The invitation to %(email)s is on its way.", email=email)
    return _("%(email)s is invited. The letter waits until your operator has set up a mail server.", email=email)


def _page(form: InviteForm) -> Response:
    return show(
        "settings/people.html",
        "invite",
        also=["invited_people"],
        form=form,
        people=members_pages.members(),
        waiting=members_pages.waiting(),
        role_name=member_words.name,
        mail=letters.can_send(),
        zone=merchant().time_zone,
        me=signed_in().user.id,
    )


@bp.get("/settings/people/<public_id>")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def detail(public_id: str) -> Response:
    """One person: the role, handing over, removing."""
    place = find(Membership, public_id)
    form = RoleForm(role=place.role.value)
    return _detail(place, form)


@bp.post("/settings/people/<public_id>")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def save(public_id: str) -> Response:
    """Give the person another role."""
    place = find(Membership, public_id)
    form = RoleForm()
    form.label()
    if not form.validate_on_submit():
        return _detail(place, form)
    name = members_pages.member(place).name
    try:
        members.change_role(place, Role(form.role.data), by())
    except Refusal as why:
        return _refused(place, why)
    role = member_words.name(Role(form.role.data))
    return go("members.index", _("%(name)s is %(role)s now, and gets a letter that says so.", name=name, role=role))


@bp.post("/settings/people/<public_id>/remove")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def remove(public_id: str) -> Response:
    """Take the person off the merchant."""
    place = find(Membership, public_id)
    name = members_pages.member(place).name
    try:
        members.remove(place, by())
    except Refusal as why:
        return _refused(place, why)
    return go("members.index", _("%(name)s no longer works here, and gets a letter that says so.", name=name))


@bp.post("/settings/people/<public_id>/hand-over")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def hand_over(public_id: str) -> Response:
    """Make the person an owner in one's own place."""
    place = find(Membership, public_id)
    name = members_pages.member(place).name
    try:
        token = members.hand_over(place, signed_in(), by())
    except Refusal as why:
        return _refused(place, why)
    # Whoever handed over is a manager now, who does not see this page any more.
    answer = go("settings.index", _("%(name)s owns %(merchant)s now. You are a manager.", name=name, merchant=_name()))
    return cookies.remember(answer, token, sessions.longest(signed_in().user))


def _name() -> str:
    return merchant().name


def _detail(place: Membership, form: RoleForm) -> Response:
    form.label()
    person = members_pages.member(place)
    return show(
        "settings/member.html",
        "member_role",
        form=form,
        person=person,
        role_name=member_words.name,
        role_says=member_words.says,
        is_me=person.user_id == signed_in().user.id,
        last_owner=person.role is Role.OWNER and members_pages.owners() == 1,
        zone=merchant().time_zone,
    )


def _refused(place: Membership, why: Refusal) -> Response:
    if why.reason == "member_gone":
        return go("members.index", sentence(why), "warn")
    return go("members.detail", sentence(why), "bad", public_id=place.id)


@bp.post("/settings/people/invitations/<public_id>/send")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def resend(public_id: str) -> Response:
    """Send the letter once more."""
    invitation = find(Invitation, public_id)
    try:
        invitations.resend(invitation, by())
    except Refusal as why:
        return go("members.index", sentence(why), "warn")
    return go("members.index", _said_of_letter(invitation.email))


@bp.post("/settings/people/invitations/<public_id>/revoke")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def revoke(public_id: str) -> Response:
    """Take the invitation back."""
    invitation = find(Invitation, public_id)
    try:
        invitations.revoke(invitation, by())
    except Refusal as why:
        return go("members.index", sentence(why), "warn")
    say = _("The invitation to %(email)s was taken back. Its link opens nothing any more.", email=invitation.email)
    return go("members.index", say)


@bp.get("/settings/leave")
@needs(Needs.VIEW, support=Support.NEVER)
def leaving() -> Response:
    """What leaving means, and the button."""
    who = signed_in()
    last = who.role is Role.OWNER and members_pages.owners() == 1
    return show("settings/leave.html", merchant_name=_name(), last_owner=last)


@bp.post("/settings/leave")
@needs(Needs.VIEW, support=Support.NEVER, fresh=True)
def leave() -> Response:
    """Stop working for the merchant; this and every other session at it end."""
    name = _name()
    if request.form.get("merchant") != str(merchant().id):  # Another one was chosen since the page was drawn.
        return go("members.leaving")
    try:
        members.leave(signed_in().user, by())
    except Refusal as why:
        return go("members.leaving", sentence(why), "bad")
    session.clear()
    return cookies.forget(
        go("people.login", _("You left %(merchant)s, and see nothing of it any more.", merchant=name))
    )


@bp.post("/merchant")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def choose() -> Response:
    """Go over to another merchant for whom one works; the session goes on under a new id."""
    try:
        wanted = uuid.UUID(request.form.get("merchant", ""))
    except ValueError:
        return go("home.index")
    token = members.choose(signed_in(), wanted, by())
    if token is None:
        return go("home.index", _("You do not work there any more. Nothing was changed."), "warn")
    return cookies.remember(go("home.index"), token, sessions.longest(signed_in().user))
