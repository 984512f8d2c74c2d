"""How long what was received is kept: the one place that says so, and the forgetting.

The id of an event must outlive every repetition of it: the time for which its sender repeats it, and twice the window,
for a clock that is ahead when it is sent and behind when it comes again.  Declarations say both; a declaration that
asks for more than the usual month gets it.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.webhooks import Webhook
from portal.flows.house import house
from portal.flows.steps import STEP, in_steps
from portal.kit.db import db
from portal.models import Connection, Delivery, DeliveryRefusal

IDS = timedelta(days=30)
# Added to what a declaration asks for, so that nothing is forgotten in the very hour of the last repetition.
MARGIN = timedelta(days=1)


def of_ids(webhook: Webhook | None) -> timedelta:
    """For how long the ids of events are kept."""
    if webhook is None:
        return IDS
    return max(IDS, webhook.repeats_for + 2 * webhook.window + MARGIN)


def forget(merchant_id: uuid.UUID, at: datetime) -> None:
    """Remove what is too old at a moment, for the merchant that is acted for; a commit for each bounded step."""
    mine = Delivery.merchant_id == merchant_id
    for connection_id, webhook in list(_connections(merchant_id)):
        old = _oldest(mine, Delivery.connection_id == connection_id, Delivery.received_at < at - of_ids(webhook))
        in_steps(sa.delete(Delivery).where(mine, Delivery.id.in_(old)))
    old = _oldest(mine, Delivery.sealed.is_not(None), Delivery.received_at < at - house().settings.keeping.bodies)
    in_steps(sa.update(Delivery).where(mine, Delivery.id.in_(old)).values(sealed=None))
    db.session.execute(
        sa.delete(DeliveryRefusal).where(DeliveryRefusal.merchant_id == merchant_id, DeliveryRefusal.hour < at - IDS)
    )
    db.session.commit()


def _connections(merchant_id: uuid.UUID) -> Iterable[tuple[uuid.UUID, Webhook | None]]:
    query = sa.select(Connection.id, Connection.integration).where(Connection.merchant_id == merchant_id)
    for row in db.session.execute(query).all():
        one = integrations.all_integrations().get(row.integration)
        yield row.id, one.webhook if one else None


def _oldest(*wanted: sa.ColumnElement[bool]) -> sa.Select[uuid.UUID]:
    query = sa.select(Delivery.id).where(*wanted).order_by(Delivery.received_at)
    return query.limit(STEP).with_for_update(skip_locked=True)
