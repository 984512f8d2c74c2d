"""What people left here is not kept for ever: buyers of orders that are over, support pages, links, attempts, forms.

How long each is kept is a setting (`portal/keeping.py`).  Everything goes in bounded steps with a commit each, so that
nothing else waits for the whole of it, and what is left is left for the next time.
"""

import uuid

import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import merchants
from portal.flows.house import house
from portal.flows.steps import MOST_STEPS, STEP, forget, in_steps
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import (
    RESERVING,
    Attempt,
    Invitation,
    Order,
    PasswordReset,
    SentForm,
    Shipment,
    ShipmentOrder,
    ShipmentState,
    SupportPage,
)

BEFORE_ALL = uuid.UUID(int=0)
# In these an order is over: its channel says so, or the pieces have left.
OVER = tuple(each for each in OrderStatus if each not in {*RESERVING, OrderStatus.KEEP})


def forget_buyers() -> None:
    """Remove the buyers of orders that have long been over; the orders stay, with their numbers."""
    for each in merchants.every():
        with acting_for(each.id):
            _forget_buyers(each.id)


def _forget_buyers(merchant_id: uuid.UUID) -> None:
    """One walk along the ids: no index serves this, and each row is looked at once."""
    before, last = now() - house().settings.keeping.buyers, BEFORE_ALL
    for _ in range(MOST_STEPS):
        query = sa.select(Order.id).where(
            Order.merchant_id == merchant_id,
            Order.id > last,
            Order.status.in_(OVER),
            Order.changed_at < before,
            sa.or_(sa.func.octet_length(Order.sealed) > 0, Order.completed.is_not(None)),
        )
        ids = list(db.session.scalars(query.order_by(Order.id).limit(STEP).with_for_update(skip_locked=True)))
        _remove_buyers(merchant_id, ids)
        db.session.commit()
        if len(ids) < STEP:
            return
        last = ids[-1]


def _remove_buyers(merchant_id: uuid.UUID, ids: list[uuid.UUID]) -> None:
    gone = {
        "sealed": b"",
        "completed": None,
        "buyer_shown": "",
        "city": "",
        "postcode": "",
        "customer_key": None,
        "recipient_key": None,
        "notes_key": None,
        "buyer_gone_at": now(),
    }
    change = sa.update(Order).where(Order.merchant_id == merchant_id, Order.id.in_(ids)).values(gone)
    db.session.execute(change, execution_options={"synchronize_session": False})
    # The hash by which orders to one recipient travelled together tells of the recipient as well.
    theirs = sa.select(ShipmentOrder.shipment_id).where(
        ShipmentOrder.merchant_id == merchant_id, ShipmentOrder.order_id.in_(ids)
    )
    travelled = sa.update(Shipment).where(
        Shipment.merchant_id == merchant_id,
        Shipment.id.in_(theirs),
        Shipment.merge_key.is_not(None),
        Shipment.state != ShipmentState.PLANNED,
    )
    db.session.execute(travelled.values(merge_key=None), execution_options={"synchronize_session": False})


def forget_of_merchant(merchant_id: uuid.UUID) -> None:
    """Remove the pages that support staff opened, and the invitations that ended, of the merchant that is acted for."""
    keeping = house().settings.keeping
    forget(SupportPage, SupportPage.merchant_id == merchant_id, SupportPage.at < now() - keeping.support)
    old = now() - keeping.links
    over = sa.or_(Invitation.ends_at < old, Invitation.accepted_at < old, Invitation.revoked_at < old)
    forget(Invitation, Invitation.merchant_id == merchant_id, over)


def forget_of_nobody() -> None:
    """Remove old attempts, marks of sent forms and links to a new password, which belong to no merchant.

    An attempt that its person has still to be told of stays as long as a link does.
    """
    keeping, moment = house().settings.keeping, now()
    told = sa.and_(Attempt.user_id.is_(None), Attempt.at < moment - keeping.attempts)
    untold = Attempt.at < moment - max(keeping.links, keeping.attempts)
    forget(Attempt, sa.or_(told, untold))
    forms = sa.select(SentForm.mark).where(SentForm.at < moment - keeping.forms).limit(STEP)
    in_steps(sa.delete(SentForm).where(SentForm.mark.in_(forms)))
    old = moment - keeping.links
    forget(PasswordReset, sa.or_(PasswordReset.ends_at < old, PasswordReset.used_at < old))
