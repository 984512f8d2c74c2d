"""Rules that say where orders go, and why each order went where it did."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.clock import now
from portal.kit.db import Base, Tenant, belongs_to, words


class RuleAction(StrEnum):
    """What a rule does with an order.  TAG does not end the search; the other three do."""

    ASSIGN = "assign"
    HOLD = "hold"
    EXCLUDE = "exclude"
    TAG = "tag"


class OrderStage(StrEnum):
    """Where an order stands in this house.

    PENDING is not routed yet, CONFIRM waits for the merchant before that; ASSIGNED has a shipment.  BLOCKED was routed
    to a plugin that cannot send it.  DONE needs nothing more of us.
    """

    PENDING = "pending"
    CONFIRM = "confirm"
    HELD = "held"
    EXCLUDED = "excluded"
    NEEDS_PLUGIN = "needs_plugin"
    BLOCKED = "blocked"
    ASSIGNED = "assigned"
    DONE = "done"


class Rule(Tenant, Base):
    """One rule of a store.  The active ones are tried by rank; the first that holds wins.

    `conditions` is a list of {field, operator, value}, all of which must hold.  `connection_id` is the plugin that
    ASSIGN names; with `fall_back` the store's default plugin takes what that one cannot send.  `version` counts the
    changes of what the rule says.
    """

    __tablename__ = "rule"

    store_id: Mapped[uuid.UUID]
    rank: Mapped[int]
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    conditions: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    action: Mapped[RuleAction] = mapped_column(words(RuleAction))
    connection_id: Mapped[uuid.UUID | None]
    text: Mapped[str] = mapped_column(default="")
    fall_back: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("connection", "connection_id", ondelete="RESTRICT"),
        sa.UniqueConstraint(
            "merchant_id", "store_id", "rank", name="one_rule_per_rank", deferrable=True, initially="DEFERRED"
        ),
        sa.CheckConstraint("length(btrim(name)) between 1 and 80", name="a_rule_has_a_name"),
        sa.CheckConstraint("jsonb_array_length(conditions) between 1 and 10", name="a_rule_has_one_to_ten_conditions"),
        sa.CheckConstraint("(action = 'assign') = (connection_id is not null)", name="only_assigning_names_a_plugin"),
        sa.CheckConstraint("action = 'assign' or text <> ''", name="a_hold_an_exclusion_and_a_tag_have_words"),
    )


class RoutingDecision(Tenant, Base):
    """Why an order went where it did: every rule that was tried, with the first condition that did not hold.

    `stage` is where it led.  `rule_id` is the rule that decided, None for the default plugin and for none; what the
    rule was called then stands in `tried`.  Append only.
    """

    __tablename__ = "routing_decision"

    order_id: Mapped[uuid.UUID]
    stage: Mapped[OrderStage] = mapped_column(words(OrderStage))
    rule_id: Mapped[uuid.UUID | None]
    rule_version: Mapped[int | None]
    connection_id: Mapped[uuid.UUID | None]
    cause: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    tried: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    tags: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    who: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("orders", "order_id"),
        sa.Index("ix_routing_decision_order", "merchant_id", "order_id", "at", "id"),
        sa.Index("ix_routing_decision_rule", "merchant_id", "rule_id", postgresql_where=sa.text("rule_id is not null")),
    )
