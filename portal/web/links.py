"""The linking workbench: decide about listings one by one, in groups, or many at once."""

import uuid

from flask import Blueprint, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import batches, decisions
from portal.flows.batches import Choice
from portal.kit.errors import Refusal
from portal.kit.paging import Count
from portal.models import LinkBatch, LinkState, Listing, Product
from portal.web import asked, link_words, links_pages
from portal.web.channel_names import Channel, channels
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.links_pages import Place
from portal.web.refusals import sentence
from portal.web.show import asks_for, go, hx, is_hx, show

bp = Blueprint("links", __name__)
bp.add_app_template_filter(link_words.batch_says, "batch_says")

STATES = {state.value: state for state in LinkState}
MOST_TICKED = 100


def _place(known: dict[uuid.UUID, Channel], otherwise: LinkState = LinkState.NEW) -> Place:
    """The place that the address names."""
    wanted = asked.one_of(STATES, "state")
    state = STATES[wanted] if wanted else otherwise
    return Place(state, asked.own(known, "connection"), asked.words(), asked.cursor())


@bp.get("/links")
@needs(Needs.VIEW)
def index() -> Response:
    """Listings by how they stand towards the products."""
    return _index()


def _index(problem: str = "") -> Response:
    known = channels()
    channel = asked.own(known, "connection")
    numbers = links_pages.counts(channel.id if channel else None)
    place = _place(known, links_pages.first_state(numbers))
    grouped = place.state is LinkState.DUPLICATE
    batch = find(LinkBatch, request.args["batch"]) if request.args.get("batch") else None
    return show(
        "links/index.html",
        "links_table",
        also=("link_tabs",),
        status=422 if problem else None,
        problem=problem,
        place=place,
        known=known,
        tabs=_tabs(place, numbers),
        numbers=numbers,
        states=link_words.TABS[link_words.TAB_OF[place.state]],
        says=link_words.says(place.state),
        groups=links_pages.groups(place, known) if grouped else None,
        page=None if grouped else links_pages.rows(place),
        count=links_pages.count(place),
        verbs=_verbs(place.state),
        bulk_title=link_words.bulk_title,
        may_be_undone=batches.may_be_undone,
        everything=bool(request.args.get("all")),
        batch=batch,
        todo=links_pages.still_to_do(batch) if batch else 0,
        recent=links_pages.recent(),
    )


def _verbs(state: LinkState) -> list[str]:
    """What may be done with many listings in this state at once."""
    return [verb for verb, states in batches.OF.items() if state in states]


def _tabs(place: Place, numbers: dict[LinkState, Count]) -> list[dict[str, object]]:
    """The tabs with their counts.  A tab of two states opens with the one that waits for a decision."""
    found = []
    for tab, states in link_words.TABS.items():
        first = next((state for state in states if state in numbers and numbers[state].number), states[-1])
        found.append(
            {
                "label": link_words.tab_label(tab),
                "args": place.address(state=first.value, page=None),
                "count": links_pages.tab_count(numbers, tab),
                "current": place.state in states,
            }
        )
    return found


@bp.get("/links/<public_id>/choose")
@needs(Needs.MANAGE)
def choose(public_id: str) -> Response:
    """Search a product and pick it for a listing."""
    listing, known = find(Listing, public_id), channels()
    words = asked.words("words")
    return show(
        "links/choose.html",
        "dialog",
        "choose_picks",
        listing=listing,
        channel=known[listing.connection_id],
        place=_place(known, listing.link_state),
        back=asked.one_of({"listing": "listing"}, "back"),
        words=words,
        products=links_pages.picks(words, listing),
        can_create="create" in decisions.VERBS[listing.link_state],
    )


@bp.post("/links/<public_id>/<verb>")
@needs(Needs.MANAGE, support=Support.ACTS)
def act(public_id: str, verb: str) -> Response:
    """Carry out one decision about one listing."""
    if verb not in decisions.KNOWN:
        abort(404)
    listing = find(Listing, public_id)
    place = _place(channels(), listing.link_state)
    chosen = find(Product, request.form["product"]) if request.form.get("product") else None
    problem = said = ""
    try:
        product = decisions.decide(verb, listing, by(), chosen)
        said = link_words.done(verb, product.sku if product else "")
    except Refusal as why:
        problem = sentence(why)
    if asks_for("link_row"):
        return _row(listing, place, said, problem)
    if problem:
        return _index(problem)
    if asked.one_of({"listing": "listing"}, "back"):
        return go("catalogue.listing", public_id=listing.id, say=said)
    return go("links.index", say=said, **place.address())


def _row(listing: Listing, place: Place, said: str, problem: str) -> Response:
    """The row in its new state, where it stood: nothing moves under the pointer."""
    known = channels()
    return show(
        "links/index.html",
        "link_row",
        also=("link_tabs",),
        status=422 if problem else None,
        row=links_pages.row_of(listing),
        known=known,
        place=place,
        tabs=_tabs(place, links_pages.counts(place.channel.id if place.channel else None)),
        verbs=_verbs(place.state),
        everything=False,
        said=said,
        row_problem=problem,
    )


@bp.post("/links/select")
@needs(Needs.MANAGE, support=Support.ACTS)
def select() -> Response:
    """From the ticked rows, or all of a place, to the preview of what would happen to them."""
    place = _place(channels())
    ids = request.form.getlist("id")[:MOST_TICKED]
    everything = bool(request.form.get("all"))
    if not ids and not everything:
        return _index(_("Tick one listing at least, or select all of them."))
    return go("links.bulk", verb=request.form.get("verb", ""), id=[] if everything else ids, **place.address(page=None))


@bp.route("/links/bulk", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def bulk() -> Response:
    """What a bulk decision would do; and, when confirmed, the doing."""
    known = channels()
    place = _place(known)
    verb, choice = request.args.get("verb", ""), place.choice(_own_ids())
    try:
        preview = batches.preview(verb, choice)
    except Refusal as why:
        return _index(sentence(why))
    problem = _changed_meanwhile(preview.listings) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        batch = batches.begin(verb, choice, by())
        return go("links.index", batch=batch.id, **place.address(page=None))
    return show(
        "links/bulk.html",
        status=422 if problem else None,
        problem=problem,
        place=place,
        known=known,
        verb=verb,
        preview=preview,
        reach=_reach(verb, choice, known),
        title=link_words.bulk_title(verb),
        label=link_words.bulk_label(verb, preview.listings if verb != "create" else preview.products),
        at_once=batches.AT_ONCE,
        may_be_undone=batches.may_be_undone(verb, place.state.value),
    )


def _own_ids() -> list[uuid.UUID]:
    """The listings that the address names; one that is not the merchant's is not there (404)."""
    try:
        ids = [uuid.UUID(each) for each in request.args.getlist("id")[:MOST_TICKED]]
    except ValueError:
        abort(404)
    if ids and not links_pages.all_ours(ids):
        abort(404)
    return ids


def _changed_meanwhile(number: int) -> str:
    """Nothing is done to another set of listings than the one that was shown."""
    if request.form.get("expected") == str(number) and number:
        return ""
    return _("Meanwhile the listings have changed. This is what would happen now.")


def _reach(verb: str, choice: Choice, known: dict[uuid.UUID, Channel]) -> list[tuple[Channel, int]]:
    if verb != "create":
        return []
    return [(known[connection], number) for connection, number in links_pages.reach(choice).items()]


@bp.get("/links/batches/<public_id>")
@needs(Needs.VIEW)
def batch(public_id: str) -> Response:
    """One bulk decision: how far it is, and its undoing."""
    found = find(LinkBatch, public_id)
    if is_hx() and found.state in {"done", "undone"}:
        return hx(refresh=True)  # Whichever page asked: what else stands on it has changed too.
    return show(
        "links/batch.html",
        "batch_result",
        batch=found,
        todo=links_pages.still_to_do(found),
        may_be_undone=batches.may_be_undone,
        title=link_words.bulk_title(found.verb),
        channel=channels().get(found.connection_id) if found.connection_id else None,
    )


@bp.post("/links/batches/<public_id>/undo")
@needs(Needs.MANAGE, support=Support.ACTS)
def undo(public_id: str) -> Response:
    """Take a bulk decision back as a whole."""
    found = find(LinkBatch, public_id)
    try:
        batches.undo(found, by())
    except Refusal as why:
        return _index(sentence(why))
    return go("links.index", batch=found.id, state=found.chosen["state"], connection=found.connection_id)
