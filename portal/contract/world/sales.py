"""The orders book of a seller: what was ordered, how far each order is, and what that does to the stock at the remote.

An order takes its pieces off the listings when it is placed, paid or not, and a cancellation gives them back; so a
marketplace does.  The book knows no remote's form: each sandbox shows its orders in its own words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from portal.contract.goods import draw
from portal.contract.world.buyers import Buyer, buyer
from portal.contract.world.catalogue import Listing
from portal.contract.world.records import Seller
from portal.contract.world.world import World

Effect = Callable[..., None]

_PER_SELLER = 10_000_000
# So few buyers order again and again, so that orders of one can be tried together.
_BUYERS = 40
_MOST_LINES = 3
_MOST_PIECES = 3
_PAID_AFTER = 30_000
_TRIES = 60


class State(StrEnum):
    """How far an order is.  REFUSED is a parcel that the buyer did not take."""

    UNPAID = "unpaid"
    TO_SHIP = "to_ship"
    READY = "ready"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCEL_ASKED = "cancel_asked"
    CANCELLED = "cancelled"
    LOCKED = "locked"
    REFUSED = "refused"


_OPEN = (State.UNPAID, State.TO_SHIP, State.READY)
# What each deed begins from and where it leads; None: back to where the order stood before.
DEEDS: Mapping[str, tuple[tuple[State, ...], State | None]] = {
    "pay": ((State.UNPAID,), State.TO_SHIP),
    "ready": ((State.TO_SHIP,), State.READY),
    "ship": ((State.TO_SHIP, State.READY), State.SHIPPED),
    "complete": ((State.SHIPPED,), State.COMPLETED),
    "refuse": ((State.SHIPPED,), State.REFUSED),
    "ask_cancel": ((State.TO_SHIP, State.READY), State.CANCEL_ASKED),
    "lock": (_OPEN, State.LOCKED),
    "unlock": ((State.LOCKED, State.CANCEL_ASKED), None),
    "cancel": ((*_OPEN, State.CANCEL_ASKED, State.LOCKED), State.CANCELLED),
}


class NotNow(ValueError):
    """A deed that does not fit the state of the order, or an order of more pieces than there are."""


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One line: the listing as it was when it was ordered.  `price` is that of one piece."""

    number: int
    slot: int
    listing: int
    parent: int
    sku: str
    title: str
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One order.  Times are milliseconds since 1970 by the sandbox's clock, None for what has not happened.

    `seen` is from when on the remote shows the order: its searches may lag behind.  `before` is where a locked order,
    or one whose buyer asks to cancel, stood.  `told` is whatever else one remote keeps of an order; its `word` stands
    in for the state until the order moves on.
    """

    number: int
    state: State
    placed: int
    modified: int
    lines: tuple[SaleLine, ...]
    buyer: Buyer = field(repr=False)
    seen: int = 0
    paid: int | None = None
    shipped: int | None = None
    ended: int | None = None
    ship_by: int | None = None
    note: str = field(default="", repr=False)
    seller_note: str = ""
    gift: bool = False
    cod: bool = False
    by_channel: bool = False
    carrier: str = ""
    waybill: str = ""
    before: State | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """What all its pieces cost, without discounts and freight."""
        return sum((each.price * each.quantity for each in self.lines), Decimal(0))

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """From what `as_dict` gave."""
        lines = tuple(SaleLine(**{**each, "price": Decimal(each["price"])}) for each in saved["lines"])
        before = saved.get("before")
        made = {"state": State(saved["state"]), "lines": lines, "buyer": Buyer(**saved["buyer"])}
        return cls(**{**saved, **made, "before": State(before) if before else None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the control page asks of a new order.  `lines` are listings with how many pieces, none for random ones.

    `buyer` is the number of a buyer, None for whoever comes.  `at` is when it is placed and `seen` from when on the
    remote shows it, both in milliseconds, None for now.  `force` lets a listing sell what it does not have.
    """

    lines: tuple[tuple[Listing, int], ...] = ()
    unpaid: bool = False
    cod: bool = False
    by_channel: bool = False
    gift: bool = False
    note: str = field(default="", repr=False)
    buyer: int | None = None
    at: int | None = None
    seen: int | None = None
    ship_by_hours: float | None = None
    force: bool = False


class Book:
    """The orders of one seller at one remote.  `effect(name, **arguments)` writes into the journal."""

    def __init__(self, world: World, seller: Seller, effect: Effect) -> None:
        self._world = world
        self._memory = world.memory
        self.seller = seller
        self._effect = effect

    def now(self) -> int:
        """The remote's time in milliseconds."""
        return int(self._world.now().timestamp() * 1000)

    # --- queries ------------------------------------------------------------------------------------------------------

    def find(self, number: int) -> Sale | None:
        """The order of that number, None where the remote shows none."""
        found = self._memory.sale(self.seller.name, number)
        return Sale.from_dict(found) if found is not None and found["seen"] <= self.now() else None

    def some(self, numbers: Iterable[int]) -> list[Sale]:
        """The orders of these numbers, in their order; unknown ones are left out."""
        return [found for number in numbers if (found := self.find(number)) is not None]

    def window(
        self,
        *,
        by: str = "modified",
        since: int = 0,
        until: int = 1 << 62,
        states: Sequence[str] = tuple(State),
        start: int = 0,
        count: int = 100,
        falling: bool = False,
    ) -> tuple[list[Sale], int]:
        """A page of the orders in a window, and how many the window holds.

        `by` is "modified" or "placed", and both ends belong to the window.  Orders of one moment stand by number.
        """
        asked = (self.seller.name, by, since, until, [str(each) for each in states], self.now())
        total = self._memory.count_sales(*asked)
        rows = self._memory.sales(*asked, start=start, count=count, falling=falling)
        return [Sale.from_dict(each) for each in rows], total

    def counts(self) -> dict[str, int]:
        """How many orders there are in each state, those that are not shown yet too."""
        return self._memory.sales_by_state(self.seller.name)

    # --- changes ------------------------------------------------------------------------------------------------------

    def place(self, asked: Asked) -> Sale:
        """Places an order and takes its pieces.  Raises NotNow where a listing has fewer than are wanted."""
        with self._memory.together():
            number = self._next()
            lines = asked.lines or self._random_lines(number, anything=asked.force)
            for listing, quantity in lines:
                self._take(listing, quantity, force=asked.force, number=number)
            sale = self._made(number, lines, asked)
            self._keep(sale)
            self._effect("order.place", order=number, state=sale.state, lines=_pieces(sale))
            return sale

    def place_many(self, count: int, asked: Asked, since: int) -> list[Sale]:
        """Places so many orders, spread evenly from a moment until now."""
        now = self.now()
        moments = [since + (now - since) * (place + 1) // count for place in range(count)]
        with self._memory.together():
            return [self.place(replace(asked, at=each)) for each in moments]

    def move(self, number: int, deed: str, **changes: Any) -> Sale:
        """Does one of DEEDS with an order.  Raises KeyError for an unknown order and NotNow for a wrong moment."""
        begins, ends = DEEDS[deed]
        with self._memory.together():
            sale = self._known(number)
            if sale.state not in begins:
                raise NotNow(f"order {number} is {sale.state}; {deed} needs {', '.join(begins)}")
            state = ends or sale.before or State.TO_SHIP
            if state is State.CANCELLED:
                self._give_back(sale)
            now = self.now()
            changes |= {"state": state, "before": sale.state if state in {State.LOCKED, State.CANCEL_ASKED} else None}
            changes["told"] = {name: value for name, value in sale.told.items() if name != "word"}
            changes |= {"pay": {"paid": now}, "ship": {"shipped": now}}.get(deed, {})
            if state in {State.CANCELLED, State.COMPLETED, State.REFUSED}:
                changes["ended"] = now
            return self.change(number, f"order.{deed}", **changes)

    def change(self, number: int, effect: str, **changes: Any) -> Sale:
        """Changes some fields of an order, which moves its time of change.  Raises KeyError."""
        with self._memory.together():
            sale = self._known(number)
            changed = replace(sale, modified=max(self.now(), sale.modified), **changes)
            self._keep(changed)
            more = {"carrier": changed.carrier, "waybill": changed.waybill} if "waybill" in changes else {}
            self._effect(effect, order=number, state=changed.state, was=sale.state, **more)
            return changed

    def _known(self, number: int) -> Sale:
        found = self._memory.sale(self.seller.name, number)
        if found is None:
            raise KeyError(f"{self.seller.name} has no order {number}")
        return Sale.from_dict(found)

    def _keep(self, sale: Sale) -> None:
        self._memory.keep_sale(self.seller.name, sale.as_dict())

    def _next(self) -> int:
        shelf = self._world.shelf
        if shelf is None:
            raise LookupError(f"{self._world.key} sells nothing")
        first = shelf.first_order_id + self._world.catalogue(self.seller).number * _PER_SELLER
        return max(first, self._memory.last_sale(self.seller.name) + 1)

    def _made(self, number: int, lines: Sequence[tuple[Listing, int]], asked: Asked) -> Sale:
        now = self.now()
        placed = now if asked.at is None else asked.at
        paid = None if asked.unpaid or asked.cod else min(now, placed + _PAID_AFTER)
        who = draw("who", self.seller.seed, number) % _BUYERS if asked.buyer is None else asked.buyer
        language = self._world.shelf.language if self._world.shelf else "en"
        due = None
        if asked.ship_by_hours is not None:
            due = placed + int(timedelta(hours=asked.ship_by_hours).total_seconds() * 1000)
        return Sale(
            number=number,
            state=State.UNPAID if asked.unpaid else State.TO_SHIP,
            placed=placed,
            modified=paid or placed,
            lines=tuple(_line(place, *each) for place, each in enumerate(lines, 1)),
            buyer=buyer(self.seller.seed, who, language),
            seen=now if asked.seen is None else asked.seen,
            paid=paid,
            ship_by=due,
            note=asked.note,
            gift=asked.gift,
            cod=asked.cod,
            by_channel=asked.by_channel,
        )

    # --- stock --------------------------------------------------------------------------------------------------------

    def _random_lines(self, number: int, *, anything: bool) -> list[tuple[Listing, int]]:
        catalogue, seed = self._world.catalogue(self.seller), self.seller.seed
        wanted = 1 + draw("lines", seed, number) % _MOST_LINES
        found: dict[int, tuple[Listing, int]] = {}
        for turn in range(_TRIES):
            listing = catalogue.listing(draw("slot", seed, number, turn) % max(1, catalogue.goods.size))
            if listing is None or not listing.on_sale or not listing.passed:
                continue
            most = _MOST_PIECES if anything else min(_MOST_PIECES, listing.stock)
            if most < 1:
                continue
            pieces = 1 + draw("pieces", seed, number, turn) % most
            found.setdefault(listing.item.slot, (listing, pieces))
            if len(found) == wanted:
                break
        if not found:
            raise NotNow(f"{self.seller.name} has nothing left to sell")
        return list(found.values())

    def _take(self, listing: Listing, quantity: int, *, force: bool, number: int) -> None:
        now = self._world.catalogue(self.seller).listing(listing.item.slot) or listing
        if quantity < 1:
            raise NotNow("a line is of at least one piece")
        if now.stock < quantity and not force:
            raise NotNow(f"{listing.remote_id} has {now.stock} left, not {quantity}; `force` sells them all the same")
        left = max(0, now.stock - quantity)
        self._world.edit(self.seller, listing.item.slot, touch=False, stock=left)
        self._effect("stock.sold", sku=listing.remote_id, quantity=left, was=now.stock, order=number)

    def _give_back(self, sale: Sale) -> None:
        catalogue = self._world.catalogue(self.seller)
        for line in sale.lines:
            listing = catalogue.listing(line.slot)
            if listing is None or listing.remote_id != line.listing:
                continue
            more = listing.stock + line.quantity
            self._world.edit(self.seller, line.slot, touch=False, stock=more)
            self._effect("stock.back", sku=line.listing, quantity=more, was=listing.stock, order=sale.number)


def _line(place: int, listing: Listing, quantity: int) -> SaleLine:
    return SaleLine(
        number=place,
        slot=listing.item.slot,
        listing=listing.remote_id,
        parent=listing.parent_id,
        sku=listing.sku,
        title=listing.item.title,
        quantity=quantity,
        price=listing.price,
    )


def _pieces(sale: Sale) -> list[dict[str, int]]:
    return [{"sku": each.listing, "quantity": each.quantity} for each in sale.lines]


def listed(sale: Sale) -> dict[str, Any]:
    """An order as the control page lists it, without its buyer."""
    return {
        "number": sale.number,
        "state": sale.state,
        "placed": sale.placed,
        "paid": sale.paid,
        "modified": sale.modified,
        "seen": sale.seen,
        "shipped": sale.shipped,
        "ended": sale.ended,
        "ship_by": sale.ship_by,
        "lines": [
            {"number": each.number, "id": each.listing, "sku": each.sku, "quantity": each.quantity}
            | {"price": str(each.price)}
            for each in sale.lines
        ],
        "carrier": sale.carrier,
        "waybill": sale.waybill,
        "gift": sale.gift,
        "cod": sale.cod,
        "by_channel": sale.by_channel,
        "repeat_buyer": sale.buyer.account,
    }
