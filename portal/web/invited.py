"""The page behind the link of an invitation: join with the account that is there, or with a new one."""

from flask import Blueprint, g, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField, ValidationError

from portal.flows import invitations, sessions
from portal.flows.invitations import Asked
from portal.flows.sessions import SignedIn
from portal.kit.errors import Refusal
from portal.web import account_words, cookies, languages, member_words
from portal.web.doors import Needs, Support, by, needs
from portal.web.forms import PortalForm, required
from portal.web.people import browser
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("invited", __name__, url_prefix="/invited")


class NewAccountForm(PortalForm):
    """Name and password of a new account; its address is the one that was invited."""

    name = StringField()
    password = PasswordField(as_typed=True)

    def label(self) -> None:
        """Say what is wanted, in the language of the page."""
        self.name.label.text = _("Your name")
        self.name.description = _("The people of this merchant see it beside what you do.")
        account_words.label_new_password(self.password)
        self.password.label.text = _("Password")

    def validate_name(self, field: StringField) -> None:
        """A name is needed."""
        if not field.data:
            raise ValidationError(required())

    def validate_password(self, field: PasswordField) -> None:
        """A password is needed."""
        if not field.data:
            raise ValidationError(required())


@bp.get("/<token>")
@needs(Needs.NOTHING, support=Support.NEVER)
def page(token: str) -> Response:
    """Who invites, for what; and how to join."""
    asked = invitations.asked(token)
    return _gone() if asked is None else _page(token, asked)


@bp.post("/<token>")
@needs(Needs.NOTHING, support=Support.NEVER)
def accept(token: str) -> Response:
    """Join: with the account that is signed in, or with a new one where nobody has the address yet."""
    asked = invitations.asked(token)
    if asked is None:
        return _gone()
    if g.signed_in is not None:
        return _join(token, asked, g.signed_in)
    if asked.user_id is not None:
        return go("people.login", next=_here(token))
    return _join_anew(token, asked)


def _join(token: str, asked: Asked, who: SignedIn) -> Response:
    try:
        cookie = invitations.accept_as(token, who, by())
    except Refusal as why:
        return go("invited.page", sentence(why), "bad", token=token)
    answer = go("home.index", _("You work for %(merchant)s now.", merchant=asked.merchant))
    return cookies.remember(answer, cookie, sessions.longest(who.user))


def _join_anew(token: str, asked: Asked) -> Response:
    form = _form()
    if not form.validate_on_submit():
        return _page(token, asked, form)
    typed = form.name.data or "", form.password.data or ""
    try:
        cookie = invitations.accept_anew(token, *typed, browser(), languages.chosen())
    except Refusal as why:
        if why.field:
            return _page(token, asked, form.blame(why))
        return go("invited.page", sentence(why), "bad", token=token)
    session.clear()  # A new session at every change of rights; the CSRF token of the visitor ends here.
    return cookies.remember(go("home.index"), cookie, sessions.LONGEST)


def _form() -> NewAccountForm:
    form = NewAccountForm()
    form.label()
    return form


def _here(token: str) -> str:
    return f"{bp.url_prefix}/{token}"


def _page(token: str, asked: Asked, form: NewAccountForm | None = None) -> Response:
    who: SignedIn | None = g.signed_in
    return show(
        "people/invited.html",
        token=token,
        asked=asked,
        role_name=member_words.name(asked.role),
        role_says=member_words.says(asked.role),
        who=who,
        fits=who is not None and who.user.id == asked.user_id,
        sign_in_next=_here(token),
        form=form or _form(),
    )


def _gone() -> Response:
    return show("people/invited_gone.html", status=404)
