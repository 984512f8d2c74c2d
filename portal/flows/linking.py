"""Linking listings to products by SKU: the decision table, set-wise in the database, and the merchant's decisions."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from portal.flows import audit, relinking
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Connection, LinkHow, LinkState, Listing, Product, Run
from portal.models.sync import OPEN

# One row of the decision table per WHEN, from the strongest to the weakest.  What a person decided stays; a link that
# exists is asked about, never dropped, when its SKU text changes; two live listings of one connection with the same SKU
# are linked only on purpose.  `final` is true at the end of a run: until then a known listing may still turn out to be
# gone at the remote, and its link must not fall to a twin that merely replaces it.  Why each near twin is looked up by
# itself is said in `intake`.
SETTLE = sa.text(
    """
    with touched as (
        select l.id, l.connection_id, l.sku, l.sku_near, l.passed, l.missing_since, l.link_state, l.product_id,
            l.link_how, l.linked_sku,
            count(*) filter (where l.passed and l.missing_since is null)
                over (partition by l.connection_id, l.sku) as twins,
            bool_or(l.missing_since is not null and l.product_id is not null)
                over (partition by l.connection_id, l.sku) as widowed
        from unnest(cast(:nears as text[])) as wanted(near)
        cross join lateral (
            select * from listing where merchant_id = :merchant and sku_near = wanted.near offset 0) l
        where cast(:connection as uuid) is null or l.connection_id = :connection
        union all
        select l.id, l.connection_id, l.sku, l.sku_near, l.passed, l.missing_since, l.link_state, l.product_id,
            l.link_how, l.linked_sku, 1, false
        from unnest(cast(:emptied as text[])) as wanted(remote_id)
        cross join lateral (
            select * from listing
            where merchant_id = :merchant and connection_id = :connection and remote_id = wanted.remote_id
                and sku_near = '' offset 0) l
    ), alike as (
        select near as sku_near, here.number from unnest(cast(:nears as text[])) as wanted(near)
        cross join lateral (
            select count(*) as number from product where merchant_id = :merchant and sku_near = wanted.near) here
    ), decided as (
        select t.*, p.id as exact, case
            when t.link_state = 'left_out' then 'left_out'
            when t.product_id is not null and t.linked_sku is distinct from t.sku then 'sku_changed'
            when t.product_id is not null and (t.link_how <> 'sku' or t.twins <= 1 or not :final) then 'linked'
            when not t.passed then 'waiting'
            when t.sku_near = '' then 'empty'
            when t.twins > 1 then 'duplicate'
            when t.widowed then 'reissued'
            when p.id is not null and coalesce((c.options->>'auto_link')::boolean, true) then 'linked'
            when p.id is not null then 'matched'
            when a.number = 1 then 'near'
            when a.number > 1 then 'ambiguous'
            else 'new' end as state
        from touched t
        join connection c on c.merchant_id = :merchant and c.id = t.connection_id
        left join lateral (
            select id from product
            where merchant_id = :merchant and sku = t.sku and t.sku_near <> '' offset 0) p on true
        left join alike a on a.sku_near = t.sku_near
        where t.missing_since is null
    )
    update listing l set
        link_state = d.state,
        product_id = case when d.state in ('linked', 'sku_changed') then coalesce(d.product_id, d.exact) end,
        link_how = case when d.state in ('linked', 'sku_changed') then coalesce(d.link_how, 'sku') end,
        linked_at = case when d.state in ('linked', 'sku_changed') then coalesce(l.linked_at, :moment) end,
        linked_sku = case when d.state in ('linked', 'sku_changed') then coalesce(d.linked_sku, d.sku) end,
        linked_by = case when d.state in ('linked', 'sku_changed') then l.linked_by else '' end
    from decided d
    where l.merchant_id = :merchant and l.id = d.id and l.link_state <> d.state
    """
)


def settle(
    nears: Collection[str],
    *,
    connection: Connection | None = None,
    emptied: Sequence[str] = (),
    final: bool = False,
) -> int:
    """Bring the listings whose SKU has one of these near twins to the state that the decision table gives them.

    `connection` None settles every connection of the merchant.  `emptied` are remote ids of the connection whose SKU is
    empty.  Writes only rows whose state differs, and says how many; works in the open transaction.
    """
    if not nears and not emptied:
        return 0
    settled: Any = db.session.execute(
        SETTLE,
        {
            "merchant": whose(),
            "connection": connection.id if connection else None,
            "nears": array(set(nears)),
            "emptied": array(set(emptied)),
            "final": final,
            "moment": now(),
        },
    )
    return int(settled.rowcount)


ALIKE = sa.text(
    """
    select p.sku_near, p.sku, p.id from unnest(cast(:nears as text[])) as wanted(near)
    cross join lateral (
        select sku_near, sku, id from product where merchant_id = :merchant and sku_near = wanted.near offset 0) p
    """
)


def products_like(nears: Sequence[str]) -> dict[str, dict[str, uuid.UUID]]:
    """By near twin, the products that share it: their SKU and id."""
    found: dict[str, dict[str, uuid.UUID]] = {}
    for sku_near, sku, product_id in db.session.execute(ALIKE, {"merchant": whose(), "nears": array(set(nears))}):
        found.setdefault(sku_near, {})[sku] = product_id
    return found


# A page that is being judged and a product that is being made at the same moment do not see each other, and the link
# between the two would be missed for good.  Many pages may be judged at once; products are made or taken away alone.
LOCK = "select pg_advisory_xact_lock{}(hashtextextended(:merchant, 4711203))"


def hold_products_still() -> None:
    """Until the transaction ends, nobody makes or takes away a product of this merchant."""
    db.session.execute(sa.text(LOCK.format("_shared")), {"merchant": str(whose())})


def change_products() -> None:
    """Until the transaction ends, nobody judges listings of this merchant or changes its products."""
    db.session.execute(sa.text(LOCK.format("")), {"merchant": str(whose())})


# A difference of sets, because an anti-join is planned by how many ids the planner believes to be in the arrays: on a
# fresh run it believes in a hundred, and compares every listing with every id.
GONE = sa.text(
    """
    with gone as (
        select remote_id from listing
        where merchant_id = :merchant and connection_id = :connection and missing_since is null
        except
        select unnest(remote_ids) from run_page where merchant_id = :merchant and run_id = :run
    )
    update listing l set missing_since = :moment
    from gone
    where l.merchant_id = :merchant and l.connection_id = :connection and l.remote_id = gone.remote_id
    returning l.sku_near
    """
)


# Whether a listing that a run brought was linked since it began.
LINKED_BY = sa.text(
    """
    select 1 from run r
    join run_page p on p.merchant_id = r.merchant_id and p.run_id = r.id
    cross join lateral unnest(p.remote_ids) as seen(remote_id)
    join listing l on l.merchant_id = r.merchant_id and l.connection_id = r.connection_id
        and l.remote_id = seen.remote_id and l.linked_at >= r.created_at
    where r.merchant_id = :merchant and r.id = :run
    limit 1
    """
)


WOULD_BE_GONE = sa.text(
    """
    select count(*) filter (where not seen), count(*) from (
        select l.remote_id in (
            select unnest(remote_ids) from run_page where merchant_id = :merchant and run_id = :run) as seen
        from listing l
        where l.merchant_id = :merchant and l.connection_id = :connection and l.missing_since is null) live
    """
)


def lost(connection: Connection, run_id: uuid.UUID) -> tuple[int, int]:
    """How many of how many live listings a run did not see."""
    values = {"merchant": whose(), "connection": connection.id, "run": run_id}
    gone, live = db.session.execute(WOULD_BE_GONE, values).one()
    return gone, live


def settle_run(connection: Connection, run_id: uuid.UUID, *, complete: bool) -> int:
    """At the end of a run: mark what the remote no longer has, then judge doubles and replacements.

    `complete` says that every item of the remote was seen; only then is anything missing, and only then is a double
    surely no replacement.  A run that asked for changes only looks at nothing else, so that its cost follows them.
    Answers how many listings are newly missing.
    """
    values = {"merchant": whose(), "connection": connection.id, "run": run_id, "moment": now()}
    gone = list(db.session.execute(GONE, values).scalars()) if complete else []
    whole = complete or not db.session.scalar(
        sa.select(Run.since.is_not(None)).where(Run.merchant_id == whose(), Run.id == run_id)
    )
    doubled = db.session.scalars(
        sa.select(Listing.sku_near).where(
            Listing.merchant_id == whose(),
            Listing.connection_id == connection.id,
            Listing.link_state.in_(_judged_again(connection, whole)),
        )
    )
    settled = settle({*gone, *doubled} - {""}, connection=connection, final=complete)
    if whole or settled or db.session.execute(LINKED_BY, values).first():
        relinking.links_changed()
    return len(gone)


def _judged_again(connection: Connection, whole: bool) -> list[LinkState]:
    """The states that only a whole run decides, and those that an option of the connection has changed since."""
    waiting_for_a_yes = [LinkState.MATCHED] if connection.known_options.auto_link else []
    return [*([LinkState.DUPLICATE, LinkState.REISSUED] if whole else []), *waiting_for_a_yes]


def nothing_comes_in() -> bool:
    """Whether no run of the merchant is open: while one is, a double may yet turn out to be a replacement."""
    query = sa.select(Run.id).where(Run.merchant_id == whose(), Run.state.in_(OPEN)).limit(1)
    return db.session.scalar(query) is None


def groups(connection_id: uuid.UUID) -> dict[str, int]:
    """How many live listings of a connection stand in each state."""
    rows = db.session.execute(
        sa.select(Listing.link_state, sa.func.count())
        .where(Listing.merchant_id == whose(), Listing.connection_id == connection_id, Listing.missing_since.is_(None))
        .group_by(Listing.link_state)
    )
    return {state.value: number for state, number in rows}


def _locked(listing_id: uuid.UUID) -> Listing:
    query = sa.select(Listing).where(Listing.merchant_id == whose(), Listing.id == listing_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def link(listing: Listing, product: Product, by: By, *, suggested: bool = False) -> None:
    """Link a listing to a product by a person's decision; a link that another one replaces is noted.

    Where the listing takes the place of one that is gone at the remote, that one gives up its link.
    """
    hold_products_still()  # Before any row is locked: whoever judges listings takes the two in this order.
    row = _locked(listing.id)
    before = {"product": str(row.product_id) if row.product_id else None, "state": row.link_state.value}
    row.product_id, row.link_state = product.id, LinkState.LINKED
    row.link_how = LinkHow.SUGGESTION if suggested else LinkHow.HAND
    row.linked_at, row.linked_by, row.linked_sku, row.batch_id = now(), by.name, row.sku, None
    db.session.flush()  # The statement below must see the new link.
    _free_the_gone(row.connection_id, [row.sku])
    audit.note(
        by, "linked", "listing", row.id, name=row.sku or row.title, before=before, after={"product": product.sku}
    )
    settle({row.sku_near} - {""})
    relinking.links_changed()
    db.session.commit()


def _free_the_gone(connection_id: uuid.UUID, skus: Sequence[str]) -> None:
    db.session.execute(
        sa.update(Listing)
        .where(
            Listing.merchant_id == whose(),
            Listing.connection_id == connection_id,
            Listing.missing_since.is_not(None),
            Listing.product_id.is_not(None),
            Listing.sku.in_([each for each in skus if each.strip()]),
        )
        .values(product_id=None, link_how=None, linked_at=None, linked_sku=None, link_state=LinkState.NEW)
    )


def free_replaced(listing_ids: Sequence[uuid.UUID]) -> None:
    """Where listings took the place of others that are gone at the remote, those give up their links."""
    query = sa.select(Listing.connection_id, Listing.sku).where(
        Listing.merchant_id == whose(), Listing.id.in_(listing_ids), Listing.product_id.is_not(None)
    )
    by_connection: dict[uuid.UUID, list[str]] = {}
    for connection_id, sku in db.session.execute(query):
        by_connection.setdefault(connection_id, []).append(sku)
    for connection_id, skus in by_connection.items():
        _free_the_gone(connection_id, skus)


def settle_empty(listing_ids: Sequence[uuid.UUID]) -> None:
    """Judge listings without a SKU, which no near twin finds."""
    db.session.execute(
        sa.update(Listing)
        .where(
            Listing.merchant_id == whose(),
            Listing.id.in_(listing_ids),
            Listing.sku_near == "",
            Listing.product_id.is_(None),
            Listing.link_state != LinkState.LEFT_OUT,
        )
        .values(link_state=sa.case((Listing.passed, LinkState.EMPTY), else_=LinkState.WAITING))
    )


def unlink(listing: Listing, by: By) -> None:
    """Take a link away and keep the listing out of automatic linking until it is taken back."""
    row = _locked(listing.id)
    if row.product_id is None:
        raise Refusal("not_linked")
    before = {"product": str(row.product_id)}
    _clear(row, LinkState.LEFT_OUT)
    audit.note(by, "unlinked", "listing", row.id, name=row.sku or row.title, before=before)
    relinking.links_changed()
    db.session.commit()


def _clear(row: Listing, state: LinkState) -> None:
    row.product_id = row.link_how = row.linked_at = row.linked_sku = row.batch_id = None
    row.linked_by, row.link_state = "", state


def leave_out(listing: Listing, by: By) -> None:
    """Decide that a listing is linked to nothing; it is no longer asked about."""
    row = _locked(listing.id)
    if row.product_id is not None:
        raise Refusal("is_linked")
    row.link_state, row.batch_id = LinkState.LEFT_OUT, None
    audit.note(by, "left_out", "listing", row.id, name=row.sku or row.title)
    db.session.commit()


def take_back(listing: Listing, by: By) -> None:
    """Let the decision table judge a listing again that was left out."""
    row = _locked(listing.id)
    if row.link_state is not LinkState.LEFT_OUT:
        raise Refusal("not_left_out")
    row.link_state, row.batch_id = LinkState.NEW, None
    connection = db.session.get_one(Connection, (row.merchant_id, row.connection_id))
    audit.note(by, "taken_back", "listing", row.id, name=row.sku or row.title)
    db.session.flush()  # The decision table reads the row as it now stands.
    settle({row.sku_near} - {""}, connection=connection, emptied=[row.remote_id], final=True)
    relinking.links_changed()
    db.session.commit()


def keep_link(listing: Listing, by: By) -> None:
    """Answer the question about a changed SKU: the link is still right."""
    row = _locked(listing.id)
    if row.link_state is not LinkState.SKU_CHANGED:
        raise Refusal("nothing_asked")
    before = {"sku": row.linked_sku}
    row.linked_sku, row.link_state, row.link_how, row.linked_by = row.sku, LinkState.LINKED, LinkHow.HAND, by.name
    row.batch_id = None  # It is a person's own decision now, which no undoing of a batch takes away.
    audit.note(by, "link_kept", "listing", row.id, name=row.sku, before=before, after={"sku": row.sku})
    db.session.commit()


def create_product(listing: Listing, by: By) -> Product:
    """Make a product from a listing and link the two.  Raises Refusal: no SKU, or one that a product has already."""
    change_products()
    row = _locked(listing.id)
    if not near(row.sku):
        raise Refusal("no_sku")
    if row.product_id is not None:
        raise Refusal("is_linked")
    taken = db.session.scalar(sa.select(Product.id).where(Product.merchant_id == whose(), Product.sku == row.sku))
    if taken:
        raise Refusal("sku_taken", sku=row.sku)
    product = make_product(row, by)
    link(row, product, by)
    return product


def make_product(row: Listing, by: By) -> Product:
    """A product with the SKU and the data of a listing, in the open transaction; the caller links the two."""
    product = Product(
        merchant_id=whose(),
        id=new_id(),
        sku=row.sku,
        sku_near=row.sku_near,
        title=row.title,
        barcode=row.barcode,
        image=row.image,
    )
    db.session.add(product)
    db.session.flush()  # The listing's foreign key needs the product.
    audit.note(by, "product_created", "product", product.id, name=product.sku, after={"from": str(row.id)})
    return product
