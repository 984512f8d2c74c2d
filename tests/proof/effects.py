"""Intents and their effects, for proofs about the ledger: what was promised by a commit, and what came of it.

An intent is a product, written in one transaction with its work; the effect is an audit note of the intent's name.
"""

from __future__ import annotations

import uuid
from typing import Any

import redis
import rq
from flask import Flask, current_app
from rq.serializers import JSONSerializer

from portal.flows import audit, work
from portal.flows.audit import LINTAS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.kit.text import near
from portal.models import Product
from tests.stack import Stack
from workers import QUEUE

KIND = "proof_effect"
LANES = 8


def intend(name: str, number: int) -> None:
    """Write an intent and its work into the open transaction."""
    _product(name)
    work.add(KIND, f"proof-{number % LANES}", name, {"intent": name})


def _product(name: str) -> None:
    db.session.add(Product(merchant_id=whose(), id=new_id(), sku=name, sku_near=near(name), title=name))


def effect(claimed: Claim) -> Outcome:
    """Work: what the intent wanted."""
    _note(str(claimed.body["intent"]))
    return None


def _note(name: str) -> None:
    audit.note(LINTAS, KIND, "proof", uuid.uuid5(uuid.NAMESPACE_OID, name), name=name)


VERBS: dict[str, Verb] = {KIND: effect}


# --- the known-bad variant: RQ is the ledger --------------------------------------------------------------------------


def intend_plainly(name: str) -> None:
    """Write an intent into the open transaction; its job follows the commit."""
    _product(name)


def enqueue_plainly(app: Flask, name: str, merchant: uuid.UUID) -> bool:
    """One RQ job for the intent.  False where Redis is away: the commit cannot be taken back any more."""
    queue = rq.Queue(QUEUE, connection=app.extensions["lintas"].redis, serializer=JSONSerializer)
    try:
        queue.enqueue("tests.proof.effects.do_plainly", name, str(merchant), result_ttl=0)
    except redis.RedisError:
        return False
    return True


def do_plainly(name: str, merchant: str) -> None:
    """The RQ job."""
    with current_app.app_context(), acting_for(uuid.UUID(merchant)):
        _note(name)
        db.session.commit()


# --- the count --------------------------------------------------------------------------------------------------------

COUNT = """
    with intents as (select sku as name from product),
        effects as (select name, count(*) as times from audit_note where what = 'proof_effect' group by name),
        promised as (select natural_key as name from work where kind = 'proof_effect')
    select
        (select count(*) from intents),
        (select count(*) from intents where name not in (select name from effects)),
        (select count(*) from effects where times > 1),
        (select count(*) from (select name from effects union select name from promised) all_of_them
            where name not in (select name from intents))
"""


def counted(stack: Stack) -> dict[str, int]:
    """Committed intents; of these the lost and the doubled ones; and work or effects of intents that never were."""
    row: tuple[Any, ...] = stack.rows(COUNT)[0]
    return dict(zip(("committed", "lost", "doubled", "unasked"), map(int, row), strict=True))
