"""The sentences of what concerns plugins: the codes that a warehouse refuses, its status words, the end of an access.

Each function is read when a page is drawn, so that it speaks the language of the page.
"""

from collections.abc import Callable, Mapping

from flask_babel import gettext as _

from portal.contract.errors import Cause
from portal.web.cause_about import About, Turn, Words

# Which setting a cause is about, where an integration declares one of that name.
FIELD_OF: Mapping[str, str] = {
    Cause.WRONG_CUSTOMER: "customer_code",
    Cause.WRONG_SYSTEM: "source_system_code",
    Cause.WRONG_OWNER: "cargo_owner_id",
    Cause.WRONG_OPERATOR: "operator_code",
    Cause.WRONG_DEPARTMENT: "customer_dept_code",
    Cause.WRONG_SALES_CHANNEL: "sales_channel_code",
    Cause.WRONG_WAREHOUSE: "warehouse_code",
    Cause.WAREHOUSE_OFF: "warehouse_code",
}
CHANGE_IT = ("edit", "check")


def house_keys(a: About) -> Words:
    return Words(
        title=_("Lintas has no working keys of its own for %(remote)s.", remote=a.remote),
        why=_("They are set once for everybody by whoever runs this Lintas. Your codes are saved and nothing is lost."),
        todo=_("Ask your operator to set %(variable)s, then check again.", variable=a.variable)
        if a.variable
        else _("Ask your operator to set the keys for %(remote)s, then check again.", remote=a.remote),
        actions=("check",),
    )


def push_key(a: About) -> Words:
    return Words(
        title=_("Messages from %(remote)s cannot be believed yet.", remote=a.remote),
        why=_("The key that they are signed with is not set here, so none is taken in. Asking goes on as before."),
        todo=_("Ask your operator to set the key for messages of %(remote)s.", remote=a.remote),
        turn=Turn.YOURS_LATER,
    )


def wrong_customer(a: About) -> Words:
    return Words(
        title=_("%(remote)s knows no Customer Code %(value)s.", remote=a.remote, value=a.value)
        if a.value
        else _("%(remote)s does not know this Customer Code.", remote=a.remote),
        why=_("Every call names the customer, so nothing can be read before it is right."),
        todo=_("Compare it with what %(remote)s sent you, sign by sign, and correct it.", remote=a.remote),
        actions=CHANGE_IT,
    )


def wrong_system(a: About) -> Words:
    return Words(
        title=_("%(remote)s does not take the Source System Code %(value)s.", remote=a.remote, value=a.value)
        if a.value
        else _("%(remote)s does not take this Source System Code.", remote=a.remote),
        why=_("It says which system calls, and is registered there for each customer."),
        todo=_(
            "Use the code that %(remote)s registered for you, or ask your contact there to register this one.",
            remote=a.remote,
        ),
        actions=CHANGE_IT,
    )


def wrong_owner(a: About) -> Words:
    return Words(
        title=_(
            "Cargo Owner ID %(value)s does not belong to this customer at %(remote)s.", remote=a.remote, value=a.value
        )
        if a.value
        else _("This Cargo Owner ID does not belong to the customer at %(remote)s.", remote=a.remote),
        why=_("It says whose stock it is, so %(remote)s gives out none under another one.", remote=a.remote),
        todo=_("Compare it with what %(remote)s sent you, sign by sign, and correct it.", remote=a.remote),
        actions=CHANGE_IT,
    )


def wrong_operator(a: About) -> Words:
    return Words(
        title=_("Operator Code %(value)s may not act for this customer at %(remote)s.", remote=a.remote, value=a.value)
        if a.value
        else _("This Operator Code may not act for the customer at %(remote)s.", remote=a.remote),
        why=_("The operator must have a right to the customer and to the department."),
        todo=_("Use the operator that %(remote)s gave you, or ask your contact there for the right.", remote=a.remote),
        actions=CHANGE_IT,
    )


def wrong_department(a: About) -> Words:
    return Words(
        title=_("The operator has no right to the department %(value)s at %(remote)s.", remote=a.remote, value=a.value)
        if a.value
        else _("The operator has no right to this department at %(remote)s.", remote=a.remote),
        why=_("Without the department %(remote)s answers, so the other codes are right.", remote=a.remote),
        todo=_("Correct the Customer Dept Code, or ask your contact at %(remote)s for the right.", remote=a.remote),
        actions=CHANGE_IT,
    )


def wrong_sales_channel(a: About) -> Words:
    return Words(
        title=_("%(remote)s knows no Sales Channel Code %(value)s for this customer.", remote=a.remote, value=a.value)
        if a.value
        else _("%(remote)s does not know this Sales Channel Code.", remote=a.remote),
        why=_("Orders and stock are booked to that channel, so it must be registered there first."),
        todo=_(
            "Use the scCode that %(remote)s sent you, or ask your contact there to register this one.", remote=a.remote
        ),
        actions=CHANGE_IT,
    )


def wrong_warehouse(a: About) -> Words:
    return Words(
        title=_("%(remote)s has no warehouse %(value)s for this cargo owner.", remote=a.remote, value=a.value)
        if a.value
        else _("%(remote)s does not know this warehouse.", remote=a.remote),
        why=_("Each plugin works with one warehouse, and %(remote)s must have opened it to you.", remote=a.remote),
        todo=_("Use one of those that %(remote)s lists, or ask your contact there to open this one.", remote=a.remote)
        if a.offers
        else _(
            "Compare the Warehouse Code with what %(remote)s sent you, or ask your contact there to open it.",
            remote=a.remote,
        ),
        actions=CHANGE_IT,
    )


def warehouse_off(a: About) -> Words:
    return Words(
        title=_("The warehouse %(value)s is switched off at %(remote)s.", remote=a.remote, value=a.value)
        if a.value
        else _("The warehouse is switched off at %(remote)s.", remote=a.remote),
        why=_("It is known there, and takes neither goods nor orders now. What was read before stays."),
        todo=_("Ask your contact at %(remote)s when it opens, or use another warehouse.", remote=a.remote),
        actions=CHANGE_IT,
    )


def value_missing(a: About) -> Words:
    return Words(
        title=_("%(remote)s asks for a value that it did not get.", remote=a.remote),
        why=_("It names the value in its own words."),
        todo=_("Fill in every code as %(remote)s sent it to you, then check again.", remote=a.remote),
        actions=CHANGE_IT,
    )


def path_unknown(a: About) -> Words:
    return Words(
        title=_("%(host)s does not offer what we asked for.", host=a.host or a.remote),
        why=_(
            "Either the gateway belongs to another region, or %(remote)s has moved this part of it.", remote=a.remote
        ),
        todo=_("Choose the gateway of your region. If it is right, send the details below to support."),
        actions=CHANGE_IT,
    )


def unknown_status_word(a: About) -> Words:
    found = [str(each) or _("(empty)") for each in a.arguments.get("words", ())]
    return Words(
        title=_(
            "%(remote)s uses a status that has no meaning here yet: %(words)s",
            remote=a.remote,
            words=", ".join(found) or "–",
        ),
        why=_("Orders with it stay as they were, and nothing is guessed."),
        todo=_("Say what it means."),
        turn=Turn.YOURS_LATER,
        actions=("statuses",),
    )


def status_kept(a: About) -> Words:
    reference, word = str(a.arguments.get("reference", "")), str(a.arguments.get("word", ""))
    return Words(
        title=_(
            "%(remote)s could not do what was asked with the order %(reference)s: %(word)s",
            remote=a.remote,
            reference=reference or "–",
            word=word or "–",
        ),
        why=_("The order keeps the status that it had before."),
        todo=_("Look at the order at %(remote)s and decide there what becomes of it.", remote=a.remote),
        actions=("open",),
    )


def access_ends_soon(a: About) -> Words:
    return Words(
        title=_("Connect %(name)s again before %(moment)s.", name=a.name or a.remote, moment=a.ends)
        if a.ends
        else _("Connect %(name)s again soon.", name=a.name or a.remote),
        why=_(
            "%(remote)s gives access for a fixed time and did not extend it when asked. Everything runs until then.",
            remote=a.remote,
        ),
        todo=_("Connect again now, or send a connect link to whoever has the account there."),
        turn=Turn.YOURS if a.arguments.get("soon") else Turn.YOURS_LATER,
        actions=("reconnect",),
    )


WORDS: dict[str, Callable[[About], Words]] = {
    Cause.HOUSE_KEYS: house_keys,
    Cause.PUSH_KEY: push_key,
    Cause.WRONG_CUSTOMER: wrong_customer,
    Cause.WRONG_SYSTEM: wrong_system,
    Cause.WRONG_OWNER: wrong_owner,
    Cause.WRONG_OPERATOR: wrong_operator,
    Cause.WRONG_DEPARTMENT: wrong_department,
    Cause.WRONG_SALES_CHANNEL: wrong_sales_channel,
    Cause.WRONG_WAREHOUSE: wrong_warehouse,
    Cause.WAREHOUSE_OFF: warehouse_off,
    Cause.VALUE_MISSING: value_missing,
    Cause.PATH_UNKNOWN: path_unknown,
    "unknown_status_word": unknown_status_word,
    "status_kept": status_kept,
    "access_ends_soon": access_ends_soon,
}
