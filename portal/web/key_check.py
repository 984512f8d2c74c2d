"""The button *Test*: one question to the remote inside the request, and its three answers."""

from dataclasses import dataclass

from portal.contract.errors import Busy, RemoteError
from portal.contract.records import Shop
from portal.flows import connections
from portal.flows.audit import By
from portal.models import Connection
from portal.web import causes
from portal.web.causes import Explained


@dataclass(frozen=True, slots=True)
class Tested:
    """What the remote said: the shop, or why not.  `answered` is False where it said nothing at all."""

    shop: Shop | None = None
    why: Explained | None = None
    answered: bool = True


def ask(connection: Connection, by: By) -> Tested:
    """Ask the remote whether it accepts what is saved."""
    try:
        return Tested(shop=connections.test(connection, by))
    except RemoteError as why:
        told = {"code": why.code, "detail": why.detail}
        explained = causes.explain(why.cause.value, "connection", told, connection)
        return Tested(why=explained, answered=not isinstance(why, Busy))
