"""B6, B8, B15: the list of orders over a million of them, against two well-kept admins; searching; weight."""

from __future__ import annotations

import gzip
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.kit import paging
from portal.kit.db import acting_for, db
from portal.models import Order
from tests.bench import admins, filling, ground, lists
from tests.bench.figure import Asked, Figure, at_least, at_most
from tests.bench.filling import Filled
from tests.stack import Stack

TIMES_FASTER, CODE_GOAL, WORDS_GOAL = 10.0, 1.5, 4.0
WEIGHTS = {"HTML": 8_000, "CSS": 15_000, "script": 25_000}
STATIC = Path(__file__).resolve().parents[2] / "static"
TURNS, QUICK_TURNS, WARM = 15, 7, 3
# Milliseconds; what takes longer is told after one turn that counts.
SLOW = 1_500


def bench(asked: Asked) -> list[Figure]:
    """All three over one filled table."""
    rows = asked.size(1_000_000, 100_000)
    with ground.house(durable=False) as stack:
        filled = filling.fill(stack.app, stack.superuser_url, rows)
        ours = lists.signed_in(stack.app)
        return [*_against_admins(asked, stack, filled, ours), *_searching(asked, filled, ours), *_weight(ours)]


def _against_admins(asked: Asked, stack: Stack, filled: Filled, ours: FlaskClient) -> list[Figure]:
    deep = filled.rows // admins.PAGE // 2
    pages = {"first": "/orders", "filtered": "/orders?view=attention", "deep": f"/orders?page={_middle(filled)}"}
    references = {
        "Flask-Admin": admins.flask_admin(stack.superuser_url),
        "Django admin": admins.django_admin(stack.superuser_url),
    }
    figures = []
    for name, address in pages.items():
        timed = {"ours": _timer(lambda at: ours.get(at).status_code, address)}
        for reference, (ask, theirs) in references.items():
            timed[reference] = _timer(ask, theirs[name].format(deep=deep))
        took = _in_turns(asked, timed)
        best = min((took[each], each) for each in references)
        told = ", ".join(f"{each} {ms:.1f} ms" for each, ms in took.items())
        asked.say(f"      {name:10} {told}")
        ratio = best[0] / took["ours"]
        figures.append(
            Figure(
                "B6",
                f"orders at {filled.rows:,} rows, {name} page, against {best[1]}",
                took["ours"],
                "ms",
                ratio,
                f">= {TIMES_FASTER:g} x faster",
                at_least(ratio, TIMES_FASTER),
                took,
            )
        )
    return figures


def _middle(filled: Filled) -> str:
    """The cursor of a page in the middle of the list."""
    with acting_for(filled.merchant):
        place = sa.select(Order.placed_at, Order.id).where(Order.merchant_id == filled.merchant)
        row = db.session.execute(place.order_by(Order.placed_at.desc()).offset(filled.rows // 2).limit(1)).one()
        db.session.rollback()
    return paging.cursor_after([row.placed_at, row.id])


def _searching(asked: Asked, filled: Filled, ours: FlaskClient) -> list[Figure]:
    half = filled.rows // 2
    codes = {
        "number": str(260_000_000_000 + half),
        "start of a number": "26000000",
        "SKU": f"KMS-{half:07d}",
        "start of an SKU": "KMS-00000",
        "tracking number": f"JDX{filled.rows // 4:011d}",
    }
    searches = {f"by {name}": (text, CODE_GOAL) for name, text in codes.items()}
    searches["by words of one product"] = (filling.words_of_one(half), WORDS_GOAL)
    searches["by words of many"] = ("alpine kettle", 0.0)
    figures = []
    for name, (text, goal) in searches.items():
        address = f"/orders?{urlencode({'q': text})}"
        took = _in_turns(
            asked,
            {
                "first": _timer(lambda at: ours.get(at).status_code, "/orders"),
                "found": _timer(lambda at: ours.get(at).status_code, address),
            },
        )
        ratio = took["found"] / took["first"]
        what = f"orders {name}, against the first page"
        told = (f"<= {goal:g} x", at_most(ratio, goal)) if goal else ("", "")
        figures.append(Figure("B8", what, took["found"], "ms", ratio, *told, took))
    return figures


def _weight(ours: FlaskClient) -> list[Figure]:
    page = ours.get("/orders").data
    assert len(re.findall(rb'<tr role="row"', page)) >= admins.PAGE, "a full page of orders"
    scripts = b"".join(path.read_bytes() for path in sorted(STATIC.rglob("*.js")))
    sizes = {"HTML": page, "CSS": (STATIC / "app.css").read_bytes(), "script": scripts}
    packed = {name: len(gzip.compress(data, 9)) for name, data in sizes.items()}
    return [
        Figure(
            "B15",
            f"{name} of a list of {admins.PAGE} orders, gzipped",
            size / 1000,
            "kB",
            None,
            f"<= {WEIGHTS[name] / 1000:g} kB",
            at_most(size / 1000, WEIGHTS[name] / 1000),
        )
        for name, size in packed.items()
    ]


def _timer(ask: Callable[[str], int], address: str) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        status = ask(address)
        took = (time.perf_counter() - began) * 1000
        assert status == 200, f"{address}: {status}"
        return took

    return timed


def _in_turns(asked: Asked, deeds: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each, in milliseconds; they take turns, so that a busy moment meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in deeds}
    turns = WARM + asked.size(TURNS, QUICK_TURNS)
    for turn in range(turns):
        for name, deed in deeds.items():
            found[name].append(deed())
        if turn + 1 > WARM and max(times[-1] for times in found.values()) > SLOW:
            break
    return {name: statistics.median(times[WARM:]) for name, times in found.items()}
