"""The walk through a JD.ID catalogue: the product list page by page, with the audit state and the SKUs of each product.

The list names no order and no window.  A product that vanishes moves the later ones forward: when the list has become
shorter, the walk goes back by as many pages.  Sold-out products come in like all others.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from portal.contract.errors import Cause, Garbled
from portal.contract.records import Page
from portal.integrations.jd_id.client import SKU_IDS, SPU_IDS, JdIdClient

Row = Mapping[str, Any]

_MOST_PAGES = 3
_STILL_TRIES = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk stands: the next page of the list, and how many products the list last held."""

    page: int = 1
    held: int = 0

    def text(self) -> str:
        """The place as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, cursor: str | None) -> "Place":
        """The place of a cursor; the beginning for none, and for one that was not made here."""
        try:
            return cls(**json.loads(cursor)) if cursor else cls()
        except (ValueError, TypeError):
            return cls()


def pages(client: JdIdClient, since: datetime | None, cursor: str | None) -> Iterator[Page]:
    """Pages of SKUs, each with its product, from a cursor on.  JD.ID told no time of change to ask by."""
    onward: Place | None = Place.read(cursor)
    while onward is not None:
        rows, here = _rows(client, onward)
        onward = Place(here.page + 1, here.held) if here.page * client.page_size < here.held else None
        yield Page(_items(client, rows), onward.text() if onward else None)


def _rows(client: JdIdClient, place: Place) -> tuple[list[Any], Place]:
    """The next rows of the list, and the last page that was read for them.

    Where the list has become shorter, the pages that its rows may have moved to are read again together with the next
    one, so that a shop that shrinks all the time is still walked to its end.  What slips between two pages of one
    reading stands in the reading before or after it, so the rows of all of them count.
    """
    found: list[Any] = []
    first, through, tries = place.page, place.page, 0
    known = place.held
    while True:
        answers = client.in_flight([partial(client.spus, number) for number in range(first, through + 1)])
        held = max(total for _, total in answers)
        found += [row for rows, _ in answers for row in rows]
        if held < known and first > 1:
            first = max(1, first - -(-(known - held) // client.page_size))
            through = min(through, first + _MOST_PAGES - 1)
        elif len({total for _, total in answers}) == 1 or tries == _STILL_TRIES:
            break
        else:
            tries += 1
        known = held
    if not found and (first - 1) * client.page_size < held:
        raise Garbled(Cause.NOT_READABLE, f"page {first} of the product list is empty, though it holds {held}")
    return found, Place(through, held)


def _items(client: JdIdClient, rows: list[Any]) -> list[Row]:
    """One item for each SKU; a product that cannot be read becomes an item that the mapping refuses.

    The product stands under `spu` with its detail, and under `tiny` where the first generation gives the list's row
    only.
    """
    odd = [{"spu": row, "sku": None} for row in rows if not _id(row, "spuId")]
    spus = {number: row for row in rows if (number := _id(row, "spuId"))}
    if client.first_generation:
        return odd + _one_by_one(client, spus, list(spus), "tiny")
    details = _details(client, list(spus))
    spus = {number: {**row, **details.get(number, {})} for number, row in spus.items()}
    listed = {number: _sku_ids(spu) for number, spu in spus.items()}
    # A product that does not list its SKUs is asked for them alone.
    rest = [number for number, ids in listed.items() if ids is None]
    wanted = [each for ids in listed.values() for each in ids or ()]
    found = client.in_flight([partial(client.skus, part) for part in _parts(wanted, SKU_IDS)])
    items = [{"spu": spus.get(_id(sku, "spuId")), "sku": sku} for skus in found for sku in skus]
    return odd + items + _one_by_one(client, spus, rest, "spu")


def _one_by_one(client: JdIdClient, spus: Mapping[str, Any], numbers: list[str], name: str) -> list[Row]:
    found = client.in_flight([partial(client.skus_of, number) for number in numbers])
    return [{name: spus[number], "sku": sku} for number, skus in zip(numbers, found, strict=True) for sku in skus]


def _details(client: JdIdClient, spus: list[str]) -> dict[str, Row]:
    found = client.in_flight([partial(client.details, part) for part in _parts(spus, SPU_IDS)])
    return {number: each for details in found for each in details if (number := _id(each, "spuId"))}


def _sku_ids(spu: Row) -> list[str] | None:
    """The ids of a product's SKUs, None where the detail does not list them in a way that can be read."""
    found = spu.get("skuIds")
    if not isinstance(found, list) or any(isinstance(each, bool) or not isinstance(each, int | str) for each in found):
        return None
    return [str(each) for each in found]


def _parts(ids: list[str], size: int) -> list[list[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _id(row: Any, name: str) -> str:
    """An id of a row as text, "" where the row is not an object or holds none."""
    found = row.get(name) if isinstance(row, Mapping) else None
    return str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else ""
