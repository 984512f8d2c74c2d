"""Received pushes in words: how one stands, why it waits or is dead, and why one was not believed."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.contract.webhooks import Reason
from portal.models import Delivery, DeliveryState
from portal.web import causes
from portal.web.channel_names import Channel


@dataclass(frozen=True, slots=True)
class Badge:
    """How a delivery stands."""

    kind: str
    word: str
    shape: str | None = None


def badge(found: Delivery) -> Badge:
    """The badge of a delivery."""
    match found.state:
        case DeliveryState.APPLIED:
            return Badge("ok", _("Applied"))
        case DeliveryState.DEAD:
            return Badge("bad", _("Not applied"))
        case _ if found.cause:
            return Badge("info", _("Waiting"), "pause")
        case _:
            return Badge("info", _("Waiting"), "clock")


@dataclass(frozen=True, slots=True)
class Said:
    """One cause as a title and the sentences under it."""

    title: str
    why: str
    todo: str = ""


CAUSES: dict[str, Callable[[str, str], Said]] = {
    "connection_is_off": lambda name, remote: Said(
        _("%(name)s is off.", name=name),
        _("What it told meanwhile waits here. When it is on again, everything is looked at. Nothing is lost."),
        _("Turn %(name)s on when you want to go on.", name=name),
    ),
    "store_is_off": lambda name, remote: Said(
        _("The store of %(name)s is off.", name=name),
        _("What was told meanwhile waits here. When the store is on again, everything is looked at."),
        _("Turn the store on when you want to go on."),
    ),
    "covered_by_run": lambda name, remote: Said(
        _("A whole sync has seen to it."),
        _("The sync began after this push had come, so it has seen whatever the push told of."),
    ),
    "only_told": lambda name, remote: Said(
        _("It names nothing that could be looked up."), _("It is kept for you to read, and nothing was changed by it.")
    ),
    "not_wanted": lambda name, remote: Said(
        _("It tells of something that you have not turned on."),
        _("The options of %(name)s do not ask for it, so nothing was changed.", name=name),
    ),
    "run_started": lambda name, remote: Said(
        _("A sync was started."),
        _("%(remote)s does not let single things be asked for, so all of them are.", remote=remote),
    ),
    "push_not_readable": lambda name, remote: Said(
        _("The push of %(remote)s could not be read.", remote=remote),
        _("Its signature is right, but it has another form than agreed. The next sync sees the change anyway."),
        _("Send the details to support. When the reading is mended, apply it again."),
    ),
    "push_body_gone": lambda name, remote: Said(
        _("What the push said is not kept any more."),
        _("Contents are removed after 7 days. The syncs since then have seen the change."),
    ),
    "push_our_fault": lambda name, remote: Said(
        _("Something went wrong on our side."),
        _("It was tried five times. The next sync sees the change anyway."),
        _("Send the details to support, then apply it again."),
    ),
}


def cause_of(cause: str, channel: Channel) -> Said:
    """A cause in words; one of the remote's own as every page tells it."""
    if cause in CAUSES:
        return CAUSES[cause](channel.name, channel.remote)
    told = causes.explain(cause, "run", {"name": channel.remote})
    return Said(told.title, told.why, told.todo)


REASONS: dict[Reason, Callable[[str], Said]] = {
    Reason.TOO_LARGE: lambda remote: Said(
        _("It was larger than 1 MB."), _("Nothing that %(remote)s sends is so large.", remote=remote)
    ),
    Reason.NO_SIGNATURE: lambda remote: Said(
        _("It was not signed."), _("Whoever sent it does not sign as %(remote)s does.", remote=remote)
    ),
    Reason.WRONG_SIGNATURE: lambda remote: Said(
        _("Its signature is not right."),
        _("It was changed on the way, was signed with another key, or does not come from %(remote)s.", remote=remote),
        _("If all pushes of %(remote)s are refused like this, compare the key on both sides.", remote=remote),
    ),
    Reason.OUTSIDE_WINDOW: lambda remote: Said(
        _("It was signed too long ago."),
        _("Somebody may have recorded it and sent it again, or the sender's clock is wrong."),
    ),
    Reason.NO_ID: lambda remote: Said(
        _("It has no id that can be kept."), _("Without one a repetition could not be told from news.")
    ),
    Reason.NOT_READABLE: lambda remote: Said(
        _("It could not be read."), _("It does not have the form that %(remote)s sends.", remote=remote)
    ),
    Reason.NO_KEY: lambda remote: Said(
        _("There is no key to check it with."),
        _("The key that %(remote)s signs with is not set here, so nothing can be believed.", remote=remote),
        _("Ask your operator to set it, or make one on the page of the connection."),
    ),
    Reason.OTHER_BODY: lambda remote: Said(
        _("Its id came before with another content."),
        _("What came first is kept. A sender never uses an id for two things, so the second was not believed."),
    ),
}


def reason_of(reason: Reason, channel: Channel) -> Said:
    """Why a push was not believed."""
    return REASONS[reason](channel.remote)
