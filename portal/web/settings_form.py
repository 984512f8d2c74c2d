"""The form of a connection's settings: one field for each that the integration declares, in its order and words."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_wtf.file import FileField
from wtforms import Field, Form, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import Optional, Regexp, StopValidation

from portal import integrations
from portal.contract.definition import Entry, Integration, Kind, Setting
from portal.contract.errors import Refused
from portal.flows import lines, secrets, slips
from portal.kit import logo
from portal.kit.text import plain_code
from portal.models import Connection, Secret
from portal.web import languages
from portal.web.forms import PortalForm

KINDS = {Entry.CODE: "code", Entry.SECRET: "secret", Entry.ADDRESS: "combobox", Entry.CHOICE: "select"}


class SettingsForm(PortalForm):
    """What every connection has; the declared settings are added to it."""

    name = StringField()
    logo = FileField(validators=[Optional()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field of the page.

    `saved` says when and by whom a secret was saved; `odd` names characters of the saved value that the eye misses,
    `value` is that value and `plain` the one without them, both "" for a secret.
    """

    field: Field
    kind: str
    advanced: bool = False
    saved: Mapping[str, Any] | None = None
    replacing: bool = False
    options: Sequence[tuple[str, str]] = ()
    odd: Sequence[str] = ()
    value: str = ""
    plain: str = ""


class Needed:
    """The field must not be empty; says so with the field's own name."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.field_flags = {"required": True}

    def __call__(self, form: Form, field: Field) -> None:
        """Raise StopValidation for an empty field."""
        if not field.data:
            field.errors = []
            raise StopValidation(_("Enter the %(label)s.", label=self.label))


def form_for(connection: Connection, *, fresh: bool = False) -> SettingsForm:
    """The form of a connection, bound to what was sent, or (`fresh`) filled with what is saved.

    Secrets are never filled in.
    """
    kind = type("ConnectionForm", (SettingsForm,), fields_of(connection))
    filled = filled_with(connection)
    form: SettingsForm = kind(formdata=None, data=filled) if fresh else kind(data=filled)
    say_names(form, connection)
    return form


def fields_of(connection: Connection) -> dict[str, Field]:
    """The declared settings as fields."""
    kept = {each.field for each in secrets.saved(connection)}
    return {each.key: _field(each, each.key in kept) for each in integrations.get(connection.integration).settings}


def filled_with(connection: Connection) -> dict[str, Any]:
    """What the fields show at first: what is saved, else what the house or the declaration knows."""
    one = integrations.get(connection.integration)
    shown = {each.key: _initial(one, each, connection) for each in one.settings if not each.secret}
    return {"name": connection.name, **shown}


def say_names(form: SettingsForm, connection: Connection) -> None:
    """Give the fields that every connection has their words."""
    one = integrations.get(connection.integration)
    form.name.label.text = name_label(one)
    form.name.description = _("Helps your team tell it apart from others.")
    form.logo.label.text = _("Sales Channel Logo") if one.kind is Kind.MARKETPLACE else _("Logo")
    form.logo.description = _("PNG, JPEG or WebP of up to %(most)d kB.", most=logo.LARGEST_UPLOAD // 1024)


def name_label(one: Integration) -> str:
    """How the page calls the name of a connection."""
    return _("Sales Channel Name") if one.kind is Kind.MARKETPLACE else _("Plugin Name")


def _initial(one: Integration, each: Setting, connection: Connection) -> str:
    saved = connection.settings.get(each.key)
    if saved is not None:
        return str(saved)
    if each.from_house:
        with suppress(Refused):  # The page says elsewhere that a value of the house cannot be used.
            return lines.house_value(one, each.from_house) or each.default
    # Where the house runs with a sandbox, its gateway comes first: a sample key must never be sent to the real one.
    return lines.gateways(one, each.use)[0] if each.entry is Entry.ADDRESS else each.default


def _field(each: Setting, kept: bool) -> Field:
    locale = languages.chosen()
    label = each.label.said(locale)
    checks: list[Any] = []
    if each.required and not (each.secret and kept):
        checks.append(Needed(label))
    elif not (each.secret and kept):
        checks.append(Optional())
    if each.pattern:
        says = each.pattern_says.said(locale) if each.pattern_says else None
        checks.append(Regexp(rf"^(?:{each.pattern})\Z", message=says))
    help_text = each.help.said(locale) if each.help and not (each.secret and kept) else ""
    if each.entry is Entry.CHOICE:
        choices = [SelectChoice(value, text.said(locale)) for value, text in each.choices.items()]
        return SelectField(label, checks, choices=choices, description=help_text)
    return (PasswordField if each.secret else StringField)(label, checks, description=help_text)


def rows(form: SettingsForm, connection: Connection, replacing: Sequence[str]) -> list[Row]:
    """The declared fields as the page draws them; `replacing` are the saved secrets that get a field, or "all"."""
    one = integrations.get(connection.integration)
    saved = {each.field: each for each in secrets.saved(connection)}
    odd = slips.found(connection)
    return [
        Row(
            field=form[each.key],
            kind=KINDS.get(each.entry, "text"),
            advanced=each.advanced,
            saved=_saved(saved[each.key], connection) if each.secret and each.key in saved else None,
            replacing=each.key in replacing or "all" in replacing,
            options=_options(one, each),
            odd=odd.get(each.key, ()),
            value="" if each.secret else str(connection.settings.get(each.key) or ""),
            plain="" if each.secret else plain_code(str(connection.settings.get(each.key) or "")),
        )
        for each in one.settings
    ]


def _saved(row: Secret, connection: Connection) -> dict[str, Any]:
    url = url_for("wizard.settings", public_id=connection.id, replace=row.field, _anchor=row.field)
    return {"at": row.set_at, "by": row.set_by, "tail": row.ending, "url": url}


def _options(one: Integration, each: Setting) -> list[tuple[str, str]]:
    if each.entry is not Entry.ADDRESS:
        return []
    locale = languages.chosen()
    known = {address: text.said(locale) for address, text in each.choices.items()}
    return [(address, known.get(address, _("Sandbox"))) for address in lines.gateways(one, each.use)]


def typed(form: SettingsForm, connection: Connection) -> dict[str, str]:
    """What was typed, by setting; an untouched secret is "", which keeps the saved one."""
    one = integrations.get(connection.integration)
    return {each.key: form[each.key].data or "" for each in one.settings}


def picture(form: SettingsForm) -> bytes | None:
    """The uploaded logo, None where none was chosen; one byte more than allowed is enough to refuse it."""
    return form.logo.data.read(logo.LARGEST_UPLOAD + 1) if form.logo.data else None


def facts(connection: Connection, *, short: bool = False, advanced: bool = True) -> list[tuple[str, str, bool]]:
    """What is saved, for a summary: label, value, and whether the value is a code.  Of a secret only its ending.

    `short` leaves out the middle of long codes; without `advanced` only what everybody fills in is told.
    """
    one, locale = integrations.get(connection.integration), languages.chosen()
    sealed = {each.field: each for each in secrets.saved(connection)}
    told = []
    for each in one.settings:
        if each.advanced and not advanced:
            continue
        label, value = each.label.said(locale), str(connection.settings.get(each.key) or "")
        if each.secret and each.key in sealed:
            ending = sealed[each.key].ending
            told.append((label, _("Saved, ends in …%(tail)s", tail=ending) if ending else _("Saved"), False))
        elif value and each.entry is Entry.CHOICE:
            told.append((label, each.choices[value].said(locale) if value in each.choices else value, False))
        elif value:
            told.append((label, f"{value[:5]}…{value[-4:]}" if short and len(value) > 16 else value, True))
    return told
