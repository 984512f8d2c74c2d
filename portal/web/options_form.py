"""The form of a connection's options: switches, numbers and moments as the integration declares them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from wtforms import BooleanField, DateTimeLocalField, Field, IntegerField, RadioField, SelectChoice, SelectField
from wtforms.validators import StopValidation, ValidationError

from portal import integrations
from portal.contract.definition import Entry, Integration, Option
from portal.kit.text import plain_code
from portal.models import Connection
from portal.web import languages, words
from portal.web.forms import PortalForm

WHOLE = re.compile(r"[0-9]{1,7}")
OF_ORDERS = {"import_orders", "use_channel_names", "auto_merge", "import_orders_from"}
# Turning the export on wants a look at every number that it would change, so no form of switches may do it.
NOT_HERE = {"export"}


class WholeField(IntegerField):
    """A whole number from 0 on; empty is None, which is not 0."""

    kind = "number"

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        """Read ordinary digits only: what looks like a number to a machine may not be what was meant."""
        if not valuelist:
            return
        self.data = whole(valuelist[0])


def whole(text: str) -> int | None:
    """The number, None for an empty text.  Raises ValueError with a sentence."""
    text = text.strip()
    if not text:
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    if WHOLE.fullmatch(plain := plain_code(text)):
        raise ValueError(
            _("%(typed)s has full-width digits. Type %(plain)s in ordinary ones.", typed=text, plain=plain)
        )
    raise ValueError(_("Enter a whole number such as 100, or leave it empty."))


class OptionsForm(PortalForm):
    """The declared options are added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One option of the page; `at` is the date of a moment, `inner` what means something only while this is on."""

    key: str
    label: str
    help: str
    entry: Entry
    field: Field | None
    at: Field | None = None
    inner: tuple["Row", ...] = ()


def form_for(connection: Connection, zone: str) -> OptionsForm:
    """The form, bound to what was sent or filled with what is saved."""
    fields, filled = fields_of(connection, zone)
    form: OptionsForm = type("ConnectionOptionsForm", (OptionsForm,), fields)(data=filled)
    return form


def fields_of(connection: Connection, zone: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The declared options as fields, and what they show at first."""
    fields: dict[str, Any] = {}
    filled: dict[str, Any] = {}
    for each in _asked(integrations.get(connection.integration)):
        saved = connection.options.get(each.key, each.default)
        if each.entry is Entry.MOMENT:
            fields |= _moment_fields(each, zone)
            filled |= _moment_shown(each.key, saved, zone)
        else:
            fields[each.key] = _field(each)
            filled[each.key] = saved
    return fields, filled


def _asked(one: Integration) -> list[Option]:
    return [each for each in one.options if each.key not in NOT_HERE]


def _field(each: Option) -> Field:
    locale = languages.chosen()
    label, text = each.label.said(locale), each.help.said(locale) if each.help else ""
    if each.entry is Entry.SWITCH:
        return BooleanField(label, description=text)
    if each.entry is Entry.NUMBER:
        return WholeField(label, description=text)
    choices = [SelectChoice(value, words.said(locale)) for value, words in each.choices.items()]
    return SelectField(label, choices=choices, description=text)


def _moment_fields(each: Option, zone: str) -> dict[str, Field]:
    locale = languages.chosen()
    choices = [SelectChoice(value, text.said(locale)) for value, text in each.choices.items()]
    at = f"{each.key}_at"
    date = DateTimeLocalField(
        _("Date and time, in %(zone)s", zone=words.zone_name(zone, locale)),
        [NeededWith(each.key, zone)],
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"],
    )
    help_text = each.help.said(locale) if each.help else ""
    return {each.key: RadioField(each.label.said(locale), choices=choices, description=help_text), at: date}


class NeededWith:
    """A date that must be there and must exist while its radio says "moment"; otherwise it is left unread."""

    def __init__(self, radio: str, zone: str) -> None:
        self.radio = radio
        self.zone = zone

    def __call__(self, form: PortalForm, field: Field) -> None:
        """Raise ValidationError with a sentence."""
        field.errors = []  # What the field itself says of an empty text.
        if form[self.radio].data != "moment":
            raise StopValidation
        if field.data is None:
            raise ValidationError(_("Enter the date and the time from which orders are to come in."))
        if _instant(field.data, self.zone) is None:
            raise ValidationError(
                _(
                    "The clocks in %(zone)s leave this time out. Choose another.",
                    zone=words.zone_name(self.zone, languages.chosen()),
                )
            )


def _instant(local: datetime, zone: str) -> datetime | None:
    """The moment of a local time; None where the clocks jump over it."""
    moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return moment if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local else None


def _moment_shown(key: str, saved: Any, zone: str) -> dict[str, Any]:
    if not saved:
        return {key: "on", f"{key}_at": None}
    local = datetime.fromisoformat(str(saved)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return {key: "moment", f"{key}_at": local}


def typed(form: PortalForm, connection: Connection, zone: str) -> dict[str, Any]:
    """What was chosen, as it is saved."""
    values: dict[str, Any] = {}
    for each in _asked(integrations.get(connection.integration)):
        if each.entry is Entry.MOMENT:
            chosen = form[f"{each.key}_at"].data if form[each.key].data == "moment" else None
            moment = _instant(chosen, zone) if chosen else None
            values[each.key] = moment.isoformat() if moment else None
        else:
            values[each.key] = form[each.key].data
    return values


def rows(form: PortalForm, connection: Connection) -> dict[str, list[Row]]:
    """The options as the page draws them, in two groups: what concerns goods, and what concerns orders."""
    one = integrations.get(connection.integration)
    made = {each.key: _row(form, each) for each in one.options}
    groups: dict[str, list[Row]] = {"goods": [], "orders": []}
    for each in one.options:
        if each.needs in made:
            continue
        inner = tuple(made[other.key] for other in one.options if other.needs == each.key)
        groups["orders" if each.key in OF_ORDERS else "goods"].append(replace(made[each.key], inner=inner))
    return groups


def _row(form: PortalForm, each: Option) -> Row:
    locale = languages.chosen()
    return Row(
        key=each.key,
        label=each.label.said(locale),
        help=each.help.said(locale) if each.help else "",
        entry=each.entry,
        field=form[each.key] if each.key not in NOT_HERE else None,
        at=form[f"{each.key}_at"] if each.entry is Entry.MOMENT else None,
    )


def said(connection: Connection, zone: str, without: Collection[str] = ()) -> list[tuple[str, str]]:
    """Every option with its value in words, for a summary, except those that stand elsewhere on the page."""
    one, locale = integrations.get(connection.integration), languages.chosen()
    return [
        (each.label.said(locale), _said(each, connection.options, zone))
        for each in one.options
        if each.key not in without
    ]


def _said(each: Option, options: Mapping[str, Any], zone: str) -> str:
    locale = languages.chosen()
    value = options.get(each.key, each.default)
    if each.entry is Entry.MOMENT:
        if not value:
            return each.choices["on"].said(locale) if "on" in each.choices else _("From when you turn it on")
        moment = datetime.fromisoformat(str(value))
        return _(
            "From %(moment)s, %(zone)s",
            moment=words.full(moment, locale, ZoneInfo(zone)),
            zone=words.zone_name(zone, locale),
        )
    if each.entry is Entry.NUMBER:
        return words.number(value, locale) if value is not None else _("Not set")
    if each.entry is Entry.CHOICE:
        return each.choices[value].said(locale) if value in each.choices else str(value or "–")
    return _("On") if value else _("Off")


def asks(one: Integration) -> bool:
    """Whether the options need a step of their own.

    Plain switches, and what belongs to one of them, have a default and can wait for the last page.
    """
    return any(each.entry is not Entry.SWITCH and not each.needs for each in one.options)
