"""The walk through a JD.com catalogue: which search comes next, so that no SKU is lost and any page can be asked again.

The wares are searched by ascending id.  A search shows only its first hundred pages, so a catalogue that has more is
walked in windows of the time of change, halved until each fits; windows are closed in the past, so that rows can only
leave them.  A row that vanishes moves the later ones forward: when a search has become smaller, the walk goes back by
as many pages.  What was edited while closed windows were walked comes in one more lap at the end.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal.contract.records import Page
from portal.integrations.jd_com.client import DEEPEST, PAGE_SIZE, WARE_IDS, JdComClient, too_many, window

FITS = DEEPEST * PAGE_SIZE
# Older than the marketplace: where the first window begins for wares of any age.
_BEGINNING = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
# Two pages of wares and their SKUs make about ten calls.
_WARE_PAGES = 2
_MOST_PAGES = 4
_STILL_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the walk stands: a window in seconds since 1970 (None: open), the next page in it, what it last held.

    `end` is when the lap began: closed windows go as far as that.  `back` is whether the window is walked from its far
    end, `late` whether this is the last lap, `cut` whether windows were needed, `total` how many SKUs the shop has.
    """

    end: int
    since: int | None = None
    until: int | None = None
    page: int = 1
    held: int = 0
    back: bool = False
    late: bool = False
    cut: bool = False
    total: int | None = None

    def text(self) -> str:
        """The place as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, cursor: str) -> "Place | None":
        """The place of a cursor, None for one that was not made here: the run then begins anew."""
        try:
            return cls(**json.loads(cursor))
        except (ValueError, TypeError):
            return None

    def window(self) -> dict[str, str]:
        """The place's window as the search wants it."""
        return window(_moment(self.since), _moment(self.until))


def pages(client: JdComClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """Pages of SKUs, each with its ware, from a cursor on; with `since`, of the wares changed after that moment."""
    place = (Place.read(cursor) if cursor else None) or _first(client, since)
    onward: Place | None = place
    while onward is not None:
        wares, here = _wares(client, onward)
        onward = _after(client, here)
        yield Page(_items(client, wares), onward.text() if onward else None, here.total)


def _first(client: JdComClient, since: datetime | None) -> Place:
    if since is not None:
        return Place(end=_now(client), since=int(since.timestamp()))
    return Place(end=_now(client), total=client.sku_total())


def _wares(client: JdComClient, place: Place) -> tuple[list[Any], Place]:
    """The next rows of wares, and the last page that was read for them.

    The window is made to fit first.  Where the search has become smaller, the pages that its rows may have moved to are
    read again together with the next ones, so that a shop that shrinks all the time is still walked to its end.  What
    slips between two pages of one reading stands in the reading before or after it, so the rows of all of them count.
    """
    found: list[Any] = []
    through, tries = place.page, 0
    while True:
        numbers = _numbers(place, through)
        ask = partial(client.wares, window=place.window(), descending=place.back)
        answers = client.in_flight([partial(ask, number) for number in numbers])
        totals = [total for _, total in answers]
        held = max(totals)
        smaller = _halved(place) if held > FITS and place.page == 1 and not place.back else None
        if smaller is not None:
            place, through = smaller, 1
            continue
        found += [row for rows, _ in answers for row in rows]
        if held < place.held and place.page > 1:
            back = max(1, place.page - -(-(place.held - held) // PAGE_SIZE))
            through = min(through, back + _MOST_PAGES - 1)
            place = replace(place, page=back, held=held)
        elif len(set(totals)) > 1 and tries < _STILL_TRIES:
            tries += 1
            place = replace(place, held=held)
        else:
            return found, replace(place, page=numbers[-1], held=held)


def _numbers(place: Place, through: int) -> range:
    """The pages to read at once: one where a search begins, for only its answer tells how far it goes."""
    if not place.held:
        return range(place.page, place.page + 1)
    end = max(place.page + _WARE_PAGES, through + 1)
    return range(place.page, max(place.page + 1, min(end, _last(place) + 1)))


def _last(place: Place) -> int:
    return min(DEEPEST, max(1, -(-place.held // PAGE_SIZE)))


def _halved(place: Place) -> Place | None:
    """The first half of the place's window, None where it is too narrow to be halved."""
    since = _BEGINNING if place.since is None else place.since
    if place.until is None:
        return replace(place, since=since, until=place.end, cut=True, held=0)
    if place.until - since <= 1:
        return None
    return replace(place, since=since, until=since + (place.until - since) // 2, held=0)


def _after(client: JdComClient, here: Place) -> Place | None:
    """Where the walk goes on: in this search, in the next window, in the last lap, or nowhere."""
    if here.page < _last(here):
        return replace(here, page=here.page + 1)
    if here.held > FITS and not here.back:
        # One second holds more than the search shows from one end.
        if here.held > 2 * FITS:
            raise too_many(here.held)
        return replace(here, page=1, held=0, back=True)
    if here.until is not None and here.until < here.end:
        width = max(1, here.until - (here.since or 0)) * (2 if here.held < FITS // 2 else 1)
        return replace(here, page=1, held=0, back=False, since=here.until, until=min(here.end, here.until + width))
    if here.cut and not here.late:
        return Place(end=_now(client), since=here.end, late=True, total=here.total)
    return None


def _now(client: JdComClient) -> int:
    return int(client.line.now().timestamp())


def _items(client: JdComClient, wares: list[Any]) -> list[Mapping[str, Any]]:
    """One item for each SKU of the wares; a ware that cannot be read becomes an item that the mapping refuses."""
    known: dict[str, Any] = {}
    odd: list[Mapping[str, Any]] = []
    for ware in wares:
        number = _id(ware, "wareId")
        if number:
            known[number] = ware
        else:
            odd.append({"ware": ware, "sku": None})
    ids = list(known)
    parts = [ids[start : start + WARE_IDS] for start in range(0, len(ids), WARE_IDS)]
    found = client.in_flight([partial(client.skus_of, part) for part in parts])
    items = [{"ware": known.get(_id(sku, "wareId")), "sku": sku} for skus in found for sku in skus]
    return odd + _once(items)


def _once(items: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """The items without the repeats of an SKU that came twice while its pages were turned; the later one counts."""
    seen: dict[str, Mapping[str, Any]] = {}
    for number, item in enumerate(items):
        seen[_id(item["sku"], "skuId") or f"row {number}"] = item
    return list(seen.values())


def _id(row: Any, name: str) -> str:
    found = row.get(name) if isinstance(row, Mapping) else None
    return str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else ""


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
