"""Open notices with what they concern, as pages show them: the sentences of their cause, the buttons, the place."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import g

from portal.kit.db import db, whose
from portal.models import Connection, Document, Notice, Run, Store
from portal.web import causes
from portal.web.causes import Explained


@dataclass(frozen=True, slots=True)
class Problem:
    """One open notice.  `channel`, `store` and `zone` say where, and are empty where that exists no longer."""

    id: uuid.UUID
    said: Explained
    since: datetime
    channel: str = ""
    store: str = ""
    zone: str = ""


def explained(notices: Sequence[Notice]) -> list[Problem]:
    """The notices with their sentences; a fixed number of statements, however many there are."""
    owners = _connections_of(notices)
    query = (
        sa.select(Connection, Store.name.label("store"), Store.time_zone)
        .join(Store, sa.and_(Store.merchant_id == Connection.merchant_id, Store.id == Connection.store_id))
        .where(Connection.merchant_id == whose(), Connection.id.in_(set(owners.values())))
    )
    known = {row.Connection.id: row for row in db.session.execute(query)} if owners else {}
    return [_problem(each, known.get(owners[each.id])) for each in notices]


def _connections_of(notices: Sequence[Notice]) -> dict[uuid.UUID, uuid.UUID]:
    """The connection that each notice concerns, by the notice's id."""
    runs = {each.subject_id for each in notices if each.subject == "run"}
    query = sa.select(Run.id, Run.connection_id).where(Run.merchant_id == whose(), Run.id.in_(runs))
    owners = {row.id: row.connection_id for row in db.session.execute(query)} if runs else {}
    papers = {each.subject_id for each in notices if each.subject == "document"}
    query = sa.select(Document.id, Document.connection_id).where(
        Document.merchant_id == whose(), Document.id.in_(papers)
    )
    owners |= {row.id: row.connection_id for row in db.session.execute(query)} if papers else {}
    return {each.id: owners.get(each.subject_id, each.subject_id) for each in notices}


def _problem(notice: Notice, found: Any) -> Problem:
    g.time_zone = found.time_zone if found else None  # A sentence that names a time means that of the store.
    said = causes.explain(notice.cause, notice.subject, notice.arguments, found.Connection if found else None)
    g.time_zone = None
    if found is None:
        return Problem(notice.id, said, notice.since)
    return Problem(notice.id, said, notice.since, found.Connection.name, found.store, found.time_zone)
