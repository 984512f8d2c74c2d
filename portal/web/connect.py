"""The page of a connect link: whoever holds it lets us in at the remote, and sees nothing else of the merchant."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, current_app, g, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import TextAreaField

from portal import integrations
from portal.contract.definition import Integration
from portal.contract.errors import RemoteError
from portal.flows import connect_links, grants, lines
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, ConnectLink, GrantAttempt, Merchant, Store
from portal.web import causes, connections_pages, languages
from portal.web.causes import Explained
from portal.web.doors import Needs, Support, cookie_name, needs
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("connect", __name__, url_prefix="/connect")

COOKIE = "connect"
# As long as a trip to a consent page may sensibly take, with a search for the password on the way.
COOKIE_SECONDS = 3600


class PasteForm(PortalForm):
    """What the remote showed on its own page instead of leading back."""

    text = TextAreaField()


def paste_form(one: Integration) -> PasteForm:
    """The form with its words."""
    form = PasteForm()
    form.text.label.text = _("What %(remote)s shows", remote=one.name)
    form.text.description = _("The code, the whole address of the page, or everything in braces.")
    return form


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks for what: all that the page says of the merchant."""

    merchant: str
    store: str
    plugin: str
    one: Integration
    made_by: str
    until: datetime
    zone: str
    shown_at: str


@bp.get("/<token>")
@needs(Needs.NOTHING, support=Support.NEVER)
def page(token: str) -> Response:
    """Who asks, for what, until when; and after the trip, whose account it was."""
    with connect_links.opened(token) as link:
        return _gone() if link is None else _page(token, link)


@bp.post("/<token>")
@needs(Needs.NOTHING, support=Support.NEVER)
def begin(token: str) -> Response:
    """Send this browser to the remote's consent page; the cookie makes sure that it is this one that comes back."""
    with connect_links.opened(token) as link:
        if link is None:
            return _gone()
        cookie = connect_links.new_browser(token)
        connection = connect_links.connection_of(link)
        try:
            address = grants.begin(connection, connect_links.browser_hash(cookie), link)
        except Refusal as why:
            return _page(token, link, problem=sentence(why))
        except RemoteError as why:
            told = causes.explain(why.cause.value, "connection", {"detail": why.detail}, connection)
            return _page(token, link, problem=f"{told.title} {told.why}")
    return _remember(current_app.redirect(address, 303), cookie)


@bp.post("/<token>/paste")
@needs(Needs.NOTHING, support=Support.NEVER)
def paste(token: str) -> Response:
    """Take what the remote showed on its own page."""
    with connect_links.opened(token) as link:
        if link is None:
            return _gone()
        connection = connect_links.connection_of(link)
        form = paste_form(integrations.get(connection.integration))
        cookie = connect_links.new_browser(token)
        try:
            grants.pasted(connection, form.text.data or "", connect_links.browser_hash(cookie), link)
        except Refusal as why:
            form.blame(why)
            return _page(token, link, form)
    return _remember(go("connect.page", token=token), cookie)


@bp.post("/<token>/confirm")
@needs(Needs.NOTHING, support=Support.NEVER)
def confirm(token: str) -> Response:
    """Whoever was there saw whose account it is: the access is kept, and the link is used up."""
    with connect_links.opened(token) as link:
        if link is None:
            return _gone()
        one = integrations.get(connect_links.connection_of(link).integration)
        pushes = request.form.get("pushes") == "1" if one.webhook is not None else None
        try:
            if connect_links.link_of(_cookie()) != token:  # What waits in this browser was asked for by another link.
                raise Refusal("nothing_to_grant")
            connect_links.use(link.id, _cookie(), pushes=pushes)
        except Refusal as why:
            return go("connect.page", sentence(why), "bad", token=token)
    answer = go("connect.done")
    answer.delete_cookie(_cookie_name(), path="/", secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


@bp.get("/done")
@needs(Needs.NOTHING, support=Support.NEVER)
def done() -> Response:
    """Nothing is left to do here."""
    return show("connect/done.html")


def returned(one: Integration, query: dict[str, str]) -> Response | None:
    """The browser is back from the remote on a trip that began with a link; None where this was no such trip."""
    cookie = _cookie()
    token = connect_links.link_of(cookie)
    if not token:
        return None
    with connect_links.opened(token) as link:
        if link is None:
            return None if g.signed_in else _gone()
        if not connect_links.set_out(link, query.get("state", ""), cookie):
            return None if g.signed_in else go("connect.page", sentence(Refusal("unknown_state")), "bad", token=token)
        try:
            grants.returned(one, query, connect_links.browser_hash(cookie), request.base_url)
        except Refusal as why:
            return go("connect.page", sentence(why), "bad", token=token)
    return go("connect.page", token=token)


def _page(token: str, link: ConnectLink, form: PasteForm | None = None, problem: str = "") -> Response:
    connection = connect_links.connection_of(link)
    one = integrations.get(connection.integration)
    trip = _trip(token, connection)
    return show(
        "connect/page.html",
        status=422 if problem else None,
        token=token,
        asks=_asking(one, connection, link),
        form=form or paste_form(one),
        trip=trip,
        refused=_refused(trip, connection),
        problem=problem,
        shop_labels=connections_pages.shop_labels(one),
        subscribing=subscribing(one),
        wide=True,
    )


def _trip(token: str, connection: Connection) -> GrantAttempt | None:
    cookie = _cookie()
    if connect_links.link_of(cookie) != token:
        return None
    return grants.last_trip(connection, connect_links.browser_hash(cookie))


def _refused(trip: GrantAttempt | None, connection: Connection) -> Explained | None:
    if trip is None or not trip.cause:
        return None
    return causes.explain(trip.cause, "connection", {"detail": trip.detail}, connection)


def _asking(one: Integration, connection: Connection, link: ConnectLink) -> Asking:
    store = db.session.get_one(Store, (whose(), connection.store_id))
    g.time_zone = store.time_zone
    return Asking(
        merchant=db.session.get_one(Merchant, whose()).name,
        store=store.name,
        plugin=connection.name,
        one=one,
        made_by=link.made_by,
        until=link.expires_at,
        zone=store.time_zone,
        shown_at=shown_at(one, connection),
    )


def shown_at(one: Integration, connection: Connection) -> str:
    """The address where the remote shows what it grants instead of leading back, "" where there is none."""
    if one.grant is None or one.grant.pasted is None or one.grant.shown_at is None:
        return ""
    try:
        return one.grant.shown_at(lines.account(connection))
    except RemoteError:  # Said by whatever is tried next.
        return ""


def subscribing(one: Integration) -> str:
    """What to tick at the remote so that it sends pushes, "" where it sends none."""
    if one.webhook is None:
        return ""
    text = one.webhook.subscribing
    return text.said(languages.chosen()) if text else ""


def _gone() -> Response:
    """The one answer to every link that does not work, whatever the reason."""
    return show("connect/gone.html", status=404)


def _cookie_name() -> str:
    return cookie_name(request.is_secure, COOKIE)


def _cookie() -> str:
    return request.cookies.get(_cookie_name(), "")


def _remember(answer: Response, cookie: str) -> Response:
    answer.set_cookie(
        _cookie_name(),
        cookie,
        max_age=COOKIE_SECONDS,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer
