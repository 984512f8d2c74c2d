"""People and roles in words: what each role may do, and what is refused."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.models import Role
from portal.web import letters, words

# Said when the page is drawn, so that each is in the language of the page: the name, and what it may do.
ROLES: dict[Role, tuple[Callable[[], str], Callable[[], str]]] = {
    Role.OWNER: (
        lambda: _("Owner"),
        lambda: _(
            "Does everything: what a manager does, and also people and roles, support access, and taking out the data "
            "of buyers."
        ),
    ),
    Role.MANAGER: (
        lambda: _("Manager"),
        lambda: _("Runs the business: stores, sales channels, plugins, products, links, stock and orders."),
    ),
    Role.VIEWER: (
        lambda: _("Viewer"),
        lambda: _("Sees everything and changes nothing. The data of buyers stay hidden."),
    ),
}

REFUSALS: dict[str, Callable[..., str]] = {
    "last_owner": lambda: _("A merchant needs an owner, and this is the last one. Make somebody else an owner first."),
    "own_place": lambda: _("Nobody changes his or her own role. Hand the ownership over, leave, or ask another owner."),
    "member_gone": lambda: _("This person does not work here any more. Nothing was changed."),
    "owner_no_more": lambda: _("You are no owner here any more, so nothing was changed."),
    "nothing_to_hand_over": lambda: _(
        "Only an owner hands the ownership over, and to somebody who is none yet. Nothing was changed."
    ),
    "email_form": lambda: _("Enter one whole e-mail address, such as name@company.example."),
    "email_of_staff": lambda: _(
        "This address belongs to the support team, who work for no merchant. Enter another one."
    ),
    "is_member": lambda name: _("%(name)s works here already. Change the role in the list.", name=name),
    "invited_already": lambda: _("This address was invited already. Send that invitation again instead."),
    "too_many_invitations": lambda most: _(
        "%(most)d invitations wait for an answer. Take some of them back first.", most=most
    ),
    "invited_often": lambda: _("Many invitations went out within the last hour. Wait a while, then invite again."),
    "sent_just_now": lambda: _("The letter went out less than a minute ago. Give it a moment to arrive."),
    "invitation_over": lambda: _("This invitation was accepted or taken back meanwhile. Nothing was changed."),
    "invited_another": lambda: _("This invitation is for another e-mail address. Sign out, and open the link again."),
    "sign_in_to_join": lambda: _("There is an account with this address meanwhile. Open the link again and sign in."),
}


def name(role: Role) -> str:
    """The role in a word."""
    return ROLES[role][0]()


def says(role: Role) -> str:
    """What the role may do."""
    return ROLES[role][1]()


@letters.completes("invitation")
@letters.completes("role_changed")
def _complete(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    role = Role(arguments["role"])
    return {
        "role_name": name(role),
        "role_says": says(role),
        "zone_name": words.zone_name(str(words.current_zone()), words.current_locale()),
    }
