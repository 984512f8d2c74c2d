"""The ledger of stock: every change of a number is a move, written in the transaction of what caused it.

Whoever changes stock holds the rows of all its products first, in the order of their ids, so that no two wait for each
other; then moves them; then writes all moves at once.  The balance of a product is the sum of its moves.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from portal.flows import pushes
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import StockWhy

# More pieces than this are a slip of the finger or a fault at a channel; sums of such numbers still fit a column.
MOST = 10_000_000

OPEN_ROWS = sa.text(
    """
    insert into stock (merchant_id, id, product_id, on_hand, reserved, version, changed_at)
    select :merchant, r.id, r.product_id, 0, 0, 0, :moment
    from unnest(cast(:ids as uuid[]), cast(:products as uuid[])) as r(id, product_id)
    order by r.product_id
    on conflict (merchant_id, product_id) do nothing
    """
)
HOLD = sa.text(
    """
    select product_id, on_hand, reserved, version from stock
    where merchant_id = :merchant and product_id = any(cast(:products as uuid[]))
    order by product_id for update
    """
)
SAVE = sa.text(
    """
    update stock s set on_hand = r.on_hand, reserved = r.reserved, version = r.version, changed_at = :moment
    from unnest(cast(:products as uuid[]), cast(:on_hand as integer[]), cast(:reserved as integer[]),
        cast(:versions as bigint[])) as r(product_id, on_hand, reserved, version)
    where s.merchant_id = :merchant and s.product_id = r.product_id
    """
)
NOTE = sa.text(
    """
    insert into stock_move (merchant_id, id, product_id, version, why, on_hand, reserved, subject, subject_id, note,
        who, at)
    select :merchant, r.*, :moment
    from unnest(cast(:ids as uuid[]), cast(:products as uuid[]), cast(:versions as bigint[]), cast(:whys as text[]),
        cast(:on_hand as integer[]), cast(:reserved as integer[]), cast(:subjects as text[]),
        cast(:subject_ids as uuid[]), cast(:notes as text[]), cast(:whos as text[])) as r
    """
)
TELL = sa.text(
    """
    insert into notice (merchant_id, id, subject, subject_id, cause, grave, arguments, since)
    select :merchant, r.id, 'product', p.id, 'oversold', true,
        jsonb_build_object('sku', p.sku, 'missing', r.missing), :moment
    from unnest(cast(:ids as uuid[]), cast(:products as uuid[]), cast(:missing as integer[]))
        as r(id, product_id, missing)
    join product p on p.merchant_id = :merchant and p.id = r.product_id
    on conflict (merchant_id, subject, subject_id, cause) where cleared_at is null
        do update set arguments = excluded.arguments
    """
)
CLEAR = sa.text(
    """
    update notice set cleared_at = :moment
    where merchant_id = :merchant and subject = 'product' and cause = 'oversold' and cleared_at is null
        and subject_id = any(cast(:products as uuid[]))
    """
)


@dataclass(slots=True)
class Held:
    """The numbers of one product while its row is held."""

    on_hand: int
    reserved: int
    version: int
    was_short: bool

    @property
    def missing(self) -> int:
        """How many pieces more are promised than there are."""
        return max(0, self.reserved - self.on_hand)


@dataclass(frozen=True, slots=True)
class Cause:
    """What a move goes back to: `subject` and its id, who did it, and what that person said of it."""

    subject: str = ""
    subject_id: uuid.UUID | None = None
    who: str = ""
    note: str = ""


NOBODY = Cause()


@dataclass(frozen=True, slots=True)
class _Move:
    product_id: uuid.UUID
    version: int
    why: StockWhy
    on_hand: int
    reserved: int
    cause: Cause


class Ledger:
    """The held rows of some products, and the moves that are not written yet."""

    def __init__(self, held: dict[uuid.UUID, Held]) -> None:
        self._held = held
        self._moves: list[_Move] = []

    def __getitem__(self, product_id: uuid.UUID) -> Held:
        return self._held[product_id]

    def move(
        self, product_id: uuid.UUID, why: StockWhy, *, on_hand: int = 0, reserved: int = 0, cause: Cause = NOBODY
    ) -> None:
        """Move the numbers of a product by so many pieces.  Never below 0; what moves nothing is no move."""
        row = self._held[product_id]
        on_hand, reserved = max(on_hand, -row.on_hand), max(reserved, -row.reserved)
        if not on_hand and not reserved:
            return
        row.on_hand += on_hand
        row.reserved += reserved
        row.version += 1
        self._moves.append(_Move(product_id, row.version, why, on_hand, reserved, cause))

    def count(self, product_id: uuid.UUID, number: int, why: StockWhy, cause: Cause = NOBODY) -> int:
        """Let so many pieces be on hand; gives by how many that moves the number."""
        difference = number - self._held[product_id].on_hand
        self.move(product_id, why, on_hand=difference, cause=cause)
        return difference

    def write(self) -> None:
        """Write the moves and the new numbers; whatever shows them is told."""
        if not self._moves:
            return
        moved = {each.product_id: self._held[each.product_id] for each in self._moves}
        merchant, moment = whose(), now()
        db.session.execute(
            SAVE,
            {
                "merchant": merchant,
                "moment": moment,
                "products": array(moved),
                "on_hand": array(each.on_hand for each in moved.values()),
                "reserved": array(each.reserved for each in moved.values()),
                "versions": array(each.version for each in moved.values()),
            },
        )
        self._note()
        _tell_of_shortage(moved)
        more = {each.product_id for each in self._moves if each.on_hand > 0 or each.reserved < 0}
        self._moves = []
        pushes.want(moved.keys())
        _wake_what_waits(more)

    def _note(self) -> None:
        moves = self._moves
        db.session.execute(
            NOTE,
            {
                "merchant": whose(),
                "moment": now(),
                "ids": array(new_id() for _ in moves),
                "products": array(each.product_id for each in moves),
                "versions": array(each.version for each in moves),
                "whys": array(each.why for each in moves),
                "on_hand": array(each.on_hand for each in moves),
                "reserved": array(each.reserved for each in moves),
                "subjects": array(each.cause.subject for each in moves),
                "subject_ids": array(each.cause.subject_id for each in moves),
                "notes": array(each.cause.note for each in moves),
                "whos": array(each.cause.who for each in moves),
            },
        )


def _wake_what_waits(product_ids: Collection[uuid.UUID]) -> None:
    """Orders that wait for pieces of these products go out as soon as they are there."""
    from portal.flows import planning  # Shipments lie above the stock.

    planning.stock_came(product_ids)


def _tell_of_shortage(moved: dict[uuid.UUID, Held]) -> None:
    """One grave notice for each product of which more is promised than there is; cleared when that is over."""
    short = {product_id: row for product_id, row in moved.items() if row.missing}
    over = [product_id for product_id, row in moved.items() if row.was_short and not row.missing]
    values = {"merchant": whose(), "moment": now()}
    if short:
        ids = {"ids": array(new_id() for _ in short), "products": array(short)}
        db.session.execute(TELL, {**values, **ids, "missing": array(row.missing for row in short.values())})
    if over:
        db.session.execute(CLEAR, {**values, "products": array(over)})
    for row in moved.values():
        row.was_short = bool(row.missing)


def hold(product_ids: Collection[uuid.UUID]) -> Ledger:
    """Hold the stock of these products until the open transaction ends; rows that are missing are made.

    A transaction that holds some must not hold others later: whoever needs several names them together.
    """
    products = array(_ordered(product_ids))
    if not product_ids:
        return Ledger({})
    values = {"merchant": whose(), "products": products}
    made = {"ids": array(new_id() for _ in range(len(set(product_ids)))), "moment": now()}
    db.session.execute(OPEN_ROWS, {**values, **made})
    rows = db.session.execute(HOLD, values).all()
    return Ledger(
        {row.product_id: Held(row.on_hand, row.reserved, row.version, row.reserved > row.on_hand) for row in rows}
    )


def _ordered(product_ids: Collection[uuid.UUID]) -> Iterator[uuid.UUID]:
    yield from sorted(set(product_ids))


UNBALANCED = sa.text(
    """
    select count(*) from stock s
    left join lateral (
        select coalesce(sum(m.on_hand), 0) as on_hand, coalesce(sum(m.reserved), 0) as reserved, count(*) as moves
        from stock_move m where m.merchant_id = :merchant and m.product_id = s.product_id) l on true
    left join lateral (
        select coalesce(sum(v.quantity), 0) as open
        from reservation v where v.merchant_id = :merchant and v.product_id = s.product_id and v.state = 'open') r
        on true
    where s.merchant_id = :merchant and (s.on_hand <> l.on_hand or s.reserved <> l.reserved or s.version <> l.moves
        or s.reserved <> r.open)
    """
)


def unbalanced() -> int:
    """How many products' numbers are not the sum of their moves, or not that of their open reservations: none."""
    return int(db.session.execute(UNBALANCED, {"merchant": whose()}).scalar_one())
