"""The sentences of what the receiver of pushes tells a merchant."""

from collections.abc import Callable

from flask_babel import gettext as _

from portal.web.cause_about import About, Turn, Words


def _push_dead(a: About) -> Words:
    return Words(
        title=_("Pushes of %(remote)s could not be applied.", remote=a.remote),
        why=_("They told of changes that we could not look up. The next sync sees them anyway, only later."),
        todo=_("Look at the cause, then apply them again."),
        turn=Turn.YOURS_LATER,
        actions=("deliveries",),
    )


def _push_other_body(a: About) -> Words:
    return Words(
        title=_("A push came with an id that was used before, and another content."),
        why=_(
            "It was not believed, and nothing was changed by it. Somebody may be forging pushes of %(remote)s.",
            remote=a.remote,
        ),
        todo=_("If it happens again, give %(name)s another push address.", name=a.name),
        turn=Turn.YOURS_LATER,
        actions=("refused_deliveries", "open"),
    )


WORDS: dict[str, Callable[[About], Words]] = {"push_dead": _push_dead, "push_other_body": _push_other_body}
