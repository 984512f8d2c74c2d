"""What the status words of a remote mean for one connection: a warehouse's for shipments, a channel's for orders."""

from collections.abc import Mapping

from portal import integrations
from portal.contract.definition import Kind
from portal.contract.records import OrderStatus, ShipmentStatus
from portal.flows import audit, notices, orders, warehouse
from portal.flows.audit import By
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import Connection


def kind_of(connection: Connection) -> type[OrderStatus] | type[ShipmentStatus]:
    """What the words of a connection can mean."""
    return OrderStatus if connection.kind == Kind.MARKETPLACE.value else ShipmentStatus


def meanings(connection: Connection) -> dict[str, str]:
    """What each word means now, as declared or corrected."""
    known = orders.meanings(connection) if kind_of(connection) is OrderStatus else warehouse.meanings(connection)
    return {word: meaning.value for word, meaning in known.items()}


def save(connection: Connection, words: Mapping[str, str], by: By) -> None:
    """Correct what the remote's status words mean for this connection; the orders there follow at once.

    Words are kept to the letter; what the declaration says of a word needs no saving.  Raises Refusal for a meaning
    that there is not.
    """
    known, kind = integrations.get(connection.integration).statuses, kind_of(connection)
    try:
        meant = {word: kind(meaning) for word, meaning in words.items()}
    except ValueError:
        raise Refusal("unknown_meaning") from None
    db.session.refresh(connection, with_for_update=True)
    before = dict(connection.statuses)
    connection.statuses = {word: each.value for word, each in meant.items() if known.get(word) is not each}
    db.session.flush()
    if kind is OrderStatus:
        orders.judge_again(connection, by.name)
        notices.clear("connection", connection.id, orders.UNKNOWN_WORD)
    else:
        warehouse.judge_again(connection)
        notices.clear("connection", connection.id, "unknown_status_word")
    audit.note(
        by,
        "status_words_saved",
        "connection",
        connection.id,
        name=connection.name,
        store_id=connection.store_id,
        before=before,
        after=connection.statuses,
    )
    db.session.commit()
