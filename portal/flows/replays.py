"""Applying received pushes once more, one or many: what they hint at is asked for again, so twice is harmless."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal.flows import audit, deliveries, lines
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, Delivery, DeliveryState, Work, WorkStatus
from portal.models.work import work_key

# So many at one press; pressing again takes the next ones.
MOST_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which deliveries are meant: those of one state, connection, event or cause; None or "" leaves it open."""

    state: DeliveryState | None = None
    connection_id: uuid.UUID | None = None
    event_id: str = ""
    cause: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same as conditions of a query."""
        found: list[sa.ColumnElement[bool]] = [Delivery.merchant_id == whose()]
        if self.state is not None:
            found.append(Delivery.state == self.state)
        if self.connection_id is not None:
            found.append(Delivery.connection_id == self.connection_id)
        if self.event_id:
            # An id is one sender's own, so the index of events begins with the connection.
            mine = sa.select(Connection.id).where(Connection.merchant_id == whose())
            found += [Delivery.event_id == self.event_id, Delivery.connection_id.in_(mine)]
        if self.cause:
            found.append(Delivery.cause == self.cause)
        return found


def replayable() -> sa.ColumnElement[bool]:
    """Deliveries that can be applied again: their body is there, or what it hinted at is known."""
    return sa.or_(Delivery.sealed.is_not(None), Delivery.topic != "")


def replay(delivery: Delivery, by: By) -> None:
    """Apply one push again; one that waits already is applied at once.  Raises Refusal where nothing is left of it."""
    if not replay_many(Chosen(event_id=delivery.event_id, connection_id=delivery.connection_id), by):
        raise Refusal("push_is_gone")


def replay_many(chosen: Chosen, by: By) -> int:
    """Apply the chosen pushes again, the oldest first and MOST_AT_ONCE at most; answers how many those are."""
    query = (
        sa.select(Delivery.id)
        .where(*chosen.conditions(), replayable())
        .order_by(Delivery.received_at, Delivery.id)
        .limit(MOST_AT_ONCE)
        .with_for_update()
    )
    again = sa.update(Delivery).where(Delivery.merchant_id == whose(), Delivery.id.in_(query))
    opened = db.session.execute(
        again.values(state=DeliveryState.WAITING, cause="", detail="", attempts=0, settled_at=None).returning(
            Delivery.id, Delivery.connection_id
        ),
        execution_options={"synchronize_session": False},
    ).all()
    if not opened:
        db.session.rollback()
        return 0
    _add_work([(row.id, row.connection_id) for row in opened], by.name)
    first = opened[0]
    subject = ("delivery", first.id) if len(opened) == 1 else ("deliveries", whose())
    audit.note(by, "push_replayed", *subject, after={"number": len(opened), "cause": chosen.cause})
    db.session.commit()
    return len(opened)


def _add_work(opened: Sequence[tuple[uuid.UUID, uuid.UUID]], asked_by: str) -> None:
    """Work for each of them, in one statement; where work is open already, it is made due."""
    lanes = {each.id: lines.lane(each) for each in _connections({connection_id for _, connection_id in opened})}
    rows = [
        {
            "merchant_id": whose(),
            "id": new_id(),
            "kind": deliveries.KIND,
            "lane": lanes[connection_id],
            "natural_key": work_key(deliveries.KIND, delivery_id),
            "body": {"delivery": str(delivery_id)},
            "status": WorkStatus.OPEN,
            "priority": deliveries.PRIORITY,
            "lease": 0,
            "attempts": 0,
            "not_before": now(),
            "error": "",
            "asked_by": asked_by,
            "created_at": now(),
        }
        for delivery_id, connection_id in opened
    ]
    row = insert(Work)
    due = row.on_conflict_do_update(
        index_elements=[Work.merchant_id, Work.kind, Work.natural_key],
        index_where=sa.text("status = 'open'"),
        set_={"not_before": sa.func.least(Work.not_before, row.excluded.not_before)},
    )
    db.session.execute(due, rows)


def _connections(ids: set[uuid.UUID]) -> Sequence[Connection]:
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id.in_(ids))
    return db.session.scalars(query).all()
