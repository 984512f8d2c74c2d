"""By which id of a channel's own list the carriers go that warehouses name.

`Connection.carriers` holds the list as it was last read ("list": id → name, "read_at") and what is meant by each name
of a warehouse ("map": name → id).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portal import integrations
from portal.contract.records import Carrier
from portal.flows import audit, grants, lines, notices
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Connection

UNKNOWN = "carrier_unknown"
MOST_NAMES = 200


def has_list(connection: Connection) -> bool:
    """Whether the seller names the carrier at this channel, from a list of its own."""
    confirming = integrations.get(connection.integration).confirming
    return confirming is not None and confirming.carriers is not None


def known(connection: Connection) -> dict[str, str]:
    """The channel's list as it was last read: id → name."""
    return dict(connection.carriers.get("list", {}))


def name_of(connection: Connection, carrier: str) -> str:
    """What a channel calls a carrier that it names by the id of its own list; any other stays as it is."""
    return known(connection).get(carrier, carrier)


def read_at(connection: Connection) -> datetime | None:
    """When the list was last read."""
    told = connection.carriers.get("read_at")
    return datetime.fromisoformat(told) if told else None


def meant(connection: Connection) -> dict[str, str]:
    """What is meant by the names of warehouses: name → id of the channel's list."""
    return dict(connection.carriers.get("map", {}))


def find(connection: Connection, name: str) -> str | None:
    """The id by which a warehouse's carrier goes: as the merchant said, else the one of exactly the same name."""
    said = meant(connection).get(name)
    if said is not None:
        return said
    same = [remote_id for remote_id, other in known(connection).items() if other.strip() == name.strip()]
    return same[0] if len(same) == 1 and name.strip() else None


def keep_list(connection: Connection, found: Sequence[Carrier]) -> None:
    """Keep the list that a channel gave, in the open transaction."""
    db.session.refresh(connection, with_for_update=True)
    told = {each.remote_id: each.name for each in found}
    connection.carriers = {**connection.carriers, "list": told, "read_at": now().isoformat()}


def read(connection: Connection, by: By) -> None:
    """Ask a channel for its list, within a request.  Raises the remote's errors."""
    confirming = integrations.get(connection.integration).confirming
    if confirming is None or confirming.carriers is None:
        return
    grants.keep_fresh(connection)
    with lines.open_client(connection, seconds=lines.IN_A_REQUEST) as client:
        found = confirming.carriers(client)
    keep_list(connection, found)
    audit.note_connection(by, "carriers_read", connection)
    db.session.commit()


def save(connection: Connection, wanted: Mapping[str, str], by: By) -> None:
    """Say by which id of the list each name goes; what waited for that is told to the channel at once.

    A name without an id goes by none again.  Raises Refusal for an id that the list does not have.
    """
    from portal.flows import confirming  # Confirming asks this module.

    db.session.refresh(connection, with_for_update=True)
    listed = known(connection)
    if any(chosen and chosen not in listed for chosen in wanted.values()):
        raise Refusal("unknown_carrier")
    before = meant(connection)
    after = {**before, **{name: chosen for name, chosen in wanted.items() if name}}
    after = {name: chosen for name, chosen in after.items() if chosen}
    if len(after) > MOST_NAMES:
        raise Refusal("too_many_carriers", most=MOST_NAMES)
    connection.carriers = {**connection.carriers, "map": after}
    audit.note(
        by,
        "carriers_saved",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        before=before,
        after=after,
    )
    db.session.flush()
    confirming.go_on(connection)
    db.session.commit()


def tell(connection: Connection, names: Sequence[str]) -> None:
    """One notice for the carriers that nobody has given a meaning yet, in the open transaction."""
    if names:
        notices.tell("connection", connection.id, UNKNOWN, grave=True, name=connection.name, names=sorted(names))
    else:
        notices.clear("connection", connection.id, UNKNOWN)
