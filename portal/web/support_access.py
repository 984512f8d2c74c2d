"""Support access: who of the support staff is or was here, what they did, and what they may."""

from collections.abc import Callable

from flask import Blueprint, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectChoice

from portal.flows import support_consent
from portal.flows.audit import By
from portal.kit import tables
from portal.kit.errors import Refusal
from portal.models import SupportConsent, SupportSession
from portal.web import activity_words, asked, support_access_pages, support_words
from portal.web.doors import Needs, Support, by, find, merchant, needs
from portal.web.downloads import download
from portal.web.forms import PortalForm
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("support_access", __name__, url_prefix="/settings/support")
bp.add_app_template_filter(lambda mode: support_words.MODES[mode](), "support_mode")
bp.add_app_template_filter(lambda how: support_words.ENDS[how](), "support_end")


class ConsentForm(PortalForm):
    """What is asked of support staff who want to change something."""

    consent = RadioField(validate_choice=False)


def _form() -> ConsentForm:
    form = ConsentForm(consent=merchant().support_consent.value)
    form.consent.label.text = _("When support wants to change something")
    form.consent.description = _("They may always look, and each visit is told to you.")
    form.consent.choices = [SelectChoice(each.value, said()) for each, said in support_words.CONSENTS.items()]
    return form


@bp.get("")
@needs(Needs.VIEW)
def index() -> Response:
    """Who is here now, what they may, and who was here."""
    return _page(_form())


def _page(form: ConsentForm) -> Response:
    return show(
        "settings/support.html",
        "visits_past",
        form=form,
        here_now=support_access_pages.here_now(),
        page=support_access_pages.past(asked.cursor()),
        count=support_access_pages.number_past(),
        consent=support_words.CONSENTS[merchant().support_consent](),
    )


@bp.post("/consent")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def consent() -> Response:
    """Choose what is asked of support staff who want to change something."""
    form = _form()
    word = form.consent.data or ""
    if not form.validate_on_submit() or word not in set(SupportConsent):
        form.blame(Refusal("support_consent", "consent"))
        return _page(form)
    support_consent.set_consent(merchant(), SupportConsent(word), by())
    return go("support_access.index", _("This was saved. It holds for whoever is here now, too."))


@bp.get("/file")
@needs(Needs.OWN, support=Support.NEVER, fresh=True)
def file() -> Response:
    """Every visit with its pages and changes, as a file."""
    return download(support_access_pages.as_rows(), "support-access", tables.CSV)


@bp.get("/<public_id>")
@needs(Needs.VIEW)
def visit(public_id: str) -> Response:
    """One visit: every page that was opened, every change, every look at a buyer's data."""
    session = find(SupportSession, public_id)
    return show(
        "settings/support_visit.html",
        "visit_pages",
        visit=support_access_pages.visit_of(session),
        pages=support_access_pages.pages_of(session.id, asked.cursor()),
        notes=[(each, activity_words.sentence(each)) for each in support_access_pages.notes_of(session)],
    )


@bp.post("/<public_id>/end")
@needs(Needs.MANAGE, support=Support.NEVER)
def end(public_id: str) -> Response:
    """Send the agent away."""
    session = find(SupportSession, public_id)
    support_consent.end(session, by())
    return _back(session, _("%(agent)s is not here any more.", agent=session.agent_name))


@bp.post("/<public_id>/allow")
@needs(Needs.OWN, support=Support.NEVER)
def allow(public_id: str) -> Response:
    """Let the agent change things."""
    session = find(SupportSession, public_id)
    said = _("%(agent)s may change things now. You can end it at any time.", agent=session.agent_name)
    return _tried(support_consent.grant, session) or _back(session, said)


@bp.post("/<public_id>/refuse")
@needs(Needs.OWN, support=Support.NEVER)
def refuse(public_id: str) -> Response:
    """Let the agent look only."""
    session = find(SupportSession, public_id)
    said = _("%(agent)s goes on looking, and changes nothing.", agent=session.agent_name)
    return _tried(support_consent.refuse, session) or _back(session, said)


@bp.post("/<public_id>/seen")
@needs(Needs.MANAGE, support=Support.NEVER)
def seen(public_id: str) -> Response:
    """Put the notice of a visit that is over away."""
    said = _("The notice was put away. The visit stays listed here.")
    return _tried(support_consent.seen, find(SupportSession, public_id)) or go("support_access.index", said)


def _tried(answer: Callable[[SupportSession, By], None], session: SupportSession) -> Response | None:
    """Give the merchant's answer; where it is refused, back to the visit with why."""
    try:
        answer(session, by())
    except Refusal as why:
        return _back(session, sentence(why), "warn")
    return None


def _back(session: SupportSession, say: str, kind: str = "ok") -> Response:
    if request.form.get("at") == "list":
        return go("support_access.index", say, kind)
    return go("support_access.visit", say, kind, public_id=session.id)
