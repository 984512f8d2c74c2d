"""The words of support staff at work as a merchant: reasons, modes, ends, and the notices that tell the merchant."""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.models import SupportConsent, SupportEnd, SupportMode, SupportReason
from portal.web.cause_about import About, Turn, Words

# Said when a page is drawn, so that each sentence is in the language of the page.
REASONS: dict[SupportReason, Callable[[], str]] = {
    SupportReason.CONNECTION: lambda: _("A sales channel or plugin does not connect"),
    SupportReason.IMPORT: lambda: _("Products or orders do not come in"),
    SupportReason.LINKS: lambda: _("SKUs are not linked as they should be"),
    SupportReason.STOCK: lambda: _("Stock is not what it should be"),
    SupportReason.ORDERS: lambda: _("Orders do not go out as they should"),
    SupportReason.SETTINGS: lambda: _("Help with settings"),
    SupportReason.QUESTION: lambda: _("A question about how something works"),
    SupportReason.OTHER: lambda: _("Another reason"),
}
MODES: dict[SupportMode, Callable[[], str]] = {
    SupportMode.VIEW: lambda: _("Looks only"),
    SupportMode.ACT: lambda: _("May change things"),
}
ENDS: dict[SupportEnd, Callable[[], str]] = {
    SupportEnd.STOPPED: lambda: _("Stopped by support"),
    SupportEnd.MERCHANT: lambda: _("Ended by you"),
    SupportEnd.TIME: lambda: _("The time was over"),
    SupportEnd.RIGHT: lambda: _("The right to it ended"),
    SupportEnd.CONSENT: lambda: _("Your consent ended"),
}
CONSENTS: dict[SupportConsent, Callable[[], str]] = {
    SupportConsent.ASK: lambda: _("Ask me each time"),
    SupportConsent.DAY: lambda: _("One yes counts for 24 hours"),
    SupportConsent.ALWAYS: lambda: _("They may always change things"),
    SupportConsent.NEVER: lambda: _("They may never change anything"),
}


def reason(word: str) -> str:
    """A reason in words."""
    return REASONS[SupportReason(word)]() if word in set(SupportReason) else word


def support_here(a: About) -> Words:
    named = a.arguments
    agent, whom = str(named.get("agent", "")), str(named.get("whom", ""))
    why, ticket = reason(str(named.get("reason", ""))), str(named.get("ticket", ""))
    if named.get("over"):
        return Words(
            title=_("%(agent)s of Lintas support was here, in the place of %(whom)s.", agent=agent, whom=whom),
            why=_("Why: %(why)s, ticket %(ticket)s. It is over.", why=why, ticket=ticket),
            todo=_("Look at what was seen and changed."),
            turn=Turn.YOURS_LATER,
        )
    return Words(
        title=_("%(agent)s of Lintas support is here, in the place of %(whom)s.", agent=agent, whom=whom),
        why=_("Why: %(why)s, ticket %(ticket)s.", why=why, ticket=ticket),
        todo=_("Nothing, if you know of it. You can see what is opened, and end it at any time."),
        turn=Turn.YOURS_LATER,
    )


def support_asks(a: About) -> Words:
    named = a.arguments
    return Words(
        title=_("%(agent)s of Lintas support asks to change something.", agent=str(named.get("agent", ""))),
        why=_("What for: “%(why)s”.", why=str(named.get("asked", ""))),
        todo=_("Allow it or refuse it. Without your answer nothing is changed."),
    )


WORDS: dict[str, Callable[[About], Words]] = {"support_here": support_here, "support_asks": support_asks}
# What a flow refuses to an agent or to somebody of the merchant.
REFUSALS: dict[str, Callable[..., str]] = {
    "support_open": lambda: _("You work as a merchant already. Stop that first; one at a time can be explained."),
    "support_whom": lambda: _("Choose somebody who works there now."),
    "support_reason": lambda: _("Choose a reason from the list."),
    "support_ticket": lambda most: _("Enter the number of the ticket, up to %(most)d characters.", most=most),
    "support_note": lambda: _("Say in a few words what the other reason is. The merchant reads it."),
    "support_why": lambda: _("Say in a few words what for. The merchant reads it."),
    "support_why_long": lambda most: _("This is longer than %(most)d characters. Shorten it.", most=most),
    "support_parent": lambda: _("Your sign-in is over. Sign in again."),
    "support_over": lambda: _("This visit is over already."),
    "support_extended": lambda: _("It was made longer already. 60 minutes after the start it ends."),
    "support_never": lambda: _("This merchant lets nobody of support change anything. Tell them what to change."),
    "support_granted": lambda: _("You may act already; there is nothing to ask for."),
    "support_asked": lambda: _("The merchant was asked already. Wait for the answer."),
    "support_no_consent": lambda: _("The merchant has not allowed it. Ask first."),
    "support_acts": lambda: _("You act already."),
    "support_not_asked": lambda: _("Nothing is asked here any more. It was answered, or it is over."),
    "support_consent": lambda: _("Choose one of these."),
    "support_goes_on": lambda: _("This visit goes on. It can be put away when it is over."),
}
