"""Notifications: which notices come to the person by mail, and those letters in words."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, g
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectChoice
from wtforms.validators import DataRequired

from portal.flows import letters, mailed_notices, preferences
from portal.kit.db import db, whose
from portal.models import Mailed, Notice
from portal.web import letters as written
from portal.web import problems
from portal.web.doors import Needs, Support, by, needs, signed_in
from portal.web.forms import PortalForm
from portal.web.show import go, show

bp = Blueprint("notifications", __name__, url_prefix="/settings/notifications")


class MailedForm(PortalForm):
    """Which notices come by mail."""

    mailed = RadioField(validators=[DataRequired()])

    def label(self) -> "MailedForm":
        """Say the choices in the language of the page."""
        self.mailed.label.text = _("Notices by mail")
        self.mailed.description = _(
            "For you only, at every merchant you work for. All of them stand on the start page."
        )
        self.mailed.choices = [
            SelectChoice(Mailed.GRAVE.value, _("What stops something: within two minutes, and a storm is one letter")),
            SelectChoice(Mailed.ALL.value, _("Every one: what stops nothing is collected for an hour")),
            SelectChoice(Mailed.NONE.value, _("None")),
        ]
        return self


@bp.get("")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def index() -> Response:
    """Which notices come by mail."""
    return _page(MailedForm(mailed=signed_in().user.mailed.value).label())


@bp.post("")
@needs(Needs.SIGN_IN, support=Support.NEVER)
def save() -> Response:
    """Choose which."""
    form = MailedForm().label()
    if not form.validate_on_submit():
        return _page(form)
    preferences.choose_mailed(signed_in().user, Mailed(form.mailed.data), by())
    return go("notifications.index", _("Saved. It holds from the next notice on."))


def _page(form: MailedForm) -> Response:
    return show(
        "settings/notifications.html",
        "mailed",
        form=form,
        email=signed_in().user.email,
        mail=letters.can_send(),
        may_choose=g.signed_in.acting is None,
    )


@written.completes(mailed_notices.LETTER)
def _sentences(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The notices of a letter in the same sentences as on the pages, in the order in which the flow named them."""
    query = sa.select(Notice).where(Notice.merchant_id == whose(), Notice.id.in_(arguments["ids"]))
    found = {each.id: each for each in db.session.scalars(query)}
    told = problems.explained([found[each] for each in arguments["ids"] if each in found])
    return {"problems": told, "more": arguments["number"] - len(arguments["ids"])}
