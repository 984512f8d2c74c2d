"""The base of all forms: outer white space goes, and what a flow refuses is said at its field."""

from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import Field
from wtforms.fields.core import UnboundField
from wtforms.validators import StopValidation

from portal.kit.errors import Refusal
from portal.web.refusals import sentence


def stripped(value: Any) -> Any:
    """The text without outer white space."""
    return value.strip() if isinstance(value, str) else value


class PortalForm(FlaskForm):
    """Every form of the portal."""

    class Meta(FlaskForm.Meta):
        """Strip every text; say errors in the language of the page."""

        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Field:
            """Add the strip filter to every field that takes text, but for one that is declared `as_typed`."""
            kwargs = dict(unbound_field.kwargs)  # The declaration serves every form of the class: it stays whole.
            strips = () if kwargs.pop("as_typed", False) else (stripped,)
            filters = [*kwargs.pop("filters", ()), *strips]
            field = UnboundField(unbound_field.field_class, *unbound_field.args, name=unbound_field.name, **kwargs)
            return field.bind(form=form, filters=filters, **options)

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


def filled(form: Any, field: Field) -> None:
    """A validator: the field must not be empty."""
    if not field.data:
        raise StopValidation(required())
