"""B14 for files: the peak memory of a worker that takes in products by file, and of a web process that sends them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import httpx

from portal.flows import people, uploads
from portal.flows.audit import LINTAS
from portal.kit import tables
from portal.kit.db import db, whose
from portal.models import Role, Upload, UploadState, UploadUse
from tests.bench import ground
from tests.bench.figure import Asked, Figure, at_most
from tests.bench.memory import GOAL, peak_of
from tests.cast import TOKEN
from tests.stack import WEB, Stack, session_of

EMAIL, PASSWORD = "files@example.com", "a-password-of-the-benchmarks"
LONGEST = 600.0
FIGURES = {tables.CSV: "B14b", tables.XLSX: "B14c"}


def bench(asked: Asked) -> list[Figure]:
    """Both kinds of files, each for a merchant without products; then the export of what came in."""
    size = asked.size(100_000, 20_000)
    figures = []
    for kind in FIGURES:
        house = ground.house(workers=1, relay=True, web=kind == tables.XLSX, durable=False)
        with house as stack, ground.merchant(f"Files {kind}") as merchant:
            figures.append(_import(stack, kind, size))
            if kind == tables.XLSX:
                figures.append(_export(stack, merchant, size))
    return figures


def _rows(size: int) -> Iterator[Sequence[str]]:
    yield ["SKU", "Title", "Barcode", "Image"]
    for number in range(size):
        title = f"保温杯 Thermos cup No. {number}, stainless steel, 500 ml"
        yield [f"KMS-{number:07d}", title, f"{6_900_000_000_000 + number}", f"https://img.example.com/{number}.jpg"]


def _import(stack: Stack, kind: str, size: int) -> Figure:
    peak, began = 0, time.monotonic()
    made = uploads.receive(f"goods.{kind}", UploadUse.IMPORT, tables.written(kind, _rows(size), "Goods"), LINTAS)
    upload_id = made.id

    def until(*states: UploadState) -> Upload:
        nonlocal peak

        def there() -> bool:
            nonlocal peak
            peak = max(peak, _peak_of(stack, "worker-1"))
            db.session.rollback()
            return _now(upload_id).state in {*states, UploadState.FAILED}

        assert stack.until(there, LONGEST), f"the file stayed {_now(upload_id).state}"
        found = _now(upload_id)
        assert found.state is not UploadState.FAILED, found.cause
        return found

    found = until(UploadState.COLUMNS)
    read = time.monotonic()
    uploads.name_columns(found, found.columns, LINTAS, repair=False)
    found = until(UploadState.CHECKED)
    checked = time.monotonic()
    uploads.begin(found, LINTAS, whole=True)
    found = until(UploadState.DONE)
    ended = time.monotonic()
    assert (found.fresh, found.bad) == (size, 0), f"{found.fresh} of {size} came in"
    return Figure(
        FIGURES[kind],
        f"peak memory of a worker taking in {size:,} rows of {kind.upper()} "
        f"(read {read - began:.1f} s, checked {checked - read:.1f} s, imported {ended - checked:.1f} s)",
        peak / 1024,
        "MB",
        None,
        f"<= {GOAL} MB",
        at_most(peak / 1024, GOAL),
        {"rows": size, "seconds": ended - began},
    )


def _now(upload_id: uuid.UUID) -> Upload:
    return db.session.get_one(Upload, (whose(), upload_id), populate_existing=True)


def _peak_of(stack: Stack, child: str) -> int:
    return max((peak_of(pid) for pid in session_of(stack.children[child].pid)), default=0)


def _export(stack: Stack, merchant: uuid.UUID, size: int) -> Figure:
    person = people.create_user(EMAIL, "Files", PASSWORD)
    people.join(merchant, person, Role.OWNER)
    db.session.remove()
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=LONGEST) as browser:
        token = TOKEN.search(browser.get("/login").text)
        assert token, "the sign-in has no token"
        said = {"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]}
        assert browser.post("/login", data=said).status_code == 303
        began = time.monotonic()
        number, peak = _received(browser, lambda: _peak_of(stack, WEB))
        took = time.monotonic() - began
    assert number > size * 5, f"only {number} bytes came"  # Packed, a row takes little.
    return Figure(
        "B14d",
        f"peak memory of the web processes sending {size:,} products as XLSX ({took:.1f} s)",
        peak / 1024,
        "MB",
        None,
        f"<= {GOAL} MB",
        at_most(peak / 1024, GOAL),
        {"bytes": number},
    )


def _received(browser: httpx.Client, look: Callable[[], int]) -> tuple[int, int]:
    """Bytes of the export, and the highest memory of the process that sends it."""
    number, peak, query = 0, 0, "kind=xlsx&column=title&column=barcode&column=image"
    with browser.stream("GET", f"/products/export/file?{query}") as answer:
        assert answer.status_code == 200, answer.status_code
        for place, piece in enumerate(answer.iter_bytes(64 * 1024)):
            number += len(piece)
            if place % 20 == 0:
                peak = max(peak, look())
    return number, max(peak, look())
