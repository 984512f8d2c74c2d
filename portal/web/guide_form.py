"""The guide that stands before the form: ticks that the merchant sets, and numbered steps at the remote."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from wtforms import BooleanField, Field
from wtforms.validators import InputRequired

from portal import integrations
from portal.contract.definition import Step
from portal.flows import grants
from portal.models import Connection
from portal.web import languages
from portal.web.forms import PortalForm

TICK = "tick_"


class GuideForm(PortalForm):
    """One tick for each step that asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step as the page draws it; `tick` is its field where the merchant confirms it."""

    title: str
    text: str
    link: str
    copies: str
    tick: Field | None = None


def form_for(connection: Connection) -> GuideForm:
    """The ticks, bound to what was sent or set as they are kept."""
    steps = _ticks(connection)
    locale = languages.chosen()
    asked = _("Tick this once it is so. It cannot go on before.")
    fields = {f"{TICK}{at}": BooleanField(step.title.said(locale), [InputRequired(asked)]) for at, step in steps}
    kept = {f"{TICK}{at}": str(at) in connection.confirmed for at, _step in steps}
    form: GuideForm = type("ConnectionGuideForm", (GuideForm,), fields)(data=kept)
    return form


def _ticks(connection: Connection) -> list[tuple[int, Step]]:
    guide = integrations.get(connection.integration).guide
    return [(at, step) for at, step in enumerate(guide) if step.confirm]


def ticked(form: GuideForm) -> list[str]:
    """The steps that are ticked, as the connection keeps them."""
    return [name.removeprefix(TICK) for name, value in form.data.items() if name.startswith(TICK) and value]


def lines(form: GuideForm, connection: Connection) -> Sequence[Line]:
    """Every step in its order."""
    locale = languages.chosen()
    guide = integrations.get(connection.integration).guide
    return [
        Line(
            title=step.title.said(locale),
            text=step.text.said(locale) if step.text else "",
            link=step.link or "",
            copies=step.copies or "",
            tick=form[f"{TICK}{at}"] if step.confirm else None,
        )
        for at, step in enumerate(guide)
    ]


def copies(connection: Connection) -> dict[str, str]:
    """The values that steps offer to copy, by their name in the declaration."""
    one = integrations.get(connection.integration)
    return {"callback_url": grants.callback_url(one)}
