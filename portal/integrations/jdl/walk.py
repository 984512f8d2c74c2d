"""The walks through what JD Logistics lists: goods, stock, outbound and inbound orders, page by page.

No list names an order.  A row that vanishes moves the later ones forward: where a list has become shorter, the pages
that its rows may have moved to are read again together with the next one.  Orders are asked for by windows of their
time of change, whose end is fixed when a window is begun, so that an order which changes meanwhile leaves the window
and comes in the next run.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from portal.contract.errors import Cause, Garbled, Refused
from portal.contract.records import Page
from portal.integrations.jdl.checks import with_offers
from portal.integrations.jdl.client import GOODS_PAGE, ORDER_PAGE, STOCK_PAGE, ZONE, JdlClient

Row = Mapping[str, Any]
Asked = Callable[[int], tuple[list[Any], int, int]]

HARD_STOP = 1000
_MOST_PAGES = 4
_STILL_TRIES = 5
# JD Logistics, order queries: a window of change is at most seven days (ours).
WINDOW = timedelta(days=7)
# How far a first run looks back; what did not change since then is finished at JD.
FIRST_RUN = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the next page, how many rows the list last held, and the window where there is one.

    `start`, `end` and `until` are seconds since 1970: the window, and where the last window ends.
    """

    page: int = 1
    held: int = 0
    start: int = 0
    end: int = 0
    until: int = 0

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
        return found if found is not None and all(isinstance(each, int) for each in asdict(found).values()) else None


def products(client: JdlClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """All goods of the merchant at JD."""
    return _pages(client, client.goods, GOODS_PAGE, cursor)


def stock(client: JdlClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The stock of the typed warehouse, every SKU."""
    try:
        yield from _pages(client, client.stock, STOCK_PAGE, cursor)
    except Refused as why:
        raise with_offers(client, why) from None


def outbound(client: JdlClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The orders that changed since a moment, or in the last four weeks."""
    return _windows(client, "outstock.query", since, cursor)


def inbound(client: JdlClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The announced deliveries that changed since a moment, or in the last four weeks."""
    return _windows(client, "instock.query", since, cursor)


# --- some things only -------------------------------------------------------------------------------------------------


def some_products(client: JdlClient, keys: Sequence[str]) -> list[Row]:
    """The goods of these SKUs."""
    return _some(client, keys, GOODS_PAGE, lambda part: lambda number: client.goods(number, skus=part))


def some_stock(client: JdlClient, keys: Sequence[str]) -> list[Row]:
    """The stock of these SKUs in the typed warehouse."""
    return _some(client, keys, STOCK_PAGE, lambda part: lambda number: client.stock(number, skus=part))


def some_outbound(client: JdlClient, keys: Sequence[str]) -> list[Row]:
    """The orders with these numbers of ours or the merchant's."""
    return _some(client, keys, ORDER_PAGE, lambda part: _by_numbers(client, "outstock.query", "customerOrderNo", part))


def some_inbound(client: JdlClient, keys: Sequence[str]) -> list[Row]:
    """The announced deliveries with these numbers of the merchant's."""
    return _some(client, keys, ORDER_PAGE, lambda part: _by_numbers(client, "instock.query", "customerInstockNo", part))


def _by_numbers(client: JdlClient, operation: str, name: str, part: Sequence[str]) -> Asked:
    return lambda number: client.documents(operation, number, {f"{name}List": list(part)})


def _some(client: JdlClient, keys: Sequence[str], size: int, asks: Callable[[Sequence[str]], Asked]) -> list[Row]:
    """Everything that JD lists for these keys.  JD may refuse a key that it does not know; then it lists none."""
    wanted = list(dict.fromkeys(each for each in keys if each))
    found: list[Row] = []
    for start in range(0, len(wanted), size):
        try:
            pages = list(_pages(client, asks(wanted[start : start + size]), size, None))
        except Refused as why:
            if why.cause is not Cause.NOT_THERE:
                raise
            continue
        found += [row for page in pages for row in page.items]
    return found


# --- pages ------------------------------------------------------------------------------------------------------------


def _pages(client: JdlClient, asked: Asked, size: int, cursor: str | None) -> Iterator[Page]:
    """The pages of a list without windows, with how many rows JD says there are."""
    onward: Place | None = Place.read(cursor) or Place()
    while onward is not None:
        rows, here, more = _rows(client, asked, size, onward)
        onward = replace(here, page=here.page + 1) if more else None
        yield Page(rows, onward.text() if onward else None, here.held)


def _windows(client: JdlClient, operation: str, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The pages of all windows, the oldest first."""
    onward = Place.read(cursor) or _first_window(client, since)
    while True:
        # Both ends of a window belong to it, so the next one begins where this one ends.
        asked = {"updateTimeStart": _stamp(onward.start), "updateTimeEnd": _stamp(onward.end)}
        rows, here, more = _rows(client, partial(_documents, client, operation, asked), ORDER_PAGE, onward)
        if more:
            onward = replace(here, page=here.page + 1)
        elif onward.end < onward.until:
            onward = _window(onward.end, onward.until)
        else:
            yield Page(rows, None)
            return
        yield Page(rows, onward.text())


def _documents(client: JdlClient, operation: str, asked: Mapping[str, Any], number: int) -> tuple[list[Any], int, int]:
    return client.documents(operation, number, asked)


def _first_window(client: JdlClient, since: datetime | None) -> Place:
    until = client.gateway_now()
    begin = min(since or until - FIRST_RUN, until)
    # JD tells times in whole seconds, so a change within the last one is still in the window.
    return _window(int(begin.timestamp()), int(until.timestamp()) + 1)


def _window(start: int, until: int) -> Place:
    return Place(start=start, end=min(until, start + int(WINDOW.total_seconds())), until=until)


def _stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def _rows(client: JdlClient, asked: Asked, size: int, place: Place) -> tuple[list[Any], Place, bool]:
    """The rows of the next page, the last page that was read for them, and whether there are more.

    Where the list has become shorter, earlier pages are read again with it.  What slips between two pages of one
    reading stands in the reading before or after it, so the rows of all of them count.
    """
    found: list[Any] = []
    first, through, known, tries = place.page, place.page, place.held, 0
    while True:
        answers = client.in_flight([partial(asked, number) for number in range(first, through + 1)])
        held, pages = max(total for _, total, _ in answers), max(count for _, _, count in answers)
        found += [row for rows, _, _ in answers for row in rows]
        if held < known and first > 1:
            first = max(1, first - -(-(known - held) // size))
            through = min(through, first + _MOST_PAGES - 1)
        elif len({total for _, total, _ in answers}) == 1 or tries == _STILL_TRIES:
            break
        else:
            tries += 1
        known = held
    if not found and (first - 1) * size < held:
        raise Garbled(Cause.NOT_READABLE, f"page {first} of the list is empty, though it holds {held}")
    ends = not answers[-1][0] or through >= HARD_STOP or through >= (pages or -(-held // size) or HARD_STOP)
    return found, replace(place, page=through, held=held), not ends
