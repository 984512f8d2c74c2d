"""Signing in and out, and the language of the pages."""

from flask import Blueprint, g, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from portal.flows import people
from portal.flows.house import house
from portal.flows.people import Entered
from portal.flows.sessions import Browser, SignedIn
from portal.kit.errors import Refusal
from portal.web import account_words, cookies, doors, ways
from portal.web.doors import Needs, by, needs, signed_in
from portal.web.forms import PortalForm, filled
from portal.web.show import go, show
from portal.web.words import LANGUAGES

bp = Blueprint("people", __name__)

# Whom each demo sign-in is, said when the page is drawn, so that it is in the language of the page.
NORTHWICK, SAMUDRA = "Northwick Trading Co.", "Toko Samudra"
DEMO = (
    (lambda: _("Owner of %(merchant)s", merchant=NORTHWICK), "owner@northwick.example", "demo-owner-pass"),
    (lambda: _("Viewer at %(merchant)s", merchant=NORTHWICK), "viewer@northwick.example", "demo-viewer-pass"),
    (lambda: _("Owner of %(merchant)s", merchant=SAMUDRA), "owner@samudra.example", "demo-owner-pass"),
    (lambda: _("Support staff"), "staff@lintas.example", "demo-staff-pass"),
)


class LoginForm(PortalForm):
    """Address and password."""

    email = StringField(validators=[DataRequired()])
    # A password is what was typed, white space at its ends included.
    password = PasswordField(validators=[InputRequired()], as_typed=True)


class CodeForm(PortalForm):
    """The code of an authenticator, or a recovery code."""

    code = StringField(validators=[filled])


@bp.route("/login", methods=["GET", "POST"])
@needs(Needs.NOTHING)
def login() -> Response:
    """Sign in."""
    if g.signed_in is not None and request.method == "GET":
        return go("home.index")
    form = LoginForm()
    form.email.label.text, form.password.label.text = _("E-mail address"), _("Password")
    demo = _demo_signins()
    if not form.validate_on_submit():
        return show("people/login.html", form=form, demo_signins=demo)
    try:
        entered = people.sign_in(form.email.data or "", form.password.data or "", browser(), doors.token())
    except Refusal as why:
        return show("people/login.html", status=account_words.status(why), form=form.blame(why), demo_signins=demo)
    if entered.half:
        return _entered(go("people.second_step", next=request.args.get("next")), entered)
    return _entered(ways.on(request.args.get("next", "")), entered)


@bp.route("/login/code", methods=["GET", "POST"])
@needs(Needs.NOTHING)
def second_step() -> Response:
    """Show the second factor; until then the session opens nothing."""
    half: SignedIn | None = g.get("half")
    if half is None:
        return go("people.login", next=request.args.get("next"))
    form = CodeForm()
    account_words.label_code(form.code)
    if not form.validate_on_submit():
        return show("people/second_step.html", form=form)
    try:
        entered = people.second_step(half, form.code.data or "", browser())
    except Refusal as why:
        return show("people/second_step.html", status=account_words.status(why), form=form.blame(why))
    return _entered(ways.on(request.args.get("next", "")), entered)


def browser() -> Browser:
    """What this request comes from."""
    return Browser(request.headers.get("User-Agent", ""), request.remote_addr or "", g.request_id, cookies.known())


def _entered(answer: Response, entered: Entered) -> Response:
    session.clear()  # A new session at every change of rights; the CSRF token of the visitor ends here.
    if entered.known:
        cookies.know(answer, entered.known)
    return cookies.remember(answer, entered.token, entered.longest)


def _demo_signins() -> list[dict[str, str]]:
    if not house().settings.demo:
        return []
    return [{"role": role(), "email": email, "password": password} for role, email, password in DEMO]


@bp.post("/logout")
@needs(Needs.SIGN_IN)
def logout() -> Response:
    """Sign out: the session ends on the server, and the browser forgets what it kept."""
    people.sign_out(signed_in().session_hash, by())
    session.clear()
    answer = cookies.forget(go("people.login"))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@bp.post("/language")
@needs(Needs.NOTHING)
def language() -> Response:
    """Choose the language of the pages."""
    locale = request.form.get("locale", "")
    if locale in LANGUAGES:
        session["locale"] = locale
        if g.signed_in is not None:
            people.speak(g.signed_in.user.id, locale)
    return ways.on(request.form.get("next", ""))
