"""A merchant with as many rows as one likes, written by the superuser in seconds: the ground of the list pages."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Flask
from psycopg import sql

from portal.flows import people, stores
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for, db
from portal.models import Role
from tests.bench import ground

STORES = 60
CONNECTIONS = 120
# Channels that have listings; the others were connected and never imported.
SELLING = 10
# So many rows have the rare state, wherever the table ends: one page and a little more.
RARE = 60
PASSWORD = "a-password-of-the-benchmarks"
EMAIL = "bench@example.com"


@dataclass(frozen=True)
class Filled:
    """Whose rows they are, and some of them by name."""

    merchant: uuid.UUID
    rows: int
    connection: uuid.UUID
    store: uuid.UUID


def fill(app: Flask, superuser_url: str, rows: int, statements: Sequence[str] = ()) -> Filled:
    """One merchant with so many products, listings, runs and orders, over a few stores and connections.

    `statements` are what is written instead, each with the values of the others.
    """
    with app.app_context():
        merchant = people.create_merchant("Many rows", "CNY", "Asia/Shanghai")
        person = people.create_user(EMAIL, "Bench", PASSWORD)
        people.join(merchant, person, Role.OWNER)
        with acting_for(merchant):
            first = stores.add("Store 000", "CNY", "Asia/Shanghai", LINTAS)
            store, connection = first.id, ground.connection("Channel 000").id
            db.session.commit()
    with ground.superuser(superuser_url) as wire:
        wire.execute("set session_replication_role = replica")  # The rows fit together by their making.
        wire.execute("set maintenance_work_mem = '256MB'")
        values = {"merchant": merchant, "rows": rows, "store": store, "connection": connection, "rare": RARE}
        _copies(wire, "store", store, STORES, values)
        _copies(wire, "connection", connection, CONNECTIONS, values)
        # Building an index in one go takes a third of the time that row by row takes.
        indexes = wire.execute(
            "select indexname, indexdef from pg_indexes"
            " where tablename in ('listing', 'product', 'order_line') and indexdef ~ 'gin'"
        ).fetchall()
        for name, _ in indexes:
            wire.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        for statement in statements or (PRODUCTS, LISTINGS, RUNS, NOTICES, STOCKS, ORDERS, ORDER_LINES):
            wire.execute(statement, values)
        for _, definition in indexes:
            wire.execute(definition)
        wire.execute("vacuum analyze")
    return Filled(merchant, rows, connection, store)


def _copies(wire: psycopg.Connection[Any], table: str, of: uuid.UUID, number: int, values: dict[str, Any]) -> None:
    """More rows like one; connections are spread over the stores."""
    names = [row[0] for row in wire.execute(COLUMNS, [table])]
    special = {
        "id": ident("n.g", 0xB if table == "store" else 0xC),
        "name": f"'{'Store' if table == 'store' else 'Channel'} ' || lpad(n.g::text, 3, '0')",
        "store_id": ident(f"1 + n.g %% {STORES - 1}", 0xB),
    }
    chosen = ", ".join(special.get(name, f"t.{name}") for name in names)
    listed = ", ".join(names)
    wire.execute(
        f"""
        insert into {table} ({listed})
        select {chosen} from {table} t, generate_series(1, %(more)s) n(g) where t.id = %(of)s
        """,
        {"of": of, "more": number - 1},
    )


def ident(number: str, salt: int) -> str:
    """SQL for an id that rises with a number, as those of the portal rise with time."""
    hexed = f"lpad(to_hex({number}), 12, '0')"
    return f"(left({hexed}, 8) || '-' || right({hexed}, 4) || '-7000-8000-{salt:012x}')::uuid"


def words_of_one(number: int) -> str:
    """Words that only the product of that number has together."""
    told = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return f"{NAMES[number % len(NAMES)].lower()} {told[:10]}"


NAMES = ("Nordic", "Coastal", "Alpine", "Urban", "Garden")
COLUMNS = "select column_name from information_schema.columns where table_name = %s order by ordinal_position"
PRODUCTS = f"""
insert into product (merchant_id, id, sku, sku_near, title, barcode, image, created_at)
select %(merchant)s, {ident("g", 1)}, 'KMS-' || lpad(g::text, 7, '0'), 'kms-' || lpad(g::text, 7, '0'),
    (array{list(NAMES)})[1 + g %% {len(NAMES)}] || ' ' ||
    (array['cup', 'lamp', 'kettle', 'towel', 'basket', 'chair', 'clock'])[1 + g %% 7] || ' ' || md5(g::text),
    '69' || lpad(g::text, 11, '0'), '', timestamptz '2026-01-01' + g * interval '1 second'
from generate_series(0, %(rows)s - 1) g
"""
# Every state has its share.  Few are reissued and few are missing, strewn over the whole table.
LISTINGS = f"""
insert into listing (merchant_id, id, connection_id, remote_id, parent_id, sku, sku_near, title, parent_title,
    attributes, barcode, image, price_minor, currency, quantity, status_word, on_sale, audit_word, passed, digest,
    remote_updated_at, link_state, product_id, link_how, linked_at, linked_by, linked_sku, missing_since, changed_at,
    created_at)
select %(merchant)s, {ident("g", 2)},
    case when s.channel = 0 then %(connection)s else {ident("s.channel", 0xC)} end,
    'r' || g, 'p' || g / 4, s.sku, lower(s.sku), p.title, p.title, 'Red / 350ML', '', '', 1990, 'CNY', 7, '8/1',
    g %% 10 <> 3, null, true, decode(md5(g::text), 'hex'), p.created_at, s.state,
    case when s.state in ('linked', 'sku_changed') then p.id end,
    case when s.state in ('linked', 'sku_changed') then 'sku' end,
    case when s.state in ('linked', 'sku_changed') then p.created_at end, '',
    case when s.state = 'linked' then s.sku when s.state = 'sku_changed' then s.sku || 'X' end,
    case when g %% (%(rows)s / %(rare)s) = 2 then p.created_at end, p.created_at, p.created_at
from product p
cross join lateral (select substr(p.sku, 5)::int as g) n
cross join lateral (select
    -- Half of all at the first channel, so that one channel is large as well.
    case when g %% 2 = 0 then 0 else 1 + (g / 2) %% {SELLING - 1} end as channel,
    case when g %% (%(rows)s / %(rare)s) = 1 then 'reissued'
        else (array['linked', 'new', 'linked', 'near', 'linked', 'empty', 'linked', 'ambiguous', 'linked', 'matched',
        'linked', 'waiting', 'linked', 'left_out', 'linked', 'sku_changed', 'linked', 'duplicate', 'duplicate',
        'duplicate', 'linked', 'new'])[1 + (g / 2) %% 22] end as state,
    case when (g / 2) %% 22 in (17, 18) then 'DUP-' || lpad((g / 44)::text, 7, '0') else p.sku end as sku) s
where p.merchant_id = %(merchant)s
order by p.id
"""
RUNS = f"""
insert into run (merchant_id, id, connection_id, resource, state, pages, seen, kept, refused, fresh, changed, held,
    missing, total, groups, cause, detail, asked_by, created_at, started_at, ended_at)
select %(merchant)s, {ident("g", 3)},
    case when g %% 2 = 0 then %(connection)s else {ident(f"1 + (g / 2) %% {CONNECTIONS - 1}", 0xC)} end,
    'products', s.state, 10, 1000, 1000 - s.refused, s.refused, 0, 3, 0, 0, 1000, '{{}}',
    case when s.state = 'failed' then 'busy' else '' end, '', 'Lintas', m.at, m.at,
    case when s.state <> 'running' then m.at + interval '1 minute' end
from generate_series(0, %(rows)s - 1) g
cross join lateral (select timestamptz '2020-01-01' + g * interval '1 minute' as at) m
cross join lateral (select
    case when g >= %(rows)s - 58 and g %% 2 = 1 then 'running'
        when g %% (%(rows)s / %(rare)s) = 1 then 'failed' else 'done' end as state,
    case when g %% 100 = 7 then 2 else 0 end as refused) s
"""
NOTICES = """
insert into notice (merchant_id, id, subject, subject_id, cause, grave, arguments, since)
select merchant_id, id, 'run', id, 'busy', true, '{"resource": "products"}', created_at
from run where merchant_id = %(merchant)s and state = 'failed'
"""
STOCKS = f"""
insert into stock (merchant_id, id, product_id, on_hand, reserved, version, changed_at)
select %(merchant)s, {ident("g", 4)}, p.id, g %% 40, case when g %% (%(rows)s / %(rare)s) = 3 then 50 else g %% 3 end,
    1, p.created_at
from product p cross join lateral (select substr(p.sku, 5)::int as g) n
where p.merchant_id = %(merchant)s
"""
# Most orders are done, as in any shop of some age; those of the last days are open.
ORDERS = f"""
insert into orders (merchant_id, id, store_id, connection_id, remote_id, number, status_word, status_text, status,
    placed_at, paid_at, ship_by, remote_updated_at, currency, total_minor, payment_word, paid_on_delivery, by_channel,
    gift, shipping_service, country, province, city, postcode, buyer_shown, masked, sealed, carrier, tracking, tags,
    pieces, flagged, digest, asked_at, changed_at, created_at, stage)
select %(merchant)s, {ident("g", 5)}, %(store)s,
    case when g %% 2 = 0 then %(connection)s else {ident(f"1 + (g / 2) %% {SELLING - 1}", 0xC)} end,
    (260000000000 + g)::text, (260000000000 + g)::text, s.status, '', nullif(s.status, 'odd'), m.at, m.at,
    m.at + interval '2 days', m.at, 'CNY', 12990 + g %% 1000, '4', false, false, false, '', 'CN', 'Shanghai',
    'Shanghai', '200000', 'A•••', true, decode(md5(g::text), 'hex'), '',
    case when s.open then '' else 'JDX' || lpad(g::text, 11, '0') end, '{{}}', 1 + g %% 3,
    false, decode(md5(g::text), 'hex'), m.at, m.at, m.at,
    case when s.open then 'assigned' else 'done' end
from generate_series(0, %(rows)s - 1) g
cross join lateral (select timestamptz '2025-01-01' + g * interval '30 seconds' as at) m
cross join lateral (select
    case when g %% (%(rows)s / %(rare)s) = 1 then 'odd' when g > %(rows)s - 2000 then 'to_ship'
        when g %% 17 = 3 then 'cancelled' else 'completed' end as status, g > %(rows)s - 2000 as open) s
"""
ORDER_LINES = f"""
insert into order_line (merchant_id, id, order_id, remote_id, place, remote_listing_id, sku, title, quantity,
    price_minor, product_id)
select %(merchant)s, {ident("g", 6)}, {ident("g", 5)}, '1', 0, 'r' || g, p.sku, p.title, 1 + g %% 3, 1990, p.id
from product p cross join lateral (select substr(p.sku, 5)::int as g) n
where p.merchant_id = %(merchant)s
"""
