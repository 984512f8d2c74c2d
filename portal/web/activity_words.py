"""What was done, in words: a sentence for each word that a flow notes."""

from collections.abc import Callable, Mapping

from flask_babel import gettext as _
from flask_babel import pgettext

from portal.models import AuditNote, SupportReason
from portal.web import staff_words

SIGN_INS = frozenset(
    {
        "signed_in",
        "signed_out",
        "confirmed",
        "sign_in_refused",
        "second_factor_refused",
        "password_given",
        "recovery_code_used",
        "session_ended",
        "sessions_ended",
    }
)
REFUSALS = frozenset({"refused", "sign_in_refused", "second_factor_refused"})
# Done by somebody who is nobody of ours where no person is named.
BY_LINK = frozenset({"granted_by_link", "access_asked"})
LOOKS = frozenset({"buyer_revealed"})


def sentence(note: AuditNote) -> str:
    """What was done, as a sentence without its subject."""
    said = SAID.get(note.what)
    return said(note.name) if said else _("%(what)s: %(name)s", what=note.what.replace("_", " "), name=note.name)


def who(note: AuditNote) -> str:
    """Who did it: a person, somebody with a link, or support staff as whom."""
    if note.what in BY_LINK and note.user_id is None:
        return _("Through a link made by %(name)s", name=note.who)
    if note.as_whom:
        return _("%(agent)s of the support staff, as %(whom)s", agent=note.who, whom=note.as_whom)
    return note.who


def reason(note: AuditNote) -> str:
    """Why support staff were there, with the ticket; "" for everybody else."""
    word, _space, ticket = note.reason.partition(" ")
    if word not in set(SupportReason):
        return note.reason
    said = staff_words.REASONS[SupportReason(word)]()
    return _("%(reason)s (ticket %(ticket)s)", reason=said, ticket=ticket) if ticket else said


def mark(note: AuditNote) -> str:
    """The icon beside it."""
    return MARKS.get(note.what, "users" if note.support_id else "pencil")


# Said when a page is drawn, so that each sentence is in the language of the page.
SAID: Mapping[str, Callable[[str], str]] = {
    "store_added": lambda name: _("Added the store %(name)s", name=name),
    "store_changed": lambda name: _("Changed the details of the store"),
    "store_turned_on": lambda name: _("Turned the store on"),
    "store_turned_off": lambda name: _("Turned the store off"),
    "connection_added": lambda name: _("Added %(name)s", name=name),
    "connection_removed": lambda name: _("Disconnected %(name)s", name=name),
    "settings_saved": lambda name: _("Saved the settings of %(name)s", name=name),
    "options_saved": lambda name: _("Saved the options of %(name)s", name=name),
    "audit_words_saved": lambda name: _("Saved what the quality words of %(name)s mean", name=name),
    "status_words_saved": lambda name: _("Saved what the status words of %(name)s mean", name=name),
    "rule_added": lambda name: _("Added the rule %(name)s", name=name),
    "rule_changed": lambda name: _("Changed the rule %(name)s", name=name),
    "rule_moved": lambda name: _("Moved the rule %(name)s", name=name),
    "rule_turned_on": lambda name: _("Turned the rule %(name)s on", name=name),
    "rule_turned_off": lambda name: _("Turned the rule %(name)s off", name=name),
    "rule_removed": lambda name: _("Removed the rule %(name)s", name=name),
    "orders_routed_by_hand": lambda name: _("Decided by hand where orders go: %(name)s", name=name),
    "orders_confirmed": lambda name: _("Confirmed orders: %(name)s", name=name),
    "order_made": lambda name: _("Entered order %(name)s by hand", name=name),
    "order_cancelled": lambda name: _("Cancelled order %(name)s", name=name),
    "order_shipped": lambda name: _("Marked order %(name)s as shipped", name=name),
    "buyer_revealed": lambda name: _("Looked at the buyer of order %(name)s", name=name),
    "merchant_exported": lambda name: _("Wrote all data of %(name)s into a file", name=name),
    "goods_received": lambda name: _("Took goods of order %(name)s back into the stock", name=name),
    "connect_link_made": lambda name: _("Made a connect link for %(name)s", name=name),
    "connect_link_revoked": lambda name: _("Took the connect link of %(name)s back", name=name),
    "granted_by_link": lambda name: _("Access was given for %(name)s", name=name),
    "made_default": lambda name: _("Made %(name)s the default plugin", name=name),
    "default_taken": lambda name: _("%(name)s is no longer the default plugin", name=name),
    "hook_opened": lambda name: _("Made an address for messages to %(name)s", name=name),
    "hook_rolled": lambda name: _("Gave %(name)s another address for messages", name=name),
    "hook_closed": lambda name: _("Closed the address for messages to %(name)s", name=name),
    "push_key_rolled": lambda name: _("Made a new key for messages to %(name)s", name=name),
    "granted": lambda name: _("Signed in at the channel for %(name)s", name=name),
    "tested": lambda name: _("Tested the connection %(name)s", name=name),
    "turned_on": lambda name: _("Turned %(name)s on", name=name),
    "turned_off": lambda name: _("Turned %(name)s off", name=name),
    "sync_asked": lambda name: _("Started a sync of %(name)s", name=name),
    "store_limits_saved": lambda name: _("Saved the stock limits of the store"),
    "address_completed": lambda name: _("Completed the address of order %(name)s", name=name),
    "carriers_saved": lambda name: _("Saved the carriers of %(name)s", name=name),
    "export_rehearsed": lambda name: _("Compared what an export to %(name)s would change", name=name),
    "export_first_lot": lambda name: _("Sent the first numbers to %(name)s", name=name),
    "export_let_out": lambda name: _("Let the export to %(name)s out", name=name),
    "export_turned_off": lambda name: _("Turned the export to %(name)s off", name=name),
    "export_braked": lambda name: _("The brake stopped the export to %(name)s", name=name),
    "brake_set": lambda name: _("Set the brake of %(name)s", name=name),
    "stock_read_back": lambda name: _("Read back what %(name)s shows", name=name),
    "stock_sent_again": lambda name: _("Sent the stock of %(name)s again", name=name),
    # Products, links and stock.
    "linked": lambda name: _("Linked the listing %(name)s to a product", name=name),
    "unlinked": lambda name: _("Took the link of the listing %(name)s away", name=name),
    "left_out": lambda name: _("Left the listing %(name)s out", name=name),
    "taken_back": lambda name: _("Took the listing %(name)s back in", name=name),
    "link_kept": lambda name: _("Kept the link of %(name)s though its SKU had changed", name=name),
    "product_created": lambda name: _("Made the product %(name)s", name=name),
    "batch_create": lambda name: _("Made products of many listings"),
    "batch_confirm": lambda name: _("Confirmed the suggested links of many listings"),
    "batch_leave_out": lambda name: _("Left many listings out"),
    "batch_take_back": lambda name: _("Took many listings back in"),
    "batch_undone": lambda name: _("Undid a change of many listings"),
    "parts_saved": lambda name: _("Saved the parts of the bundle %(name)s", name=name),
    "price_set": lambda name: _("Set the price of %(name)s", name=name),
    "stock_adjusted": lambda name: _("Changed the stock of %(name)s", name=name),
    "stock_counted": lambda name: _("Entered a count of the stock"),
    "stock_limits_saved": lambda name: _("Saved the stock limits of %(name)s", name=name),
    "products_imported": lambda name: _("Imported products from the file %(name)s", name=name),
    "import_undone": lambda name: _("Undid the import of the file %(name)s", name=name),
    # Orders and what remotes say.
    "notices_seen": lambda name: _("Looked at what the channel said about order %(name)s", name=name),
    "push_replayed": lambda name: _("Had received pushes applied again"),
    "sync_stopped": lambda name: _("Stopped a sync"),
    "sync_retried": lambda name: _("Tried a sync again"),
    "guide_ticked": lambda name: _("Ticked steps of the guide of %(name)s", name=name),
    "access_asked": lambda name: _("Went to the channel to let Lintas in for %(name)s", name=name),
    "checked_again": lambda name: _("Had the first check of %(name)s done again", name=name),
    "carriers_read": lambda name: _("Read the carriers of %(name)s again", name=name),
    "file_received": lambda name: _("Brought the file %(name)s", name=name),
    "products_checked": lambda name: _("Had the SKUs of the products checked"),
    "columns_named": lambda name: _("Said which column of the file %(name)s is what", name=name),
    "file_dropped": lambda name: _("Dropped the file %(name)s", name=name),
    "file_tried_again": lambda name: _("Tried the file %(name)s again", name=name),
    "orders_sent_now": lambda name: _("Sent orders without waiting: %(name)s", name=name),
    "orders_merged": lambda name: _("Merged orders: %(name)s", name=name),
    "orders_unmerged": lambda name: _("Let merged orders travel apart: %(name)s", name=name),
    "order_taken_back": lambda name: _("Took order %(name)s back", name=name),
    "order_asked": lambda name: _("Asked the channel what order %(name)s is now", name=name),
    "confirmed_again": lambda name: _("Told the channel of order %(name)s once more", name=name),
    "confirmed_partly": lambda name: _("Told the channel what has left of order %(name)s", name=name),
    # People.
    "invited": lambda name: _("Invited %(name)s", name=name),
    "invited_again": lambda name: _("Sent the invitation to %(name)s again", name=name),
    "invitation_revoked": lambda name: _("Took the invitation to %(name)s back", name=name),
    "role_changed": lambda name: _("Changed the role of %(name)s", name=name),
    "handed_over": lambda name: _("Handed the ownership over to %(name)s", name=name),
    "came_over": lambda name: _("%(name)s came over from another merchant", name=name),
    "left": lambda name: _("%(name)s left", name=name),
    "removed": lambda name: _("Removed %(name)s", name=name),
    "joined": lambda name: _("%(name)s became a member", name=name),
    "signed_in": lambda name: pgettext("what was done", "Signed in"),
    "signed_out": lambda name: _("Signed out"),
    "sign_in_refused": lambda name: _("A sign-in as %(name)s was refused", name=name),
    "second_factor_refused": lambda name: _("A code of the second factor of %(name)s was refused", name=name),
    "password_given": lambda name: _("Gave the password of %(name)s; the second step was still to come", name=name),
    "confirmed": lambda name: _("Showed the password again, before something that matters"),
    "session_ended": lambda name: _("Signed one of the devices of %(name)s out", name=name),
    "sessions_ended": lambda name: _("Signed all other devices of %(name)s out", name=name),
    "zone_chosen": lambda name: _("Chose the own time zone"),
    "mailed_chosen": lambda name: _("Chose which notices come by mail"),
    "password_changed": lambda name: _("Changed the own password"),
    "password_reset": lambda name: _("%(name)s chose a new password by a link in a mail", name=name),
    "second_factor_on": lambda name: _("Turned the second factor of %(name)s on", name=name),
    "second_factor_off": lambda name: _("Turned the second factor of %(name)s off", name=name),
    "recovery_codes_made": lambda name: _("Made new recovery codes for %(name)s", name=name),
    "recovery_code_used": lambda name: _("Signed in with a recovery code"),
    "refused": lambda name: _("Was refused a page: %(name)s", name=name),
    # Support staff.
    "support_started": lambda name: _("Support staff began to look, for ticket %(name)s", name=name),
    "support_asked": lambda name: _("Support staff asked to make changes, for ticket %(name)s", name=name),
    "support_acted": lambda name: _("Support staff began to make changes, for ticket %(name)s", name=name),
    "support_granted": lambda name: _("Allowed %(name)s of the support staff to make changes", name=name),
    "support_refused": lambda name: _("Did not allow %(name)s of the support staff to make changes", name=name),
    "support_extended": lambda name: _("Support staff took more time, for ticket %(name)s", name=name),
    "support_ended": lambda name: _("The visit of the support staff for ticket %(name)s ended", name=name),
    "support_seen": lambda name: _("Looked at what %(name)s of the support staff had done", name=name),
    "support_consent": lambda name: _("Changed when support staff may make changes"),
}
MARKS = {
    "store_added": "plus",
    "connection_added": "plus",
    "connection_removed": "x",
    "store_turned_on": "check",
    "turned_on": "check",
    "store_turned_off": "pause",
    "turned_off": "pause",
    "tested": "check",
    "granted": "key",
    "granted_by_link": "key",
    "connect_link_made": "link",
    "connect_link_revoked": "x",
    "hook_opened": "hook",
    "hook_rolled": "hook",
    "hook_closed": "hook",
    "push_key_rolled": "key",
    "sync_asked": "sync",
    "signed_in": "key",
    "refused": "alert",
    "sign_in_refused": "alert",
    "second_factor_refused": "alert",
    "buyer_revealed": "eye",
    "joined": "users",
}
