"""Stores: add, rename, turn on and off."""

import uuid
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from babel.numbers import list_currencies

from portal.flows import audit, drift, pushes, resources, saving, stock_ledger, sync
from portal.flows.audit import By
from portal.kit.clock import zones
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, Store

LONGEST_NAME = 80


def add(name: str, currency: str, time_zone: str, by: By) -> Store:
    """A new store.  Raises Refusal."""
    _check(name, time_zone)
    if currency not in list_currencies():
        raise Refusal("unknown_currency", "currency", currency=currency)
    store = Store(merchant_id=whose(), id=new_id(), name=name.strip(), currency=currency, time_zone=time_zone)
    db.session.add(store)
    audit.note(by, "store_added", "store", store.id, name=store.name, store_id=store.id, after={"name": store.name})
    with saving.refused_as("one_store_per_name", Refusal("store_name_taken", "name")):
        db.session.commit()
    return store


def change(store: Store, name: str, currency: str, time_zone: str, by: By) -> None:
    """Change the details.  The currency stays once the store has a connection.  Raises Refusal."""
    _check(name, time_zone)
    if currency != store.currency and (currency not in list_currencies() or _has_connections(store.id)):
        raise Refusal("currency_is_fixed", "currency", currency=store.currency)
    before = {"name": store.name, "currency": store.currency, "time_zone": store.time_zone}
    store.name, store.currency, store.time_zone = name.strip(), currency, time_zone
    after = {"name": store.name, "currency": store.currency, "time_zone": store.time_zone}
    if before != after:
        audit.note(
            by, "store_changed", "store", store.id, name=store.name, store_id=store.id, before=before, after=after
        )
    with saving.refused_as("one_store_per_name", Refusal("store_name_taken", "name")):
        db.session.commit()


def set_limits(store: Store, buffer: int | None, max_level: int | None, by: By) -> None:
    """What holds for all channels of a store that say nothing of their own; None says nothing, and 0 is a number.

    Raises Refusal for a number that cannot be.
    """
    for name, number in (("buffer", buffer), ("max_level", max_level)):
        if number is not None and not 0 <= number <= stock_ledger.MOST:
            raise Refusal("stock_number", name, most=stock_ledger.MOST)
    before = {"buffer": store.buffer, "max_level": store.max_level}
    after = {"buffer": buffer, "max_level": max_level}
    if before != after:
        store.buffer, store.max_level = buffer, max_level
        pushes.want_store(store.id)
        audit.note(
            by, "store_limits_saved", "store", store.id, name=store.name, store_id=store.id, before=before, after=after
        )
    db.session.commit()


def turn(store: Store, on: bool, by: By) -> None:
    """Turn a store on or off; what is off neither pulls nor sends anything.  Its connections keep their own state."""
    if store.is_active is not on:
        store.is_active = on
        what = "store_turned_on" if on else "store_turned_off"
        audit.note(by, what, "store", store.id, name=store.name, store_id=store.id)
        _start_or_stop(store, on, by)
    db.session.commit()


def _start_or_stop(store: Store, on: bool, by: By) -> None:
    """Have the imports of the store's active connections go on at once, or stop those that are open."""
    active = sa.select(Connection).where(
        Connection.merchant_id == whose(),
        Connection.store_id == store.id,
        Connection.state == ConnectionState.ACTIVE,
    )
    for connection in db.session.scalars(active):
        if not on:
            sync.stop_all(connection, "turned_off")
        else:
            for resource in resources.all_wanted(connection):
                sync.start(connection, resource, by.name)
            drift.resume(connection)


def _has_connections(store_id: uuid.UUID) -> bool:
    query = sa.select(sa.exists().where(Connection.merchant_id == whose(), Connection.store_id == store_id))
    return bool(db.session.scalar(query))


def _check(name: str, time_zone: str) -> None:
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Refusal("name_length", "name", longest=LONGEST_NAME)
    if time_zone not in zones():
        raise Refusal("unknown_zone", "time_zone", zone=time_zone)
    ZoneInfo(time_zone)
