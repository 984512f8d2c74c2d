"""One decision of a person about one listing: what its state allows, and the doing."""

from portal.flows import doubles, linking, suggestions
from portal.flows.audit import By
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import LinkState, Listing, Product

# What may be decided in each state, the likeliest first.  Unlinking, which ends a link, is asked for elsewhere.
VERBS: dict[LinkState, tuple[str, ...]] = {
    LinkState.LINKED: ("link",),
    LinkState.MATCHED: ("link", "leave_out"),
    LinkState.NEW: ("create", "link", "leave_out"),
    LinkState.EMPTY: ("link", "leave_out"),
    LinkState.DUPLICATE: ("only", "every", "link", "leave_out"),
    LinkState.AMBIGUOUS: ("link", "create", "leave_out"),
    LinkState.NEAR: ("link", "create", "leave_out"),
    LinkState.WAITING: (),
    LinkState.SKU_CHANGED: ("keep", "link"),
    LinkState.REISSUED: ("link", "leave_out"),
    LinkState.LEFT_OUT: ("take_back", "link"),
}
KNOWN = {verb for verbs in VERBS.values() for verb in verbs}
MAKES_PRODUCTS = {"create", "only", "every"}


def decide(verb: str, listing: Listing, by: By, product: Product | None = None) -> Product | None:
    """Carry out a decision and give the product that the listing is linked to by it.

    `product` is the one to link to.  Raises Refusal where the listing's state, as it is now, does not allow the verb.
    """
    if verb in MAKES_PRODUCTS:
        linking.change_products()  # Before the row is locked: whoever judges listings takes the two in this order.
    db.session.refresh(listing, with_for_update=True)
    if verb not in VERBS[listing.link_state] or (verb == "link") != (product is not None):
        raise Refusal("verb_does_not_fit", verb=verb, state=listing.link_state.value)
    if listing.missing_since is not None:
        raise Refusal("listing_gone")
    match verb:
        case "create":
            return linking.create_product(listing, by)
        case "only":
            return doubles.pick(listing, by)
        case "every":
            return doubles.link_every(listing, by)
        case "keep":
            linking.keep_link(listing, by)
        case "leave_out":
            linking.leave_out(listing, by)
        case "take_back":
            linking.take_back(listing, by)
        case _ if product is not None:
            linking.link(listing, product, by, suggested=_is_suggested(listing, product))
    return product


def _is_suggested(listing: Listing, product: Product) -> bool:
    suggested = suggestions.of([listing]).get(listing.id, [])
    return any(each.id == product.id for each in suggested)
