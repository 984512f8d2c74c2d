"""When a remote says no for good: the connection rests, its work is taken back, the merchant is told."""

from dataclasses import asdict

from portal.contract.definition import Resource
from portal.contract.errors import RemoteError
from portal.flows import notices, work
from portal.kit.clock import now
from portal.models import Connection, ConnectionState
from portal.models.work import work_key

# Kinds of work that a connection has one of; what sends and reads numbers is planned anew when it is turned on again.
OF_A_CONNECTION = ("activate", "renew_token", "push_stock", "push_price", "read_back", "read_back_due", "export_look")

# What is told of stock and orders is no trouble of the access: it stays true whatever becomes of the credentials.
OF_THE_TRADE = (
    *("export_braked", "rehearsal_ready", "stock_refused", "stock_drift", "price_refused"),
    *("orders_blocked", "orders_short", "carrier_unknown", "confirms_refused"),
    *("order_lines_unlinked", "orders_clipped", "unknown_order_word", "unknown_status_word"),
)


def tell(connection: Connection, why: RemoteError) -> None:
    """Keep the cause on the connection and open its notice, in the open transaction."""
    connection.trouble = why.cause.value
    connection.trouble_detail = f"{why.code} {why.detail}".strip()
    connection.trouble_said = why.said
    connection.trouble_offers = [asdict(each) for each in why.offers]
    connection.trouble_since = now()
    notices.tell("connection", connection.id, why.cause.value, name=connection.name, code=why.code)


def forget(connection: Connection) -> None:
    """The cause is gone, in the open transaction: nothing is said of it any more."""
    connection.trouble = connection.trouble_detail = connection.trouble_said = ""
    connection.trouble_offers = []
    connection.trouble_since = None
    notices.clear("connection", connection.id, but=OF_THE_TRADE)


def pause(connection: Connection, why: RemoteError, *, in_hand: str = "") -> None:
    """Pause a connection whose credentials no longer work, in the open transaction, and tell the merchant.

    `in_hand` is the kind of the work that found out: it ends by itself and is not taken back from under its own feet.
    """
    if connection.state in {ConnectionState.DRAFT, ConnectionState.SAVED}:
        return
    connection.move(ConnectionState.PAUSED)
    tell(connection, why)
    stop_work(connection, but=in_hand)


def stop_work(connection: Connection, *, but: str = "") -> None:
    """Take back what is planned for a connection, in the open transaction; `but` is a kind that stays."""
    planned = [(kind, work_key(kind, connection.id)) for kind in OF_A_CONNECTION]
    planned += [("sync_due", work_key("sync_due", connection.id, resource.value)) for resource in Resource]
    for kind, key in planned:
        if kind != but:
            work.withdraw(kind, key)
