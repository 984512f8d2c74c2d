"""Many linking decisions at once: previewed, carried out in pieces, undone as one."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from portal.flows import audit, linking, relinking, work
from portal.flows.audit import By
from portal.flows.work import Again, Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import begins, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Connection, LinkBatch, LinkState, Listing

PIECE = 1_000
AT_ONCE = 500
SAMPLE = 10

# What each verb may be said of.
OF: dict[str, tuple[LinkState, ...]] = {
    "create": (LinkState.NEW,),
    "confirm": (LinkState.MATCHED, LinkState.NEAR, LinkState.REISSUED),
    "leave_out": (
        LinkState.NEW,
        LinkState.MATCHED,
        LinkState.NEAR,
        LinkState.REISSUED,
        LinkState.AMBIGUOUS,
        LinkState.DUPLICATE,
        LinkState.EMPTY,
    ),
    "take_back": (LinkState.LEFT_OUT,),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which listings are meant: the ticked ones, or all that a state, a connection and a search name."""

    state: str
    connection_id: uuid.UUID | None = None
    search: str = ""
    ids: Sequence[uuid.UUID] = field(default_factory=tuple)

    def saved(self) -> dict[str, Any]:
        """As kept with the batch."""
        return {
            "state": self.state,
            "connection": str(self.connection_id) if self.connection_id else None,
            "search": self.search,
            "ids": [str(each) for each in self.ids],
        }

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> "Choice":
        """From a kept batch."""
        connection = saved.get("connection")
        return cls(
            saved["state"],
            uuid.UUID(connection) if connection else None,
            saved.get("search", ""),
            tuple(uuid.UUID(each) for each in saved.get("ids", ())),
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a verb would do: to how many listings, with how many new products, for instance to these."""

    listings: int
    products: int
    sample: Sequence[Listing]


def chosen(choice: Choice) -> list[sa.ColumnElement[bool]]:
    """The conditions that pick the listings of a choice; the merchant is among them."""
    wanted: list[sa.ColumnElement[bool]] = [
        Listing.merchant_id == whose(),
        Listing.link_state == choice.state,
        Listing.missing_since.is_(None),
    ]
    if choice.connection_id:
        wanted.append(Listing.connection_id == choice.connection_id)
    if choice.ids:
        wanted.append(Listing.id.in_(choice.ids))
    if choice.search:
        wanted.append(search(choice.search))
    return wanted


def search(words: str) -> sa.ColumnElement[bool]:
    """Listings by SKU (its beginning, or a near twin's) or remote id (exact); where none is found, by the title."""
    by_code = _by_code(words)
    # Asked one by one, for together they would be sought in the table itself.
    if db.session.scalar(
        sa.select(sa.or_(*[sa.exists().where(Listing.merchant_id == whose(), one) for one in by_code]))
    ):
        return sa.or_(*by_code)
    return sa.and_(*[Listing.title.icontains(word, autoescape=True) for word in words.split()])


def _by_code(words: str) -> list[sa.ColumnElement[bool]]:
    # Every condition has an index of its own, that of the remote id by way of the connections.
    own = sa.select(Connection.id).where(Connection.merchant_id == whose()).scalar_subquery()
    return [
        begins(Listing.sku_near, near(words)),
        sa.and_(Listing.connection_id == sa.any_(sa.func.array(own)), Listing.remote_id == words),
    ]


def preview(verb: str, choice: Choice) -> Preview:
    """What would happen.  Raises Refusal where the verb does not fit the state."""
    _check(verb, choice)
    wanted = chosen(choice)
    numbers = sa.select(sa.func.count(), sa.func.count(sa.distinct(Listing.sku))).where(*wanted)
    listings, products = db.session.execute(numbers).one()
    sample = db.session.scalars(sa.select(Listing).where(*wanted).order_by(Listing.id).limit(SAMPLE)).all()
    return Preview(listings, products if verb == "create" else 0, sample)


def _check(verb: str, choice: Choice) -> None:
    if verb not in OF or choice.state not in {each.value for each in OF[verb]}:
        raise Refusal("verb_does_not_fit", verb=verb, state=choice.state)


def begin(verb: str, choice: Choice, by: By) -> LinkBatch:
    """Start a batch: a small one is carried out at once, a large one by a worker."""
    found = preview(verb, choice)
    batch = LinkBatch(
        merchant_id=whose(),
        id=new_id(),
        connection_id=choice.connection_id,
        verb=verb,
        chosen=choice.saved(),
        made_by=by.name,
    )
    db.session.add(batch)
    audit.note(by, f"batch_{verb}", "link_batch", batch.id, after={"listings": found.listings, "state": choice.state})
    db.session.flush()  # The mark below names the batch.
    # What the preview counted is what is done: a piece must not change what the next piece would choose.
    db.session.execute(sa.update(Listing).where(*chosen(choice)).values(batch_id=batch.id))
    if found.listings <= AT_ONCE:
        _carry_out_piece(batch)
        batch.state = "done"
    else:
        work.add("link_batch", work.house_lane(whose()), str(batch.id), {"batch": str(batch.id)}, asked_by=by.name)
    db.session.commit()
    return batch


def carry_out(claimed: Claim) -> Outcome:
    """Work: the next piece of a batch, or of its undoing."""
    query = sa.select(LinkBatch).where(
        LinkBatch.merchant_id == whose(), LinkBatch.id == uuid.UUID(claimed.body["batch"])
    )
    batch = db.session.scalars(query.with_for_update()).one()
    if batch.state in {"done", "undone"}:
        return None
    undoing = batch.state == "undoing"
    if not undoing:
        batch.state = "running"
    touched = _undo_piece(batch) if undoing else _carry_out_piece(batch)
    if touched:
        return Again()
    batch.state = "undone" if undoing else "done"
    return None


def may_be_undone(verb: str, state: str) -> bool:
    """Whether a batch can be taken back.

    Replaced links cannot: the listings that gave theirs up are gone at the remote.  What was taken back is left out
    again.
    """
    return verb != "take_back" and state != LinkState.REISSUED


def undo(batch: LinkBatch, by: By) -> None:
    """Take a whole batch back.  Raises Refusal where that cannot be, was done already, or the batch still runs."""
    query = sa.select(LinkBatch).where(LinkBatch.merchant_id == whose(), LinkBatch.id == batch.id).with_for_update()
    row = db.session.scalars(query.execution_options(populate_existing=True)).one()
    if row.state != "done":
        raise Refusal("batch_not_done")
    if not may_be_undone(row.verb, row.chosen["state"]):
        raise Refusal("batch_stays")
    row.undone_at = now()
    audit.note(by, "batch_undone", "link_batch", row.id, before={"listings": row.listings, "products": row.products})
    if row.listings <= AT_ONCE:
        _undo_piece(row)
        row.state = "undone"
    else:
        row.state = "undoing"
        work.add("link_batch", work.house_lane(whose()), str(row.id), {"batch": str(row.id)}, asked_by=by.name)
    db.session.commit()


CREATE = sa.text(
    """
    insert into product (merchant_id, id, sku, sku_near, title, barcode, image, batch_id, created_at)
    select distinct on (l.sku) l.merchant_id, cast(m.product as uuid), l.sku, l.sku_near,
        l.title, l.barcode, l.image, :batch, :moment
    from listing l join unnest(cast(:ids as uuid[]), cast(:products as uuid[])) as m(id, product) on m.id = l.id
    where l.merchant_id = :merchant order by l.sku, l.id
    on conflict (merchant_id, sku) do nothing
    """
)
LINK = """
    update listing l set product_id = p.id, link_state = 'linked', link_how = :how, linked_at = :moment,
        linked_sku = l.sku, linked_by = :by, batch_id = :batch
    from product p
    where l.merchant_id = :merchant and l.id = any(cast(:ids as uuid[])) and p.merchant_id = :merchant
        and l.product_id is null and {join}
    """
LINK_EQUAL, LINK_NEAR = sa.text(LINK.format(join="p.sku = l.sku")), sa.text(LINK.format(join="p.sku_near = l.sku_near"))
LINK_REPLACED = sa.text(
    LINK.format(
        join="""p.id = (
            select w.product_id from listing w
            where w.merchant_id = l.merchant_id and w.connection_id = l.connection_id and w.sku_near = l.sku_near
                and w.sku = l.sku and w.missing_since is not null and w.product_id is not null
            order by w.missing_since desc, w.id limit 1)"""
    )
)
LEAVE_OUT = sa.text(
    """
    update listing set link_state = 'left_out', batch_id = :batch
    where merchant_id = :merchant and id = any(cast(:ids as uuid[])) and product_id is null
    """
)
TAKE_BACK = sa.text(
    """
    update listing set link_state = 'new', batch_id = :batch
    where merchant_id = :merchant and id = any(cast(:ids as uuid[])) and product_id is null
    """
)


def still_to_do(batch: LinkBatch) -> sa.ColumnElement[bool]:
    """Marked listings that a verb still fits: an import may have changed, doubled or removed some since the preview."""
    states = OF[batch.verb]
    if batch.verb == "create":
        # A product that this very batch made may lie near the next listing; what was promised is made all the same.
        states = (LinkState.NEW, LinkState.MATCHED, LinkState.NEAR, LinkState.AMBIGUOUS)
    elif batch.verb == "confirm":
        states = (LinkState(batch.chosen["state"]),)
    wanted: list[sa.ColumnElement[bool]] = [
        Listing.merchant_id == whose(),
        Listing.batch_id == batch.id,
        Listing.missing_since.is_(None),
        Listing.product_id.is_(None),
        Listing.link_state.in_(states),
    ]
    if batch.verb in {"create", "confirm"}:
        wanted += [Listing.passed.is_(True), Listing.sku_near != ""]
    return sa.and_(*wanted)


NOT_DONE = sa.and_(Listing.product_id.is_(None), Listing.link_state != LinkState.LEFT_OUT)


def _drop_marks(batch: LinkBatch, ids: Sequence[uuid.UUID] | None = None) -> int:
    """What was not done loses its mark, so that no piece takes it again and no undoing counts it."""
    wanted = [Listing.merchant_id == whose(), Listing.batch_id == batch.id, NOT_DONE]
    if ids is not None:
        wanted.append(Listing.id.in_(ids))
    dropped = db.session.execute(sa.update(Listing).where(*wanted).values(batch_id=None))
    return int(dropped.rowcount)  # type: ignore[attr-defined]  # An UPDATE gives a cursor result.


def _carry_out_piece(batch: LinkBatch) -> int:
    linking.change_products()
    marked = still_to_do(batch)
    query = sa.select(Listing.id, Listing.sku_near).where(marked).order_by(Listing.id).limit(PIECE)
    rows = db.session.execute(query.with_for_update()).all()
    if not rows:
        _drop_marks(batch)
        return 0
    ids = [row.id for row in rows]
    _do(batch, ids)
    undone = _drop_marks(batch, ids)
    batch.listings += len(ids) - (0 if batch.verb == "take_back" else undone)
    linking.settle({row.sku_near for row in rows} - {""}, final=linking.nothing_comes_in())
    if batch.verb == "take_back":
        linking.settle_empty(ids)
    relinking.links_changed()
    return len(ids)


def _do(batch: LinkBatch, ids: Sequence[uuid.UUID]) -> None:
    values = {"merchant": whose(), "ids": ids, "batch": batch.id, "moment": now(), "by": batch.made_by}
    if batch.verb == "create":
        made = db.session.execute(CREATE, {**values, "products": [new_id() for _ in ids]})
        batch.products += made.rowcount  # type: ignore[attr-defined]  # An INSERT gives a cursor result.
        db.session.execute(LINK_EQUAL, {**values, "how": "hand"})
    elif batch.verb == "confirm":
        statement = {LinkState.NEAR: LINK_NEAR, LinkState.REISSUED: LINK_REPLACED}.get(
            LinkState(batch.chosen["state"]), LINK_EQUAL
        )
        db.session.execute(statement, {**values, "how": "suggestion"})
        linking.free_replaced(ids)
    else:
        db.session.execute(LEAVE_OUT if batch.verb == "leave_out" else TAKE_BACK, values)


UNDO_PRODUCTS = sa.text(
    """
    with made as (
        select p.id from product p
        where p.merchant_id = :merchant and p.batch_id = :batch and p.sku_near = any(cast(:nears as text[]))
            and not exists (select 1 from listing l where l.merchant_id = :merchant and l.product_id = p.id
                and l.link_how <> 'sku' and l.batch_id is distinct from :batch)
            and not exists (select 1 from order_line o where o.merchant_id = :merchant and o.product_id = p.id)
            and not exists (select 1 from stock_move m where m.merchant_id = :merchant and m.product_id = p.id)
            and not exists (select 1 from bundle_part b where b.merchant_id = :merchant
                and p.id in (b.product_id, b.part_id))
    ), freed as (
        update listing l set product_id = null, link_how = null, linked_at = null, linked_sku = null, linked_by = '',
            link_state = 'new', batch_id = null
        from made where l.merchant_id = :merchant and l.product_id = made.id
        returning l.id
    )
    select made.id from made
    """
)


def _undo_piece(batch: LinkBatch) -> int:
    linking.change_products()
    query = sa.select(Listing.id, Listing.sku_near).where(Listing.merchant_id == whose(), Listing.batch_id == batch.id)
    rows = db.session.execute(query.order_by(Listing.id).limit(PIECE).with_for_update()).all()
    if not rows:
        return 0
    nears = [row.sku_near for row in rows]
    values = {"merchant": whose(), "batch": batch.id, "nears": nears}
    made = list(db.session.execute(UNDO_PRODUCTS, values).scalars())
    db.session.execute(
        sa.text(
            """
            update listing set product_id = null, link_how = null, linked_at = null, linked_sku = null, linked_by = '',
                link_state = 'new', batch_id = null
            where merchant_id = :merchant and batch_id = :batch and id = any(cast(:ids as uuid[]))
            """
        ),
        {**values, "ids": [row.id for row in rows]},
    )
    if made:
        db.session.execute(
            sa.text("delete from product where merchant_id = :merchant and id = any(cast(:made as uuid[]))"),
            {**values, "made": made},
        )
    linking.settle(set(nears) - {""}, final=linking.nothing_comes_in())
    linking.settle_empty([row.id for row in rows])
    relinking.links_changed()
    return len(rows)
