"""What a change replaced by what, in words, where there are words for it.

A secret stands in the audit trail as a fingerprint: of it only that it was replaced is said.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal import integrations
from portal.kit.db import db, whose
from portal.models import AuditNote, Connection
from portal.web import languages, staff_words, words

FINGERPRINT = "fingerprint "
OF_CONNECTIONS = frozenset({"settings_saved", "options_saved"})
MOST = 6
LONGEST = 60


def of(notes: Sequence[AuditNote]) -> dict[uuid.UUID, str]:
    """By note, its change as a text such as "Currency: CNY → IDR"; "" where nothing can be said."""
    labels = _labels_of_connections(notes)
    return {each.id: _said(each, labels.get(each.subject_id, {})) for each in notes}


def _said(note: AuditNote, labels: Mapping[str, str]) -> str:
    if note.what == "price_set":
        return _price(note.before, note.after)
    told = list(_pieces(note, labels))
    if len(told) > MOST:
        told = [*told[:MOST], _("and %(number)s more", number=len(told) - MOST)]
    return ", ".join(told)


def _pieces(note: AuditNote, labels: Mapping[str, str]) -> Iterator[str]:
    """A piece for each value that changed and has a name that people know."""
    for key in list(dict.fromkeys([*note.before, *note.after])):
        old, new = note.before.get(key), note.after.get(key)
        if old == new or (not new and key not in note.before) or (key == "name" and key not in note.before):
            continue
        label = labels.get(key) or (LABELS[key]() if key in LABELS else None)
        if label is None:
            continue
        if isinstance(new, str) and new.startswith(FINGERPRINT):
            yield _("%(label)s: replaced", label=label)
            continue
        change = f"{_value(old)} → {_value(new)}" if key in note.before and key in note.after else _value(new or old)
        yield change if key == "name" else f"{label}: {change}"


def _value(value: Any) -> str:
    if value is None or value == "":
        return _("not set")
    if isinstance(value, bool):
        return _("On") if value else _("Off")
    if isinstance(value, int | float):
        return words.number(value, words.current_locale())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(each) for each in value[:MOST]) + ("…" if len(value) > MOST else "")
    text = str(value)
    if text in NAMED:
        return NAMED[text]()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _price(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    def told(minor: int | None) -> str:
        currency = str(after.get("currency") or before.get("currency") or "")
        return _("not set") if minor is None else words.money(minor, currency, words.current_locale())

    return f"{told(before.get('minor'))} → {told(after.get('minor'))}"


def _labels_of_connections(notes: Sequence[AuditNote]) -> dict[uuid.UUID, dict[str, str]]:
    """By connection, what its integration calls its settings and options."""
    ids = {each.subject_id for each in notes if each.what in OF_CONNECTIONS}
    if not ids:
        return {}
    query = sa.select(Connection.id, Connection.integration)
    rows = db.session.execute(query.where(Connection.merchant_id == whose(), Connection.id.in_(ids)))
    locale = languages.chosen()
    found = {}
    for connection_id, key in rows:
        one = integrations.get(key)
        settings = {each.key: each.label.said(locale) for each in one.settings}
        found[connection_id] = settings | {each.key: each.label.said(locale) for each in one.options}
    return found


# Said when a page is drawn, so that each is in the language of the page.
LABELS: Mapping[str, Callable[[], str]] = {
    "name": lambda: _("Name"),
    "currency": lambda: _("Currency"),
    "time_zone": lambda: _("Time zone"),
    "buffer": lambda: _("Stock buffer"),
    "max_level": lambda: _("Max stock level"),
    "on_hand": lambda: _("On hand"),
    "note": lambda: _("Note"),
    "role": lambda: _("Role"),
    "moved": lambda: _("Changed"),
    "same": lambda: _("Unchanged"),
    "product": lambda: _("Product"),
    "sku": lambda: _("SKU"),
    "listings": lambda: _("Listings"),
    "products": lambda: _("Products"),
    "number": lambda: _("Number"),
    "orders": lambda: _("Orders"),
    "fields": lambda: _("Fields"),
    "why": lambda: _("Why"),
    "consent": lambda: _("Consent"),
    "how": lambda: _("How"),
    "agent": lambda: _("Browser"),
}
NAMED: Mapping[str, Callable[[], str]] = {
    **{each.value: said for each, said in staff_words.ROLES.items()},
    **{each.value: said for each, said in staff_words.ENDS.items()},
    **{each.value: said for each, said in staff_words.CONSENTS.items()},
}
