"""How long what is kept is kept, in days: each span has a default and a variable of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The spans after which something is forgotten.

    `buyers` counts from the last change of an order that is over, `bodies` from when a push came, `details` from the
    end of a run, `support` from when a page was opened, `attempts` from the attempt, `forms` from when a form was sent,
    `links` from when a link or an invitation ended.
    """

    buyers: timedelta = timedelta(days=365)
    bodies: timedelta = timedelta(days=7)
    details: timedelta = timedelta(days=14)
    support: timedelta = timedelta(days=400)
    attempts: timedelta = timedelta(days=1)
    forms: timedelta = timedelta(days=1)
    links: timedelta = timedelta(days=30)


VARIABLES = {
    "buyers": "PORTAL_KEEP_BUYERS_DAYS",
    "bodies": "PORTAL_KEEP_BODIES_DAYS",
    "details": "PORTAL_KEEP_DETAILS_DAYS",
    "support": "PORTAL_KEEP_SUPPORT_DAYS",
    "attempts": "PORTAL_KEEP_ATTEMPTS_DAYS",
    "forms": "PORTAL_KEEP_FORMS_DAYS",
    "links": "PORTAL_KEEP_LINKS_DAYS",
}


def read(said: Mapping[str, str]) -> tuple[Keeping, list[str]]:
    """The spans as the environment says, and what is wrong with what it says."""
    found, faults = {}, []
    for name, variable in VARIABLES.items():
        text = said.get(variable, "").strip()
        if not text:
            continue
        days = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(LONGEST_DAYS)) + 1 else 0
        if 1 <= days <= LONGEST_DAYS:
            found[name] = timedelta(days=days)
        else:
            faults.append(f"{variable}: {text!r} cannot be read; set whole days from 1 to {LONGEST_DAYS}, or unset it")
    return Keeping(**found), faults
