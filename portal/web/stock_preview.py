"""What a channel would show with these numbers: one example taken apart, and three sample SKUs."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.contract.options import shown
from portal.kit.db import db, whose
from portal.models import Connection, Listing, Stock
from portal.web.options_form import whole

LOOKED_AT = 10_000
SAMPLED = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """One SKU: how many are on hand and promised, how many the channel would show, and why that many."""

    title: str
    sku: str
    on_hand: int
    reserved: int
    shown: int
    why: str

    @property
    def free(self) -> int:
        """What may be sold."""
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The numbers that are shown, and those of the first sample drawn to scale.

    `real` says that the samples are listings of the connection.  `wrong` is the sentence about a number that could not
    be read; what is drawn is then the last one that could.  `totals` are how many SKUs were looked at, how many hit the
    cap and how many would show 0.
    """

    max_level: int | None
    buffer: int | None
    first: Sample
    samples: Sequence[Sample]
    real: bool
    wrong: str = ""
    totals: tuple[int, int, int] | None = None

    @property
    def bar(self) -> list[tuple[str, int, int]]:
        """The parts of the first sample's stock from left to right: a word, where it begins, how wide it is."""
        free = max(0, self.first.free)
        kept = min(free, self.buffer or 0)
        parts = [
            ("shown", self.first.shown),
            ("capped", free - kept - self.first.shown),
            ("buf", kept),
            ("res", min(self.first.reserved, self.first.on_hand)),
        ]
        drawn, at = [], 0
        for word, width in parts:
            if width > 0:
                drawn.append((word, at, width))
            at += width
        return drawn


def of(connection: Connection, asked: Mapping[str, str]) -> Preview:
    """The preview for the numbers in the address; without any, for those that are saved."""
    saved = connection.known_options
    max_level, wrong_max = _read(asked, "max_level", saved.max_level)
    buffer, wrong_buffer = _read(asked, "buffer", saved.buffer)
    listings = _listings(connection.id)
    if listings:
        picked = _spread(listings)
        samples = [_sample(*each, buffer, max_level) for each in picked]
    else:
        samples = [_sample(*example, buffer, max_level) for example in _examples()]
    return Preview(
        max_level=max_level,
        buffer=buffer,
        first=samples[0],
        samples=samples[1:],
        real=bool(listings),
        wrong=wrong_max or wrong_buffer,
        totals=_totals(connection.id, buffer or 0, max_level) if listings else None,
    )


def _read(asked: Mapping[str, str], name: str, saved: int | None) -> tuple[int | None, str]:
    """The number as typed; where it is none, the last one that was shown, and the sentence about it."""
    if name not in asked:
        return saved, ""
    try:
        return whole(asked[name]), ""
    except ValueError as why:
        try:
            return whole(asked.get(f"shown_{name}", "")), str(why)
        except ValueError:
            return saved, str(why)


def _sample(title: str, sku: str, on_hand: int, reserved: int, buffer: int | None, max_level: int | None) -> Sample:
    free = on_hand - reserved
    seen = shown(free, buffer, max_level)
    return Sample(title, sku, on_hand, reserved, seen, _why(free, seen, buffer or 0, max_level))


def _why(free: int, seen: int, buffer: int, max_level: int | None) -> str:
    if max_level == 0:
        return _("the maximum of 0 hides it")
    if free <= 0:
        return _("nothing is free")
    if seen == 0:
        return _("all kept as buffer")
    if max_level is not None and free - buffer > max_level:
        return _("capped by the maximum")
    return _("buffer of %(number)s kept back", number=buffer) if buffer else _("all that is free")


def _examples() -> list[tuple[str, str, int, int]]:
    return [
        (_("Insulated bottle 750 ml"), "BTL-750", 320, 14),
        (_("Trail mug 350 ml"), "MUG-350", 44, 2),
        (_("Camp lantern"), "LAN-1", 150, 5),
        (_("Wool blanket, grey"), "BLK-GR", 7, 0),
    ]


def _listings(connection_id: uuid.UUID) -> list[tuple[str, str, int, int]]:
    """Some listings of the connection with what is on hand and promised of their products, the most first.

    Where nothing is counted yet, with what the remote shows of them now.
    """
    counted = (
        sa.select(Listing.title, Listing.sku, Stock.on_hand, Stock.reserved)
        .join(Stock, _STOCK)
        .where(*_there(connection_id), Stock.on_hand > 0)
        .limit(SAMPLED)
    )
    told = (
        sa.select(Listing.title, Listing.sku, Listing.quantity, sa.literal(0))
        .where(*_live(connection_id), Listing.quantity > 0)
        .limit(SAMPLED)
    )
    rows = db.session.execute(counted).all() or db.session.execute(told).all()
    found = [(row[0], row[1], int(row[2] or 0), int(row[3])) for row in rows]
    return sorted(found, key=lambda row: (-row[2], row[1]))


_STOCK = sa.and_(Stock.merchant_id == Listing.merchant_id, Stock.product_id == Listing.product_id)


def _there(connection_id: uuid.UUID) -> list[sa.ColumnElement[bool]]:
    return [
        Listing.merchant_id == whose(),
        Listing.connection_id == connection_id,
        Listing.missing_since.is_(None),
    ]


def _live(connection_id: uuid.UUID) -> list[sa.ColumnElement[bool]]:
    return [*_there(connection_id), Listing.quantity.is_not(None)]


def _spread(listings: Sequence[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    """The largest, and of the others one large, one in the middle and the smallest."""
    last = len(listings) - 1
    places = dict.fromkeys((0, last // 4, last // 2, last))
    return [listings[place] for place in places]


def _totals(connection_id: uuid.UUID, buffer: int, max_level: int | None) -> tuple[int, int, int]:
    """How many SKUs were looked at, how many of them would be capped and how many would show 0."""
    counted = sa.select((Stock.on_hand - Stock.reserved).label("quantity")).join_from(Listing, Stock, _STOCK)
    counted = counted.where(*_there(connection_id)).limit(LOOKED_AT)
    told = sa.select(Listing.quantity).where(*_live(connection_id)).limit(LOOKED_AT)
    some = (counted if db.session.execute(counted.limit(1)).first() else told).subquery()
    free = some.c.quantity - buffer
    none_shown = free <= 0 if max_level != 0 else sa.true()
    capped = free > max_level if max_level is not None else sa.false()
    row = db.session.execute(
        sa.select(
            sa.func.count(),
            sa.func.count().filter(capped),
            sa.func.count().filter(none_shown),
        ).select_from(some)
    ).one()
    return row[0], row[1], row[2]
