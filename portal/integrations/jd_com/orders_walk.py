"""The walk through JD.com's orders: windows of the time of change, each at most a day, not paged where rows move.

An answer holds the oldest changes of its window.  Where there are more than one answer holds, the rows before its last
second are whole, and the next window begins with that second: nothing slips between pages, for there are none.  Only
one second with more orders than an answer holds is paged, and read again while its total moves.  The end of the walk is
fixed at its beginning, so that an order which changes meanwhile leaves the windows and comes in the next run.  A window
that holds another number in the end than was read may have got a late arrival, and is read again; only what is new in
it is told.  Unpaid orders come first: one that is paid meanwhile comes once more, with the later word.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from portal.contract.errors import Cause, Garbled
from portal.contract.reading import moment_of
from portal.contract.records import Page
from portal.integrations.jd_com import orders
from portal.integrations.jd_com.client import BEIJING, JdComClient
from portal.integrations.jd_com.orders import Answered

Row = Mapping[str, Any]

# JD.com gateway, order search: changes are shown for three months.
REACH = timedelta(days=90)
WINDOW = timedelta(days=1)
UNPAID_WINDOW = timedelta(days=7)
_TRIES = 5
# More than a flash sale brings in one second, or leaves unpaid in a week.
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the walk stands, in seconds since 1970.

    `begin` and `end` are the window, `next` where its next question begins, `until` where the last window ends, `since`
    where the first one began.  `read` is how many rows the window gave, in how many `asks`; `tries` how often it was
    read again.  `unpaid` is whether the unpaid orders are walked, which come first.
    """

    since: int
    until: int
    begin: int
    next: int
    end: int
    read: int = 0
    asks: int = 0
    tries: int = 0
    unpaid: bool = False

    def text(self) -> str:
        """The place as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read_from(cls, cursor: str | None) -> "Place | None":
        """The place of a cursor, None for none and for one that was not made here."""
        try:
            found = cls(**json.loads(cursor)) if cursor else None
        except (ValueError, TypeError):
            return None
        return found if found is not None and all(isinstance(each, int) for each in asdict(found).values()) else None

    def window(self, begin: int) -> "Place | None":
        """The window that begins there, None behind the end."""
        if begin > self.until:
            return None
        width = int((UNPAID_WINDOW if self.unpaid else WINDOW).total_seconds())
        end = min(self.until, begin + width - 1)
        return replace(self, begin=begin, next=begin, end=end, read=0, asks=0, tries=0)


def pages(client: JdComClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """The orders that changed since a moment, or in the last three months, and the unpaid ones placed since then."""
    onward: Place | None = Place.read_from(cursor) or _first(client, since)
    told: dict[str, str] = {}
    window = None
    while onward is not None:
        if window != (onward.unpaid, onward.begin):
            window, told = (onward.unpaid, onward.begin), {}
        rows, onward = (_unpaid if onward.unpaid else _changed)(client, onward)
        # A window that is read again tells only what it had not told.
        fresh = [row for row in rows if not _key(row) or told.get(_key(row)) != _version(row)]
        told |= {_key(row): _version(row) for row in fresh if _key(row)}
        yield Page(fresh, onward.text() if onward else None)


def _first(client: JdComClient, since: datetime | None) -> Place:
    until = client.gateway_now()
    oldest = until - REACH + timedelta(seconds=1)
    begin = int(max(since or oldest, oldest).timestamp())
    end = max(begin, int(until.timestamp()))
    place = Place(since=begin, until=end, begin=begin, next=begin, end=end, unpaid=True)
    return place.window(begin) or place


# --- unpaid orders ----------------------------------------------------------------------------------------------------


def _unpaid(client: JdComClient, place: Place) -> tuple[list[Any], Place | None]:
    rows = _still(lambda page: orders.unpaid(client, place.begin, place.end, page=page))
    following = place.window(place.end + 1)
    return rows, following or replace(place, unpaid=False).window(place.since)


# --- changed orders ---------------------------------------------------------------------------------------------------


def _changed(client: JdComClient, place: Place) -> tuple[list[Any], Place | None]:
    """The next rows of a window, and where the walk goes on."""
    rows, through = _whole_rows(client, place.next, place.end)
    here = replace(place, next=through + 1, read=place.read + len(rows), asks=place.asks + 1)
    if here.next <= here.end:
        return rows, here
    return rows, _again(client, here) or here.window(here.end + 1)


def _again(client: JdComClient, here: Place) -> Place | None:
    """The window once more where it moved while it was read; one that a single answer held cannot have."""
    if here.asks < 2 or here.tries >= _TRIES:
        return None
    if orders.changed(client, here.begin, here.end, size=1).total == here.read:
        return None
    return replace(here, next=here.begin, read=0, asks=0, tries=here.tries + 1)


def _whole_rows(client: JdComClient, start: int, end: int) -> tuple[list[Any], int]:
    """All rows from a moment on, and through which second they are all."""
    while True:
        found = orders.changed(client, start, end)
        if len(found.rows) >= found.total:
            return found.rows, end
        if not found.rows:
            raise Garbled(Cause.NOT_READABLE, f"the search holds {found.total} orders and shows none")
        if start == end:
            return _still(lambda page: orders.changed(client, start, start, page=page)), start
        last = _last_second(found.rows, start, end)
        if last is None:
            # Not in the order that was asked for: only a window that one answer holds is sure.
            end = start + (end - start) // 2
        elif last > start:
            return [row for row in found.rows if (_second(row) or last) < last], last - 1
        else:
            end = start


def _last_second(rows: list[Any], start: int, end: int) -> int | None:
    """The second of the last row, None where the rows do not rise from the window's start to its end."""
    seconds = [_second(row) for row in rows]
    known = [each for each in seconds if each is not None]
    rises = len(known) == len(seconds) and known == sorted(known) and start <= known[0] and known[-1] <= end
    return known[-1] if rises else None


def _still(ask: Callable[[int], Answered]) -> list[Any]:
    """All pages of a list, read again while its total moves; what one reading missed stands in another."""
    found: dict[str, Any] = {}
    odd: list[Any] = []
    for _ in range(_TRIES):
        answers = list(_turned(ask))
        rows = [row for answer in answers for row in answer.rows]
        found |= {_key(row): row for row in rows if _key(row)}
        odd = [row for row in rows if not _key(row)]
        total = answers[-1].total
        if {each.total for each in answers} == {total} and len(found) + len(odd) >= total:
            break
    if len(found) + len(odd) < total:
        raise Garbled(Cause.NOT_READABLE, f"the list holds {total} orders and shows {len(found)}")
    return [*found.values(), *odd]


def _turned(ask: Callable[[int], Answered]) -> Iterator[Answered]:
    """The pages of a list as far as they hold anything."""
    read = 0
    for page in range(1, _MOST_PAGES + 1):
        answer = ask(page)
        yield answer
        read += len(answer.rows)
        if not answer.rows or read >= answer.total:
            return


# --- rows -------------------------------------------------------------------------------------------------------------


def _key(row: Any) -> str:
    found = row.get("orderId") if isinstance(row, Mapping) else None
    return str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else ""


def _version(row: Row) -> str:
    """What tells two versions of an order apart."""
    return f"{row.get('modified')} {row.get('orderState')}"


def _second(row: Any) -> int | None:
    word = row.get("modified") if isinstance(row, Mapping) else None
    found = moment_of(word.strip(), BEIJING) if isinstance(word, str) else None
    return None if found is None else int(found.timestamp())
