"""What only plugins have: one default for each store, and the stock that they count."""

import json
import uuid

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Kind
from portal.flows import audit, routing_deciding, rules
from portal.flows.audit import By
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, Store
from portal.models.connections import RUNNING


def default_plugins() -> dict[uuid.UUID, str]:
    """The name of the default plugin by store."""
    query = sa.select(Connection.store_id, Connection.name).where(
        Connection.merchant_id == whose(), Connection.is_default, Connection.kind == Kind.FULFILMENT.value
    )
    return {row.store_id: row.name for row in db.session.execute(query)}


def hold_default(connection: Connection) -> None:
    """Hold who is the default of a connection's store, in the open transaction, before any connection is held.

    Whoever held a connection first would wait for the one who holds the store and wants that connection.
    """
    store = sa.select(Store.id).where(Store.merchant_id == whose(), Store.id == connection.store_id)
    db.session.execute(store.with_for_update(key_share=True))


def make_default(connection: Connection, wanted: bool, by: By) -> None:
    """Let a plugin be its store's default, or no longer, in the open transaction that holds the default."""
    if connection.kind != Kind.FULFILMENT.value or connection.is_default == wanted:
        return
    if wanted:
        others = sa.update(Connection).where(
            Connection.merchant_id == whose(), Connection.store_id == connection.store_id, Connection.is_default
        )
        db.session.execute(others.values(is_default=False).execution_options(synchronize_session="fetch"))
    connection.is_default = wanted
    if wanted:
        db.session.flush()
        routing_deciding.default_was_set(connection.store_id)
    verb = "made_default" if wanted else "default_taken"
    audit.note(by, verb, "connection", connection.id, name=connection.name, store_id=connection.store_id)


def stock_key(connection: Connection) -> str | None:
    """What names the stock that a connection counts, None where that cannot be the same as another's."""
    named = integrations.get(connection.integration).one_stock
    values = [str(connection.settings.get(key) or "") for key in named]
    return json.dumps(values, ensure_ascii=False) if named and all(values) else None


def check_stock_is_free(connection: Connection) -> None:
    """Raise Refusal where another plugin that is on counts the same stock: it would be counted twice."""
    if connection.stock_key is None:
        return
    other = db.session.scalars(
        sa.select(Connection.name).where(
            Connection.merchant_id == whose(),
            Connection.integration == connection.integration,
            Connection.stock_key == connection.stock_key,
            Connection.id != connection.id,
            Connection.state.in_(RUNNING),
        )
    ).first()
    if other is not None:
        raise Refusal("stock_counted_twice", other=other)


def check_unused(connection: Connection) -> None:
    """Raise Refusal where a store or a rule still relies on a plugin, naming it."""
    if connection.is_default:
        store = db.session.get_one(Store, (whose(), connection.store_id))
        raise Refusal("plugin_is_default", store=store.name)
    if names := rules.naming(connection.id):
        raise Refusal("named_by_rules", rules=names)
