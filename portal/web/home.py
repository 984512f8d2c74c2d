"""The start page: what needs attention over all stores, how far the setup is, what runs."""

from flask import Blueprint
from werkzeug.wrappers import Response

from portal.flows import notices
from portal.web import home_pages, problems, setup_guide
from portal.web.doors import Needs, needs, signed_in
from portal.web.show import show

bp = Blueprint("home", __name__)


@bp.get("/")
@needs(Needs.SIGN_IN)
def index() -> Response:
    """What needs attention today.  Open to everyone who is signed in: whoever belongs to no merchant is told so."""
    if signed_in().merchant is None:
        return show("home/nobody.html", here="home.index")
    to_link = home_pages.to_link()
    setup = home_pages.setup(to_link)
    return show(
        "home/index.html",
        here="home.index",
        problems=problems.explained(notices.open_notices()),
        open_problems=home_pages.problems(),
        setup=setup,
        steps=setup_guide.steps(setup),
        to_link=to_link,
        runs_open=home_pages.runs_open(),
        runs=home_pages.recent_runs(),
    )
