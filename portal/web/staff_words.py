"""What the pages of the support staff say: how a merchant stands, and how a session as a merchant goes."""

from collections.abc import Callable
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import Role, SupportConsent, SupportEnd, SupportMode
from portal.web.standing import Badge
from portal.web.support_words import REASONS

__all__ = [
    "BAD",
    "CONSENTS",
    "ENDS",
    "FOUND_BY",
    "REASONS",
    "ROLES",
    "Health",
    "health_badge",
    "health_choices",
    "minutes",
    "mode_badge",
]


class Health(StrEnum):
    """How a merchant stands, the worst first: the worst thing that is so of any of its connections, work or runs."""

    TROUBLE = "trouble"
    DEAD = "dead"
    FAILED = "failed"
    GRAVE = "grave"
    STARTING = "starting"
    WELL = "well"

    @property
    def rank(self) -> int:
        """The place in the list of those, 0 for the worst."""
        return list(Health).index(self)


BAD = (Health.TROUBLE, Health.DEAD, Health.FAILED, Health.GRAVE)
# What the filter of the list offers, and what each choice finds.
FOUND_BY: dict[str, tuple[Health, ...]] = {
    "attention": BAD,
    "starting": (Health.STARTING,),
    "well": (Health.WELL,),
}


def health_badge(health: Health, number: int) -> Badge:
    """The badge of a merchant that stands so for so many reasons."""
    match health:
        case Health.TROUBLE:
            return Badge("bad", ngettext("%(num)s connection in trouble", "%(num)s connections in trouble", number))
        case Health.DEAD:
            return Badge("bad", ngettext("%(num)s piece of work given up", "%(num)s pieces of work given up", number))
        case Health.FAILED:
            return Badge("bad", ngettext("%(num)s sync not finished", "%(num)s syncs not finished", number))
        case Health.GRAVE:
            return Badge("warn", ngettext("%(num)s serious notice", "%(num)s serious notices", number), "warn")
        case Health.STARTING:
            return Badge("mute", _("Nothing is turned on yet"))
        case _:
            return Badge("ok", _("All well"))


def health_choices() -> list[tuple[str, str]]:
    """The filter of the list: pairs of value and words."""
    return [
        ("", _("Any health")),
        ("attention", _("Needs attention")),
        ("starting", _("Nothing is turned on yet")),
        ("well", _("All well")),
    ]


CONSENTS: dict[SupportConsent, Callable[[], str]] = {
    SupportConsent.ASK: lambda: _("Wants to be asked each time before staff change something"),
    SupportConsent.DAY: lambda: _("A yes to a change holds for 24 hours"),
    SupportConsent.ALWAYS: lambda: _("Lets staff change things without asking"),
    SupportConsent.NEVER: lambda: _("Staff may look, and never change anything"),
}
ROLES: dict[Role, Callable[[], str]] = {
    Role.OWNER: lambda: _("Owner"),
    Role.MANAGER: lambda: _("Manager"),
    Role.VIEWER: lambda: _("Viewer"),
}
ENDS: dict[SupportEnd, Callable[[], str]] = {
    SupportEnd.STOPPED: lambda: _("Stopped by the agent"),
    SupportEnd.MERCHANT: lambda: _("Ended by the merchant"),
    SupportEnd.TIME: lambda: _("Time was over"),
    SupportEnd.RIGHT: lambda: _("The agent lost the right, was disabled or signed out"),
    SupportEnd.CONSENT: lambda: _("The merchant took its consent back"),
}


def mode_badge(mode: SupportMode) -> Badge:
    """Whether an agent only looked or could change something."""
    if mode is SupportMode.ACT:
        return Badge("warn", _("Act"), "pencil")
    return Badge("info", _("View"), "eye")


def minutes(seconds: float) -> str:
    """A length of time to the minute."""
    whole = int(seconds // 60)
    if whole < 1:
        return _("less than a minute")
    return ngettext("%(num)s minute", "%(num)s minutes", whole)
