"""The base of all forms: outer white space goes, and what a flow refuses is said at its field."""

from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import Field

from portal.kit.errors import Refusal
from portal.web.refusals import sentence


def stripped(value: Any) -> Any:
    """The text without outer white space, and without NUL, which the database cannot keep."""
    return value.replace("\0", "").strip() if isinstance(value, str) else value


class PortalForm(FlaskForm):
    """Every form of the portal."""

    class Meta(FlaskForm.Meta):
        """Strip every text; say errors in the language of the page."""

        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Field:
            """Add the strip filter to every field that takes text."""
            if not unbound_field.kwargs.pop("as_typed", False):
                options = {**options, "filters": [*unbound_field.kwargs.pop("filters", ()), stripped]}
            return unbound_field.bind(form=form, **options)

    def blame(self, why: Refusal | str) -> "PortalForm":
        """Say a refusal at the field that it belongs to, or over the form."""
        refusal = Refusal(why) if isinstance(why, str) else why
        text = sentence(refusal)
        field = self._fields.get(refusal.field) if refusal.field else None
        if field is None:
            self.form_errors.append(text)
        else:
            field.errors = [*field.errors, text]
        return self


def required() -> str:
    """What an empty required field says."""
    return _("Enter a value.")
