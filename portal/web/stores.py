"""Stores: the list, a new one, and the page of one with its sales channels, plugins and activity."""

from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField

from portal.contract.definition import Kind
from portal.flows import notices, plugins, stores
from portal.kit.errors import Refusal
from portal.kit.paging import Count
from portal.models import Store
from portal.web import (
    asked,
    channels_pages,
    choices,
    home_pages,
    languages,
    problems,
    rules_pages,
    setup_guide,
    standing,
    stores_pages,
)
from portal.web.doors import Needs, Support, by, find, merchant, needs
from portal.web.forms import PortalForm
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.show import asks_for, go, show
from portal.web.stock import limits_form

bp = Blueprint("stores", __name__)


class StoreForm(PortalForm):
    """The details of a store.  What is wrong with a value is said by the flow, in one place."""

    name = StringField()
    currency = SelectField(validate_choice=False)
    time_zone = SelectField(validate_choice=False)


def _form(store: Store | None, *, fixed: bool = False) -> StoreForm:
    """The form with its words and choices; a store that has connections offers its own currency only."""
    own, locale = store or merchant(), languages.chosen()
    form = StoreForm(obj=store) if store else StoreForm(currency=own.currency, time_zone=own.time_zone)
    form.name.label.text = _("Store name")
    form.name.description = _("Only your team sees this name.")
    form.currency.label.text = _("Currency")
    form.currency.description = _("Fixed as soon as the store has a sales channel or plugin.")
    form.currency.choices = (
        [choices.currency(own.currency, locale)] if fixed else choices.currencies([own.currency], locale)
    )
    form.time_zone.label.text = _("Time zone")
    form.time_zone.description = _("Used for the times of this store and its reports.")
    form.time_zone.choices = choices.zones([own.time_zone], locale)
    return form


def _typed(form: StoreForm) -> tuple[str, str, str]:
    return form.name.data or "", form.currency.data or "", form.time_zone.data or ""


@bp.get("/stores")
@needs(Needs.VIEW)
def index() -> Response:
    """The stores of the merchant."""
    words, status = asked.words(), asked.one_of(standing.FOUND_BY, "status")
    backwards = request.args.get("sort") == "-name"
    page, count = stores_pages.page(words, status, asked.cursor(), backwards=backwards)
    if wants_json():
        return list_as_json(page, [_item(row) for row in page.rows], count)
    return show(
        "stores/list.html",
        "stores_list",
        page=page,
        count=count,
        q=words,
        chosen=status,
        backwards=backwards,
        choices=standing.choices(),
        worst=problems.explained(notices.open_notices(1)),
        steps=setup_guide.steps(home_pages.NOTHING) if not page.rows else [],
    )


@bp.route("/stores/new", methods=["GET", "POST"])
@needs(Needs.MANAGE)
def new() -> Response:
    """Add a store."""
    form = _form(None)
    if not form.validate_on_submit():
        return show("stores/new.html", "dialog", form=form)
    try:
        store = stores.add(*_typed(form), by())
    except Refusal as why:
        return show("stores/new.html", "dialog", form=form.blame(why))
    return go("stores.detail", public_id=store.id, say=_("%(name)s was added.", name=store.name))


@bp.get("/stores/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One store."""
    store = find(Store, public_id)
    if wants_json():
        return as_json(_whole(store))
    return _page(store)


@bp.post("/stores/<public_id>")
@needs(Needs.MANAGE, support=Support.ACTS)
def save(public_id: str) -> Response:
    """Save the details."""
    store = find(Store, public_id)
    form = _form(store, fixed=True)
    if not form.validate_on_submit():
        return _page(store, form)
    try:
        stores.change(store, *_typed(form), by())
    except Refusal as why:
        return _page(store, form.blame(why))
    return go("stores.detail", public_id=store.id, say=_("The details were saved."))


@bp.route("/stores/<public_id>/limits", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def limits(public_id: str) -> Response:
    """The buffer and cap of all channels of a store that say nothing of their own."""
    store = find(Store, public_id)
    form = limits_form(store)
    form.buffer.description = _("So many pieces of each product are kept back. Empty: none are.")
    form.max_level.description = _("No channel of the store shows more than this. 0 shows nothing at all.")
    if form.validate_on_submit():
        try:
            stores.set_limits(store, form.buffer.data, form.max_level.data, by())
        except Refusal as why:
            form.blame(why)
        else:
            return go("stores.detail", public_id=store.id, say=_("The stock limits were saved."))
    return show("stores/limits.html", "dialog", form=form, store=store)


@bp.post("/stores/<public_id>/active")
@needs(Needs.MANAGE, support=Support.ACTS)
def active(public_id: str) -> Response:
    """Turn the store on or off."""
    store = find(Store, public_id)
    stores.turn(store, request.form.get("on") == "1", by())
    if asks_for("store_active"):
        deeds = stores_pages.activity(store.id, None)
        blocks = ("store_rests", "store_deeds")
        return show("stores/detail.html", "store_active", also=blocks, store=store, deeds=deeds, saved=True)
    return go("stores.detail", public_id=store.id)


def _page(store: Store, form: StoreForm | None = None) -> Response:
    """The page of a store; `form` is one that was refused."""
    rows = channels_pages.of_store(store.id)
    fixed = any(rows.values())
    if form is None:
        form = _form(store, fixed=fixed)
    elif not fixed:
        form.currency.choices = choices.currencies([store.currency], languages.chosen())
    return show(
        "stores/detail.html",
        "store_form",
        also=("store_head", "store_deeds"),
        store=store,
        form=form,
        plugins=rows[Kind.FULFILMENT.value],
        channels=rows[Kind.MARKETPLACE.value],
        rules=rules_pages.rows(store.id, rules_pages.names_of(store.id)),
        default_plugin=plugins.default_plugins().get(store.id),
        deeds=stores_pages.activity(store.id, asked.cursor()),
        badge=stores_pages.badge_of(store),
        saved=False,
    )


def _item(row: stores_pages.Row) -> dict[str, Any]:
    """One store of the list as JSON."""
    return {
        **_facts(row.store),
        "status": row.standing,
        "connected": [each["name"] for each in row.tiles],
        "listings": row.listings,
        "linked_listings": row.linked,
    }


def _facts(store: Store) -> dict[str, Any]:
    return {
        "id": store.id,
        "name": store.name,
        "currency": store.currency,
        "time_zone": store.time_zone,
        "is_active": store.is_active,
        "created_at": store.created_at,
    }


def _whole(store: Store) -> dict[str, Any]:
    """One store as JSON, with its connections."""
    linked, listings = stores_pages.listing_counts([store.id]).get(store.id, (Count(0), Count(0)))
    return {
        **_facts(store),
        "status": stores_pages.standing_of(store),
        "listings": listings,
        "linked_listings": linked,
        "connections": [_connection(row) for rows in channels_pages.of_store(store.id).values() for row in rows],
    }


def _connection(row: channels_pages.Row) -> dict[str, Any]:
    """One connection as JSON: what it is and how it stands, and nothing that was typed into it."""
    one = row.connection
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "integration": one.integration,
        "status": row.standing,
        "trouble": one.trouble,
        "is_active": row.on,
        "is_default": row.is_default,
        "shop": {"id": one.shop_id, "name": one.shop_name},
        "access_ends_at": one.token_expires_at,
        "active_since": one.active_since,
        "synced_at": row.synced_at,
        "created_at": one.created_at,
    }
