"""What a portal must count after importing the sandbox's catalogues: the decision table, applied without a database.

For one listing, the first row that fits: audit not passed: waiting.  SKU empty or only spaces: empty.  Two or more
live, passed listings of the connection with exactly this SKU: duplicate.  A product with exactly this SKU: matched.
No such product, but the normalised twin equals one product's twin: near; several products': ambiguous.  Else: new.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Self

from portal.contract.goods import Goods, Label
from portal.contract.goods_codes import twin

Pair = tuple[str, bool]
"""A listing for the table: its SKU text, and whether its audit is passed."""


@dataclass(frozen=True, slots=True)
class Groups:
    """How many listings of one connection stand in each group."""

    new: int = 0
    empty: int = 0
    duplicate: int = 0
    near: int = 0
    ambiguous: int = 0
    waiting: int = 0
    matched: int = 0

    @property
    def total(self) -> int:
        """All listings."""
        return sum(asdict(self).values())

    @classmethod
    def counted(cls, counter: Counter[str]) -> Self:
        """From counts by group name."""
        return cls(**{each.name: counter[each.name] for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Truth:
    """The counts after each step.

    `imported`: the first channel into a merchant without products.  `created`: the same listings once every new one
    has become a product; `products` is their number.  `second`: the second channel imported then.
    """

    imported: Groups
    created: Groups
    products: int
    second: Groups | None = None


def judge(listings: list[Pair], products: Iterable[str]) -> list[str]:
    """The group of each listing of one connection, given the SKUs of all products."""
    exact = set(products)
    twins = Counter(twin(sku) for sku in exact)
    seen = Counter(sku for sku, passed in listings if passed)
    return [_group(sku, passed, exact, twins, seen) for sku, passed in listings]


def _group(sku: str, passed: bool, exact: set[str], twins: Counter[str], seen: Counter[str]) -> str:
    if not passed:
        return "waiting"
    if not sku.strip():
        return "empty"
    if seen[sku] > 1:
        return "duplicate"
    if sku in exact:
        return "matched"
    return {0: "new", 1: "near"}.get(twins[twin(sku)], "ambiguous") if twins else "new"


class _Tally:
    def __init__(self) -> None:
        self.imported: Counter[str] = Counter()
        self.created: Counter[str] = Counter()
        self.second: Counter[str] = Counter()
        self.products = 0

    def add(self, first: list[Pair], second: list[Pair]) -> None:
        groups = judge(first, ())
        products = [sku for (sku, _), group in zip(first, groups, strict=True) if group == "new"]
        self.imported.update(groups)
        self.created.update(judge(first, products))
        self.products += len(products)
        self.second.update(judge(second, products))

    def truth(self, with_second: bool) -> Truth:
        return Truth(
            Groups.counted(self.imported),
            Groups.counted(self.created),
            self.products,
            Groups.counted(self.second) if with_second else None,
        )


def truth(first: Goods, second: Goods | None = None) -> Truth:
    """The counts for catalogues as generated, block by block: no two blocks have a SKU or a twin in common."""
    tally = _Tally()
    for block in range(max(first.blocks, second.blocks if second else 0)):
        tally.add(_pairs(first, block), _pairs(second, block) if second else [])
    return tally.truth(second is not None)


def plain_truth(first: Iterable[Pair], second: Iterable[Pair] | None = None) -> Truth:
    """The counts for any listings, all in memory: for catalogues in which something was edited since."""
    tally = _Tally()
    tally.add(list(first), list(second or ()))
    return tally.truth(second is not None)


def _pairs(goods: Goods, block: int) -> list[Pair]:
    if block >= goods.blocks:
        return []
    return [(each.sku, each.label is not Label.WAITING) for each in goods.plan(block)]
