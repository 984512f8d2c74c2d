"""What a product costs, in each currency that the merchant sells in, and how far that has come at each channel."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import StringField, ValidationError

from portal.contract.definition import Kind
from portal.flows import prices
from portal.kit.db import db, whose
from portal.kit.money import Money
from portal.models import Connection, Listing, Price, PricePush, Product, Store
from portal.web import amounts
from portal.web.doors import Needs, by, find, needs
from portal.web.forms import PortalForm
from portal.web.plain import amount, as_json, wants_json
from portal.web.show import go, show

bp = Blueprint("prices", __name__)

LARGEST = 10**15


@dataclass(frozen=True, slots=True)
class There:
    """One listing at a channel: what it costs there, what it was told, and in words how far that is."""

    listing: Listing
    channel: Connection
    shows: Money | None
    kind: str
    word: str


class PriceField(StringField):
    """An amount in the currency that the field is named after; empty is None."""

    def __init__(self, label: str | None = None, *, currency: str, **more: Any) -> None:
        super().__init__(label, **more)
        self.currency = currency
        self.price: Money | None = None

    def pre_validate(self, form: Any) -> None:
        """Read what was typed.  Raises ValidationError with a sentence."""
        if not self.data:
            return
        self.price = amounts.read(self.data, self.currency)
        if self.price is None or self.price.currency != self.currency:
            raise ValidationError(
                _("Enter an amount in %(currency)s such as 1299, or leave it empty.", currency=self.currency)
            )
        if not 0 < self.price.minor <= LARGEST:
            raise ValidationError(_("A price is more than nothing."))


def _form(product: Product) -> PortalForm:
    """One field for each currency of the stores and of the product's listings, in the order of their codes."""
    kept = kept_of(product)
    fields = {
        f"price_{currency}": PriceField(
            _("Price in %(currency)s", currency=currency),
            currency=currency,
            default=amounts.plain(kept[currency]) if currency in kept else "",
        )
        for currency in sorted(_currencies(product) | kept.keys())
    }
    made: PortalForm = type("PricesForm", (PortalForm,), fields)()
    return made


@bp.get("/products/<public_id>/prices")
@needs(Needs.VIEW)
def index(public_id: str) -> Response:
    """The prices of a product, and what its listings at channels cost."""
    product = find(Product, public_id)
    if wants_json():
        return as_json({"items": [amount(each.minor, each.currency) for each in kept_of(product).values()]})
    return _page(product, _form(product))


@bp.post("/products/<public_id>/prices")
@needs(Needs.MANAGE)
def save(public_id: str) -> Response:
    """Keep what was typed; an empty field says nothing of that currency any more."""
    product = find(Product, public_id)
    form = _form(product)
    if not form.validate_on_submit():
        return _page(product, form)
    wanted = [(each.currency, each.price) for each in form if isinstance(each, PriceField)]
    prices.put_all(product, wanted, by())
    return go("prices.index", public_id=product.id, say=_("The prices were saved."))


def _page(product: Product, form: PortalForm) -> Response:
    return show("catalogue/prices.html", product=product, form=form, there=there(product))


def kept_of(product: Product) -> dict[str, Money]:
    """What the merchant set for a product, by currency."""
    query = sa.select(Price).where(Price.merchant_id == whose(), Price.product_id == product.id)
    return {
        each.currency: Money(each.minor, each.currency) for each in db.session.scalars(query.order_by(Price.currency))
    }


def _currencies(product: Product) -> set[str]:
    listed = sa.select(Listing.currency).where(
        Listing.merchant_id == whose(), Listing.product_id == product.id, Listing.currency != ""
    )
    return set(db.session.scalars(sa.select(Store.currency).where(Store.merchant_id == whose()).union(listed)))


def there(product: Product) -> list[There]:
    """The listings of a product at sales channels, with what each was told of its price."""
    query = (
        sa.select(Listing, Connection, PricePush, Price.minor.label("ours"))
        .join(
            Connection, sa.and_(Connection.merchant_id == Listing.merchant_id, Connection.id == Listing.connection_id)
        )
        .outerjoin(PricePush, sa.and_(PricePush.merchant_id == Listing.merchant_id, PricePush.listing_id == Listing.id))
        .outerjoin(
            Price,
            sa.and_(
                Price.merchant_id == Listing.merchant_id,
                Price.product_id == Listing.product_id,
                Price.currency == Listing.currency,
            ),
        )
        .where(
            Listing.merchant_id == whose(),
            Listing.product_id == product.id,
            Connection.kind == Kind.MARKETPLACE.value,
        )
        .order_by(sa.func.lower(Connection.name), Listing.id)
    )
    return [_there(row.Listing, row.Connection, row.PricePush, row.ours) for row in db.session.execute(query)]


def _there(listing: Listing, channel: Connection, push: PricePush | None, ours: int | None) -> There:
    shows = Money(listing.price_minor, listing.currency) if listing.price_minor is not None else None
    kind, word = _standing(listing, channel, push, ours)
    return There(listing, channel, shows, kind, word)


def _standing(listing: Listing, channel: Connection, push: PricePush | None, ours: int | None) -> tuple[str, str]:
    """How far a price is: a badge's kind and its word."""
    if ours is None:
        return "mute", _("No price set here")
    if push is not None and push.cause:
        return "bad", _("Not taken: %(detail)s", detail=push.detail or push.cause)
    if (push is not None and push.acked_minor == ours and push.acked == push.wanted) or listing.price_minor == ours:
        return "ok", _("Shows this price")
    if prices.sends(channel) is None:
        return "mute", _("Not sent: %(name)s does not send prices now", name=channel.name)
    return "info", _("Being sent")
