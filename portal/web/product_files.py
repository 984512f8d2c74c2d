"""Products by file: upload, confirm the columns, look at what is wrong, import, undo."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, abort, request
from flask_babel import gettext as _
from flask_babel import pgettext
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response
from wtforms import BooleanField, RadioField, SelectChoice, SelectField
from wtforms.validators import Optional

from portal.flows import upload_columns, uploads
from portal.kit import tables
from portal.kit.errors import Refusal
from portal.models import Upload, UploadState, UploadUse
from portal.web import asked, product_files_pages, upload_words
from portal.web.doors import Needs, Support, by, cookie_name, find, needs
from portal.web.downloads import download
from portal.web.forms import PortalForm
from portal.web.plain import as_json, list_as_json, wants_json
from portal.web.refusals import sentence
from portal.web.show import go, hx, is_hx, show

bp = Blueprint("product_files", __name__)
bp.add_app_template_filter(upload_words.badge, "upload_badge")
bp.add_app_template_filter(upload_words.title, "upload_title")
bp.add_app_template_filter(tables.column_name, "column_letters")

# A file comes with the other fields of its form.
LARGEST_FORM = uploads.LARGEST + 64 * 1024
USES = {UploadUse.IMPORT.value: UploadUse.IMPORT, UploadUse.CHECK.value: UploadUse.CHECK}


@bp.url_value_preprocessor
def allow_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Only here, and only of those who carry a session, more is taken in than a form of text."""
    if endpoint == "product_files.create" and cookie_name(request.is_secure) in request.cookies:
        request.max_content_length = LARGEST_FORM


class FileForm(PortalForm):
    """One file."""

    file = FileField()


def file_form(use: UploadUse, *, empty: bool = False) -> FileForm:
    """The form that takes a file, with its words; `empty` where what was sent is not to be read again."""
    form = FileForm(formdata=None) if empty else FileForm()
    form.file.label.text = _("File from your marketplace") if use is UploadUse.CHECK else _("File of products")
    form.file.description = _(
        "CSV or XLSX of up to %(most)d MB. The first row names the columns.", most=uploads.LARGEST // 1024 // 1024
    )
    form.file.kind, form.file.flags.required = "file", True
    return form


@bp.get("/products/import")
@needs(Needs.VIEW)
def index() -> Response:
    """Upload a file of products; the files that came before."""
    page = product_files_pages.files(asked.cursor(), UploadUse.IMPORT)
    if wants_json():
        return list_as_json(page, [product_files_pages.as_json(row.Upload) for row in page.rows])
    return _index(file_form(UploadUse.IMPORT), UploadUse.IMPORT)


def _index(form: FileForm, use: UploadUse) -> Response:
    uses = (use,) if use is UploadUse.IMPORT else (UploadUse.CHECK, UploadUse.OWN)
    template = "files/index.html" if use is UploadUse.IMPORT else "files/check.html"
    return show(template, form=form, page=product_files_pages.files(asked.cursor(), *uses))


@bp.get("/products/check")
@needs(Needs.VIEW)
def check() -> Response:
    """Check the SKUs of a file, or of the products here, before anything is connected."""
    page = product_files_pages.files(asked.cursor(), UploadUse.CHECK, UploadUse.OWN)
    if wants_json():
        return list_as_json(page, [product_files_pages.as_json(row.Upload) for row in page.rows])
    return _index(file_form(UploadUse.CHECK), UploadUse.CHECK)


@bp.post("/products/import")
@needs(Needs.MANAGE, support=Support.ACTS)
def create() -> Response:
    """Take a file in."""
    use = USES.get(request.args.get("use", ""), UploadUse.IMPORT)
    form = file_form(use)
    sent: FileStorage | None = form.file.data
    try:
        if not sent or not sent.filename:
            raise Refusal("no_file", "file")
        made = uploads.receive(sent.filename, use, _pieces(sent), by())
    except Refusal as why:
        form.blame(why)
        return _index(form, use)
    return go("product_files.detail", public_id=made.id)


def _pieces(sent: FileStorage) -> Iterator[bytes]:
    while piece := sent.stream.read(uploads.PIECE):
        yield piece


@bp.errorhandler(RequestEntityTooLarge)
def too_large(_why: RequestEntityTooLarge) -> Response:
    """A file beyond all measure is not even read.  Who asks is not known yet, so the page itself cannot be shown."""
    why = Refusal("file_too_large", most=uploads.LARGEST // 1024 // 1024)
    page = "product_files.check" if request.args.get("use") == UploadUse.CHECK else "product_files.index"
    return go(page, say=sentence(why), kind="bad")


@bp.post("/products/check")
@needs(Needs.MANAGE, support=Support.ACTS)
def check_products() -> Response:
    """Look through the SKUs of the products here."""
    try:
        made = uploads.check_products(by())
    except Refusal as why:
        form = file_form(UploadUse.CHECK, empty=True)
        form.blame(why)
        return _index(form, UploadUse.CHECK)
    return go("product_files.detail", public_id=made.id)


# --- one file ---------------------------------------------------------------------------------------------------------


class ColumnsForm(PortalForm):
    """Which column of a file is what."""

    sku = SelectField()
    title = SelectField(validators=[Optional()])
    barcode = SelectField(validators=[Optional()])
    image = SelectField(validators=[Optional()])
    repair = BooleanField()


def _columns_form(upload: Upload) -> ColumnsForm:
    chosen = {name: str(place) for name, place in upload.columns.items()}
    # Repairing is what one wants, until one has said otherwise.
    form = ColumnsForm(data={**chosen, "repair": upload.repair or upload.state is UploadState.COLUMNS})
    form.sku.flags.required = True
    labels = {"sku": _("SKU"), "title": _("Title"), "barcode": _("Barcode"), "image": _("Image")}
    columns = [
        SelectChoice(str(place), f"{tables.column_name(place)} · {name or _('(no name)')}")
        for place, name in enumerate(upload.head)
    ]
    for name, label in labels.items():
        form[name].label.text = label
        nothing = _("Choose the column") if name == "sku" else _("Not in this file")
        form[name].choices = [SelectChoice("", nothing), *columns]
    form.repair.label.text = _("Repair texts that were read in the wrong letters")
    if upload.use is UploadUse.CHECK:
        del form.barcode, form.image
    if not upload.mixed:
        del form.repair
    return form


class ImportForm(PortalForm):
    """What is to happen when some rows are bad."""

    how = RadioField(default="good")


def _import_form(upload: Upload) -> ImportForm:
    form = ImportForm()
    form.how.label.text = _("Some rows cannot be imported")
    form.how.choices = [
        SelectChoice("good", _("Import the good rows and leave the others out")),
        SelectChoice("whole", _("Import all rows or none")),
    ]
    if not upload.bad:
        del form.how
    return form


@bp.get("/products/import/<public_id>")
@needs(Needs.VIEW)
def detail(public_id: str) -> Response:
    """One file: how far it is, what it asks, what is wrong with it."""
    upload = find(Upload, public_id)
    if wants_json():
        page = product_files_pages.troubled_rows(upload, _cause(upload), asked.cursor())
        rows = [product_files_pages.row_as_json(row.UploadRow) for row in page.rows]
        return as_json({**product_files_pages.as_json(upload), "troubled": rows, "next": page.after})
    if is_hx() and not upload.is_at_work and request.headers.get("HX-Target") == "upload_progress":
        return hx(refresh=True)  # What else stands on the page has changed too.
    return _detail(upload)


def _cause(upload: Upload) -> str:
    return asked.one_of(upload.problems, "cause")


def _detail(
    upload: Upload, columns: ColumnsForm | None = None, how: ImportForm | None = None, problem: str = ""
) -> Response:
    asks = upload.state is UploadState.COLUMNS or (
        upload.state is UploadState.CHECKED and (columns is not None or bool(request.args.get("columns")))
    )
    cause = _cause(upload)
    done, of = product_files_pages.done_of(upload)
    return show(
        "files/detail.html",
        "upload_progress",
        "problem_rows",
        status=422 if problem else None,
        upload=upload,
        problem=problem,
        asks=asks,
        # The title of a page whose form has errors says so; the form that was sent is the one that counts.
        form=columns or how or (_columns_form(upload) if asks else _import_form(upload)),
        doubled=upload_columns.doubled(upload.head) if asks else {},
        stuck=uploads.is_stuck(upload),
        done=done,
        of=of,
        working=upload_words.working(upload) if upload.is_at_work else "",
        why_unread=upload_words.why_unread(upload) if upload.cause else "",
        read_as=upload_words.read_as(upload) if upload.kind else "",
        causes=upload_words.causes(upload.problems),
        cause=cause,
        rows=product_files_pages.troubled_rows(upload, cause, asked.cursor()) if upload.problems and not asks else None,
        said=upload_words.problems,
    )


@bp.post("/products/import/<public_id>/columns")
@needs(Needs.MANAGE, support=Support.ACTS)
def columns(public_id: str) -> Response:
    """Confirm which column is what."""
    upload = find(Upload, public_id)
    if upload.state not in {UploadState.COLUMNS, UploadState.CHECKED}:
        return _detail(upload, problem=sentence(Refusal("file_moved_on")))
    form = _columns_form(upload)
    if not form.validate_on_submit():
        return _detail(upload, columns=form)
    chosen = {name: int(form[name].data) for name in upload_columns.FIELDS if name in form and form[name].data}
    try:
        uploads.name_columns(upload, chosen, by(), repair="repair" in form and bool(form.repair.data))
    except Refusal as why:
        form.blame(why)
        return _detail(upload, columns=form)
    return go("product_files.detail", public_id=upload.id)


@bp.post("/products/import/<public_id>/begin")
@needs(Needs.MANAGE, support=Support.ACTS)
def begin(public_id: str) -> Response:
    """Import the rows."""
    upload = find(Upload, public_id)
    form = _import_form(upload)
    if not form.validate_on_submit():
        return _detail(upload, how=form)
    try:
        uploads.begin(upload, by(), whole="how" in form and form.how.data == "whole")
    except Refusal as why:
        form.blame(why)
        return _detail(upload, how=form)
    return go("product_files.detail", public_id=upload.id)


@bp.post("/products/import/<public_id>/undo")
@needs(Needs.MANAGE, support=Support.ACTS)
def undo(public_id: str) -> Response:
    """Take away what the import created."""
    upload = find(Upload, public_id)
    try:
        uploads.undo(upload, by())
    except Refusal as why:
        return _detail(upload, problem=sentence(why))
    return go("product_files.detail", public_id=upload.id)


@bp.post("/products/import/<public_id>/drop")
@needs(Needs.MANAGE, support=Support.ACTS)
def drop(public_id: str) -> Response:
    """Forget a file that was not imported."""
    upload = find(Upload, public_id)
    name, use = upload_words.title(upload), upload.use
    try:
        uploads.drop(upload, by())
    except Refusal as why:
        return _detail(upload, problem=sentence(why))
    page = "product_files.index" if use is UploadUse.IMPORT else "product_files.check"
    return go(page, say=_("%(name)s was discarded. Nothing was changed.", name=name))


@bp.post("/products/import/<public_id>/again")
@needs(Needs.MANAGE, support=Support.ACTS)
def again(public_id: str) -> Response:
    """Give a file to a worker once more whose work ended without a result."""
    upload = find(Upload, public_id)
    try:
        uploads.again(upload, by())
    except Refusal as why:
        return _detail(upload, problem=sentence(why))
    return go("product_files.detail", public_id=upload.id)


@bp.get("/products/import/<public_id>/problems.csv")
@needs(Needs.VIEW, support=Support.NEVER)
def problems(public_id: str) -> Response:
    """What is wrong with the rows, as a file to work through."""
    upload = find(Upload, public_id)
    if not upload.problems:
        abort(404)
    head = [_("Row"), _("SKU"), _("Column"), _("Imported"), _("What is wrong")]
    yes, no = pgettext("a row was imported", "Yes"), pgettext("a row was imported", "No")

    def told() -> Iterator[list[str]]:
        yield head
        for row in rows:
            for each in upload_words.problems(row.problems):
                yield [str(row.number), row.sku, each.field, no if row.bad else yes, each.sentence]

    rows = product_files_pages.all_troubled_rows(upload)
    return download(told(), f"problems {upload_words.title(upload).rpartition('.')[0]}", tables.CSV)
