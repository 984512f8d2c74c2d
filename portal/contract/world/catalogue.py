"""A seller's catalogue at the remote: the generated goods with what was edited since, searched a page at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from threading import RLock

from portal.contract.goods import BLOCK, PARENTS, Goods, Item, Label
from portal.contract.goods_codes import parent_named
from portal.contract.world.records import Edit

_PER_SELLER = 10_000_000
_PER_GENERATION = 1_000_000
_LISTS_KEPT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the catalogues of one remote have in common: language, currency, audit, and where its ids begin."""

    language: str
    currency: str
    audited: bool
    first_id: int
    first_parent_id: int
    first_order_id: int = 20_000_000_000_000_001  # Beyond 2^53, as ids of orders may be.


@dataclass(frozen=True, slots=True)
class Listing:
    """A live listing: what was generated (`item`) and what the remote says of it now."""

    item: Item
    remote_id: int
    parent_id: int
    sku: str
    stock: int
    price: Decimal
    passed: bool
    on_sale: bool
    modified: int
    label: Label


class Numbers:
    """Rising numbers that are never written out: a range, without some, with others, and a tail; or the reverse."""

    def __init__(
        self, base: range, without: Iterable[int], extra: Iterable[int], tail: Sequence[int], *, falling: bool
    ) -> None:
        self._base = base
        self._without = sorted(each for each in without if each in base)
        self._extra = sorted(extra)
        self._tail = tail
        self._falling = falling
        self._front = len(base) - len(self._without) + len(self._extra)

    def __len__(self) -> int:
        return self._front + len(self._tail)

    def page(self, start: int, count: int) -> list[int]:
        """Up to `count` numbers from the place `start` on."""
        total = len(self)
        places = range(min(start, total), min(start + count, total))
        return [self._at(total - 1 - place if self._falling else place) for place in places]

    def _at(self, place: int) -> int:
        if place >= self._front:
            return self._tail[place - self._front]
        if not self._without and not self._extra:
            return self._base.start + place
        low = min((self._base.start, *self._extra[:1]))
        high = max((self._base.stop, *self._extra[-1:]))
        return low + bisect_right(range(low, high + 1), place, key=self._before) - 1

    def _before(self, number: int) -> int:
        """How many members of the front are smaller."""
        in_base = min(max(number, self._base.start), self._base.stop) - self._base.start
        return in_base - bisect_left(self._without, number) + bisect_left(self._extra, number)


class Catalogue:
    """The live catalogue of one seller.  `number` is the seller's at this remote and keeps its ids from others'."""

    def __init__(self, goods: Goods, shelf: Shelf, number: int, edits: dict[int, Edit], lock: RLock) -> None:
        self.goods = goods
        self.number = number
        self._shelf = shelf
        self._first = shelf.first_id + number * _PER_SELLER
        self._first_parent = shelf.first_parent_id + number * _PER_SELLER
        self._lock = lock
        self._edits = edits
        self._gone = {slot for slot, edit in edits.items() if edit.gone}
        self._touched = {slot for slot, edit in edits.items() if edit.modified is not None}
        self._renewed = {slot for slot, edit in edits.items() if edit.generation}
        self._lists: dict[object, list[int]] = {}

    # --- single listings ----------------------------------------------------------------------------------------------

    def listing(self, slot: int) -> Listing | None:
        """The listing of a slot as it is now, None when it was withdrawn or never was."""
        if not 0 <= slot < self.goods.size:
            return None
        edit = self._edits.get(slot)
        return None if edit is not None and edit.gone else self._made(self.goods.item(slot), edit)

    def _made(self, item: Item, edit: Edit | None) -> Listing:
        edit = edit or _UNEDITED
        return Listing(
            item=item,
            remote_id=self._first + edit.generation * _PER_GENERATION + item.slot,
            parent_id=self._first_parent + item.parent,
            sku=item.sku if edit.sku is None else edit.sku,
            stock=item.stock if edit.stock is None else edit.stock,
            price=item.price if edit.price is None else edit.price,
            passed=item.passed if edit.passed is None else edit.passed,
            on_sale=item.on_sale if edit.on_sale is None else edit.on_sale,
            modified=item.modified if edit.modified is None else edit.modified,
            label=edit.label or item.label,
        )

    def last_seen(self, slot: int) -> Listing:
        """The listing of a slot, also of one that was withdrawn."""
        return self._made(self.goods.item(slot), self._edits.get(slot))

    def by_id(self, remote_id: int) -> Listing | None:
        """The listing with that remote id, None where no live one has it."""
        found = self.listing((remote_id - self._first) % _PER_GENERATION)
        return found if found is not None and found.remote_id == remote_id else None

    def by_sku(self, sku: str) -> list[Listing]:
        """The live listings with exactly that seller's code: generated ones in their block, edited ones anywhere."""
        parent = parent_named(sku)
        block = range(0)
        if parent is not None:
            first = parent // PARENTS * BLOCK
            block = range(first, min(first + BLOCK, self.goods.size))
        with self._lock:
            edited = [slot for slot, edit in self._edits.items() if edit.sku is not None]
        found = (self.listing(slot) for slot in sorted({*block, *edited}))
        return [each for each in found if each is not None and each.sku == sku]

    def withdrawn(self) -> list[int]:
        """The slots whose listings are gone."""
        with self._lock:
            return sorted(self._gone)

    def kin(self, parent: int) -> list[Listing]:
        """The live listings of a parent."""
        found = (self.listing(slot) for slot in self.goods.slots_of(parent))
        return [each for each in found if each is not None]

    def parent_of_id(self, parent_id: int) -> int | None:
        """The parent with that remote id, None where there is none or all its listings are gone."""
        parent = parent_id - self._first_parent
        return parent if 0 <= parent < self.goods.parents and self.kin(parent) else None

    def parent_id(self, parent: int) -> int:
        """The remote id of a parent."""
        return self._first_parent + parent

    def __iter__(self) -> Iterator[Listing]:
        """All live listings, one by one."""
        for slot in range(self.goods.size):
            found = self.listing(slot)
            if found is not None:
                yield found

    @property
    def edited(self) -> bool:
        """Whether anything differs from the catalogue as generated that a count could notice."""
        return bool(self._gone or self._touched)

    # --- change -------------------------------------------------------------------------------------------------------

    def put(self, slot: int, edit: Edit) -> None:
        """Takes in the new edit of a listing."""
        with self._lock:
            self._edits[slot] = edit
            for is_so, slots in (
                (edit.gone, self._gone),
                (edit.modified is not None, self._touched),
                (bool(edit.generation), self._renewed),
            ):
                (slots.add if is_so else slots.discard)(slot)
            self._lists.clear()

    def edit_of(self, slot: int) -> Edit:
        """What differs now from a listing as generated."""
        return self._edits.get(slot, _UNEDITED)

    # --- search -------------------------------------------------------------------------------------------------------

    def listings(self, *, by: str = "", falling: bool = False, between: tuple[int, int] | None = None) -> Numbers:
        """The live slots in the order of `by` ("" as generated, "id", "modified"), perhaps only those modified in a
        window (inclusive, milliseconds).
        """
        with self._lock:
            base = range(self.goods.size) if between is None else self._window(between)
            touched = {slot for slot in self._touched - self._gone if self._within(slot, between)}
            out = self._gone | self._touched if between is not None else self._gone
            if by == "modified":
                tail = sorted(touched, key=lambda slot: (self._edits[slot].modified or 0, slot))
                return Numbers(base, out | self._touched, (), tail, falling=falling)
            if by == "id":
                late = sorted(touched & self._renewed, key=lambda slot: (self._edits[slot].generation, slot))
                extra = touched - self._renewed if between is not None else ()
                return Numbers(base, out | self._renewed, extra, late, falling=falling)
            return Numbers(base, out, touched if between is not None else (), (), falling=falling)

    def _within(self, slot: int, between: tuple[int, int] | None) -> bool:
        return between is None or between[0] <= (self._edits[slot].modified or 0) <= between[1]

    def _window(self, between: tuple[int, int]) -> range:
        parents = self._parents_in(between)
        if not parents:
            return range(0)
        return range(self.goods.slots_of(parents[0]).start, self.goods.slots_of(parents[-1]).stop)

    def _parents_in(self, between: tuple[int, int]) -> range:
        start, step = self.goods.modified_of(0), self.goods.modified_of(1) - self.goods.modified_of(0)
        first = max(0, -(-(between[0] - start) // step))
        return range(first, max(first, min(self.goods.parents, (between[1] - start) // step + 1)))

    def parents(self, *, by: str = "", falling: bool = False, between: tuple[int, int] | None = None) -> Numbers:
        """The parents with a live listing, by id or by "modified"; perhaps only those modified in a window.

        A parent was modified when the last of its listings was.
        """
        with self._lock:
            out = {parent for parent in self._parents_with(self._gone) if not self.kin(parent)}
            if by != "modified" and between is None:
                return Numbers(range(self.goods.parents), out, (), (), falling=falling)
            touched = {
                parent: self.parent_modified(parent) for parent in self._parents_with(self._touched - self._gone)
            }
            base = range(self.goods.parents) if between is None else self._parents_in(between)
            low, high = between or (0, 1 << 62)
            found = [each for each in touched if low <= touched[each] <= high]
            if by != "modified":
                return Numbers(base, {*out, *touched}, found, (), falling=falling)
            tail = sorted(found, key=lambda each: (touched[each], each))
            return Numbers(base, {*out, *touched}, (), tail, falling=falling)

    def _parents_with(self, slots: set[int]) -> list[int]:
        return sorted({self.goods.parent_of(slot)[0] for slot in slots})

    def parent_modified(self, parent: int) -> int:
        """When the last of a parent's listings was modified."""
        return max((each.modified for each in self.kin(parent)), default=self.goods.modified_of(parent))

    def chosen(self, key: object, make: Callable[[], list[int]]) -> list[int]:
        """A list that had to be made by reading the whole catalogue, kept until something is edited."""
        found = self._lists.get(key)
        if found is None:
            found = make()
            with self._lock:
                while len(self._lists) >= _LISTS_KEPT:
                    self._lists.pop(next(iter(self._lists)))
                self._lists[key] = found
        return found


_UNEDITED = Edit()
