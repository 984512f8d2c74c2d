"""The merchant's connections as lists name them: a tile, a name, the store."""

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.options import Options
from portal.kit.db import db, whose
from portal.models import Connection, ConnectionState, Store


@dataclass(frozen=True, slots=True)
class Channel:
    """One connection in a list.

    `remote` is the name of the remote, `zone` the store's time zone; `links` says whether equal SKUs are linked by
    themselves.
    """

    id: uuid.UUID
    name: str
    letters: str
    remote: str
    integration: str
    store: str
    store_id: uuid.UUID
    zone: str
    state: ConnectionState
    links: bool

    @property
    def is_on(self) -> bool:
        """Whether it can be synced now."""
        return self.state is ConnectionState.ACTIVE


def channels() -> dict[uuid.UUID, Channel]:
    """All connections of the merchant by id, in the order of their names."""
    query = (
        sa.select(
            Connection.id,
            Connection.name,
            Connection.integration,
            Connection.state,
            Connection.options,
            Connection.store_id,
            Store.name.label("store"),
            Store.time_zone,
        )
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(Connection.merchant_id == whose())
        .order_by(sa.func.lower(Connection.name), Connection.id)
    )
    return {row.id: _channel(row) for row in db.session.execute(query)}


def _channel(row: Any) -> Channel:
    one = integrations.all_integrations().get(row.integration)
    return Channel(
        id=row.id,
        name=row.name,
        letters=one.tile if one else row.name[:2],
        remote=one.name if one else row.integration,
        integration=row.integration,
        store=row.store,
        store_id=row.store_id,
        zone=row.time_zone,
        state=row.state,
        links=Options.read(row.options).auto_link,
    )
