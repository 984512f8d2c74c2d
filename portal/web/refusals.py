"""What a flow refuses, as a sentence that says what to do."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.kit.errors import Refusal
from portal.web import account_words, member_words, shipment_words, support_words

# Read when a refusal is said, so that each sentence is in the language of the page.
SENTENCES: dict[str, Callable[..., str]] = {
    "wrong_sign_in": lambda: _("This e-mail address and password do not belong together. Check both and try again."),
    "email_taken": lambda: _("Somebody signs in with this e-mail address already. Use another one."),
    "not_of_staff": lambda email: _("%(email)s does not belong to the support staff.", email=email),
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
    "stock_counted_twice": lambda other: (
        _("%(other)s already counts the stock of this owner in this warehouse. Turn it off first.", other=other)
        if other
        else _("Another plugin already counts the stock of this owner in this warehouse. Turn it off first.")
    ),
    "plugin_is_default": lambda store: _(
        "Orders of %(store)s go to this plugin, its default. Make another one the default first.", store=store
    ),
    "stock_follows_plugin": lambda plugin: _(
        "The number on hand follows the warehouse of %(plugin)s, so it cannot be changed here. Correct it in the "
        "warehouse, or turn off Auto sync stock of that plugin.",
        plugin=plugin,
    ),
    "bundle_has_no_stock": lambda: _(
        "This product is a bundle: what there is of it follows from its parts. Change the stock of the parts."
    ),
    "stock_reason_missing": lambda: _("Say why the number changes, so that it can be understood later."),
    "stock_reason_long": lambda most: _("The reason is longer than %(most)d characters. Shorten it.", most=most),
    "stock_number": lambda most: _("Enter a whole number from 0 to %(most)s.", most=most),
    "stock_not_so_many": lambda there: ngettext(
        "Only %(number)d piece is on hand. Enter a smaller number.",
        "Only %(number)d pieces are on hand. Enter a smaller number.",
        there,
        number=there,
    ),
    "part_quantity": lambda most: _("Enter a whole number from 1 to %(most)s.", most=most),
    "part_unknown": lambda: _("No product has this SKU. Enter it exactly as the product has it."),
    "bundle_of_itself": lambda: _("A bundle cannot hold itself. Enter the SKU of another product."),
    "bundle_in_a_bundle": lambda sku: _(
        "%(sku)s is a bundle itself, and no bundle holds another. Add its parts instead.", sku=sku
    ),
    "part_is_no_bundle": lambda sku: _(
        "%(sku)s is a part of another bundle, so it cannot have parts of its own.", sku=sku
    ),
    "too_many_parts": lambda most: _("A bundle has up to %(most)d parts.", most=most),
    "bundle_is_on_hand": lambda number: ngettext(
        "%(number)d piece of this product is on hand, and a bundle has none of its own. Count it to 0 first.",
        "%(number)d pieces of this product are on hand, and a bundle has none of its own. Count it to 0 first.",
        number,
        number=number,
    ),
    "orders_come_in": lambda: _("Orders are coming in just now. Wait a moment and save again."),
    "stock_columns": lambda: _(
        "The file needs a column with the SKU and one with the number on hand. Name them SKU and Quantity."
    ),
    "stock_file_rows": lambda number: ngettext(
        "%(number)d row cannot be used, so nothing was changed. Correct it in the file, or leave it out.",
        "%(number)d rows cannot be used, so nothing was changed. Correct them in the file, or leave them out.",
        number,
        number=number,
    ),
    "unreadable_table": lambda said: said,
    "named_by_rules": lambda rules: ngettext(
        "The rule %(names)s names it. Change or remove the rule first.",
        "The rules %(names)s name it. Change or remove them first.",
        len(rules),
        names=", ".join(f"“{each}”" for each in rules),
    ),
    "reason_length": lambda longest: _("Enter a reason of 1 to %(longest)d characters.", longest=longest),
    "conditions_number": lambda most: _("Give the rule at least one condition and at most %(most)d.", most=most),
    "rule_needs_plugin": lambda: _("Choose a plugin of this store."),
    "rule_needs_text": lambda longest: _("Enter the reason or the tag, up to %(longest)d characters.", longest=longest),
    "too_many_rules": lambda most: _("A store has at most %(most)d rules. Remove one first.", most=most),
    "condition_unknown": lambda: _("Choose one from the list."),
    "condition_unknown_channel": lambda: _("Choose a sales channel of this store."),
    "operator_does_not_fit": lambda: _("Choose how to compare."),
    "condition_empty": lambda: _("Enter a value."),
    "condition_one_value": lambda: _("Give one value only, or choose “is one of”."),
    "condition_too_many": lambda most: _("Give at most %(most)d values.", most=most),
    "condition_too_long": lambda most: _("A value has at most %(most)d characters.", most=most),
    "condition_number": lambda: _("Enter a whole number."),
    "condition_amount": lambda: _("Enter an amount, such as 500 or 500 IDR."),
    "condition_country": lambda: _("Enter the two letters of a country, such as ID or CN."),
    "condition_currency": lambda: _("Enter the three letters of a currency, such as IDR or CNY."),
    "unknown_meaning": lambda: _("There is no such meaning. Choose one from the list."),
    "no_orders_come_in": lambda: _("No sales channel is on that brings orders. Turn one on first."),
    "nothing_to_sync": lambda: _("Nothing is set to come in. Turn on what is to be read first."),
    "link_is_over": lambda: _("This link was used, taken back, or is over. Ask whoever sent it for a new one."),
    "nothing_in_paste": lambda remote: _(
        "There is no code in this text. Copy everything that %(remote)s shows, or the whole address of its page.",
        remote=remote,
    ),
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
    "no_file": lambda: _("Choose a file."),
    "file_is_empty": lambda: _("There is nothing in this file. Save it again from your spreadsheet and choose it."),
    "file_too_large": lambda most: _(
        "The file is larger than %(most)d MB. Cut it into several files and upload them one after the other.", most=most
    ),
    "too_many_files": lambda most: _(
        "%(most)d files wait for you already. Import or discard some of them first.", most=most
    ),
    "file_moved_on": lambda: _("Meanwhile this file has moved on. This is how it stands now."),
    "no_sku_column": lambda: _("Choose the column that holds the SKU. Without it no row can be told from another."),
    "column_twice": lambda name: _("The column %(name)s is chosen twice. Choose another one here.", name=name),
    "bad_rows": lambda number: ngettext(
        "%(number)d row cannot be imported, so nothing was. Correct it in the file and upload it again.",
        "%(number)d rows cannot be imported, so nothing was. Correct them in the file and upload it again.",
        number,
        number=number,
    ),
    "no_good_row": lambda: _("None of the rows can be imported. Correct them in the file and upload it again."),
    "nothing_created": lambda: _("This file created no product, so there is nothing to take away."),
    "nothing_to_grant": lambda: _("There is nothing to confirm. Start the sign-in again."),
    "unknown_state": lambda: _("This sign-in does not belong to your session. Start it again from the sales channel."),
    "other_session": lambda connection: _("This sign-in was started in another browser. Start it again here."),
    "state_used": lambda connection: _("This sign-in was used already. Start it again."),
    "push_is_gone": lambda: _("What this push said is not kept any more, so it cannot be applied again."),
    "does_not_push": lambda remote: _("%(remote)s sends no pushes. Changes are seen by syncing.", remote=remote),
    "push_key_is_not_yours": lambda remote: _(
        "%(remote)s signs with a key that your operator keeps. Ask your operator to change it.", remote=remote
    ),
    "takes_no_stock": lambda remote: _("%(remote)s takes no numbers of stock.", remote=remote),
    "nothing_is_sent": lambda name: _("Nothing is sent to %(name)s now. Look at what blocks it first.", name=name),
    "rehearsal_not_ready": lambda: _("There is nothing to send. Look at what would change first."),
    "rehearsal_too_old": lambda: _("This comparison is more than a day old. Compare again, then send."),
    "brake_count_range": lambda most: _("Enter a whole number from 1 to %(most)d.", most=most),
    "brake_share_range": lambda: _("Enter a whole number from 1 to 100."),
    "zeroing_not_confirmed": lambda zeroed: ngettext(
        "%(number)d listing that can be bought now would show 0. Enter %(number)d to confirm that.",
        "%(number)d listings that can be bought now would show 0. Enter %(number)d to confirm that.",
        zeroed,
        number=zeroed,
    ),
    "channel_has_orders": lambda name: _(
        "%(name)s has brought orders, and they stay in your books, so it cannot be disconnected. It may stay off.",
        name=name,
    ),
    "plugin_has_shipments": lambda name: _(
        "%(name)s has shipped orders, and they stay in your books, so it cannot be disconnected. It may stay off.",
        name=name,
    ),
    "order_of_nothing": lambda: _("Enter the SKU of at least one product."),
    "order_pieces": lambda most: _("Enter a whole number of pieces, up to %(most)d.", most=most),
    "unreadable_text": lambda: _("One of these texts holds signs that cannot be kept. Type it again."),
    "reason_missing": lambda most: _("Say in up to %(most)d characters why.", most=most),
    "text_too_long": lambda most: _("Use up to %(most)d characters.", most=most),
    "order_is_ours": lambda: _("This order was entered here, so there is no channel to ask."),
    "order_of_a_channel": lambda: _("The channel says how far this order is. Change it there."),
    "order_is_over": lambda: _("This order has been shipped or cancelled already."),
    "order_has_not_left": lambda: _("Nothing of this order has left, so nothing can come back."),
    "line_has_no_product": lambda: _("This line is linked to no product. Link its listing first."),
    "pieces_back": lambda most: ngettext(
        "Up to %(number)d piece of this line can come back.",
        "Up to %(number)d pieces of this line can come back.",
        most,
        number=most,
    ),
    "buyer_is_removed": lambda: _("Name and address of this order were removed, since it has long been over."),
    "buyer_is_sealed": lambda: _(
        "The key that sealed this address is not in use any more. Ask your operator for the older key."
    ),
    **account_words.REFUSALS,
    **member_words.REFUSALS,
    **shipment_words.REFUSALS,
    **support_words.REFUSALS,
    "state_too_old": lambda connection: _("The sign-in took longer than 10 minutes. Start it again."),
}


def sentence(refusal: Refusal) -> str:
    """The refusal in the language of the page."""
    values: dict[str, Any] = dict(refusal.values)
    return SENTENCES[refusal.reason](**values)
