"""The doors by which things come in, one for each resource: the same whether a sync asked or a push hinted."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal import integrations
from portal.contract.definition import Pull, Resource
from portal.contract.errors import BadRecord
from portal.contract.records import Record
from portal.contract.wire import TOTAL_SECONDS
from portal.flows import grants, intake, lines, linking, order_rows, orders, warehouse
from portal.flows.intake import Kept
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Connection

# A remote that suddenly has almost nothing has more likely stumbled than sold out.
MANY, LARGE_SHARE = 20, 0.5


@dataclass(frozen=True, slots=True)
class Door:
    """How records of one resource are kept, in the open transaction.

    `check(record)` raises BadRecord for what no table can hold.  `keep(connection, records, asked)` takes in what was
    asked for at that moment.  `lost(connection, run)` counts what a run did not see, of how many; `settle` judges at
    its end what only a whole run shows, and answers how many are newly missing.
    """

    check: Callable[[Any], None]
    keep: Callable[[Connection, Sequence[Any], datetime], Kept]
    lost: Callable[[Connection, uuid.UUID], tuple[int, int]]
    settle: Callable[..., int]


def _never_lost(connection: Connection, run_id: uuid.UUID) -> tuple[int, int]:
    return 0, 0


def _nothing_to_settle(connection: Connection, run_id: uuid.UUID, *, complete: bool) -> int:
    return 0


DOORS: Mapping[Resource, Door] = {
    Resource.PRODUCTS: Door(intake.check_storable, intake.keep_asked, linking.lost, linking.settle_run),
    Resource.STOCK: Door(warehouse.check_stock, warehouse.keep_stock, warehouse.lost_stock, warehouse.settle_stock),
    Resource.OUTBOUND: Door(warehouse.check_document, warehouse.keep_outbound, _never_lost, _nothing_to_settle),
    Resource.ORDERS: Door(order_rows.check_order, orders.keep_orders, _never_lost, _nothing_to_settle),
    Resource.INBOUND: Door(warehouse.check_document, warehouse.keep_inbound, _never_lost, _nothing_to_settle),
}


def wanted(connection: Connection, resource: Resource) -> bool:
    """Whether the connection's options ask for this resource."""
    pull = integrations.get(connection.integration).pulls.get(resource)
    return pull is not None and bool(getattr(connection.known_options, pull.option))


def all_wanted(connection: Connection) -> list[Resource]:
    """Every resource that the connection's options ask for, in the order of the declaration."""
    return [each for each in integrations.get(connection.integration).pulls if wanted(connection, each)]


def too_many_lost(door: Door, connection: Connection, run_id: uuid.UUID) -> tuple[int, int] | None:
    """How many of how many things a run did not see, where that is too much to believe at once; else None."""
    gone, live = door.lost(connection, run_id)
    return (gone, live) if gone >= MANY and gone > live * LARGE_SHARE else None


def translate(items: Iterable[Mapping[str, Any]], pull: Pull, door: Door) -> tuple[list[Record], list[BadRecord]]:
    """Records from raw items; one that cannot be read does not stop its page."""
    records: list[Record] = []
    bad: list[BadRecord] = []
    for item in items:
        try:
            record = pull.read(item)
            door.check(record)
            records.append(record)
        except BadRecord as why:
            bad.append(why)
    return records, bad


def can_refresh(connection: Connection, resource: Resource) -> bool:
    """Whether the remote can be asked for single things of this kind."""
    pull = integrations.get(connection.integration).pulls.get(resource)
    return pull is not None and pull.some is not None


def refresh(
    connection: Connection, resource: Resource, keys: Sequence[str], *, seconds: float = TOTAL_SECONDS
) -> tuple[str, ...]:
    """Ask the remote what these things are now, and take the answer in; gives the remote ids of what changed.

    A key that the remote does not answer is left as it is.  A call may take so many `seconds`.  Raises the remote's
    errors, with nothing kept.
    """
    pull = integrations.get(connection.integration).pulls.get(resource)
    if pull is None or pull.some is None or not keys:
        return ()
    grants.keep_fresh(connection)
    who = lines.account(connection)
    db.session.commit()  # No transaction stays open while the remote thinks.
    asked, door = now(), DOORS[resource]
    with lines.open_client(connection, with_account=who, seconds=seconds) as client:
        items = pull.some(client, keys)
    records, _ = translate(items, pull, door)
    kept = door.keep(connection, records, asked)
    db.session.commit()
    return kept.news
