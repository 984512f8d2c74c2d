"""The one door for records: set-wise, newest wins, what did not change is not written."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.contract.records import RemoteListing, Verdict
from portal.flows import linking
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Connection, Listing


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page brought: listings seen for the first time, with news, and held back by the quality check."""

    fresh: int = 0
    changed: int = 0
    held: int = 0


def keep(connection: Connection, records: Iterable[RemoteListing], audits: Mapping[str, Verdict]) -> Kept:
    """Take a page of listings into the open transaction: a constant number of statements, however long the page."""
    rows = {each.remote_id: _row(each, audits) for each in _newest(records)}
    if not rows:
        return Kept()
    known = _known(connection, list(rows))
    news = [row for remote_id, row in rows.items() if _is_news(row, known.get(remote_id))]
    if news:
        _write(connection, news)
        nears = {row["sku_near"] for row in news} | {
            known[row["remote_id"]].sku_near for row in news if row["remote_id"] in known
        }
        linking.settle(
            nears - {""}, connection=connection, emptied=[row["remote_id"] for row in news if not row["sku_near"]]
        )
    fresh = sum(row["remote_id"] not in known for row in news)
    return Kept(fresh, len(news) - fresh, sum(not row["passed"] for row in rows.values()))


def _newest(records: Iterable[RemoteListing]) -> list[RemoteListing]:
    """One record per remote id: pages that shift under the walk show the same listing twice."""
    found: dict[str, RemoteListing] = {}
    for each in records:
        other = found.get(each.remote_id)
        if other is None or each.updated_at is None or other.updated_at is None or each.updated_at >= other.updated_at:
            found[each.remote_id] = each
    return list(found.values())


def _row(record: RemoteListing, audits: Mapping[str, Verdict]) -> dict[str, Any]:
    passed = record.audit_word is None or audits.get(record.audit_word) is Verdict.PASSED
    price = record.price
    row = {
        "remote_id": record.remote_id,
        "parent_id": record.parent_id,
        "sku": record.sku,
        "sku_near": near(record.sku),
        "title": record.title,
        "parent_title": record.parent_title,
        "attributes": record.attributes,
        "barcode": record.barcode,
        "image": record.image,
        "price_minor": price.minor if price else None,
        "currency": price.currency if price else "",
        "quantity": record.quantity,
        "status_word": record.status_word,
        "on_sale": record.on_sale,
        "audit_word": record.audit_word,
        "passed": passed,
        "remote_updated_at": record.updated_at,
    }
    text = "\x1f".join(
        "\x00" if value is None else str(value) for key, value in row.items() if key != "remote_updated_at"
    )
    return {**row, "digest": hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()}


def _known(connection: Connection, remote_ids: Sequence[str]) -> dict[str, Any]:
    query = sa.select(
        Listing.remote_id, Listing.digest, Listing.sku_near, Listing.missing_since, Listing.remote_updated_at
    ).where(
        Listing.merchant_id == connection.merchant_id,
        Listing.connection_id == connection.id,
        Listing.remote_id == sa.any_(sa.cast(remote_ids, sa.ARRAY(sa.Text()))),
    )
    return {row.remote_id: row for row in db.session.execute(query)}


def _is_news(row: Mapping[str, Any], known: Any) -> bool:
    if known is None:
        return True
    if known.digest == row["digest"] and known.missing_since is None:
        return False
    theirs, ours = row["remote_updated_at"], known.remote_updated_at
    return theirs is None or ours is None or theirs >= ours


COLUMNS = {
    "remote_id": "text",
    "parent_id": "text",
    "sku": "text",
    "sku_near": "text",
    "title": "text",
    "parent_title": "text",
    "attributes": "text",
    "barcode": "text",
    "image": "text",
    "price_minor": "bigint",
    "currency": "text",
    "quantity": "integer",
    "status_word": "text",
    "on_sale": "boolean",
    "audit_word": "text",
    "passed": "boolean",
    "digest": "bytea",
    "remote_updated_at": "timestamptz",
}
# A new listing whose SKU stands alone in its connection is linked as it is written; everything less plain is left to
# `linking.settle`, which then has few rows to change.
WRITE = sa.text(
    f"""
    insert into listing (merchant_id, connection_id, id, {", ".join(COLUMNS)},
        link_state, product_id, link_how, linked_at, linked_sku, linked_by, changed_at, created_at)
    select :merchant, :connection, r.id, {", ".join("r." + name for name in COLUMNS)},
        case when not r.passed then 'waiting' when r.sku_near = '' then 'empty'
             when p.id is not null then 'linked' else 'new' end,
        p.id, case when p.id is not null then 'sku' end,
        case when p.id is not null then cast(:moment as timestamptz) end,
        case when p.id is not null then r.sku end, '', :moment, :moment
    from unnest(cast(:id as uuid[]), cast(:alone as boolean[]),
        {", ".join(f"cast(:{name} as {kind}[])" for name, kind in COLUMNS.items())})
        as r(id, alone, {", ".join(COLUMNS)})
    left join product p on :links and r.alone and r.passed and p.merchant_id = :merchant and p.sku = r.sku
        and not exists (select 1 from listing t where t.merchant_id = :merchant and t.connection_id = :connection
            and t.sku_near = r.sku_near and t.sku = r.sku)
    on conflict (merchant_id, connection_id, remote_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "remote_id")},
        missing_since = null, changed_at = excluded.changed_at
    """  # noqa: S608 - the names are this file's own.
)


def _write(connection: Connection, news: Sequence[Mapping[str, Any]]) -> None:
    often = Counter(row["sku"] for row in news)
    arrays = {name: [row[name] for row in news] for name in COLUMNS}
    db.session.execute(
        WRITE,
        {
            **arrays,
            "merchant": connection.merchant_id,
            "connection": connection.id,
            "id": [new_id() for _ in news],
            "alone": [often[row["sku"]] == 1 for row in news],
            "links": connection.known_options.auto_link,
            "moment": now(),
        },
    )
