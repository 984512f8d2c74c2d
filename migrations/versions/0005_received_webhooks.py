"""Received webhooks"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TENANT_TABLES = ("delivery", "delivery_refusal")
REASONS = (
    *("too_large", "no_signature", "wrong_signature", "outside_window", "no_id", "not_readable", "no_key"),
    "other_body",
)

# A push is kept in one trip to the database and one commit, whatever happens to whoever asked for it.  The merchant is
# told inside, for the walls stand here as everywhere.  Looking at the connection again makes an address that was just
# closed refuse, even where a process remembers it.  The plans of these few statements, which look up whole keys only,
# are made once and not for each push: that is a third of the time.  Where somebody holds the row of the connection for
# long, its sender is told to come again, rather than that everybody waits behind it.
KEEP = """
create function lintas_keep_push(
    of_merchant uuid, of_hook bytea, of_connection uuid, new_id uuid, of_lane text, event text,
    body_digest bytea, body_sealed bytea, body_size integer, masked jsonb, sent timestamptz, received timestamptz)
returns text language plpgsql set search_path = public set plan_cache_mode = force_generic_plan
set lock_timeout = '2s' as $$
declare
    known_to_push boolean;
    is_new boolean;
begin
    perform set_config('app.merchant', of_merchant::text, true);
    select coalesce(pushes, false) into known_to_push from connection
    where merchant_id = of_merchant and id = of_connection and hook_hash = of_hook;
    if not found then
        return 'closed';
    end if;
    insert into delivery as known (merchant_id, id, connection_id, event_id, topic, state, digest, sealed, size,
        headers, hint, changes, cause, detail, copies, attempts, sent_at, received_at, last_at)
    values (of_merchant, new_id, of_connection, event, '', 'waiting', body_digest, body_sealed, body_size,
        masked, '{}', '[]', '', '', 1, 0, sent, received, received)
    on conflict on constraint an_event_is_kept_once do update
        set copies = known.copies + 1, last_at = greatest(known.last_at, excluded.last_at)
        where known.digest = excluded.digest
    returning xmax = 0 into is_new;
    if not found then
        return 'other_body';
    end if;
    if not is_new then
        return 'known';
    end if;
    insert into work (merchant_id, id, lane, kind, natural_key, body, status, priority, lease, attempts, not_before,
        error, asked_by, created_at)
    values (of_merchant, new_id, of_lane, 'delivery', new_id::text,
        jsonb_build_object('delivery', new_id), 'open', 3, 0, 0, received, '', '', received);
    if not known_to_push then
        update connection set pushes = true where merchant_id = of_merchant and id = of_connection;
    end if;
    return 'kept';
end $$
"""

SIGNATURE = (
    "lintas_keep_push(uuid, bytea, uuid, uuid, text, text, bytea, bytea, integer, jsonb, timestamptz, timestamptz)"
)


def upgrade() -> None:
    _deliveries()
    _refusals()
    for table in TENANT_TABLES:
        wall(table)
    op.execute(KEEP)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to lintas_app")


def _tenant(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{name}")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f(f"fk_{name}_merchant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "connection_id"],
            ["connection.merchant_id", "connection.id"],
            name=op.f(f"fk_{name}_merchant_id_connection_id"),
            ondelete="CASCADE",
        ),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(name: str, kind: str, *values: str) -> sa.Column[str]:
    return sa.Column(
        name, sa.Enum(*values, name=kind, native_enum=False, create_constraint=True, length=20), nullable=False
    )


def _deliveries() -> None:
    _tenant(
        "delivery",
        _text("event_id"),
        _text("topic"),
        _words("state", "known_delivery_state", "waiting", "applied", "dead"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        _number("size"),
        *map(_json, ("headers", "hint", "changes")),
        *map(_text, ("cause", "detail")),
        *map(_number, ("copies", "attempts")),
        _moment("sent_at", nullable=True),
        _moment("received_at"),
        _moment("last_at"),
        _moment("settled_at", nullable=True),
        sa.UniqueConstraint("merchant_id", "connection_id", "event_id", name="an_event_is_kept_once"),
        sa.CheckConstraint(
            "(settled_at is null) = (state = 'waiting')", name=op.f("a_delivery_settles_when_its_state_says")
        ),
        sa.CheckConstraint("copies >= 1", name=op.f("a_delivery_came_at_least_once")),
        sa.CheckConstraint("length(event_id) between 1 and 200", name=op.f("an_event_has_an_id")),
    )
    op.create_index("ix_delivery_received", "delivery", ["merchant_id", "received_at", "id"])
    op.create_index("ix_delivery_connection", "delivery", ["merchant_id", "connection_id", "received_at", "id"])
    op.create_index(
        "ix_delivery_unsettled",
        "delivery",
        ["merchant_id", "state", "received_at", "id"],
        postgresql_where=sa.text("state <> 'applied'"),
    )
    op.create_index(
        "ix_delivery_body",
        "delivery",
        ["merchant_id", "received_at"],
        postgresql_where=sa.text("sealed is not null"),
    )


def _refusals() -> None:
    _tenant(
        "delivery_refusal",
        _words("reason", "known_reason", *REASONS),
        _moment("hour"),
        *map(_number, ("number", "size")),
        _json("headers"),
        _text("detail"),
        _moment("first_at"),
        _moment("last_at"),
        sa.UniqueConstraint("merchant_id", "connection_id", "reason", "hour", name="refusals_of_an_hour_are_one_row"),
        sa.CheckConstraint("number >= 1", name=op.f("a_refusal_happened")),
    )
    op.create_index("ix_delivery_refusal_hour", "delivery_refusal", ["merchant_id", "hour", "id"])


def downgrade() -> None:
    op.execute(f"drop function {SIGNATURE}")
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
