"""The sentences of every cause: what is true, why, what to do, whose turn it is.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.contract.errors import Cause
from portal.web import (
    export_words,
    order_causes,
    parcel_words,
    plugin_words,
    push_words,
    routing_words,
    run_words,
    shipment_words,
    stock_words,
    support_words,
)
from portal.web.cause_about import About, Turn, Words


def wrong_credentials(a: About) -> Words:
    return Words(
        title=_("%(remote)s did not accept this API Key and Secret.", remote=a.remote),
        why=_("They belong together: if the app was published again, the secret is new."),
        todo=_("Copy both again from the developer console of %(remote)s.", remote=a.remote),
        actions=("replace", "test"),
    )


def token_expired(a: About) -> Words:
    title = (
        _("%(remote)s access ended on %(moment)s.", remote=a.remote, moment=a.ended)
        if a.ended
        else _("%(remote)s does not accept the access token any more.", remote=a.remote)
    )
    return Words(
        title=title,
        why=_("Nothing new comes in until you reconnect. What was imported stays, and nothing is lost."),
        todo=_enter_token(a),
        actions=("reconnect",),
    )


def token_missing(a: About) -> Words:
    return Words(
        title=_("There is no access token for %(remote)s yet.", remote=a.remote),
        why=_("Every call to %(remote)s must carry one.", remote=a.remote),
        todo=_enter_token(a),
        actions=("reconnect",),
    )


def _enter_token(a: About) -> str:
    if a.typed:
        return _("Get a new Access Token from %(remote)s and enter it here.", remote=a.remote)
    return _("Sign in at %(remote)s again.", remote=a.remote)


def grant_refused(a: About) -> Words:
    return Words(
        title=_("%(remote)s has not given access.", remote=a.remote),
        why=_("The sign-in at %(remote)s was declined or not finished. Your keys stay saved.", remote=a.remote),
        todo=_("Sign in again and allow the access there."),
        actions=("sign_in",),
    )


def wrong_callback(a: About) -> Words:
    return Words(
        title=_("%(remote)s sent you back to another address.", remote=a.remote),
        why=_("In App Setting the callback URL must be exactly this one: %(url)s", url=a.callback)
        if a.callback
        else _("The callback URL in App Setting is not the one of this portal."),
        todo=_("Copy the address into the app's setting at %(remote)s, then sign in again.", remote=a.remote),
        actions=("sign_in",),
    )


def seller_level(a: About) -> Words:
    why = (
        _("Shop %(shop)s lacks the seller level that the API is for. Your keys stay saved.", shop=a.shop)
        if a.shop
        else _("The shop lacks the seller level that the API is for. Your keys stay saved.")
    )
    return Words(
        title=_("%(remote)s has not given access.", remote=a.remote),
        why=why,
        todo=a.level or _("Ask %(remote)s how the shop gets that level, then sign in again.", remote=a.remote),
        actions=("level", "sign_in"),
    )


def not_a_seller(a: About) -> Words:
    return Words(
        title=_("%(remote)s knows no shop for this account.", remote=a.remote),
        why=_("The access was given by an account that is not the seller of a shop there."),
        todo=_("Use the account of the shop's own seller.")
        if not a.typed
        else _("Ask for an Access Token that the shop's own seller gave."),
        actions=("reconnect",),
    )


def no_permission(a: About) -> Words:
    return Words(
        title=_("%(remote)s does not let this app read products.", remote=a.remote),
        why=_("The app lacks the permission for it."),
        todo=_("Tick the permission in the developer console of %(remote)s, then reconnect.", remote=a.remote),
        actions=("reconnect", "test"),
    )


def app_offline(a: About) -> Words:
    return Words(
        title=_("The app is not published at %(remote)s.", remote=a.remote),
        why=_("An app that is not published has no access."),
        todo=_("Publish the app in the developer console of %(remote)s, then test again.", remote=a.remote),
        actions=("test",),
    )


def app_expired(a: About) -> Words:
    return Words(
        title=_("The app has expired at %(remote)s.", remote=a.remote),
        why=_("%(remote)s answers no calls of an app that has expired.", remote=a.remote),
        todo=_("Renew the app in the developer console of %(remote)s, then test again.", remote=a.remote),
        actions=("test",),
    )


def address_not_allowed(a: About) -> Words:
    return Words(
        title=_("%(remote)s takes no calls from the address of this server.", remote=a.remote),
        why=_("The app there keeps a list of addresses that may call it."),
        todo=_("Add the address of this server to that list. Your operator knows it."),
        actions=("test",),
    )


def shop_closed(a: About) -> Words:
    return Words(
        title=_("%(remote)s says that the shop is closed.", remote=a.remote),
        why=_("A closed shop gives out nothing. What was imported stays."),
        todo=_("Open the shop at %(remote)s again, then check again.", remote=a.remote),
        actions=("check",),
    )


def wrong_shop(a: About) -> Words:
    return Words(
        title=_("The keys belong to another shop than %(shop)s.", shop=a.shop)
        if a.shop
        else _("The keys belong to another shop."),
        why=_("%(remote)s accepted them, but the products they open are of another shop.", remote=a.remote),
        todo=_("Compare the Shop ID with the one in the seller centre. Correct it, or use the keys of that shop."),
        actions=("edit",),
    )


def quota_used(a: About) -> Words:
    return Words(
        title=_("Today's calls to %(remote)s are used up.", remote=a.remote),
        why=_("%(remote)s counts how often an app may call in a day. What came in so far is kept.", remote=a.remote),
        todo=_("Nothing to do. We look again every hour and go on where we stopped."),
        turn=Turn.THEIRS,
    )


def rate_limited(a: About) -> Words:
    return Words(
        title=_("Slowed down because %(remote)s asked us to.", remote=a.remote),
        why=_("This is normal with a large catalogue."),
        todo=_("Nothing to do. We go on at the pace that it allows."),
        turn=Turn.THEIRS,
    )


def busy(a: About) -> Words:
    return _no_answer(a, _("%(remote)s is busy.", remote=a.remote))


def unreachable(a: About) -> Words:
    return _no_answer(a, _("No answer from %(host)s.", host=a.host or a.remote))


def timeout(a: About) -> Words:
    return _no_answer(a, _("%(host)s did not answer in time.", host=a.host or a.remote))


def _no_answer(a: About, title: str) -> Words:
    if a.gave_up:
        return first_check_late(a)
    if a.of_run:
        return Words(
            title=title,
            why=_("What came in before is kept, and nothing is lost."),
            todo=_("Nothing to do. The next sync asks again."),
            turn=Turn.THEIRS,
        )
    return Words(
        title=title,
        why=_("Your keys are saved, and nothing is lost."),
        todo=_("Try again in a minute."),
        turn=Turn.YOURS_LATER,
        actions=("test",),
    )


def first_check_late(a: About) -> Words:
    return Words(
        title=_("The first check stopped at “%(step)s”.", step=a.step) if a.step else _("The first check has stopped."),
        why=_(
            "%(remote)s did not answer within 5 minutes. Nothing was imported, and nothing is lost.", remote=a.remote
        ),
        todo=_("Check again. If it stops again, send the details below to support."),
        actions=("check",),
    )


def clock(a: About) -> Words:
    return Words(
        title=_("%(remote)s does not accept the clock of this server.", remote=a.remote),
        why=_(
            "Every call carries the time, and the two clocks differ by more than %(remote)s allows.", remote=a.remote
        ),
        todo=_("Ask your operator to set the clock of the server, then check again."),
        actions=("check",),
    )


def wrong_endpoint(a: About) -> Words:
    return Words(
        title=_("%(host)s does not answer as the gateway of %(remote)s.", host=a.host or a.remote, remote=a.remote),
        why=_("The server is there, but this address is none of its gateway."),
        todo=_("Choose the API Endpoint from the list, then test again."),
        actions=("edit", "test"),
    )


def host_not_allowed(a: About) -> Words:
    return Words(
        title=_("%(host)s may not be called from here.", host=a.host or a.remote),
        why=_("Only the gateways of %(remote)s and those that your operator allows are called.", remote=a.remote),
        todo=_("Choose the API Endpoint from the list, or ask your operator to allow this one."),
        actions=("edit",),
    )


def not_readable(a: About) -> Words:
    return Words(
        title=_("%(remote)s sent an answer that cannot be read.", remote=a.remote),
        why=_("Often that is a page of a proxy or of their maintenance. What was imported stays."),
        todo=_("Try again in a few minutes. If it stays so, send the details below to support."),
        turn=Turn.YOURS_LATER,
        actions=("check",),
    )


def wrong_encoding(a: About) -> Words:
    return Words(
        title=_("%(remote)s sent text that is not UTF-8.", remote=a.remote),
        why=_("Names would come in as unreadable signs, so nothing of that answer was taken."),
        todo=_("Try again in a few minutes. If it stays so, send the details below to support."),
        turn=Turn.YOURS_LATER,
        actions=("check",),
    )


def too_large(a: About) -> Words:
    return Words(
        title=_("%(remote)s sent more at once than we take.", remote=a.remote),
        why=_("The answer was dropped before it could fill the server. What was imported stays."),
        todo=_("Send the details below to support."),
        turn=Turn.YOURS_LATER,
        actions=("check",),
    )


def refused(a: About) -> Words:
    return Words(
        title=_("%(remote)s refused the call.", remote=a.remote),
        why=_("It understood what we asked and said no. Its own words are in the details below."),
        todo=_("Check again. If it says no again, send the details below to support."),
        turn=Turn.YOURS_LATER,
        actions=("check",),
    )


WORDS: dict[str, Callable[[About], Words]] = {
    Cause.WRONG_CREDENTIALS: wrong_credentials,
    Cause.TOKEN_EXPIRED: token_expired,
    Cause.TOKEN_MISSING: token_missing,
    Cause.GRANT_REFUSED: grant_refused,
    Cause.WRONG_CALLBACK: wrong_callback,
    Cause.SELLER_LEVEL: seller_level,
    Cause.NOT_A_SELLER: not_a_seller,
    Cause.NO_PERMISSION: no_permission,
    Cause.APP_OFFLINE: app_offline,
    Cause.APP_EXPIRED: app_expired,
    Cause.ADDRESS_NOT_ALLOWED: address_not_allowed,
    Cause.SHOP_CLOSED: shop_closed,
    Cause.WRONG_SHOP: wrong_shop,
    Cause.QUOTA_USED: quota_used,
    Cause.RATE_LIMITED: rate_limited,
    Cause.BUSY: busy,
    Cause.UNREACHABLE: unreachable,
    Cause.TIMEOUT: timeout,
    Cause.CLOCK: clock,
    Cause.WRONG_ENDPOINT: wrong_endpoint,
    Cause.HOST_NOT_ALLOWED: host_not_allowed,
    Cause.NOT_READABLE: not_readable,
    Cause.WRONG_ENCODING: wrong_encoding,
    Cause.TOO_LARGE: too_large,
    Cause.REFUSED: refused,
    "first_check_late": first_check_late,
    **run_words.WORDS,
    **plugin_words.WORDS,
    **parcel_words.WORDS,
    **shipment_words.WORDS,
    **push_words.WORDS,
    **export_words.WORDS,
    **order_causes.WORDS,
    **routing_words.WORDS,
    **stock_words.WORDS,
    **support_words.WORDS,
}
