"""The step before what matters most: whoever asks for it must have shown lately who he or she is.

Here too is that whoever must have a second factor and has none can only set one up.
"""

from datetime import timedelta

from flask import Blueprint, g, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField

from portal.flows import people, second_factor
from portal.kit.clock import now
from portal.kit.errors import Refusal
from portal.web import account_words, doors, plain, ways
from portal.web.doors import Declared, Needs, Support, by, needs, signed_in
from portal.web.forms import PortalForm, filled
from portal.web.people import CodeForm
from portal.web.requests import SAFE
from portal.web.show import go, is_hx, show

bp = Blueprint("confirm", __name__)

# A page is shown within the first; what was typed on it is taken within the second, so that nobody loses it.
TO_LOOK, TO_SEND = timedelta(minutes=10), timedelta(minutes=30)
# What somebody may open who has to set up a second factor first.
BEFORE_SECOND_FACTOR = {"security", "confirm"}
ALSO_BEFORE = {"people.logout", "people.language", "home.help"}


class PasswordForm(PortalForm):
    """The password alone, where there is no second factor."""

    password = PasswordField(validators=[filled], as_typed=True)


class BothForm(PasswordForm, CodeForm):
    """The password and the code."""

    code = StringField(validators=[filled])


@doors.check
def second_factor_first(who: people.SignedIn, declared: Declared) -> Response | None:
    """Owners and the support staff set up their second factor before anything else."""
    if request.blueprint in BEFORE_SECOND_FACTOR or request.endpoint in ALSO_BEFORE:
        return None
    if who.user.second_factor_at is not None or not second_factor.needed(who):
        return None
    if plain.wants_json():
        return plain.refused(403, g.request_id)
    return go(
        "security.second_factor_page", _("Set up your second step first. Then everything is open to you."), "warn"
    )


@doors.check
def fresh_enough(who: people.SignedIn, declared: Declared) -> Response | None:
    """Ask anew where the last proof is too old.  Staff gave theirs before they began to work as a merchant."""
    allowed = TO_LOOK if request.method in SAFE else TO_SEND
    if not declared.fresh or who.acting is not None or now() - who.fresh_at <= allowed:
        return None
    if plain.wants_json():
        return plain.refused(401, g.request_id)
    if request.method in SAFE:
        return go("confirm.page", next=ways.came_from() if is_hx() else ways.here())
    say = _("Nothing was changed yet. Confirm that it is you, then send it again.")
    return go("confirm.page", say, "warn", next=ways.came_from())


@bp.route("/confirm", methods=["GET", "POST"])
@needs(Needs.SIGN_IN, support=Support.NEVER)
def page() -> Response:
    """Show again who is there, then go on to where it was asked for."""
    form = PasswordForm() if signed_in().user.second_factor_at is None else BothForm()
    form.password.label.text = _("Password")
    if isinstance(form, BothForm):
        account_words.label_code(form.code)
    if not form.validate_on_submit():
        return show("people/confirm.html", form=form)
    code = form.code.data or "" if isinstance(form, BothForm) else ""
    try:
        people.confirm(signed_in(), form.password.data or "", code, by())
    except Refusal as why:
        return show("people/confirm.html", status=account_words.status(why), form=form.blame(why))
    return ways.on(request.args.get("next", ""))
