"""What the pages of received pushes read."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import defer

from portal import integrations
from portal.contract.definition import Resource
from portal.contract.webhooks import Webhook
from portal.flows import deliveries
from portal.flows.replays import Chosen
from portal.kit import masking
from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import (
    AuditNote,
    Delivery,
    DeliveryRefusal,
    DeliveryState,
    Document,
    Listing,
    Product,
    WarehouseStock,
    Work,
)
from portal.models.work import work_key
from portal.web import delivery_words, words
from portal.web.channel_names import Channel

VIEWS = ("all", "waiting", "applied", "dead", "refused")
STATES = {each.value: each for each in DeliveryState}
# Fields in which senders put what they sign with, whatever a declaration says.
SIGNED_WITH = frozenset({"token", "sign", "signature", "secret", "key", "password", "access_token"})
MOST_GROUPS = 20
MOST_CHANGES = 50


@dataclass(frozen=True, slots=True)
class Group:
    """Dead deliveries of one connection that have one cause."""

    cause: str
    connection_id: uuid.UUID
    number: int


@dataclass(frozen=True, slots=True)
class Changed:
    """One record that changed by a delivery, and the page that shows it, "" where there is none."""

    label: str
    sub: str
    url: str


def chosen(view: str, channel: Channel | None, event_id: str, cause: str = "") -> Chosen:
    """The deliveries of a view."""
    return Chosen(STATES.get(view), channel.id if channel else None, event_id, cause)


def listed(wanted: Chosen, cursor: str | None) -> Slice[Delivery]:
    """One page of deliveries, the newest first."""
    # The sealed bodies are large, and a list shows none.
    query = sa.select(Delivery).options(defer(Delivery.sealed)).where(*wanted.conditions())
    page = slice_of(
        db.session(),
        query,
        [Delivery.received_at, Delivery.id],
        cursor,
        lambda row: [row.Delivery.received_at, row.Delivery.id],
        descending=True,
    )
    return Slice([row.Delivery for row in page.rows], after=page.after, before=page.before)


def refused(channel: Channel | None, cursor: str | None) -> Slice[DeliveryRefusal]:
    """One page of what was not believed, an hour and a reason a row, the newest first."""
    query = sa.select(DeliveryRefusal).where(*_of_refusals(channel))
    page = slice_of(
        db.session(),
        query,
        [DeliveryRefusal.hour, DeliveryRefusal.id],
        cursor,
        lambda row: [row.DeliveryRefusal.hour, row.DeliveryRefusal.id],
        descending=True,
    )
    return Slice([row.DeliveryRefusal for row in page.rows], after=page.after, before=page.before)


def _of_refusals(channel: Channel | None) -> list[sa.ColumnElement[bool]]:
    found = [DeliveryRefusal.merchant_id == whose()]
    if channel:
        found.append(DeliveryRefusal.connection_id == channel.id)
    return found


def counts(channel: Channel | None, event_id: str) -> dict[str, Count]:
    """How many rows each view has."""
    found = {
        view: count_of(db.session(), sa.select(Delivery).where(*chosen(view, channel, event_id).conditions()))
        for view in VIEWS
        if view != "refused"
    }
    return found | {"refused": count_of(db.session(), sa.select(DeliveryRefusal).where(*_of_refusals(channel)))}


def groups(channel: Channel | None) -> list[Group]:
    """The causes for which deliveries are dead, the most frequent first."""
    number = sa.func.count()
    query = sa.select(Delivery.cause, Delivery.connection_id, number).where(
        *chosen(DeliveryState.DEAD.value, channel, "").conditions()
    )
    rows = db.session.execute(
        query.group_by(Delivery.cause, Delivery.connection_id)
        .order_by(number.desc(), Delivery.cause)
        .limit(MOST_GROUPS)
    )
    return [Group(*row) for row in rows]


def topic(found: Delivery, channel: Channel) -> str:
    """What a delivery is about, in the words of its integration."""
    if not found.topic:
        return _("Not read yet") if found.state is DeliveryState.WAITING else _("Not readable")
    webhook = webhook_of(channel)
    known = webhook.topics.get(found.topic) if webhook else None
    return known.said(words.current_locale()) if known else found.topic


def webhook_of(channel: Channel) -> Webhook | None:
    """How the remote of a connection pushes."""
    one = integrations.all_integrations().get(channel.integration)
    return one.webhook if one else None


def payload(found: Delivery, channel: Channel) -> str | None:
    """The body with buyers' data and signatures masked; None where it is gone or cannot be read."""
    push = deliveries.body_of(found)
    if push is None:
        return None
    webhook = webhook_of(channel)
    return masking.shown(push.body, SIGNED_WITH | (webhook.masked if webhook else frozenset()))


def headers(kept: Mapping[str, Any]) -> str:
    """Headers as lines; the values of those that could hold a secret were never kept."""
    return "\n".join(f"{name}: {value}" for name, value in sorted(kept.items()))


def work_of(found: Delivery) -> Work | None:
    """The newest work of a delivery: how often it was tried, when it is tried again."""
    query = sa.select(Work).where(
        Work.merchant_id == whose(),
        Work.kind == deliveries.KIND,
        Work.natural_key == work_key(deliveries.KIND, found.id),
    )
    return db.session.scalars(query.order_by(Work.created_at.desc()).limit(1)).one_or_none()


def changed(found: Delivery) -> list[Changed]:
    """The records that changed, as many as a page can show, with the pages that show them."""
    ids = [str(each) for each in found.changes[:MOST_CHANGES]]
    known = _records(found, ids)
    return [known.get(each, Changed(each, "", "")) for each in ids]


def _records(found: Delivery, ids: Sequence[str]) -> dict[str, Changed]:
    """What is known of records by their remote ids."""
    if not ids:
        return {}
    match found.hint.get("resource"):
        case Resource.PRODUCTS:
            return _listings(found, ids)
        case Resource.STOCK:
            return _stock(found, ids)
        case Resource.OUTBOUND | Resource.INBOUND:
            return _documents(found, ids)
    return {}


def _listings(found: Delivery, ids: Sequence[str]) -> dict[str, Changed]:
    query = sa.select(Listing.id, Listing.remote_id, Listing.sku, Listing.title).where(
        Listing.merchant_id == whose(), Listing.connection_id == found.connection_id, Listing.remote_id.in_(ids)
    )
    return {
        row.remote_id: Changed(row.title or row.remote_id, row.sku, url_for("catalogue.listing", public_id=row.id))
        for row in db.session.execute(query)
    }


def _stock(found: Delivery, ids: Sequence[str]) -> dict[str, Changed]:
    product = sa.and_(Product.merchant_id == WarehouseStock.merchant_id, Product.sku == WarehouseStock.sku)
    query = (
        sa.select(WarehouseStock.remote_id, WarehouseStock.sku, WarehouseStock.warehouse, Product.id)
        .outerjoin(Product, product)
        .where(
            WarehouseStock.merchant_id == whose(),
            WarehouseStock.connection_id == found.connection_id,
            WarehouseStock.remote_id.in_(ids),
        )
    )
    return {
        row.remote_id: Changed(row.sku, row.warehouse, url_for("catalogue.product", public_id=row.id) if row.id else "")
        for row in db.session.execute(query)
    }


def _documents(found: Delivery, ids: Sequence[str]) -> dict[str, Changed]:
    query = sa.select(Document.remote_id, Document.reference, Document.status_text, Document.status_word).where(
        Document.merchant_id == whose(), Document.connection_id == found.connection_id, Document.remote_id.in_(ids)
    )
    return {
        row.remote_id: Changed(row.reference or row.remote_id, row.status_text or row.status_word, "")
        for row in db.session.execute(query)
    }


def timeline(found: Delivery) -> list[dict[str, Any]]:
    """What happened to a delivery, the last first."""
    query = sa.select(AuditNote).where(AuditNote.merchant_id == whose(), AuditNote.subject_id == found.id)
    notes = db.session.scalars(query.order_by(AuditNote.id.desc()).limit(20))
    steps = [
        {"state": "run", "what": _("Applied again by %(who)s", who=each.who), "at": each.at}
        for each in notes
        if each.what == "push_replayed"
    ]
    if found.settled_at:
        state = "ok" if found.state is DeliveryState.APPLIED else "bad"
        steps.append({"state": state, "what": delivery_words.badge(found).word, "at": found.settled_at})
    if found.copies > 1:
        steps.append({"state": "ok", "what": _("Sent again, and recognised"), "at": found.last_at})
    steps.append({"state": "ok", "what": _("Received and believed"), "at": found.received_at})
    if found.sent_at:
        steps.append({"state": "ok", "what": _("Signed by its sender"), "at": found.sent_at})
    return sorted(steps, key=lambda step: step["at"], reverse=True)


def details(found: Delivery, work: Work | None) -> str:
    """What support asks for: ids, codes and numbers, and nothing that is secret."""
    lines = [
        f"delivery={found.id} connection={found.connection_id} event={found.event_id}",
        f"state={found.state.value} topic={found.topic or '-'} copies={found.copies} size={found.size}",
        f"attempts={work.attempts if work and found.state is DeliveryState.WAITING else found.attempts}",
        f"digest={found.digest.hex()[:16]}",
    ]
    if found.cause:
        lines.append(f"cause={found.cause} detail={found.detail or '-'}")
    return "\n".join(lines)


def as_json(found: Delivery, channel: Channel) -> dict[str, Any]:
    """What scripts read of a delivery; the body is not among it."""
    return {
        "id": found.id,
        "connection": {"id": channel.id, "name": channel.name, "integration": channel.integration},
        "event_id": found.event_id,
        "topic": found.topic,
        "state": found.state,
        "cause": found.cause,
        "hint": found.hint,
        "changes": found.changes,
        "copies": found.copies,
        "attempts": found.attempts,
        "size": found.size,
        "sent_at": found.sent_at,
        "received_at": found.received_at,
        "last_at": found.last_at,
        "settled_at": found.settled_at,
    }


def refusal_as_json(found: DeliveryRefusal, channel: Channel) -> dict[str, Any]:
    """What scripts read of pushes that were not believed."""
    return {
        "id": found.id,
        "connection": {"id": channel.id, "name": channel.name, "integration": channel.integration},
        "reason": found.reason,
        "hour": found.hour,
        "number": found.number,
        "size": found.size,
        "last_at": found.last_at,
    }
