"""What the linking workbench reads: a constant number of statements, however long the list."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.flows import batches, decisions, suggestions
from portal.flows.batches import Choice
from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import LinkBatch, LinkState, Listing, Product
from portal.web import catalogue_pages, codes
from portal.web.channel_names import Channel
from portal.web.link_words import TABS

GROUPS = 20
SHOWN_OF_A_GROUP = 20
PICKS = 20
RECENT = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the workbench somebody is: a state, one channel or all, a search, a page."""

    state: LinkState
    channel: Channel | None = None
    words: str = ""
    cursor: str | None = None

    def address(self, **other: Any) -> dict[str, Any]:
        """The arguments of the address; `other` replaces some, None leaves one out."""
        own = {
            "state": self.state.value,
            "connection": self.channel.id if self.channel else None,
            "q": self.words or None,
            "page": self.cursor,
        }
        return {name: value for name, value in {**own, **other}.items() if value is not None}

    def choice(self, ids: Sequence[uuid.UUID] = ()) -> Choice:
        """These listings; or without ids all of this place, whatever the page."""
        search = "" if ids else self.words
        return Choice(self.state.value, self.channel.id if self.channel else None, search, tuple(ids))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product that a listing could mean, and in what the two codes differ."""

    product: Product
    differs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """One decision that a row offers: posted with a product where there is one, or asked in a dialog."""

    label: str
    verb: str
    product: Product | None = None
    dialog: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One listing with the product that it is linked to and those that it could mean."""

    listing: Listing
    product: Product | None = None
    suggested: Sequence[Suggestion] = ()

    @property
    def buttons(self) -> list[Button]:
        """What may be decided about it, in the order of likelihood."""
        verbs = () if self.listing.missing_since else decisions.VERBS[self.listing.link_state]
        found = [each for verb in verbs for each in self._offers(verb)]
        if self.product is not None:
            found.append(Button(_("Unlink…"), "unlink", dialog=True))
        return found

    def _offers(self, verb: str) -> list[Button]:
        words = {
            "create": _("Create product"),
            "keep": _("Keep link"),
            "leave_out": _("Leave out"),
            "take_back": _("Take back"),
        }
        if verb == "create" and self.suggested:
            return []  # Offered where another product is chosen: a suggestion is likelier.
        if verb != "link":
            return [Button(words[verb], verb)] if verb in words else []
        other = _("Choose another…") if self.product or self.suggested else _("Link to a product…")
        choose = Button(other, "choose", dialog=True)
        if len(self.suggested) != 1 or self.listing.link_state is LinkState.DUPLICATE:
            return [choose]
        replaces = self.listing.link_state in {LinkState.REISSUED, LinkState.SKU_CHANGED}
        label = _("Replace link") if replaces else _("Confirm link")
        return [Button(label, "link", self.suggested[0].product), choose]


@dataclass(frozen=True, slots=True)
class Group:
    """Listings of one channel with the same SKU, and the product that has this SKU, if there is one.

    `rows` shows some of them; `undecided` of them wait for a decision.
    """

    channel: Channel
    sku: str
    undecided: int
    rows: Sequence[Row]
    product: Product | None = None


# The order is that of the index of the states: without it the planner reads the whole table for a rare state.
COUNT = """
    select s.state, n.number from unnest(cast(:states as text[])) s(state)
    cross join lateral (
        select count(*) as number from (
            select 1 from listing l
            where l.merchant_id = :merchant and l.link_state = s.state and l.missing_since is null {of_one}
            order by l.id limit :most) cut) n
    """
COUNT_ALL = sa.text(COUNT.format(of_one=""))
COUNT_OF_ONE = sa.text(COUNT.format(of_one="and l.connection_id = :connection"))
# Eleven counts on every page: together no more work than the one above the list.
TAB_CAP = 1_000


def counts(connection_id: uuid.UUID | None = None) -> dict[LinkState, Count]:
    """How many live listings of a connection, or of all, stand in each state, counted to a cap."""
    values = {"merchant": whose(), "states": [state.value for state in LinkState], "most": TAB_CAP + 1}
    found = db.session.execute(
        COUNT_OF_ONE if connection_id else COUNT_ALL,
        {**values, "connection": connection_id} if connection_id else values,
    )
    return {LinkState(state): Count(min(number, TAB_CAP), number > TAB_CAP) for state, number in found}


def tab_count(numbers: Mapping[LinkState, Count], tab: str) -> Count:
    """The number of a tab."""
    found = [numbers[state] for state in TABS[tab] if state in numbers]
    total = sum(each.number for each in found)
    return Count(min(total, TAB_CAP), total > TAB_CAP or any(each.more for each in found))


def first_state(numbers: Mapping[LinkState, Count]) -> LinkState:
    """Where to begin: the first state that waits for a decision, else what is linked."""
    settled = {LinkState.LINKED, LinkState.WAITING, LinkState.LEFT_OUT}
    undecided = [state for states in TABS.values() for state in states if state not in settled]
    return next((state for state in undecided if state in numbers and numbers[state].number), LinkState.LINKED)


def rows(place: Place) -> Slice[Row]:
    """One page of listings in one state, in the order in which they came, so that no decision moves another row."""
    query = _with_products().where(*batches.chosen(place.choice()))
    page = slice_of(db.session(), query, [Listing.id], place.cursor, lambda row: [row.Listing.id])
    return replace(page, rows=_rows(page.rows))


def row_of(listing: Listing) -> Row:
    """One listing as a row."""
    found = db.session.execute(_with_products().where(Listing.merchant_id == whose(), Listing.id == listing.id))
    return _rows(found.all())[0]


def _with_products() -> Any:
    joined = sa.and_(Product.merchant_id == Listing.merchant_id, Product.id == Listing.product_id)
    query: Any = sa.select(Listing, Product)
    return query.outerjoin(Product, joined)


def _rows(found: Sequence[Any]) -> list[Row]:
    asked = [row.Listing for row in found if row.Listing.link_state is not LinkState.LINKED]
    meant = suggestions.of(asked) if asked else {}
    return [Row(row.Listing, row.Product, _suggested(row.Listing, meant)) for row in found]


def _suggested(listing: Listing, meant: Mapping[uuid.UUID, list[Product]]) -> list[Suggestion]:
    others = [each for each in meant.get(listing.id, []) if each.id != listing.product_id]
    return [Suggestion(each, codes.differences(listing.sku, each.sku)) for each in others]


def count(place: Place) -> Count:
    """How many listings the place has."""
    along = () if place.words else [Listing.id]
    return count_of(db.session(), sa.select(Listing).where(*batches.chosen(place.choice())), along=along)


def groups(place: Place, known: Mapping[uuid.UUID, Channel]) -> Slice[Group]:
    """One page of SKUs that several listings of a channel share; no group is cut by the end of a page."""
    keys = [Listing.sku, Listing.connection_id]
    query: Any = (
        sa.select(*keys, sa.func.count().label("undecided")).where(*batches.chosen(place.choice())).group_by(*keys)
    )
    page = slice_of(db.session(), query, keys, place.cursor, lambda row: [row.sku, row.connection_id], size=GROUPS)
    members = _members([(row.connection_id, row.sku) for row in page.rows])
    made = [_group(row, members.get((row.connection_id, row.sku), []), known) for row in page.rows]
    return replace(page, rows=made)


def _members(pairs: Sequence[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], list[Row]]:
    place = sa.func.row_number().over(
        partition_by=(Listing.connection_id, Listing.sku),
        order_by=(Listing.link_state != LinkState.DUPLICATE, Listing.id),
    )
    numbered = (
        sa.select(Listing.id, place.label("place"))
        .where(
            Listing.merchant_id == whose(),
            sa.tuple_(Listing.connection_id, Listing.sku).in_(pairs),
            Listing.missing_since.is_(None),
            Listing.passed,
        )
        .subquery()
    )
    query = (
        _with_products()
        .join(numbered, sa.and_(numbered.c.id == Listing.id, numbered.c.place <= SHOWN_OF_A_GROUP))
        .where(Listing.merchant_id == whose())
        .order_by(numbered.c.place)
    )
    found: dict[tuple[uuid.UUID, str], list[Row]] = {}
    for row in _rows(db.session.execute(query).all()):
        found.setdefault((row.listing.connection_id, row.listing.sku), []).append(row)
    return found


def _group(row: Any, members: Sequence[Row], known: Mapping[uuid.UUID, Channel]) -> Group:
    exact = (each.product for member in members for each in member.suggested if each.product.sku == row.sku)
    linked = (member.product for member in members if member.product)
    return Group(known[row.connection_id], row.sku, row.undecided, members, next(exact, next(linked, None)))


def picks(words: str, listing: Listing) -> Sequence[Product]:
    """Products to choose from: those that a search finds; without one, what the SKU suggests, then the first ones."""
    query = sa.select(Product).where(Product.merchant_id == whose()).order_by(Product.sku).limit(PICKS)
    if words:
        found = db.session.scalars(query.where(catalogue_pages.found_by(words))).all()
        return sorted(found, key=lambda product: product.sku != words)
    suggested = suggestions.of([listing]).get(listing.id, [])
    others = query.where(Product.id.not_in([each.id for each in suggested]))
    return [*suggested, *db.session.scalars(others)][:PICKS]


def all_ours(ids: Sequence[uuid.UUID]) -> bool:
    """Whether all of these are listings of the merchant."""
    query = sa.select(sa.func.count()).where(Listing.merchant_id == whose(), Listing.id.in_(ids))
    return db.session.scalar(query) == len(set(ids))


def reach(choice: Choice) -> dict[uuid.UUID, int]:
    """Listings of other channels, by connection, whose SKU a product made from the chosen ones would have."""
    chosen = sa.select(Listing.id, Listing.sku, Listing.connection_id).where(*batches.chosen(choice)).subquery()
    same = sa.exists().where(chosen.c.sku == Listing.sku, chosen.c.connection_id != Listing.connection_id)
    itself = sa.exists().where(chosen.c.id == Listing.id)
    query = (
        sa.select(Listing.connection_id, sa.func.count().label("number"))
        .where(
            Listing.merchant_id == whose(),
            Listing.link_state.in_([LinkState.NEW, LinkState.NEAR, LinkState.AMBIGUOUS]),
            Listing.missing_since.is_(None),
            same,
            ~itself,
        )
        .group_by(Listing.connection_id)
    )
    return {row.connection_id: row.number for row in db.session.execute(query)}


def recent() -> Sequence[LinkBatch]:
    """The last bulk decisions."""
    query = sa.select(LinkBatch).where(LinkBatch.merchant_id == whose())
    return db.session.scalars(query.order_by(LinkBatch.id.desc()).limit(RECENT)).all()


def still_to_do(batch: LinkBatch) -> int:
    """How many listings a running batch, or its undoing, has still to go through."""
    if batch.state not in {"waiting", "running", "undoing"}:
        return 0
    marked = sa.and_(Listing.merchant_id == whose(), Listing.batch_id == batch.id)
    left = marked if batch.state == "undoing" else batches.still_to_do(batch)
    return db.session.scalar(sa.select(sa.func.count()).select_from(Listing).where(left)) or 0
