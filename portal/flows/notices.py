"""Notices: told once, cleared when the cause is gone."""

import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal.flows import mailed_notices
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import Notice

# Sessions of the support staff are told of by letters of their own.
WITH_OWN_LETTERS = ("support",)


def tell(subject: str, subject_id: uuid.UUID, cause: str, *, grave: bool = True, **arguments: Any) -> None:
    """Open a notice in the open transaction; an open one of the same cause gets the new arguments."""
    row = insert(Notice).values(
        merchant_id=whose(),
        id=new_id(),
        subject=subject,
        subject_id=subject_id,
        cause=cause,
        grave=grave,
        arguments=arguments,
        since=now(),
    )
    opened = db.session.scalar(
        row.on_conflict_do_update(
            index_elements=[Notice.merchant_id, Notice.subject, Notice.subject_id, Notice.cause],
            index_where=sa.text("cleared_at is null"),
            set_={"arguments": row.excluded.arguments, "grave": row.excluded.grave},
        ).returning(sa.literal_column("xmax = 0"))  # True where the row is new.
    )
    if opened and subject not in WITH_OWN_LETTERS:
        mailed_notices.collect(grave)


def clear(subject: str, subject_id: uuid.UUID, *causes: str, but: Collection[str] = ()) -> None:
    """Clear the open notices of a subject: of these causes, or all where none is named, `but` those that stay."""
    wanted = [Notice.merchant_id == whose(), Notice.subject == subject, Notice.subject_id == subject_id]
    if causes:
        wanted.append(Notice.cause.in_(causes))
    if but:
        wanted.append(Notice.cause.not_in(but))
    db.session.execute(sa.update(Notice).where(*wanted, Notice.cleared_at.is_(None)).values(cleared_at=now()))


def clear_all(subject: str, ids: sa.Select[uuid.UUID]) -> None:
    """Clear the open notices of every subject that a query finds."""
    wanted = [Notice.merchant_id == whose(), Notice.subject == subject, Notice.subject_id.in_(ids)]
    db.session.execute(sa.update(Notice).where(*wanted, Notice.cleared_at.is_(None)).values(cleared_at=now()))


def open_notices(limit: int = 20) -> list[Notice]:
    """The open notices of the merchant, the gravest and oldest first."""
    query = sa.select(Notice).where(Notice.merchant_id == whose(), Notice.cleared_at.is_(None))
    return list(db.session.scalars(query.order_by(Notice.grave.desc(), Notice.since).limit(limit)))
