"""The sandbox's goods: a catalogue of any size out of a seed, one page at a time.

All channels of one seed draw from one universe.  The universe is laid out in blocks of 36 SKUs under 8 parents of 1 to
8 variants; a channel's listing number n stands at place n of it.  Whatever a listing's SKU text leans on (its double,
the clean code that a near one differs from) lies in its own block, and no two blocks have a SKU code in common.  So any
page is made without the pages before it, and `portal.contract.goods_truth` can count block by block.

Nothing here is a fact about a remote: it is our invention, shaped like what merchants have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from portal.contract.goods_codes import near
from portal.contract.goods_words import BRANDS, COLOURS, SERIES, THINGS, Brand, Colour, Thing
from portal.contract.words import Text

BLOCK = 36
PARENTS = 8
MOST = 1_000_000
_MILLION = 1_000_000
_OWN_PER_MILLE = 100
_FIRST_MOMENT = 1_704_067_200_000  # 2024-01-01 00:00 UTC, in milliseconds.
_BETWEEN_PARENTS = 120_000
_RUPIAH_PER_YUAN = 2_200


class Label(StrEnum):
    """What a listing was made to be.  The last two are events that happen to one later."""

    CLEAN = "clean"
    EMPTY = "empty"
    DUPLICATE = "duplicate"
    NEAR = "near"
    WAITING = "waiting"
    CHANGED = "changed"
    REISSUED = "reissued"


@dataclass(frozen=True, slots=True)
class Item:
    """One listing of a channel as generated.  `price` is in major units, times are in milliseconds."""

    slot: int
    parent: int
    variant: int
    label: Label
    sku: str
    passed: bool
    on_sale: bool
    title: str
    parent_title: str
    brand: Brand
    thing: Thing
    colour: Colour
    colour_name: str
    size: str
    price: Decimal
    stock: int
    barcode: str
    image: str
    grams: int
    modified: int


def draw(*parts: object) -> int:
    """A number of 64 bits that depends on the parts and on nothing else."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Dice:
    """A row of numbers out of one number (splitmix64): the same on every machine and Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, bound: int) -> int:
        """The next number, from 0 to bound - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return (mixed ^ (mixed >> 31)) % bound

    def shuffled(self, count: int) -> list[int]:
        """The numbers from 0 to count - 1 in some order."""
        row = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            row[last], row[other] = row[other], row[last]
        return row


# --- the universe ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def shape(seed: str, block: int) -> tuple[int, ...]:
    """Where each parent of a block begins, and after them the end: nine numbers from 0 to 36."""
    starts = [0]
    for size in Dice(draw(seed, "shape", block)).shuffled(PARENTS):
        starts.append(starts[-1] + size + 1)
    return tuple(starts)


@lru_cache(maxsize=4096)
def is_own(seed: str, parent: int) -> bool:
    """Whether each channel fills this parent's place with goods of its own instead of the shared ones."""
    return draw(seed, "own", parent) % 1000 < _OWN_PER_MILLE


@dataclass(frozen=True, slots=True)
class Family:
    """A parent of the universe: what its variants have in common.  `branch` is "" for goods that channels share."""

    branch: str
    number: int
    brand: Brand
    thing: Thing
    series: Text
    first_colour: int
    fen: int
    variants: int

    def colour(self, variant: int) -> Colour:
        """The variant's colour; families of more than four come in two sizes of each colour."""
        per_size = self.variants if self.variants <= 4 else (self.variants + 1) // 2
        return COLOURS[(self.first_colour + variant % per_size) % len(COLOURS)]

    def size(self, variant: int) -> str:
        """The variant's size."""
        return self.thing.sizes[0 if self.variants <= 4 else variant // ((self.variants + 1) // 2)]

    def sku(self, variant: int) -> str:
        """The seller's code of a variant, for example `KMS-CUP-00012-RED-350ML`."""
        number = f"{self.branch}{self.number:05d}"
        return f"{self.brand.code}-{self.thing.code}-{number}-{self.colour(variant).code}-{self.size(variant)}"

    def title(self, language: str) -> str:
        """The parent's title."""
        thing, series = _said(self.thing.name, language), _said(self.series, language)
        if language == "zh":
            return f"{self.brand.zh} {series}{thing} {self.brand.code}{self.number % 1000:03d}"
        if language == "id":
            return f"{thing} {self.brand.latin} {series}"
        return f"{self.brand.latin} {series} {thing}"


@lru_cache(maxsize=4096)
def family(seed: str, branch: str, parent: int) -> Family:
    """The family at a parent's place."""
    dice = Dice(draw(seed, "family", branch, parent))
    thing = THINGS[dice.below(len(THINGS))]
    starts = shape(seed, parent // PARENTS)
    place = parent % PARENTS
    return Family(
        branch=branch,
        number=parent,
        brand=BRANDS[dice.below(len(BRANDS))],
        thing=thing,
        series=SERIES[dice.below(len(SERIES))],
        first_colour=dice.below(len(COLOURS)),
        fen=thing.low + dice.below((thing.high - thing.low) // 10) * 10,
        variants=starts[place + 1] - starts[place],
    )


def _said(text: Text, language: str) -> str:
    return {"en": text.en, "id": text.id, "zh": text.zh}[language]


# --- one channel's goods ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """A listing's label and SKU text, before the rest of it is made."""

    label: Label
    sku: str


@dataclass(frozen=True)
class Goods:
    """One channel's catalogue.

    `dirty` is the share of listings that are not clean, split evenly over the kinds unless `shares` names a share for
    a kind.  `audited` is True for a channel with a quality check; only there are listings waiting, always whole
    parents.
    """

    seed: str
    channel: str
    size: int
    dirty: float = 0.08
    language: str = "en"
    currency: str = "CNY"
    audited: bool = False
    shares: Mapping[Label, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuses a size or share that cannot be made."""
        if not 0 <= self.size <= MOST:
            raise ValueError(f"a catalogue has 0 to {MOST} SKUs, not {self.size}")
        if not 0 <= self.dirty <= 0.5:
            raise ValueError(f"the dirty share lies between 0 and 0.5, not {self.dirty}")

    @property
    def blocks(self) -> int:
        """How many blocks the catalogue reaches into."""
        return -(-self.size // BLOCK)

    @property
    def parents(self) -> int:
        """How many parents the catalogue has."""
        full, rest = divmod(self.size, BLOCK)
        return full * PARENTS + (sum(start < rest for start in shape(self.seed, full)[:-1]) if rest else 0)

    def parent_of(self, slot: int) -> tuple[int, int]:
        """The parent of a listing and which of its variants the listing is."""
        block, offset = divmod(slot, BLOCK)
        starts = shape(self.seed, block)
        place = next(index for index in range(PARENTS) if offset < starts[index + 1])
        return block * PARENTS + place, offset - starts[place]

    def slots_of(self, parent: int) -> range:
        """The listings of a parent."""
        block, place = divmod(parent, PARENTS)
        starts = shape(self.seed, block)
        first = block * BLOCK
        return range(min(self.size, first + starts[place]), min(self.size, first + starts[place + 1]))

    def modified_of(self, parent: int) -> int:
        """When a parent and its variants were last touched as generated: later parents later, variants together."""
        return _FIRST_MOMENT + parent * _BETWEEN_PARENTS

    def item(self, slot: int) -> Item:
        """One listing.  Raises IndexError outside the catalogue."""
        if not 0 <= slot < self.size:
            raise IndexError(slot)
        return _item(self, slot)

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """The listings from `start` up to `stop`, one by one."""
        for slot in range(start, self.size if stop is None else min(stop, self.size)):
            yield _item(self, slot)

    def plan(self, block: int) -> tuple[Planned, ...]:
        """Labels and SKU texts of one block."""
        return _plan(self, block)

    def family_of(self, parent: int) -> Family:
        """The family that stands at a parent's place on this channel."""
        branch = self._branch if is_own(self.seed, parent) else ""
        return family(self.seed, branch, parent)

    @property
    def _branch(self) -> str:
        dice = Dice(draw("branch", self.channel))
        return "".join(chr(65 + dice.below(26)) for _ in range(3))

    def millionths(self, kind: Label) -> int:
        """The share of a kind, in millionths of the listings."""
        if kind in self.shares:
            return round(self.shares[kind] * _MILLION)
        if kind is Label.WAITING and not self.audited:
            return 0
        return round(self.dirty * _MILLION) // (4 if self.audited else 3)

    def wanted(self, kind: Label, block: int, per_block_tenths: int) -> int:
        """How many of a kind a block gets, so that the share holds over every run of blocks."""
        step = self.millionths(kind) * per_block_tenths
        phase = draw(self.seed, self.channel, kind, "phase") % (10 * _MILLION)
        return (phase + (block + 1) * step) // (10 * _MILLION) - (phase + block * step) // (10 * _MILLION)


@lru_cache(maxsize=2048)
def _plan(goods: Goods, block: int) -> tuple[Planned, ...]:
    length = min(BLOCK, goods.size - block * BLOCK)
    dice = Dice(draw(goods.seed, goods.channel, "plan", block))
    codes = [goods.family_of(parent).sku(variant) for parent, variant in _places(goods, block, length)]
    planned = [Planned(Label.CLEAN, code) for code in codes]
    for place in dice.shuffled(PARENTS)[: goods.wanted(Label.WAITING, block, PARENTS * 10)]:
        for slot in goods.slots_of(block * PARENTS + place):
            planned[slot % BLOCK] = Planned(Label.WAITING, codes[slot % BLOCK])
    free = [offset for offset in dice.shuffled(length) if planned[offset].label is Label.CLEAN]
    for _ in range(min(len(free), goods.wanted(Label.EMPTY, block, BLOCK * 10))):
        planned[free.pop()] = Planned(Label.EMPTY, ("", " ", "   ", "\t", "\u3000")[max(0, dice.below(8) - 3)])
    for _ in range(goods.wanted(Label.DUPLICATE, block, BLOCK * 4)):  # In groups of two or three: 2.5 on average.
        group = [free.pop() for _ in range(2 + dice.below(2))] if len(free) >= 3 else []
        for offset in group:
            planned[offset] = Planned(Label.DUPLICATE, codes[group[0]])
    _plan_near(goods, block, dice, codes, planned, free)
    return tuple(planned)


def _plan_near(goods: Goods, block: int, dice: Dice, codes: list[str], planned: list[Planned], free: list[int]) -> None:
    """Near codes lean on shared ones, often on the same as other channels' do, so that doubtful pairs occur."""
    popular = Dice(draw(goods.seed, "popular", block)).shuffled(len(codes))
    ours = dice.shuffled(len(codes))
    taken: set[int] = set()
    for _ in range(min(len(free), goods.wanted(Label.NEAR, block, BLOCK * 10))):
        offset = free.pop()
        order = popular if dice.below(2) else ours
        target = next(
            (
                each
                for each in order
                if each != offset and each not in taken and not is_own(goods.seed, _parent(goods, block, each))
            ),
            offset,
        )
        taken.add(target)
        planned[offset] = Planned(Label.NEAR, near(codes[target], dice.below(8)))


def _parent(goods: Goods, block: int, offset: int) -> int:
    return goods.parent_of(block * BLOCK + offset)[0]


def _places(goods: Goods, block: int, length: int) -> list[tuple[int, int]]:
    starts = shape(goods.seed, block)
    places = [
        (block * PARENTS + place, variant)
        for place in range(PARENTS)
        for variant in range(starts[place + 1] - starts[place])
    ]
    return places[:length]


@lru_cache(maxsize=16_384)
def _item(goods: Goods, slot: int) -> Item:
    planned = _plan(goods, slot // BLOCK)[slot % BLOCK]
    parent, variant = goods.parent_of(slot)
    kin = goods.family_of(parent)
    colour, size = kin.colour(variant), kin.size(variant)
    colour_name = _said(colour.name, goods.language)
    parent_title = kin.title(goods.language)
    dice = Dice(draw(goods.seed, goods.channel, "item", slot))
    mark = f"{draw(goods.seed, kin.branch, parent):016x}"
    return Item(
        slot=slot,
        parent=parent,
        variant=variant,
        label=planned.label,
        sku=planned.sku,
        passed=planned.label is not Label.WAITING,
        on_sale=parent % 25 != 7,
        title=f"{parent_title} {colour_name} {size}",
        parent_title=parent_title,
        brand=kin.brand,
        thing=kin.thing,
        colour=colour,
        colour_name=colour_name,
        size=size,
        price=_price(kin.fen + variant * 100 + dice.below(10) * 10, goods.currency),
        stock=0 if dice.below(12) == 0 else dice.below(240),
        barcode=_barcode(draw(goods.seed, kin.branch, "barcode", parent, variant)),
        image=f"jfs/t1/sandbox/{mark[:8]}/{mark[8:]}.jpg",
        grams=kin.thing.grams,
        modified=goods.modified_of(parent),
    )


def _price(fen: int, currency: str) -> Decimal:
    """Yuan with two decimals; rupiah whole, in hundreds."""
    if currency == "CNY":
        return Decimal(fen).scaleb(-2)
    if currency == "IDR":
        return Decimal(fen * _RUPIAH_PER_YUAN // 10_000 * 100)
    raise ValueError(f"no price in {currency} here")


def _barcode(number: int) -> str:
    """An EAN-13 from the range for use inside a shop, its check digit right."""
    digits = f"2{number % 10**11:011d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"
