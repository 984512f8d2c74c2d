"""The button *Test*: one question to the remote inside the request, and its three answers."""

from dataclasses import dataclass

from portal.contract.errors import Busy, Offer, RemoteError
from portal.contract.records import Shop
from portal.flows import connections
from portal.flows.audit import By
from portal.models import Connection
from portal.web import causes
from portal.web.causes import Explained


@dataclass(frozen=True, slots=True)
class Tested:
    """What the remote said: the shop, or why not.

    `answered` is False where it said nothing at all; `offers` are values that it says would do.
    """

    shop: Shop | None = None
    why: Explained | None = None
    answered: bool = True
    offers: tuple[Offer, ...] = ()


def ask(connection: Connection, by: By) -> Tested:
    """Ask the remote whether it accepts what is saved."""
    try:
        return Tested(shop=connections.test(connection, by))
    except RemoteError as why:
        told = {"code": why.code, "detail": why.detail, "said": why.said, "offers": bool(why.offers)}
        explained = causes.explain(why.cause.value, "connection", told, connection)
        return Tested(why=explained, answered=not isinstance(why, Busy), offers=why.offers)
