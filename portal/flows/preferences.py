"""What a person chooses for himself or herself: the time zone of all times, and which notices come by mail."""

from portal.flows import memberships
from portal.flows.audit import By
from portal.kit.clock import zones
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Mailed, User


def choose_zone(user: User, zone: str, by: By) -> None:
    """Show the person all times in this zone; "" shows each in the zone of its store.  Raises Refusal."""
    if zone and zone not in zones():
        raise Refusal("unknown_zone", "time_zone", zone=zone)
    user.time_zone = zone or None
    memberships.note(by, "zone_chosen", user, {"time_zone": zone})
    db.session.commit()


def choose_mailed(user: User, mailed: Mailed, by: By) -> None:
    """Send the person these notices by mail from now on."""
    user.mailed = mailed
    memberships.note(by, "mailed_chosen", user, {"mailed": mailed.value})
    db.session.commit()
