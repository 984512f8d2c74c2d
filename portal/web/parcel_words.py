"""The sentences of orders that a warehouse does not take: what is missing, what does not fit, what it knows otherwise.

Each function is read when a page is drawn, so that it speaks the language of the page.  Which field, SKU or number it
is about stands in the remote's own words and in the details, which every page shows below these sentences.
"""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.contract.errors import Cause
from portal.web.cause_about import About, Turn, Words


def insufficient_stock(a: About) -> Words:
    return Words(
        title=_("%(remote)s has too few pieces for this order.", remote=a.remote),
        why=_("Nothing was reserved there, so nothing is half sent. The details below name each SKU."),
        todo=_("Send the order again once stock has come in, or send it from another place."),
    )


def unknown_goods(a: About) -> Words:
    return Words(
        title=_("%(remote)s does not know a SKU of this order.", remote=a.remote),
        why=_("A warehouse sends only what it knows under the same code. The details below name it."),
        todo=_("Link the product to the right SKU of %(remote)s, then send the order again.", remote=a.remote),
    )


def address_unclear(a: About) -> Words:
    return Words(
        title=_("The address lacks something that %(remote)s needs.", remote=a.remote),
        why=_("The details below name it. Nothing was sent, because a parcel would not arrive."),
        todo=_("Complete the address of the order, then send it again."),
    )


def does_not_fit(a: About) -> Words:
    return Words(
        title=_("A value of this order is longer than %(remote)s takes.", remote=a.remote),
        why=_("The details below name the value and the limit. Nothing was cut off and nothing was sent."),
        todo=_("Shorten the value in the order, then send it again."),
    )


def reference_taken(a: About) -> Words:
    return Words(
        title=_("%(remote)s already has this order, with other content.", remote=a.remote),
        why=_("It was changed here after it had been sent. What stands there was left as it is."),
        todo=_(
            "Compare the order at %(remote)s with this one. Cancel it there before you send it anew.", remote=a.remote
        ),
    )


def not_there(a: About) -> Words:
    return Words(
        title=_("%(remote)s has no order of this number.", remote=a.remote),
        why=_("It was asked for by the number that we gave it, and none was found."),
        todo=_("Send the order again, or look at %(remote)s whether it was deleted there.", remote=a.remote),
        turn=Turn.YOURS_LATER,
    )


WORDS: dict[str, Callable[[About], Words]] = {
    Cause.INSUFFICIENT_STOCK: insufficient_stock,
    Cause.UNKNOWN_GOODS: unknown_goods,
    Cause.ADDRESS_UNCLEAR: address_unclear,
    Cause.DOES_NOT_FIT: does_not_fit,
    Cause.REFERENCE_TAKEN: reference_taken,
    Cause.NOT_THERE: not_there,
}
