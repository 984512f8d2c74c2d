"""People, support staff at work as a merchant, and the chain of the audit trail"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import PERSON, append_only, door, wall

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TENANT_TABLES = ("audit_head", "audit_link", "invitation", "support_session", "support_page")
# What the pages of the support staff show of every merchant: no secret, no buyer, no token.
SHOWN_TO_SUPPORT = {
    "merchant": "id, name, locale, currency, time_zone, support_consent, created_at",
    "membership": "merchant_id, id, user_id, role, created_at",
    "store": "merchant_id, id, name, currency, time_zone, is_active, created_at",
    "connection": "merchant_id, id, store_id, integration, kind, name, settings, checks, state, trouble,"
    " trouble_detail, trouble_said, trouble_offers, trouble_since, token_expires_at, shop_id, shop_name, active_since,"
    " export_stage, created_at",
    "notice": "merchant_id, id, subject, subject_id, cause, grave, arguments, since, cleared_at",
    "document": "merchant_id, id, connection_id",
    "run": "merchant_id, id, connection_id, resource, state, seen, kept, refused, cause, detail, created_at,"
    " started_at, ended_at",
    "work": "merchant_id, id, lane, kind, status, not_before, created_at, ended_at",
    "support_session": "merchant_id, id, agent_id, agent_name, whom_id, whom_name, role, mode, reason, ticket, note,"
    " started_at, ends_at, extended_at, extended_why, asked_at, asked_why, granted_at, granted_by, refused_at,"
    ' refused_by, acted_at, ended_at, ended_by, "end"',
    "support_page": "merchant_id, id, session_id, at, method, path, status",
    "audit_note": "merchant_id, id, what, subject, name, support_id, at",
}
ABOUT_PEOPLE = "id, email, name, is_staff, may_view_as, disabled_at"


def upgrade() -> None:
    _columns()
    _tables()
    _chain()
    _owners()
    for table in TENANT_TABLES:
        wall(table)
    # The relay writes the heads of every merchant down outside of the database.
    op.execute("grant select on audit_head to lintas_relay")
    door("audit_head", "relay", "true", role="lintas_relay")
    # An agent knows his or her own sessions before a merchant is chosen.
    door("support_session", "mine", f"agent_id = {PERSON}")
    for table, columns in SHOWN_TO_SUPPORT.items():
        op.execute(f"grant select ({columns}) on {table} to lintas_support")
        # Of the trail they see what support staff did, and nothing of the merchant's own people.
        shown = "support_id is not null" if table == "audit_note" else "true"
        door(table, "support", shown, role="lintas_support")
    op.execute(f"grant select ({ABOUT_PEOPLE}) on person to lintas_support")


def _columns() -> None:
    for column in (
        sa.Column("as_whom", sa.Text(), server_default="", nullable=False),
        sa.Column("support_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
    ):
        op.add_column("audit_note", column)
    op.create_index("ix_audit_note_support", "audit_note", ["merchant_id", "support_id", "id"])
    op.create_index("ix_audit_note_who", "audit_note", ["merchant_id", "user_id", "at", "id"])
    for column in (
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("stage", sa.String(length=20), server_default="open", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("fresh_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    ):
        op.add_column("login_session", column)
    # Whoever signed in before this showed who he or she is when the session began, not now.
    op.execute("update login_session set fresh_at = created_at")
    op.create_check_constraint("known_session_stage", "login_session", "stage in ('open', 'half')")
    op.create_unique_constraint("one_session_per_id", "login_session", ["id"])
    op.add_column("merchant", sa.Column("support_consent", sa.String(length=20), server_default="ask", nullable=False))
    op.create_check_constraint(
        "known_support_consent", "merchant", "support_consent in ('ask', 'day', 'always', 'never')"
    )
    for column in (
        sa.Column("password_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("second_factor", sa.LargeBinary(), nullable=True),
        sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("second_factor_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("mailed", sa.String(length=20), server_default="grave", nullable=False),
        sa.Column("may_view_as", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("person", column)
    op.execute("update person set password_at = created_at")
    op.create_check_constraint("known_mailed", "person", "mailed in ('none', 'grave', 'all')")
    op.create_check_constraint(
        "a_factor_has_its_secret", "person", "second_factor_at is null or second_factor is not null"
    )
    op.create_check_constraint("only_staff_work_as_a_merchant", "person", "is_staff or not may_view_as")
    op.execute("update person set may_view_as = true where is_staff")
    op.add_column("notice", sa.Column("letter_id", sa.Uuid(), nullable=True))
    op.add_column("run", sa.Column("asked_again", sa.Text(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("buyer_gone_at", sa.DateTime(timezone=True), nullable=True))


def _tables() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_attempt_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_account", "attempt", ["kind", "account", "at"], unique=False)
    op.create_index("ix_attempt_address", "attempt", ["kind", "address", "at"], unique=False)
    op.create_index("ix_attempt_at", "attempt", ["at"], unique=False)
    op.create_index(
        "ix_attempt_untold",
        "attempt",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("user_id is not null"),
    )
    op.create_table(
        "sent_form",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_sent_form")),
    )
    op.create_index("ix_sent_form_at", "sent_form", ["at"], unique=False)
    op.create_table(
        "staff_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_note")),
    )
    op.create_index("ix_staff_note_list", "staff_note", ["at", "id"], unique=False)
    op.create_index("ix_staff_note_user", "staff_note", ["user_id", "at", "id"], unique=False)
    append_only("staff_note")
    op.create_table(
        "audit_head",
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_audit_head_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_link",
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_audit_link_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("merchant_id", "seq", name="one_link_per_place"),
    )
    op.create_table(
        "invitation",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "viewer", "manager", "owner", name="known_role", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("accepted_at is null or revoked_at is null", name=op.f("an_invitation_ends_one_way")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_invitation_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_invitation")),
    )
    op.create_index("ix_invitation_token", "invitation", ["merchant_id", "token_hash"], unique=False)
    op.create_index(
        "one_open_invitation_per_email",
        "invitation",
        ["merchant_id", sa.literal_column("lower(email)")],
        unique=True,
        postgresql_where=sa.text("accepted_at is null and revoked_at is null"),
    )
    op.create_table(
        "password_reset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_password_reset_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
    )
    op.create_index("ix_password_reset_user_id", "password_reset", ["user_id"], unique=False)
    op.create_index("one_reset_per_token", "password_reset", ["token_hash"], unique=True)
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["person.id"], name=op.f("fk_recovery_code_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "code_hash", name="one_recovery_code_per_person"),
    )
    op.create_table(
        "support_session",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("whom_id", sa.Uuid(), nullable=False),
        sa.Column("whom_name", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "viewer", "manager", "owner", name="known_role", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column(
            "mode",
            sa.Enum("view", "act", name="known_support_mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "connection",
                "import",
                "links",
                "stock",
                "orders",
                "settings",
                "question",
                "other",
                name="known_support_reason",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_why", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_why", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_by", sa.Text(), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column(
            "end",
            sa.Enum(
                "stopped",
                "merchant",
                "time",
                "right",
                "consent",
                name="known_support_end",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at <= started_at + interval '60 minutes'", name=op.f("at_most_an_hour_as_a_merchant")),
        sa.CheckConstraint("mode = 'view' or acted_at is not null", name=op.f("acting_has_a_beginning")),
        sa.CheckConstraint("reason <> 'other' or note <> ''", name=op.f("another_reason_has_a_note")),
        sa.CheckConstraint('(ended_at is null) = ("end" is null)', name=op.f("a_support_session_ends_somehow")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_support_session_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_support_session")),
    )
    op.create_index("ix_support_session_agent", "support_session", ["agent_id", "started_at"], unique=False)
    op.create_index("ix_support_session_list", "support_session", ["merchant_id", "started_at", "id"], unique=False)
    op.create_index("ix_support_session_all", "support_session", ["started_at", "id"], unique=False)
    op.create_index("ix_support_session_id", "support_session", ["id"], unique=False)
    op.create_index("ix_support_session_token", "support_session", ["token_hash"], unique=False)
    op.create_table(
        "support_page",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "session_id"],
            ["support_session.merchant_id", "support_session.id"],
            name=op.f("fk_support_page_merchant_id_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_support_page_merchant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_support_page")),
    )
    op.create_index("ix_support_page_session", "support_page", ["merchant_id", "session_id", "id"], unique=False)


def _chain() -> None:
    """A chain of hashes over the notes of each merchant, which the application can read and not write.

    A link is made when the transaction of its note commits, so that the lock on the head is the last one that is taken
    and no two transactions can wait for each other.  `lintas_audit_form` is what a hash is made over: each value as
    text, behind its length in bytes; `portal doctor` makes the same text by itself.
    """
    op.execute("revoke insert, update, delete on audit_head, audit_link from lintas_app")
    op.execute(
        """
        create function lintas_audit_form(n audit_note) returns text
        language sql stable set timezone = 'UTC' as $$
            select string_agg(octet_length(f) || ':' || f, ',' order by i) from unnest(array[
                n.merchant_id::text, n.id::text, n.who, coalesce(n.user_id::text, ''), n.as_whom,
                coalesce(n.support_id::text, ''), n.reason, n.what, n.subject, n.subject_id::text,
                coalesce(n.store_id::text, ''), n.name, n.before::text, n.after::text, n.request_id, n.address,
                (extract(epoch from n.at) * 1000000)::bigint::text
            ]) with ordinality as t(f, i)
        $$
        """
    )
    op.execute(
        """
        create function lintas_audit_add(n audit_note) returns void
        language plpgsql security definer set search_path = public, pg_temp as $$
        declare
            head audit_head;
            link bytea;
            was text := current_setting('app.merchant', true);
        begin
            -- The walls hold for the owner of the tables as well: only the rows of the note's merchant.
            perform set_config('app.merchant', n.merchant_id::text, true);
            insert into audit_head (merchant_id, id, seq, mac, at)
                values (n.merchant_id, n.merchant_id, 0, '', now()) on conflict do nothing;
            select * into head from audit_head where merchant_id = n.merchant_id for update;
            link := sha256(head.mac || convert_to((head.seq + 1) || '|' || lintas_audit_form(n), 'UTF8'));
            insert into audit_link (merchant_id, id, seq, mac) values (n.merchant_id, n.id, head.seq + 1, link);
            update audit_head set seq = head.seq + 1, mac = link, at = now() where merchant_id = n.merchant_id;
            perform set_config('app.merchant', coalesce(was, ''), true);
        end
        $$
        """
    )
    op.execute("revoke execute on function lintas_audit_add(audit_note) from public")
    op.execute(
        """
        create function lintas_audit_link() returns trigger
        language plpgsql security definer set search_path = public, pg_temp as $$
        begin
            perform lintas_audit_add(new);
            return null;
        end
        $$
        """
    )
    op.execute("revoke execute on function lintas_audit_link() from public")
    # What was noted before there was a chain is linked in the order of its time; the walls are aside meanwhile.
    op.execute("alter table audit_note no force row level security")
    op.execute(
        """
        do $$
        declare
            n audit_note;
        begin
            for n in select * from audit_note order by merchant_id, at, id loop
                perform lintas_audit_add(n);
            end loop;
        end
        $$
        """
    )
    op.execute("alter table audit_note force row level security")
    op.execute(
        """
        create constraint trigger audit_chain after insert on audit_note
        deferrable initially deferred for each row execute function lintas_audit_link()
        """
    )


def _owners() -> None:
    """A merchant that has an owner keeps one, whatever happens at once: each such change waits for the one before."""
    op.execute(
        """
        create function lintas_keeps_an_owner() returns trigger
        language plpgsql security definer set search_path = public, pg_temp as $$
        declare
            was text := current_setting('app.merchant', true);
        begin
            -- The walls hold for the owner of the tables as well: only the rows of this merchant.
            perform set_config('app.merchant', old.merchant_id::text, true);
            perform from merchant where id = old.merchant_id for no key update;
            if found and not exists (
                select from membership where merchant_id = old.merchant_id and role = 'owner'
            ) then
                raise exception 'the last owner stays' using
                    errcode = 'check_violation', constraint = 'a_merchant_keeps_an_owner', table = 'membership';
            end if;
            perform set_config('app.merchant', coalesce(was, ''), true);
            return null;
        end
        $$
        """
    )
    op.execute(
        """
        create constraint trigger a_merchant_keeps_an_owner after update of role or delete on membership
        deferrable initially deferred for each row when (old.role = 'owner') execute function lintas_keeps_an_owner()
        """
    )


def downgrade() -> None:
    op.execute("drop trigger a_merchant_keeps_an_owner on membership")
    op.execute("drop function lintas_keeps_an_owner()")
    op.execute("drop trigger audit_chain on audit_note")
    op.execute("drop function lintas_audit_link()")
    op.execute("drop function lintas_audit_add(audit_note)")
    op.execute("drop function lintas_audit_form(audit_note)")
    op.execute("revoke select (" + ABOUT_PEOPLE + ") on person from lintas_support")
    for table in ("merchant", "membership", "store", "connection", "notice", "document", "run", "work", "audit_note"):
        op.execute(f"drop policy support on {table}")
        op.execute(f"revoke select ({SHOWN_TO_SUPPORT[table]}) on {table} from lintas_support")
    op.drop_column("orders", "buyer_gone_at")
    op.drop_column("run", "asked_again")
    op.drop_column("notice", "letter_id")
    op.drop_constraint("only_staff_work_as_a_merchant", "person", type_="check")
    op.drop_column("person", "may_view_as")
    op.drop_column("person", "mailed")
    op.drop_column("person", "time_zone")
    op.drop_column("person", "second_factor_step")
    op.drop_column("person", "second_factor_at")
    op.drop_column("person", "second_factor")
    op.drop_column("person", "password_at")
    op.drop_column("merchant", "support_consent")
    op.drop_constraint("one_session_per_id", "login_session", type_="unique")
    op.drop_column("login_session", "fresh_at")
    op.drop_column("login_session", "address")
    # Whoever has still to show a second factor is not signed in, and would be without this column.
    op.execute("delete from login_session where stage = 'half'")
    op.drop_column("login_session", "stage")
    op.drop_column("login_session", "id")
    op.drop_index("ix_audit_note_who", table_name="audit_note")
    op.drop_index("ix_audit_note_support", table_name="audit_note")
    op.drop_column("audit_note", "address")
    op.drop_column("audit_note", "reason")
    op.drop_column("audit_note", "support_id")
    op.drop_column("audit_note", "as_whom")
    op.drop_index("ix_support_page_session", table_name="support_page")
    op.drop_table("support_page")
    op.drop_index("ix_support_session_token", table_name="support_session")
    op.drop_index("ix_support_session_id", table_name="support_session")
    op.drop_index("ix_support_session_all", table_name="support_session")
    op.drop_index("ix_support_session_list", table_name="support_session")
    op.drop_index("ix_support_session_agent", table_name="support_session")
    op.drop_table("support_session")
    op.drop_table("recovery_code")
    op.drop_index("one_reset_per_token", table_name="password_reset")
    op.drop_index("ix_password_reset_user_id", table_name="password_reset")
    op.drop_table("password_reset")
    op.drop_index(
        "one_open_invitation_per_email",
        table_name="invitation",
        postgresql_where=sa.text("accepted_at is null and revoked_at is null"),
    )
    op.drop_index("ix_invitation_token", table_name="invitation")
    op.drop_table("invitation")
    op.drop_table("audit_link")
    op.drop_table("audit_head")
    op.drop_index("ix_staff_note_user", table_name="staff_note")
    op.drop_index("ix_staff_note_list", table_name="staff_note")
    op.drop_table("staff_note")
    op.drop_index("ix_sent_form_at", table_name="sent_form")
    op.drop_table("sent_form")
    op.drop_index("ix_attempt_untold", table_name="attempt")
    op.drop_index("ix_attempt_at", table_name="attempt")
    op.drop_index("ix_attempt_address", table_name="attempt")
    op.drop_index("ix_attempt_account", table_name="attempt")
    op.drop_table("attempt")
