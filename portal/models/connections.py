"""A merchant's accounts at remotes: on screen sales channels and plugins."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.contract.options import Options
from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words
from portal.models.stock import ExportStage


class ConnectionState(StrEnum):
    """How far a connection has come.  Saving never contacts the remote; turning on does."""

    DRAFT = "draft"
    SAVED = "saved"
    ACTIVATING = "activating"
    ACTIVE = "active"
    FAILED = "failed"
    PAUSED = "paused"


RUNNING = (ConnectionState.ACTIVATING, ConnectionState.ACTIVE)

# What may follow what.  Turning off leads back to SAVED from everywhere.
NEXT: dict[ConnectionState, frozenset[ConnectionState]] = {
    ConnectionState.DRAFT: frozenset({ConnectionState.SAVED}),
    ConnectionState.SAVED: frozenset({ConnectionState.ACTIVATING}),
    ConnectionState.ACTIVATING: frozenset(
        {ConnectionState.ACTIVE, ConnectionState.FAILED, ConnectionState.PAUSED, ConnectionState.SAVED}
    ),
    ConnectionState.ACTIVE: frozenset({ConnectionState.PAUSED, ConnectionState.FAILED, ConnectionState.SAVED}),
    ConnectionState.FAILED: frozenset({ConnectionState.ACTIVATING, ConnectionState.SAVED, ConnectionState.PAUSED}),
    ConnectionState.PAUSED: frozenset({ConnectionState.ACTIVATING, ConnectionState.ACTIVE, ConnectionState.SAVED}),
}


class Connection(Tenant, Base):
    """One account at one remote, inside one store.

    `settings` are the values that are no secrets; secrets and tokens are rows of `Secret`.  `generation` counts the
    token pairs that were stored.  `trouble` is the cause for FAILED and PAUSED, `trouble_said` the remote's own words
    and `trouble_offers` the values that it says would do.  `checks` says which steps of the first check are passed:
    when, and what the remote said.  `audits` and `statuses` correct what the remote's words mean.  `stock_key` names
    the stock at the remote where two connections could mean the same.  `pushes` is whether the remote sends us pushes,
    None while nobody knows; `hook_hash` is the SHA-256 of the unguessable part of the address that it sends them to.
    `export_stage` is how far its export is let out where the option asks for one.  `carriers` holds the channel's own
    list of carriers, and by which of them those go that warehouses name (portal/flows/carriers.py).
    """

    __tablename__ = "connection"

    store_id: Mapped[uuid.UUID]
    integration: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    logo_id: Mapped[uuid.UUID | None]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    audits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    statuses: Mapped[dict[str, Any]] = mapped_column(default=dict)
    carriers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    checks: Mapped[dict[str, Any]] = mapped_column(default=dict)
    confirmed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[ConnectionState] = mapped_column(words(ConnectionState), default=ConnectionState.DRAFT)
    trouble: Mapped[str] = mapped_column(default="")
    trouble_detail: Mapped[str] = mapped_column(default="")
    trouble_said: Mapped[str] = mapped_column(default="")
    trouble_offers: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    trouble_since: Mapped[datetime | None]
    is_default: Mapped[bool] = mapped_column(default=False)
    stock_key: Mapped[str | None]
    pushes: Mapped[bool | None]
    hook_hash: Mapped[bytes | None]
    shop_id: Mapped[str] = mapped_column(default="")
    shop_name: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[datetime | None]
    granted_at: Mapped[datetime | None]
    token_expires_at: Mapped[datetime | None]
    renewal_started_at: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(default=0)
    active_since: Mapped[datetime | None]
    export_stage: Mapped[ExportStage] = mapped_column(words(ExportStage), default=ExportStage.HELD)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("store", "store_id"),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name="a_connection_has_a_name"),
        sa.CheckConstraint("kind in ('marketplace', 'fulfilment')", name="a_connection_is_a_channel_or_a_plugin"),
        sa.CheckConstraint("not is_default or kind = 'fulfilment'", name="only_a_plugin_is_default"),
        sa.Index("one_connection_per_name", "merchant_id", "store_id", sa.text("lower(name)"), unique=True),
        sa.Index(
            "one_default_plugin_per_store",
            "merchant_id",
            "store_id",
            unique=True,
            postgresql_where=sa.text("is_default"),
        ),
        sa.Index(
            "one_active_plugin_per_stock",
            "merchant_id",
            "integration",
            "stock_key",
            unique=True,
            postgresql_where=sa.text("stock_key is not null and state in ('activating', 'active')"),
        ),
        sa.Index(
            "one_connection_per_hook",
            "merchant_id",
            "hook_hash",
            unique=True,
            postgresql_where=sa.text("hook_hash is not null"),
        ),
    )

    @property
    def is_active(self) -> bool:
        """Whether the merchant turned it on and nothing stopped it."""
        return self.state in RUNNING

    @property
    def known_options(self) -> Options:
        """The options that the whole house knows."""
        return Options.read(self.options)

    def move(self, to: ConnectionState) -> None:
        """Go to another state.  Raises ValueError where no step leads there."""
        if to is not self.state and to not in NEXT[self.state]:
            raise ValueError(f"no step leads from {self.state} to {to}")
        self.state = to


class Secret(Tenant, Base):
    """One sealed value of a connection: a setting that is write-only, or a token.

    `ending` holds the last four characters, "" where the value is so short that they would tell too much.
    """

    __tablename__ = "secret"

    connection_id: Mapped[uuid.UUID]
    field: Mapped[str]
    sealed: Mapped[bytes]
    ending: Mapped[str] = mapped_column(default="")
    set_at: Mapped[datetime] = mapped_column(default=now)
    set_by: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "connection_id", "field", name="one_secret_per_field"),
        sa.CheckConstraint("length(ending) <= 4", name="at_most_four_characters_show"),
    )


class GrantAttempt(Tenant, Base):
    """One trip of a browser to a remote's consent page.  `state_hash` is the SHA-256 of what travels along.

    It was begun by a user, or by whoever opened a connect link.  `cause` and `detail` say why it brought nothing.
    """

    __tablename__ = "grant_attempt"

    connection_id: Mapped[uuid.UUID]
    state_hash: Mapped[bytes]
    session_hash: Mapped[bytes]
    user_id: Mapped[uuid.UUID | None]
    link_id: Mapped[uuid.UUID | None]
    redirect_uri: Mapped[str]
    sealed: Mapped[bytes | None]
    token_expires_at: Mapped[datetime | None]
    shop_id: Mapped[str] = mapped_column(default="")
    shop_name: Mapped[str] = mapped_column(default="")
    cause: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    returned_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        belongs_to("connect_link", "link_id"),
        sa.UniqueConstraint("merchant_id", "state_hash", name="a_state_is_used_once"),
        sa.CheckConstraint("num_nonnulls(user_id, link_id) = 1", name="a_trip_is_begun_by_a_user_or_by_a_link"),
    )


class ConnectLink(Tenant, Base):
    """A link whose holder may let us in at the remote for one connection, once, without an account here.

    `token_hash` is the SHA-256 of what stands in the address.
    """

    __tablename__ = "connect_link"

    connection_id: Mapped[uuid.UUID]
    token_hash: Mapped[bytes]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("connection", "connection_id"),
        sa.UniqueConstraint("merchant_id", "token_hash", name="a_link_has_its_own_token"),
        sa.Index("ix_connect_link_connection", "merchant_id", "connection_id", "id"),
    )


class Logo(Tenant, Base):
    """A picture made anew from an uploaded one: PNG, at most 512 pixels wide and high."""

    __tablename__ = "logo"

    png: Mapped[bytes]
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (sa.CheckConstraint("length(png) <= 1048576", name="a_logo_is_small"),)
