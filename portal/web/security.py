"""Security of one's own account: password, second step, recovery codes, and where one is signed in."""

import segno
from flask import Blueprint, abort
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField

from portal.flows import resets, second_factor, sessions
from portal.flows.second_factor import Offer
from portal.kit.errors import Refusal
from portal.web import account_words, cookies, security_pages
from portal.web.doors import Needs, Support, by, needs, signed_in
from portal.web.forms import PortalForm, filled
from portal.web.refusals import sentence
from portal.web.reset import NewPasswordForm
from portal.web.show import go, show

bp = Blueprint("security", __name__, url_prefix="/settings/security")


class ChangeForm(NewPasswordForm):
    """The present password, and the new one twice."""

    old = PasswordField(validators=[filled], as_typed=True)


class FactorForm(PortalForm):
    """The first code of a secret that was offered; `offer` is that secret, sealed."""

    offer = HiddenField()
    code = StringField(validators=[filled])


@bp.get("")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def index() -> Response:
    """What protects the account, and where it is open."""
    return show("settings/security.html", **security_pages.overview(signed_in()))


@bp.route("/password", methods=["GET", "POST"])
@needs(Needs.SIGN_IN, support=Support.NEVER)
def password() -> Response:
    """Choose another password.  The present one is asked for, which is proof enough."""
    form = ChangeForm()
    form.label()
    form.old.label.text = _("Present password")
    if not form.validate_on_submit():
        return show("settings/password.html", form=form)
    who = signed_in()
    try:
        token = resets.change(who.user, form.old.data or "", form.password.data or "", who.session_hash, by())
    except Refusal as why:
        return show("settings/password.html", status=account_words.status(why), form=form.blame(why))
    return _renewed(go("security.index", _("Your password is new. You are signed out everywhere else.")), token)


@bp.get("/second-factor")
@needs(Needs.SIGN_IN, support=Support.NEVER, fresh=True)
def second_factor_page() -> Response:
    """A secret to be scanned, and a place for its first code."""
    return _offer(FactorForm(), second_factor.offer(signed_in().user))


@bp.post("/second-factor")
@needs(Needs.SIGN_IN, support=Support.NEVER, fresh=True)
def turn_on() -> Response:
    """The first code is there: the secret is kept, and the recovery codes are shown this once."""
    form, who = FactorForm(), signed_in()
    offer = second_factor.offered(who.user, form.offer.data or "")
    if offer is None:
        return _offer(form.blame("offer_is_over"), second_factor.offer(who.user))
    if not form.validate_on_submit():
        return _offer(form, offer)
    try:
        token, codes = second_factor.turn_on(who.user, offer.secret, form.code.data or "", who.session_hash, by())
    except Refusal as why:
        return _offer(form.blame(why), offer)
    return _renewed(show("settings/recovery_codes.html", codes=codes, first=True), token)


def _offer(form: PortalForm, offer: Offer) -> Response:
    form["offer"].data = offer.sealed
    form["code"].label.text = _("Code")
    form["code"].description = _("The 6 digits that your authenticator shows for Lintas.")
    picture = segno.make(second_factor.address(signed_in().user, offer.secret), error="m")
    return show(
        "settings/second_factor.html",
        form=form,
        picture=picture.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"),
        secret=" ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)),
        replaces=signed_in().user.second_factor_at is not None,
    )


@bp.post("/second-factor/off")
@needs(Needs.SIGN_IN, support=Support.NEVER, fresh=True)
def turn_off() -> Response:
    """Do without a second step."""
    try:
        token = second_factor.turn_off(signed_in(), by())
    except Refusal as why:
        return go("security.index", sentence(why), "bad")
    return _renewed(go("security.index", _("The second step is off. Your password alone signs you in.")), token)


@bp.post("/recovery-codes")
@needs(Needs.SIGN_IN, support=Support.NEVER, fresh=True)
def recovery_codes() -> Response:
    """Ten new recovery codes, shown this once."""
    try:
        codes = second_factor.make_codes_anew(signed_in().user, by())
    except Refusal as why:
        return go("security.index", sentence(why), "bad")
    return show("settings/recovery_codes.html", codes=codes, first=False)


@bp.post("/sessions/<public_id>/end")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def end_session(public_id: str) -> Response:
    """Sign one browser out."""
    who = signed_in()
    found = security_pages.session_of(who.user.id, public_id)
    if found is None or not sessions.end(who.user.id, found.id, by()):
        abort(404)
    if found.token_hash == who.session_hash:
        return cookies.forget(go("people.login"))
    return go("security.index", _("That browser is signed out."))


@bp.post("/sessions/end-others")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def end_others() -> Response:
    """Sign every other browser out."""
    who = signed_in()
    number = sessions.end_others(who.user.id, who.session_hash, by())
    if not number:
        return go("security.index", _("You are signed in nowhere else."), "info")
    say = ngettext(
        "%(number)d other browser is signed out.", "%(number)d other browsers are signed out.", number, number=number
    )
    return go("security.index", say)


def _renewed(answer: Response, token: str) -> Response:
    return cookies.remember(answer, token, sessions.longest(signed_in().user))
