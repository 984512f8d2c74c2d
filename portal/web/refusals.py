"""What a flow refuses, as a sentence that says what to do."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _

from portal.kit.errors import Refusal

# Read when a refusal is said, so that each sentence is in the language of the page.
SENTENCES: dict[str, Callable[..., str]] = {
    "wrong_sign_in": lambda: _("This e-mail address and password do not belong together. Check both and try again."),
    "email_taken": lambda: _("Somebody signs in with this e-mail address already. Use another one."),
    "password_length": lambda shortest, longest: _(
        "Use between %(shortest)d and %(longest)d characters.", shortest=shortest, longest=longest
    ),
    "name_length": lambda longest: _("Enter a name of 1 to %(longest)d characters.", longest=longest),
    "unknown_zone": lambda zone: _("%(zone)s is not a time zone. Choose one from the list.", zone=zone),
    "unknown_currency": lambda currency: _(
        "%(currency)s is not a currency. Choose one from the list.", currency=currency
    ),
    "currency_is_fixed": lambda currency: _(
        "The currency stays %(currency)s, because this store has sales channels or plugins already.", currency=currency
    ),
    "store_name_taken": lambda: _("You have a store with this name already. Choose another name."),
    "connection_name_taken": lambda: _("This store has a sales channel or plugin with this name. Choose another name."),
    "unknown_integration": lambda: _("There is no such sales channel or plugin. Choose one from the list."),
    "endpoint_form": lambda: _("Enter the whole address, beginning with https:// and without a user name or port."),
    "endpoint_host": lambda host, known: _(
        "%(host)s is not a gateway that may be called here. Choose %(known)s, or ask your operator to allow it.",
        host=host,
        known=" / ".join(known),
    ),
    "endpoint_path": lambda host: _(
        "%(host)s answers this channel under another path. Choose the address from the list.", host=host
    ),
    "logo_size": lambda most: _("The picture is larger than %(most)d kB. Choose a smaller one.", most=most),
    "logo_time": lambda most: _(
        "This picture could not be read in time. Save it as a plain PNG or JPEG and try again."
    ),
    "logo_bytes": lambda most: _("This file is not a picture that can be used. Choose a PNG, JPEG or WebP file."),
    "not_ready": lambda step: _("One step is not finished yet. Finish it, then turn this on."),
    "turn_off_first": lambda: _("Turn it off first; then it can be disconnected."),
    "connection_is_off": lambda name: _("%(name)s is off. Turn it on, then sync.", name=name),
    "store_is_off": lambda: _("The store of this channel is off. Turn the store on, then sync."),
    "another_run_is_open": lambda: _("Another sync of this channel is running. Wait until it has ended."),
    "run_not_ended_badly": lambda: _("This sync did not fail, so there is nothing to try again."),
    "not_linked": lambda: _("This listing is not linked any more."),
    "is_linked": lambda: _("This listing is linked already. Unlink it first."),
    "not_left_out": lambda: _("This listing is not left out any more."),
    "nothing_asked": lambda: _("There is no open question about this listing any more."),
    "listing_gone": lambda: _("The channel no longer has this listing, so nothing about it can be decided."),
    "no_sku": lambda: _("This listing has no SKU. Give it one at the channel, then sync."),
    "sku_taken": lambda sku: _("A product with the SKU %(sku)s exists. Link the listing to it instead.", sku=sku),
    "verb_does_not_fit": lambda verb, state: _("That cannot be done with the listings you chose. Choose again."),
    "batch_not_done": lambda: _("This change still runs or was undone already."),
    "batch_stays": lambda: _("This change cannot be undone as a whole. Change the listings one by one."),
    "nothing_to_grant": lambda: _("There is nothing to confirm. Start the sign-in again."),
    "unknown_state": lambda: _("This sign-in does not belong to your session. Start it again from the sales channel."),
    "other_session": lambda connection: _("This sign-in was started in another browser. Start it again here."),
    "state_used": lambda connection: _("This sign-in was used already. Start it again."),
    "state_too_old": lambda connection: _("The sign-in took longer than 10 minutes. Start it again."),
}


def sentence(refusal: Refusal) -> str:
    """The refusal in the language of the page."""
    values: dict[str, Any] = dict(refusal.values)
    return SENTENCES[refusal.reason](**values)
