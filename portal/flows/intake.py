"""The one door for records: set-wise, newest wins, what did not change is not written."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from portal import integrations
from portal.contract.errors import BadRecord
from portal.contract.records import RemoteListing, Verdict
from portal.flows import linking, notices
from portal.kit.clock import now
from portal.kit.db import array, db
from portal.kit.ids import new_id
from portal.kit.text import near, storable
from portal.models import Connection, LinkState

LARGEST_QUANTITY = 2**31 - 1
LARGEST_PRICE = 10**15


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page brought: things seen for the first time, with news, and held back by the quality check.

    `news` are the remote ids of the first two, `references` the numbers of ours that a warehouse has news of.
    """

    fresh: int = 0
    changed: int = 0
    held: int = 0
    news: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def verdicts(connection: Connection) -> dict[str, Verdict]:
    """What the remote's audit words mean for this connection."""
    declared = integrations.get(connection.integration).audits
    return {**declared, **{word: Verdict(meaning) for word, meaning in connection.audits.items()}}


def keep_asked(connection: Connection, records: Sequence[RemoteListing], asked: datetime) -> Kept:
    """Take a page of listings into the open transaction, and ask once about words that nobody has given a meaning."""
    audits = verdicts(connection)
    unknown = sorted({each.audit_word for each in records if each.audit_word is not None} - audits.keys())
    if unknown:
        notices.tell(
            "connection", connection.id, "unknown_audit_word", grave=False, name=connection.name, words=unknown
        )
    return keep(connection, records, audits)


def keep(connection: Connection, records: Iterable[RemoteListing], audits: Mapping[str, Verdict]) -> Kept:
    """Take a page of listings into the open transaction: a constant number of statements, however long the page."""
    newest = _newest(records)
    if not newest:
        return Kept()
    passed = {remote_id: _passed(each, audits) for remote_id, each in newest.items()}
    known = _known(connection, list(newest))
    # Most of most pages is known and unchanged; only the rest is made into rows.
    news = [
        _row(each, digest, passed[remote_id])
        for remote_id, each in newest.items()
        if _is_news(each, digest := _digest(each, passed[remote_id]), known.get(remote_id))
    ]
    fresh = [row for row in news if row["remote_id"] not in known]
    if news:
        linking.hold_products_still()
        in_company = _judge_alone(connection, fresh)
        _write(connection, news)
        for row in news:
            if row["remote_id"] in known:
                in_company |= {row["sku_near"], known[row["remote_id"]].sku_near}
        emptied = [row["remote_id"] for row in news if not row["sku_near"] and row["remote_id"] in known]
        linking.settle(in_company - {""}, connection=connection, emptied=emptied)
    told = tuple(row["remote_id"] for row in news)
    return Kept(len(fresh), len(news) - len(fresh), len(passed) - sum(passed.values()), told)


def _judge_alone(connection: Connection, fresh: Sequence[dict[str, Any]]) -> set[str]:
    """Give each new listing its state where its SKU stands alone in the connection: most do, and are written once.

    Answers the near twins of the others, which `linking.settle` judges together after they are written.
    """
    nears = Counter(row["sku_near"] for row in fresh)
    company = _nears_in_use(connection, list(nears)) | {each for each, number in nears.items() if number > 1}
    products = linking.products_like(list(nears))
    links = connection.known_options.auto_link
    for row in fresh:
        alike = products.get(row["sku_near"], {}) if row["sku_near"] else {}
        exact = alike.get(row["sku"])
        if not row["passed"]:
            row["link_state"] = LinkState.WAITING
        elif not row["sku_near"]:
            row["link_state"] = LinkState.EMPTY
        elif row["sku_near"] in company:
            row["link_state"] = LinkState.NEW
        elif exact is not None:
            row["link_state"] = LinkState.LINKED if links else LinkState.MATCHED
            row["product_id"] = exact if links else None
        else:
            row["link_state"] = (LinkState.NEW, LinkState.NEAR, LinkState.AMBIGUOUS)[min(len(alike), 2)]
    return company


# Looked up one by one on purpose, here and below, each by what only the right index has (`offset 0` keeps the planner
# from joining or moving a condition inwards): while a first import fills the table there are no statistics yet, and
# without them the planner takes a connection for a few rows and reads all of it.
NEARS_IN_USE = sa.text(
    """
    select distinct near from unnest(cast(:nears as text[])) as wanted(near)
    cross join lateral (
        select connection_id from listing where merchant_id = :merchant and sku_near = wanted.near offset 0) l
    where l.connection_id = :connection
    """
)


def _nears_in_use(connection: Connection, nears: Sequence[str]) -> set[str]:
    values = {"merchant": connection.merchant_id, "connection": connection.id, "nears": array(filter(None, nears))}
    return set(db.session.scalars(NEARS_IN_USE, values))


def check_storable(record: RemoteListing) -> None:
    """Raise BadRecord for what no table can hold: NUL, half a surrogate pair, a number beyond all measure."""
    for value in TOLD(record):
        if isinstance(value, str) and not storable(value):
            raise BadRecord("a text that cannot be kept", record.remote_id)
    if record.quantity is not None and abs(record.quantity) > LARGEST_QUANTITY:
        raise BadRecord(f"a quantity of {record.quantity}", record.remote_id)
    if record.price is not None and abs(record.price.minor) > LARGEST_PRICE:
        raise BadRecord("a price beyond all measure", record.remote_id)


def _newest(records: Iterable[RemoteListing]) -> dict[str, RemoteListing]:
    """One record per remote id: pages that shift under the walk show the same listing twice."""
    found: dict[str, RemoteListing] = {}
    for each in records:
        other = found.get(each.remote_id)
        if other is None or each.updated_at is None or other.updated_at is None or each.updated_at >= other.updated_at:
            found[each.remote_id] = each
    return found


def _passed(record: RemoteListing, audits: Mapping[str, Verdict]) -> bool:
    return record.audit_word is None or audits.get(record.audit_word) is Verdict.PASSED


TOLD = attrgetter(*(each.name for each in fields(RemoteListing) if each.name != "updated_at"))


def _digest(record: RemoteListing, passed: bool) -> bytes:
    """A hash of all that the remote told, except when it says that it changed."""
    told = repr((passed, TOLD(record))).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=16).digest()


def _row(record: RemoteListing, digest: bytes, passed: bool) -> dict[str, Any]:
    price = record.price
    return {
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
        "digest": digest,
        "remote_updated_at": record.updated_at,
    }


KNOWN = sa.text(
    """
    select l.* from unnest(cast(:ids as text[])) as wanted(remote_id)
    cross join lateral (
        select remote_id, digest, sku_near, missing_since, remote_updated_at from listing
        where merchant_id = :merchant and connection_id = :connection and remote_id = wanted.remote_id offset 0) l
    """
)


def _known(connection: Connection, remote_ids: Sequence[str]) -> dict[str, Any]:
    values = {"merchant": connection.merchant_id, "connection": connection.id, "ids": array(remote_ids)}
    return {row.remote_id: row for row in db.session.execute(KNOWN, values)}


def _is_news(record: RemoteListing, digest: bytes, known: Any) -> bool:
    if known is None:
        return True
    if known.digest == digest and known.missing_since is None:
        return False
    theirs, ours = record.updated_at, known.remote_updated_at
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
OF_NEW_ROWS = {"id": "uuid", "link_state": "text", "product_id": "uuid"}
ALL = {**COLUMNS, **OF_NEW_ROWS}
# Every new row has its foreign keys looked up; under the house's rule to plan anew each time, planning those look-ups
# costs more than the rest of the statement.  The rule comes back before the next statement that reads a table.
WRITE = sa.text(
    f"""
    with eased as (select set_config('plan_cache_mode', 'auto', true) as mode)
    insert into listing (merchant_id, connection_id, {", ".join(ALL)},
        link_how, linked_at, linked_sku, linked_by, changed_at, created_at)
    select :merchant, :connection, {", ".join("r." + name for name in ALL)},
        case when r.product_id is not null then 'sku' end,
        case when r.product_id is not null then cast(:moment as timestamptz) end,
        case when r.product_id is not null then r.sku end, '', :moment, :moment
    from eased cross join
        unnest({", ".join(f"cast(:{name} as {kind}[])" for name, kind in ALL.items())}) as r({", ".join(ALL)})
    where eased.mode is not null
    on conflict (merchant_id, connection_id, remote_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "remote_id")},
        missing_since = null, changed_at = excluded.changed_at
    """  # noqa: S608 - the names are this file's own.
)


PLAN_ANEW = sa.text("set local plan_cache_mode = force_custom_plan")


def _write(connection: Connection, news: Sequence[Mapping[str, Any]]) -> None:
    arrays = {name: array(row[name] for row in news) for name in COLUMNS}
    db.session.execute(
        WRITE,
        {
            **arrays,
            "merchant": connection.merchant_id,
            "connection": connection.id,
            "id": array(new_id() for _ in news),
            "link_state": array(row.get("link_state", LinkState.NEW).value for row in news),
            "product_id": array(row.get("product_id") for row in news),
            "moment": now(),
        },
    )
    db.session.execute(PLAN_ANEW)
