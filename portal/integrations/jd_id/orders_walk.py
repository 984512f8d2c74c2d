"""The walk through a shop's orders: every state in windows of the time of change, the details by ids in batches.

JD.ID's lists of ids name no order and no total, so nothing would tell that a row slipped between two pages.  A window
is therefore taken as read only when no state fills a page in it: one answer cannot be torn.  A fuller window is halved,
down to one second, and only there pages are turned, again and again until a whole reading brings nothing new.

The end of the last window is fixed when a walk begins.  An order that changes meanwhile leaves its window and comes in
the next run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from portal.contract.errors import Refused
from portal.contract.records import Page
from portal.integrations.jd_id.client import ORDER_IDS, JdIdClient
from portal.integrations.jd_id.orders import Row, Window, one, order_ids, page_of_ids, several
from portal.integrations.jd_id.statuses import GONE, STATUSES

# How far back a first run looks, as a hub of that time did with JD.ID; how long JD.ID kept orders is not established.
REACH = timedelta(days=9)
EVERY = timedelta(minutes=3)

_DAY = 24 * 60 * 60
_MOST_READINGS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands, in seconds since 1970: the next window's start and width, and where the last one ends."""

    start: int
    width: int
    until: int

    def text(self) -> str:
        """The place as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, cursor: str | None) -> "Place | None":
        """The place of a cursor, None for none and for one that was not made here."""
        try:
            found = cls(**json.loads(cursor)) if cursor else None
        except (ValueError, TypeError):
            return None
        if found is None or not all(type(each) is int for each in asdict(found).values()) or found.width < 1:
            return None
        return found

    @property
    def window(self) -> Window:
        """The next window.  Both ends belong to it, so the one after begins where it ends."""
        return Window(self.start, min(self.until, self.start + self.width))


def pages(client: JdIdClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The orders that changed since a moment, or in the last days, one page for each window, the oldest first."""
    place = Place.read(cursor) or _first(client, since)
    while True:
        window, found, width = _read(client, place)
        place = Place(window.end, width, place.until)
        done = window.end >= place.until
        yield Page(items(client, found), None if done else place.text())
        if done:
            return


def some(client: JdIdClient, keys: Sequence[str]) -> list[Row]:
    """The orders with these ids; an id that JD.ID does not know gives nothing."""
    wanted = list(dict.fromkeys(each for each in keys if each.isascii() and each.isalnum()))
    return [each for each in items(client, wanted) if len(each["order"]) > 1]


def items(client: JdIdClient, ids: Sequence[str]) -> list[Row]:
    """One item for each order: what JD.ID tells of it, and what the merchant's settings say to that.

    An order that is gone is left out.  One that was listed and is not told stays as its bare id, which the mapping
    refuses, so that somebody looks at it.
    """
    parts = [ids[start : start + ORDER_IDS] for start in range(0, len(ids), ORDER_IDS)]
    told = client.in_flight([partial(several, client, part) for part in parts])
    rows = {_id(row): row for part in told for row in part if isinstance(row, Mapping) and _id(row)}
    missing = [each for each in ids if each not in rows]
    alone = client.in_flight([partial(_alone, client, each) for each in missing])
    rows |= dict(zip(missing, alone, strict=True))
    kept = [rows[each] for each in ids if str(rows[each].get("orderState")) != GONE]
    return [{"order": row, **_meaning(client, row)} for row in kept]


def _read(client: JdIdClient, place: Place) -> tuple[Window, list[str], int]:
    """The first window from a place on that can be read whole, the ids of its orders, and how wide the next may be."""
    window, size = place.window, page_of_ids(client)
    while True:
        found = client.in_flight([partial(order_ids, client, status, window) for status in STATUSES])
        full = [status for status, ids in zip(STATUSES, found, strict=True) if len(ids) >= size]
        if full and window.end - window.start > 1:
            window = Window(window.start, window.start + (window.end - window.start) // 2)
            continue
        ids = [each for part in found for each in part]
        for status in full:
            ids += _turned(client, status, window)
        # The rush of one hour says nothing about the next, so a window with room left makes the next one wider.
        wider = 2 if max(map(len, found)) < size // 2 else 1
        return window, list(dict.fromkeys(ids)), min(_DAY, wider * (window.end - window.start))


def _turned(client: JdIdClient, status: str, window: Window) -> list[str]:
    """All ids of a window that cannot be made smaller, page by page until a reading brings nothing new."""
    known: dict[str, None] = {}
    for _ in range(_MOST_READINGS):
        before = len(known)
        known |= dict.fromkeys(_reading(client, status, window))
        if len(known) == before:
            break
    return list(known)


def _reading(client: JdIdClient, status: str, window: Window) -> Iterator[str]:
    """One reading of a list from its first page to its last, which is the one that is not full or only repeats."""
    seen: set[str] = set()
    for page in count(1):
        found = order_ids(client, status, window, page)
        yield from found
        if len(found) < page_of_ids(client) or seen.issuperset(found):
            return
        seen.update(found)


def _alone(client: JdIdClient, order_id: str) -> Row:
    """An order that a batch did not tell; where JD.ID says no to it, its bare id."""
    try:
        found = one(client, order_id)
    except Refused as why:
        if not why.said:
            raise
        found = None
    return found if found is not None else {"orderId": order_id}


def _meaning(client: JdIdClient, row: Row) -> dict[str, bool]:
    """What the merchant's two lists of raw numbers say: JD.ID's own meaning of them is not established."""
    settings = client.account.settings
    by_channel = _words(settings.get("channel_delivery_types", ""))
    is_o2o = row.get("o2oOrder") is True and O2O in by_channel
    return {
        "paid_on_delivery": _word(row, "paymentType") in _words(settings.get("cod_payment_types", "")),
        "by_channel": is_o2o or _word(row, "deliveryType") in by_channel,
    }


O2O = "o2o"
"""How the list of delivery types names orders that JD.ID marks as `o2oOrder`."""


def _words(typed: str) -> frozenset[str]:
    return frozenset(each.strip().lower() for each in typed.split(",") if each.strip())


def _word(row: Row, name: str) -> str:
    found: Any = row.get(name)
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""


def _id(row: Row) -> str:
    return _word(row, "orderId").strip()


def _first(client: JdIdClient, since: datetime | None) -> Place:
    now = client.gateway_now()
    begin = min(since or now - REACH, now)
    # A window's ends are whole seconds, so a change within the running one is still in the last window.
    return Place(int(begin.timestamp()), _DAY, int(now.timestamp()) + 1)
