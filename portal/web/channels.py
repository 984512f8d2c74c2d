"""Sales channels over all stores, and the chooser that adds one to a store."""

import uuid

import sqlalchemy as sa
from flask import Blueprint, current_app, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectChoice, StringField

from portal.contract.definition import Kind
from portal.flows import connections
from portal.flows.house import house
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Store
from portal.web import asked, channels_pages, languages, standing
from portal.web.doors import Needs, by, find, needs
from portal.web.forms import PortalForm
from portal.web.show import go, is_hx, show

bp = Blueprint("channels", __name__)


class InstallForm(PortalForm):
    """Which integration a new connection is of."""

    integration = StringField()


class WhichStoreForm(PortalForm):
    """Which store gets the sales channel or plugin.  Asked by GET: it changes nothing, so it needs no token."""

    class Meta(PortalForm.Meta):
        """No token in the address."""

        csrf = False

    store = RadioField()


@bp.get("/channels")
@needs(Needs.VIEW)
def index() -> Response:
    """The sales channels of all stores."""
    return show_list(Kind.MARKETPLACE)


@bp.get("/channels/add")
@needs(Needs.MANAGE)
def add() -> Response:
    """Add a sales channel: straight to the chooser of the only store, or first the question which one."""
    return show_which_store(Kind.MARKETPLACE)


@bp.get("/stores/<public_id>/channels/add")
@needs(Needs.MANAGE)
def choose(public_id: str) -> Response:
    """Choose a sales channel for a store."""
    return show_chooser(find(Store, public_id), Kind.MARKETPLACE, InstallForm())


@bp.post("/stores/<public_id>/install")
@needs(Needs.MANAGE)
def install(public_id: str) -> Response:
    """Make a draft of a connection and go to its first step; nothing is contacted."""
    store = find(Store, public_id)
    form = InstallForm()
    try:
        connection = connections.install(store, form.integration.data or "", by())
    except Refusal as why:
        return show_chooser(store, Kind.MARKETPLACE, form.blame(why))
    return go("connections.detail", public_id=connection.id)


def show_list(kind: Kind) -> Response:
    """The list of one kind of connections."""
    words, status = asked.words(), asked.one_of(standing.FOUND_BY, "status")
    page, count = channels_pages.page(kind, words, status, asked.cursor())
    return show(
        "channels/list.html",
        "connections_list",
        of=kind.value,
        page=page,
        count=count,
        q=words,
        chosen=status,
        choices=standing.choices(),
    )


def show_which_store(kind: Kind) -> Response:
    """The chooser of the only store, the question which store, or that there is none yet."""
    stores = _stores()
    wanted = asked.words("store")
    if wanted or len(stores) == 1:
        store = find(Store, wanted or str(next(iter(stores))))
        if is_hx():
            return show_chooser(store, kind, InstallForm())
        return current_app.redirect(url_for(f"{_views_of(kind)}.choose", public_id=store.id), 303)
    form = WhichStoreForm(formdata=None)
    form.store.label.text = _("Which store is it for?")
    form.store.choices = [SelectChoice(str(key), name) for key, name in stores.items()]
    form.store.data = str(next(iter(stores), ""))
    return show("channels/which_store.html", "dialog", of=kind.value, form=form, stores=stores)


def _stores() -> dict[uuid.UUID, str]:
    """The names of the merchant's stores by id, in the order of the names."""
    query = sa.select(Store.id, Store.name).where(Store.merchant_id == whose()).order_by(sa.func.lower(Store.name))
    return {row.id: row.name for row in db.session.execute(query)}


def show_chooser(store: Store, kind: Kind, form: InstallForm) -> Response:
    """The integrations of a kind, to choose from."""
    words = asked.words()
    found, installed = channels_pages.offers(kind, words, languages.chosen(), bool(house().settings.sandbox_url))
    return show(
        "channels/choose.html",
        "dialog",
        "picks",
        of=kind.value,
        store=store,
        form=form,
        offers=found,
        installed=installed,
        q=words,
    )


def _views_of(kind: Kind) -> str:
    return "plugins" if kind is Kind.FULFILMENT else "channels"
