"""Settings of the merchant and of the person."""

from flask import Blueprint, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectChoice, SelectField

from portal.flows import preferences
from portal.kit.errors import Refusal
from portal.web import asked, choices, languages, stores_pages
from portal.web.doors import Needs, Support, by, merchant, needs, signed_in
from portal.web.forms import PortalForm
from portal.web.show import go, show
from portal.web.words import LANGUAGES

bp = Blueprint("settings", __name__)


class LanguageForm(PortalForm):
    """The language of the pages.  It is posted to the page that signed-out visitors use too."""

    locale = RadioField()
    next = HiddenField()


class ZoneForm(PortalForm):
    """The time zone in which the person reads all times.  What is wrong with it is said by the flow."""

    time_zone = SelectField(validate_choice=False)


@bp.get("/settings")
@needs(Needs.VIEW)
def index() -> Response:
    """The first of the settings."""
    return go("settings.my_store")


@bp.get("/settings/my-store")
@needs(Needs.VIEW)
def my_store() -> Response:
    """My Store: the account as facts, and its stores."""
    page, count = stores_pages.page("", "", asked.cursor())
    return show("settings/my_store.html", "stores_list", account=merchant(), page=page, count=count, names=LANGUAGES)


@bp.get("/settings/language")
@needs(Needs.VIEW, support=Support.NEVER)
def language() -> Response:
    """The language and the time zone of the person."""
    return _language(_zone_form())


@bp.post("/settings/language")
@needs(Needs.VIEW, support=Support.NEVER)
def choose_zone() -> Response:
    """Choose the time zone; the language goes to the page that signed-out visitors use too."""
    form = _zone_form()
    if not form.validate_on_submit():
        return _language(form)
    try:
        preferences.choose_zone(signed_in().user, form.time_zone.data or "", by())
    except Refusal as why:
        return _language(form.blame(why))
    return go("settings.language", _("All times are shown to you in this zone now."))


def _zone_form() -> ZoneForm:
    form = ZoneForm(time_zone=signed_in().user.time_zone or "")
    form.csrf_token.id = "zone_csrf_token"  # There are two forms on the page.
    form.time_zone.label.text = _("Show times in")
    form.time_zone.description = _(
        "For you only: all times here and in your letters. What you enter for a store stays in its own."
    )
    stores = SelectChoice("", _("That of the store or merchant"))
    form.time_zone.choices = [stores, *choices.zones([merchant().time_zone], languages.chosen())]
    return form


def _language(zone_form: ZoneForm) -> Response:
    form = LanguageForm(formdata=None, locale=languages.chosen(), next=url_for("settings.language"))
    form.locale.label.text = _("Language of the pages")
    form.locale.description = _("For you only. Others who work here keep theirs.")
    form.locale.choices = [SelectChoice(code, name) for code, name in LANGUAGES.items()]
    return show("settings/language.html", form=zone_form, language_form=form)
