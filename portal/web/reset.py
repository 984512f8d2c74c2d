"""The forgotten password: ask for a letter, and choose a new one by the link in it."""

from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField, ValidationError

from portal.flows import resets
from portal.kit.errors import Refusal
from portal.web import account_words
from portal.web.doors import Needs, needs
from portal.web.forms import PortalForm, filled
from portal.web.people import browser
from portal.web.show import go, show

bp = Blueprint("reset", __name__)


class ForgottenForm(PortalForm):
    """Whose password is forgotten."""

    email = StringField(validators=[filled])


class NewPasswordForm(PortalForm):
    """The new password, twice."""

    password = PasswordField(validators=[filled], as_typed=True)
    again = PasswordField(as_typed=True)

    def label(self) -> "NewPasswordForm":
        """Say what is wanted, in the language of the page."""
        account_words.label_new_password(self.password)
        self.again.label.text = _("The same again")
        return self

    def validate_again(self, field: PasswordField) -> None:
        """Both are the same."""
        if field.data != self.password.data:
            raise ValidationError(account_words.REFUSALS["password_differs"]())


@bp.route("/forgotten", methods=["GET", "POST"])
@needs(Needs.NOTHING)
def forgotten() -> Response:
    """Ask for a letter; the answer is the same whether somebody has the address or not."""
    form = ForgottenForm()
    form.email.label.text = _("E-mail address")
    if not form.validate_on_submit():
        return show("people/forgotten.html", form=form)
    try:
        resets.forgotten(form.email.data or "", request.remote_addr or "")
    except Refusal as why:
        return show("people/forgotten.html", status=account_words.status(why), form=form.blame(why))
    return show("people/forgotten_sent.html", email=form.email.data, minutes=resets.MINUTES)


@bp.route("/reset/<token>", methods=["GET", "POST"])
@needs(Needs.NOTHING)
def page(token: str) -> Response:
    """Choose a new password."""
    if resets.good(token) is None:
        return show("people/reset_gone.html", status=404)
    form = NewPasswordForm().label()
    if not form.validate_on_submit():
        return show("people/reset.html", form=form, token=token)
    try:
        resets.choose(token, form.password.data or "", browser())
    except Refusal as why:
        return show("people/reset.html", form=form.blame(why), token=token)
    return go("people.login", _("Your password is new, and you are signed out everywhere. Sign in with it."))
