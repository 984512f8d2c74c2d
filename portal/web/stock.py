"""The stock: what is on hand, promised and available, of all products and of one; counting by hand and by file."""

import io
from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response
from wtforms import RadioField, StringField
from wtforms.validators import Optional

from portal.flows import bundles, stock_counts, stock_files
from portal.flows.stock_counts import LONGEST_NOTE
from portal.flows.stock_ledger import MOST
from portal.kit import tables
from portal.kit.errors import Refusal
from portal.models import Product, StockWhy
from portal.web import asked, explained_pages, stock_json, stock_pages, stock_words, upload_words
from portal.web.channel_names import channels
from portal.web.doors import Needs, Support, by, cookie_name, find, needs
from portal.web.forms import PortalForm
from portal.web.options_form import WholeField
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, show
from portal.web.stock_pages import Wanted

bp = Blueprint("stock", __name__)
bp.add_app_template_filter(stock_words.why, "stock_why")
bp.add_app_template_filter(stock_words.signed, "signed")
bp.add_app_template_filter(stock_words.wrong, "stock_wrong")

# A file comes with the other fields of its form.
LARGEST_FORM = stock_files.LARGEST + 64 * 1024
MOST_WRONG = 200
VIEWS = {each: each for each in stock_pages.VIEWS}


@bp.url_value_preprocessor
def allow_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Only here, and only of those who carry a session, more is taken in than a form of text."""
    if endpoint == "stock.take_file" and cookie_name(request.is_secure) in request.cookies:
        request.max_content_length = LARGEST_FORM


def _wanted() -> Wanted:
    low = request.args.get("low", "")
    few = int(low) if low.isascii() and low.isdigit() and len(low) < 8 else stock_pages.LOW
    return Wanted(asked.one_of(VIEWS, "view") or "all", asked.words(), few)


@bp.get("/stock")
@needs(Needs.VIEW)
def index() -> Response:
    """All products with what there is of them."""
    wanted = _wanted()
    page, count = stock_pages.page(wanted, asked.cursor()), stock_pages.count(wanted)
    if wants_json():
        return list_as_json(page, [stock_json.of_row(row) for row in page.rows], count)
    return show(
        "stock/index.html",
        "stock_table",
        also=("stock_views",),
        wanted=wanted,
        page=page,
        count=count,
        views=stock_words.views(wanted.low),
    )


@bp.get("/stock/<public_id>")
@needs(Needs.VIEW)
def product(public_id: str) -> Response:
    """One product: its numbers, whom they are promised to, and every move."""
    return _product(find(Product, public_id))


def _product(found: Product) -> Response:
    numbers = stock_pages.numbers(found)
    history = stock_pages.history(found, numbers, asked.cursor())
    parts, sources = bundles.parts(found.id), stock_pages.sources(found)
    promised = stock_pages.promised(found, numbers.on_hand)
    if wants_json():
        return as_json(stock_json.whole(found, numbers, parts, sources, promised, history))
    return show(
        "stock/product.html",
        "history",
        product=found,
        numbers=numbers,
        history=history,
        parts=parts,
        makes=min((each.makes for each in parts), default=0),
        sources=sources,
        promised=promised,
        promises=stock_pages.count_promised(found),
        known=channels(),
        channel_rows=explained_pages.of_product(found.id),
    )


class AdjustForm(PortalForm):
    """A count, or pieces that come in or go out."""

    how = RadioField(choices=[], validate_choice=False)
    number = WholeField(validators=[Optional()])
    note = StringField()


HOWS = {each.value: each for each in stock_counts.BY_HAND}


def _adjust_form() -> AdjustForm:
    form = AdjustForm()
    form.how.label.text = _("What happened")
    form.how.choices = [
        (StockWhy.COUNT.value, _("Counted: so many are on hand now")),
        (StockWhy.IN.value, _("Came in: so many more")),
        (StockWhy.OUT.value, _("Taken out: so many fewer")),
    ]
    form.how.data = form.how.data if form.how.data in HOWS else StockWhy.COUNT.value
    form.number.label.text, form.number.flags.optional = _("Pieces"), False
    form.note.label.text = _("Reason")
    form.note.description = _("Up to %(most)d characters. It stays with the history.", most=LONGEST_NOTE)
    return form


@bp.route("/stock/<public_id>/adjust", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def adjust(public_id: str) -> Response:
    """Count a product, or let pieces come in or go out."""
    found, form = find(Product, public_id), _adjust_form()
    if form.validate_on_submit():
        try:
            number = form.number.data
            if number is None:
                raise Refusal("stock_number", "number", most=MOST)
            there = stock_counts.adjust(found, HOWS[form.how.data], number, form.note.data or "", by())
        except Refusal as why:
            form.blame(why)
        else:
            say = ngettext(
                "%(num)d piece of %(sku)s is on hand.", "%(num)d pieces of %(sku)s are on hand.", there, sku=found.sku
            )
            return go("stock.product", public_id=found.id, say=say)
    return show("stock/adjust.html", "dialog", form=form, product=found, numbers=stock_pages.numbers(found))


class LimitsForm(PortalForm):
    """A buffer and a cap; an empty field says nothing."""

    buffer = WholeField(validators=[Optional()])
    max_level = WholeField(validators=[Optional()])


def _limits_form(found: Product) -> LimitsForm:
    form = limits_form(stock_pages.numbers(found))
    form.buffer.description = _("So many pieces are kept back at every channel. Empty: as the channel or store says.")
    form.max_level.description = _(
        "No channel shows more than this. 0 shows nothing at all. Empty: as the channel or store says."
    )
    return form


def limits_form(of: object) -> LimitsForm:
    """The form of what has a `buffer` and a `max_level`, filled with them."""
    form = LimitsForm(obj=of)
    form.buffer.label.text = _("Stock buffer")
    form.max_level.label.text = _("Max stock level")
    form.buffer.flags.optional = form.max_level.flags.optional = True
    return form


@bp.route("/stock/<public_id>/limits", methods=["GET", "POST"])
@needs(Needs.MANAGE, support=Support.ACTS)
def limits(public_id: str) -> Response:
    """A product's own buffer and cap, before those of its channels and stores."""
    found = find(Product, public_id)
    form = _limits_form(found)
    if form.validate_on_submit():
        try:
            stock_counts.set_limits(found, form.buffer.data, form.max_level.data, by())
        except Refusal as why:
            form.blame(why)
        else:
            return go("stock.product", public_id=found.id, say=_("The limits of %(sku)s are saved.", sku=found.sku))
    return show("stock/limits.html", "dialog", form=form, product=found)


class CountsForm(PortalForm):
    """A file of counts, and what to do with rows that cannot be used."""

    file = FileField()
    how = RadioField(choices=[], validate_choice=False)


def _counts_form() -> CountsForm:
    form = CountsForm()
    form.file.label.text = _("File of counts")
    form.file.description = _(
        "CSV or XLSX of up to %(most)d MB with the columns SKU and Quantity, which is what is on hand. A column Reason "
        "may stand beside them.",
        most=stock_files.LARGEST // 1024 // 1024,
    )
    form.file.kind, form.file.flags.required = "file", True
    form.how.label.text = _("Where a row cannot be used")
    form.how.choices = [
        ("whole", _("Change nothing and show me the row")),
        ("good", _("Leave it out and take the others")),
    ]
    form.how.data = "good" if form.how.data == "good" else "whole"
    return form


@bp.get("/stock/file")
@needs(Needs.MANAGE)
def file() -> Response:
    """Set what is on hand of many products by a file."""
    return show("stock/file.html", form=_counts_form(), wrong=[], more=0)


@bp.post("/stock/file")
@needs(Needs.MANAGE, support=Support.ACTS)
def take_file() -> Response:
    """Take the counts of a file over."""
    form, wrong = _counts_form(), list[stock_files.Wrong]()
    sent: FileStorage | None = form.file.data
    try:
        if not sent or not sent.filename:
            raise Refusal("no_file", "file")
        counted = stock_files.read(io.BytesIO(sent.stream.read()), sent.filename)
        wrong = counted.wrong
        moved, same = stock_files.take_over(counted, by(), whole=form.how.data == "whole")
    except tables.Unreadable as why:
        said = upload_words.FILES[why.cause](**why.values)
        form.blame(Refusal("unreadable_table", "file", said=said))
    except Refusal as why:
        form.blame(why)
    else:
        return go("stock.index", say=_said(moved, same, wrong))
    return show("stock/file.html", form=form, wrong=wrong[:MOST_WRONG], more=max(0, len(wrong) - MOST_WRONG))


def _said(moved: int, same: int, wrong: list[stock_files.Wrong]) -> str:
    if not moved and not wrong:
        return _("Nothing changed: every number of the file was so already.")
    told = ngettext("%(num)d number changed.", "%(num)d numbers changed.", moved)
    parts = [told, ngettext("%(num)d was so already.", "%(num)d were so already.", same)] if same else [told]
    if wrong:
        rows = ", ".join(str(each.row) for each in wrong[:10]) + ("…" if len(wrong) > 10 else "")
        left = len(wrong)
        parts.append(
            ngettext("%(num)d row was left out: %(rows)s.", "%(num)d rows were left out: %(rows)s.", left, rows=rows)
        )
    return " ".join(parts)


@bp.errorhandler(RequestEntityTooLarge)
def too_large(_why: RequestEntityTooLarge) -> Response:
    """A file beyond all measure is not even read."""
    why = Refusal("file_too_large", most=stock_files.LARGEST // 1024 // 1024)
    return go("stock.file", say=sentence(why), kind="bad")
