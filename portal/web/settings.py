"""Settings of the merchant and of the person."""

from flask import Blueprint, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectChoice

from portal.web import asked, languages, stores_pages
from portal.web.doors import Needs, merchant, needs
from portal.web.forms import PortalForm
from portal.web.show import go, show
from portal.web.words import LANGUAGES

bp = Blueprint("settings", __name__)


class LanguageForm(PortalForm):
    """The language of the pages.  It is posted to the page that signed-out visitors use too."""

    locale = RadioField()
    next = HiddenField()


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
@needs(Needs.VIEW)
def language() -> Response:
    """The language of the person."""
    form = LanguageForm(formdata=None, locale=languages.chosen(), next=url_for("settings.language"))
    form.locale.label.text = _("Language of the pages")
    form.locale.description = _("For you only. Others who work here keep theirs.")
    form.locale.choices = [SelectChoice(code, name) for code, name in LANGUAGES.items()]
    return show("settings/language.html", form=form)
