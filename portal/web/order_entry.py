"""An order that is entered by hand: a store, what was bought, and where it goes."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField

from portal.contract.records import Consignee
from portal.flows import order_hand
from portal.flows.order_hand import Wish
from portal.kit.db import begins, db, whose
from portal.kit.errors import Refusal
from portal.kit.money import money
from portal.kit.text import near
from portal.models import Product, Store
from portal.web import asked
from portal.web.doors import Needs, by, needs
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("order_entry", __name__)

ROWS, MOST_ROWS = 3, 50
MOST_LIKE = 5
TO = ("name", "phone", "email", "company", "address", "district", "city", "province", "postcode", "country")


class EntryForm(PortalForm):
    """Where an order goes."""

    store = SelectField(validate_choice=False)
    name = StringField()
    phone = StringField()
    email = StringField()
    company = StringField()
    address = TextAreaField()
    district = StringField()
    city = StringField()
    province = StringField()
    postcode = StringField()
    country = StringField()
    note = TextAreaField()


@dataclass(frozen=True, slots=True)
class Typed:
    """One row of what was bought as it was typed, what is wrong with it, and SKUs that were perhaps meant."""

    sku: str = ""
    pieces: str = ""
    price: str = ""
    problem: str = ""
    like: tuple[str, ...] = ()


@bp.route("/orders/new", methods=["GET", "POST"])
@needs(Needs.MANAGE)
def new() -> Response:
    """Enter an order by hand."""
    stores = {str(each.id): each for each in _stores()}
    form = _form(stores)
    if not form.validate_on_submit():
        return _page(form, [Typed() for _row in range(ROWS)])
    store = stores.get(form.store.data or "")
    rows, wishes = _read(store)
    if store is None:
        form.form_errors.append(_("Choose a store."))
    if store is None or any(each.problem for each in rows):
        return _page(form, rows, refused=True)
    to = Consignee(**{name: getattr(form, name).data or "" for name in TO})
    try:
        made = order_hand.create(store, wishes, to, form.note.data or "", by())
    except Refusal as why:
        form.form_errors.append(sentence(why))
        return _page(form, rows, refused=True)
    return go("orders.detail", public_id=made.id, say=_("The order was entered. Its pieces are reserved."))


def _stores() -> list[Store]:
    query = sa.select(Store).where(Store.merchant_id == whose()).order_by(sa.func.lower(Store.name), Store.id)
    return list(db.session.scalars(query))


def _form(stores: dict[str, Store]) -> EntryForm:
    form = EntryForm()
    form.store.choices = [(key, each.name) for key, each in stores.items()]
    labels = {
        "store": _("Store"),
        "name": _("Name"),
        "phone": _("Phone"),
        "email": _("E-mail"),
        "company": _("Company"),
        "address": _("Address"),
        "district": _("District"),
        "city": _("City"),
        "province": _("Province"),
        "postcode": _("Postcode"),
        "country": _("Country"),
        "note": _("Your note"),
    }
    for name, words in labels.items():
        getattr(form, name).label.text = words
    form.country.description = _("Two letters, for example CN.")
    return form


def _read(store: Store | None) -> tuple[list[Typed], list[Wish]]:
    """The rows as they were typed, and what they wish for."""
    columns = [asked.many(name, MOST_ROWS) for name in ("sku", "pieces", "price")]
    rows: list[Typed] = []
    wishes: list[Wish] = []
    for sku, pieces, price in zip(*columns, strict=False):
        typed = Typed(sku.strip(), pieces.strip(), price.strip())
        if typed == Typed():
            continue
        wish = _wish(typed, store.currency if store else "CNY")
        if isinstance(wish, Wish):
            wishes.append(wish)
            rows.append(typed)
        else:
            rows.append(wish)
    return rows or [Typed(problem=_("Enter the SKU of at least one product."))], wishes


def _wish(typed: Typed, currency: str) -> Wish | Typed:
    product = order_hand.find_product(typed.sku) if typed.sku else None
    if product is None:
        return Typed(
            typed.sku,
            typed.pieces,
            typed.price,
            problem=_("You have no product with this SKU.") if typed.sku else _("Enter the SKU."),
            like=_like(typed.sku),
        )
    number = int(typed.pieces or "1") if (typed.pieces or "1").isascii() and (typed.pieces or "1").isdigit() else 0
    if not 0 < number <= order_hand.MOST_PIECES:
        return Typed(typed.sku, typed.pieces, typed.price, problem=_("Enter a whole number of pieces."))
    try:
        price = money(typed.price, currency).minor if typed.price else None
    except ValueError:
        price = -1
    if price is not None and not 0 <= price < 10**12:
        return Typed(typed.sku, typed.pieces, typed.price, problem=_("Enter a price such as 19.90, without a sign."))
    return Wish(product, number, price)


def _like(sku: str) -> tuple[str, ...]:
    """SKUs that begin alike."""
    query = sa.select(Product.sku).where(Product.merchant_id == whose(), begins(Product.sku_near, near(sku)))
    return tuple(db.session.scalars(query.order_by(Product.sku).limit(MOST_LIKE))) if near(sku) else ()


def _page(form: EntryForm, rows: list[Typed], *, refused: bool = False) -> Response:
    more = [Typed() for _row in range(max(0, ROWS - len(rows)))]
    values: dict[str, Any] = {"form": form, "rows": [*rows, *more]}
    return show("orders/new.html", status=422 if refused or request.method == "POST" else None, **values)
