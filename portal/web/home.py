"""The start page: what needs attention over all stores, how far the setup is, what runs."""

from dataclasses import dataclass

from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import notices
from portal.web import home_charts, home_pages, problems, setup_guide
from portal.web.charts import Chart
from portal.web.doors import Needs, needs, signed_in
from portal.web.show import go, show

bp = Blueprint("home", __name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with its name on the page, its heading, its sentence, and what its rows are."""

    name: str
    title: str
    chart: Chart
    says: str
    first: str


@bp.get("/")
@needs(Needs.SIGN_IN)
def index() -> Response:
    """What needs attention today.  Open to everyone who is signed in: staff go to their own area, and whoever belongs
    to no merchant is told so."""
    if signed_in().merchant is None and signed_in().user.is_staff:
        return go("staff.merchants")
    if signed_in().merchant is None:
        return show("home/nobody.html", here="home.index")
    to_link, open_notices = home_pages.to_link(), notices.open_notices()
    setup = home_pages.setup(to_link)
    return show(
        "home/index.html",
        here="home.index",
        problems=problems.explained(open_notices),
        told=len(open_notices),
        open_problems=home_pages.problems(),
        setup=setup,
        steps=setup_guide.steps(setup),
        to_link=to_link,
        orders_to_ship=home_pages.orders_to_ship(),
        orders_stuck=home_pages.orders_stuck(),
        oversold=home_pages.oversold(),
        charts=_charts() if setup.connected else [],
        runs_open=home_pages.runs_open(),
        runs=home_pages.recent_runs(),
    )


def _charts() -> list[Picture]:
    return [
        Picture("orders", _("Orders by day and channel"), *home_charts.orders_by_day(), _("Day")),
        Picture("coverage", _("Stock to sell"), *home_charts.stock_coverage(), _("Pieces left")),
        Picture("health", _("How syncing went"), *home_charts.sync_health(), _("Day")),
    ]
