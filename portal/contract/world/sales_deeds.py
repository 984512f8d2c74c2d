"""What the control page can do with the orders book of a marketplace: place orders, and move them on."""

import json
from collections.abc import Mapping
from typing import Any

from portal.contract.world.catalogue import Catalogue, Listing
from portal.contract.world.deeds import Deed
from portal.contract.world.records import Seller
from portal.contract.world.sales import DEEDS, Asked, Book, listed
from portal.contract.world.world import World

Said = Mapping[str, Any]
_YES = frozenset({"1", "true", "on", "yes"})
_MOST_PLACED = 50_000
_MOST_SHOWN = 100
_MOST_BUYERS = 1_000_000


def deeds_of_sales(world: World) -> tuple[Deed, ...]:
    """The deeds of the orders book of one remote."""
    who = {"integration": world.key, "account": world.sellers()[0].name}
    return (
        Deed(
            name="order",
            title="Place orders",
            what="places an order of the named lines (id or sku, and quantity), or of random ones; many places many, "
            "spread over minutes_ago; late lets it appear only after so many seconds, with its older time; buyer is "
            "the number of a buyer who may order again; force sells what is not there; unpaid, cod, by_channel, gift, "
            "note and ship_by_hours as they say",
            fields={
                "lines": "Lines, as in SKU:2,SKU:1 (empty: random)",
                "many": "How many (empty: 1)",
                "minutes_ago": "Placed so many minutes ago",
                "late": "Shown only after so many seconds",
                "buyer": "Buyer's number (empty: anyone)",
                "note": "Buyer's note",
                "unpaid": "Unpaid: 1",
                "cod": "Cash on delivery: 1",
                "by_channel": "Shipped by the channel: 1",
                "gift": "Gift: 1",
                "ship_by_hours": "Ship within so many hours",
                "force": "Sell what is not there: 1",
            },
            example={**who, "lines": [{"sku": "KMS-CUP-00012-RED-350ML", "quantity": 2}], "buyer": 7, "minutes_ago": 5},
            run=lambda seller, said: _place(world, seller, said),
        ),
        Deed(
            name="order_state",
            title="Move an order on",
            what=f"deed is {', '.join(DEEDS)}; ship takes carrier and waybill",
            fields={
                "order": "Order number",
                "deed": "Deed",
                "carrier": "Carrier (ship)",
                "waybill": "Waybill (ship)",
            },
            example={**who, "order": 1, "deed": "cancel"},
            run=lambda seller, said: _move(world, seller, said),
        ),
    )


def book_of(world: World, seller: Seller, operation: str) -> Book:
    """The seller's book as the control page writes into it."""

    def effect(name: str, **arguments: Any) -> None:
        world.note("effect", "", seller.name, operation, effect=name, arguments=arguments)

    return Book(world, seller, effect)


def _place(world: World, seller: Seller, said: Said) -> Any:
    book, many = book_of(world, seller, "control.order"), int(said.get("many") or 1)
    if not 1 <= many <= _MOST_PLACED:
        raise ValueError(f"many is 1 to {_MOST_PLACED}")
    now = book.now()
    asked = _asked(world.catalogue(seller), said, now)
    at = now - int(float(said.get("minutes_ago") or 0) * 60_000)
    if many == 1:
        return listed(book.place(_at(asked, at)))
    placed = book.place_many(many, asked, at)
    return {"placed": len(placed), "orders": [listed(each) for each in placed[:_MOST_SHOWN]]}


def _at(asked: Asked, at: int) -> Asked:
    return Asked(**{name: getattr(asked, name) for name in Asked.__slots__} | {"at": at})


def _asked(catalogue: Catalogue, said: Said, now: int) -> Asked:
    flags = {name: _yes(said, name) for name in ("unpaid", "cod", "by_channel", "gift", "force")}
    hours, who = said.get("ship_by_hours"), said.get("buyer")
    if who is not None and not 0 <= int(who) < _MOST_BUYERS:
        raise ValueError(f"buyer is a number below {_MOST_BUYERS}")
    return Asked(
        lines=_lines(catalogue, said),
        note=str(said.get("note") or ""),
        buyer=None if who is None else int(who),
        seen=now + int(float(said.get("late") or 0) * 1000),
        ship_by_hours=None if hours is None else float(hours),
        **flags,
    )


def _yes(said: Said, name: str) -> bool:
    return str(said.get(name, "")).lower() in _YES


def _lines(catalogue: Catalogue, said: Said) -> tuple[tuple[Listing, int], ...]:
    given = said.get("lines")
    if given is None and (said.get("id") or said.get("sku")):
        given = [said]
    if isinstance(given, str):
        given = json.loads(given) if given.lstrip().startswith("[") else [_split(each) for each in given.split(",")]
    if given is not None and not isinstance(given, list):
        raise ValueError("lines is a list of id or sku, and quantity")
    return tuple((_listing(catalogue, each), int(each.get("quantity") or 1)) for each in given or [])


def _split(line: str) -> dict[str, str]:
    sku, colon, quantity = line.strip().rpartition(":")
    return {"sku": sku, "quantity": quantity} if colon else {"sku": quantity, "quantity": "1"}


def _listing(catalogue: Catalogue, line: Said) -> Listing:
    """The listing of a line, by its id at the remote or by the seller's code."""
    named = str(line.get("id") or line.get("sku") or "")
    found = catalogue.by_id(int(named)) if named.isdecimal() else None
    if found is None and line.get("sku"):
        found = next(iter(catalogue.by_sku(named)), None)
    if found is None:
        raise ValueError(f"no listing has the id or code {named!r}")
    return found


def _move(world: World, seller: Seller, said: Said) -> Any:
    deed = str(said.get("deed") or "")
    if deed not in DEEDS:
        raise ValueError(f"deed is {', '.join(DEEDS)}")
    changes = {name: str(said[name]) for name in ("carrier", "waybill") if said.get(name)} if deed == "ship" else {}
    return listed(book_of(world, seller, "control.order_state").move(int(said["order"]), deed, **changes))
