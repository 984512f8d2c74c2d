"""Signing in and out, and the language of the pages."""

from urllib.parse import urlsplit

from flask import Blueprint, current_app, g, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from portal.flows import people
from portal.flows.house import house
from portal.web.doors import Needs, cookie_name, needs, signed_in
from portal.web.forms import PortalForm
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
    token = people.sign_in(form.email.data or "", form.password.data or "", request.headers.get("User-Agent", ""))
    if token is None:
        form.blame("wrong_sign_in")
        return show("people/login.html", form=form, demo_signins=demo)
    session.clear()  # A new session at every change of rights; the CSRF token of the visitor ends here.
    answer = _on(request.args.get("next", ""))
    answer.set_cookie(
        cookie_name(request.is_secure),
        token,
        max_age=int(people.LONGEST.total_seconds()),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def _on(wanted: str) -> Response:
    """To where the visitor wanted to go: a path of ours, never another host."""
    return current_app.redirect(wanted, 303) if _is_path_of_ours(wanted) else go("home.index")


def _is_path_of_ours(wanted: str) -> bool:
    # Browsers drop white space and read a backslash as a slash, so "/\t/host" would be another host's address.
    if any(each <= " " or each == "\\" for each in wanted):
        return False
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    return wanted.startswith("/") and not wanted.startswith("//") and not parts.scheme and not parts.netloc


def _demo_signins() -> list[dict[str, str]]:
    if not house().settings.demo:
        return []
    return [{"role": role(), "email": email, "password": password} for role, email, password in DEMO]


@bp.post("/logout")
@needs(Needs.SIGN_IN)
def logout() -> Response:
    """Sign out: the session ends on the server, and the browser forgets what it kept."""
    people.sign_out(signed_in().session_hash)
    session.clear()
    answer = go("people.login")
    answer.delete_cookie(
        cookie_name(request.is_secure), path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )
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
    return _on(request.form.get("next", ""))
