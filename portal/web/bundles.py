"""The parts of a product that is made of others."""

import uuid

import sqlalchemy as sa
from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import Optional

from portal.flows import bundles
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Product
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.forms import PortalForm
from portal.web.options_form import WholeField
from portal.web.plain import as_json, wants_json
from portal.web.show import go, show

bp = Blueprint("bundles", __name__)


class PartForm(PortalForm):
    """A part by its SKU, and how many of it one bundle holds."""

    sku = StringField(as_typed=True)
    quantity = WholeField(validators=[Optional()])


def _form() -> PartForm:
    form = PartForm()
    form.sku.label.text, form.quantity.label.text = _("SKU of the part"), _("Pieces in one bundle")
    form.quantity.flags.optional = False
    form.sku.kind = "code"
    return form


@bp.get("/products/<public_id>/parts")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """The parts of a product, and how many whole ones they make."""
    found = find(Product, public_id)
    if wants_json():
        rows = [
            {
                "product": each.product_id,
                "sku": each.sku,
                "quantity": each.quantity,
                "available": each.available,
                "makes": each.makes,
            }
            for each in bundles.parts(found.id)
        ]
        return as_json({"items": rows})
    return _index(found, _form())


def _index(found: Product, form: PartForm) -> Response:
    parts = bundles.parts(found.id)
    makes = min((each.makes for each in parts), default=0)
    return show("stock/parts.html", form=form, product=found, parts=parts, makes=makes)


@bp.post("/products/<public_id>/parts")
@needs(Needs.MANAGE, support=Support.ACTS)
def add(public_id: str) -> Response:
    """Add a part, or give one that is there another number."""
    found, form = find(Product, public_id), _form()
    try:
        part = _by_sku(form.sku.data or "")
        if part is None:
            raise Refusal("part_unknown", "sku")
        bundles.add_part(found, part, form.quantity.data or 0, by())
    except Refusal as why:
        db.session.rollback()
        return _index(found, form.blame(why))
    return go("bundles.index", public_id=found.id, say=_("%(sku)s is a part now.", sku=part.sku))


def _by_sku(sku: str) -> Product | None:
    """The product with exactly this SKU; else the one without the outer white space that was typed along."""
    query = sa.select(Product).where(Product.merchant_id == whose(), Product.sku.in_({sku, sku.strip()}))
    rows = {row.sku: row for row in db.session.scalars(query)}
    return rows.get(sku) or rows.get(sku.strip())


@bp.post("/products/<public_id>/parts/remove")
@needs(Needs.MANAGE, support=Support.ACTS)
def remove(public_id: str) -> Response:
    """Take a part out."""
    found = find(Product, public_id)
    try:
        part_id = uuid.UUID(request.form.get("part", ""))
        bundles.remove_part(found, part_id, by())
    except ValueError:
        return go("bundles.index", public_id=found.id)
    except Refusal as why:
        db.session.rollback()
        return _index(found, _form().blame(why))
    return go("bundles.index", public_id=found.id, say=_("The part was taken out."))
