"""Giving a shipment to its plugin: once, whatever becomes of the answer.

Before the call it is noted that nobody knows yet (UNSURE); after an unknown outcome the plugin is asked for the
reference before anything is repeated, and the reference stays the same for ever.
"""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from portal import integrations
from portal.contract.definition import Fulfilling
from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account, ApiClient
from portal.contract.records import Outbound, RemoteDocument
from portal.flows import (
    cancelling,
    grants,
    lines,
    notices,
    outbound,
    planning,
    quoting,
    shipments,
    stock,
    trouble,
    work,
)
from portal.flows.shipments import WAITS_FOR_STOCK, Held, hold, note, stage
from portal.flows.work import Again, Claim, Dead, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import TO_SHIP, Connection, OrderStage, Shipment, ShipmentState

SENDABLE = (ShipmentState.PLANNED, ShipmentState.UNSURE, ShipmentState.REFUSED)
# These wait for a person or for a rule, whatever was planned.
AT_REST = (OrderStage.HELD, OrderStage.EXCLUDED, OrderStage.CONFIRM, OrderStage.DONE)
LOOK_AGAIN, REST = timedelta(minutes=10), timedelta(minutes=5)
# No call of ours is under way longer than this.
IN_FLIGHT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the plugin with no transaction open.

    `asks_first` is whether an earlier attempt may have arrived, `stops` whether the shipment shall be sent no more.
    `refusal` is why it cannot be sent as it is, found before any call.
    """

    plugin: Connection
    who: Account
    reference: str
    outbound: Outbound | None = field(repr=False, default=None)
    refusal: Refused | None = None
    asks_first: bool = False
    stops: bool = False


class Unanswered(Exception):
    """The plugin did not say whether it has the shipment."""

    def __init__(self, why: RemoteError) -> None:
        super().__init__(str(why))
        self.why = why


def send(claimed: Claim) -> Outcome:
    """Work: give a shipment to its plugin."""
    shipment_id = uuid.UUID(claimed.body["shipment"])
    found = db.session.get(Shipment, (whose(), shipment_id))
    if found is None or found.state not in SENDABLE:
        return None
    plugin = db.session.get_one(Connection, (whose(), found.connection_id))
    if cause := shipments.rests(plugin):
        return Again(REST.total_seconds(), why=cause)
    try:
        grants.keep_fresh(plugin)
        who = lines.account(plugin)
        db.session.commit()
    except (Busy, Garbled, Refused) as why:  # Nothing was asked of the plugin yet.
        db.session.rollback()
        return Again(REST.total_seconds(), why=str(why))
    except Unauthorised as why:
        return _let_in_again(claimed, shipment_id, why)
    return _give(claimed, shipment_id, who)


def _give(claimed: Claim, shipment_id: uuid.UUID, who: Account) -> Outcome:
    try:
        call = _begin(claimed, shipment_id, who)
        if not isinstance(call, Call):
            return call
        document = _ask(call)
    except Unanswered as why:
        return _unsure(claimed, shipment_id, why.why)
    except Refused as why:
        return _refused(shipment_id, why)
    except Unauthorised as why:
        return _let_in_again(claimed, shipment_id, why)
    return _answered(shipment_id, document)


def _begin(claimed: Claim, shipment_id: uuid.UUID, who: Account) -> Call | Outcome:
    """The transaction before the call: what is sent, or why nothing is now."""
    held = hold(shipment_id)
    if held is None or held.shipment.state not in SENDABLE:
        return None
    shipment = held.shipment
    plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
    asks_first = shipment.sent_at is not None
    if shipment.state is not ShipmentState.UNSURE:
        waits = _waits(held, plugin)
        if waits is not None or not held.orders:
            return waits
    made, refusal = _made(held, plugin)
    if refusal is not None and shipment.state is not ShipmentState.UNSURE:
        _note_refusal(held, plugin, refusal)
        return None
    if shipment.state is not ShipmentState.UNSURE:
        shipment.move(ShipmentState.UNSURE)
        shipment.sent_at = now()
        shipment.cause = shipment.detail = shipment.said = ""
        stock.make_firm([each.id for each in held.orders])
        note(held.orders, "sent_to", plugin=plugin.name, reference=shipment.reference)
    stops, reference = bool(shipment.cancel_why), shipment.reference
    work.hold(claimed)
    db.session.commit()
    return Call(plugin, who, reference, made, refusal, asks_first, stops)


def _waits(held: Held, plugin: Connection) -> Outcome:
    """Why a shipment is not sent now, in the open transaction; leaves only the orders in it that are to be sent."""
    shipment = held.shipment
    gone = [each for each in held.orders if each.status not in TO_SHIP or each.stage in AT_REST or each.by_channel]
    if gone:
        planning.take_out([each.id for each in gone], "not_to_ship", in_hand=True)
        cancelling.set_aside(gone)
        held.orders = [each for each in held.orders if each not in gone]
    if apart := planning.strangers(held.orders):
        planning.take_out([each.id for each in apart], "no_longer_alike", in_hand=True)
        planning.send_apart(apart, plugin)
        held.orders = [each for each in held.orders if each not in apart]
    if not held.orders:
        return None
    if shipment.state is ShipmentState.PLANNED and shipment.send_after > now():
        return Again((shipment.send_after - now()).total_seconds())
    missing = sum(stock.covered([each.id for each in held.orders]).values())
    if missing:
        if shipment.cause != WAITS_FOR_STOCK and shipment.state is ShipmentState.PLANNED:
            shipment.cause = WAITS_FOR_STOCK
            note(held.orders, "short", missing=missing, plugin=plugin.name)
        shipments.tell(plugin)
        return Again(LOOK_AGAIN.total_seconds(), why=WAITS_FOR_STOCK)
    return None


def _made(held: Held, plugin: Connection) -> tuple[Outbound | None, Refused | None]:
    try:
        return outbound.made(held.shipment, held.orders, plugin), None
    except Refused as why:
        return None, why


def _ask(call: Call) -> RemoteDocument | None:
    """Ask the plugin, with no transaction open; None where it has nothing and shall have nothing.

    Raises Unanswered where nobody knows, Refused where it said no, Unauthorised where it knows us no more.
    """
    fulfilling = integrations.get(call.plugin.integration).fulfilling
    if fulfilling is None:
        raise Refused(Cause.REFUSED, "this plugin takes no orders")
    with lines.open_client(call.plugin, with_account=call.who) as client:
        found = _found(fulfilling, client, call.reference) if call.asks_first else None
        if found is not None or call.stops:
            return found
        if call.refusal is not None:
            raise call.refusal
        if call.outbound is None:
            raise Refused(Cause.UNKNOWN_GOODS, "there is nothing to send")
        try:
            return fulfilling.create(client, call.outbound)
        except (Busy, Garbled) as why:
            raise Unanswered(why) from None
        except Refused as why:
            if why.cause is not Cause.REFERENCE_TAKEN:
                raise
            # Only we give out this reference: an earlier attempt did arrive.
            if (there := _found(fulfilling, client, call.reference)) is None:
                raise
            return there


def _found(fulfilling: Fulfilling, client: ApiClient, reference: str) -> RemoteDocument | None:
    try:
        return fulfilling.find(client, reference)
    except (Busy, Garbled, Refused) as why:
        # Whatever it refuses, it has not said that the shipment is not there.
        raise Unanswered(why) from None


def _answered(shipment_id: uuid.UUID, document: RemoteDocument | None) -> Outcome:
    """The plugin has it, or, where it shall have it no more, has it not."""
    held = hold(shipment_id)
    if held is None:
        return None
    shipment = held.shipment
    plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
    if shipment.state is not ShipmentState.UNSURE:  # Its document came in meanwhile.
        if document is not None:
            shipment.remote_id = shipment.remote_id or document.remote_id
        return None
    if document is None:
        return _never_arrived(held)
    shipments.accept(held, plugin, document.remote_id)
    shipment.status_word = shipment.status_word or document.status_word
    if shipment.cancel_why:
        cancelling.pursue(held, plugin)
    return None


def _never_arrived(held: Held) -> Outcome:
    """The plugin does not have what shall not be sent any more; a call that is still under way is waited for."""
    ends = (held.shipment.sent_at or now()) + IN_FLIGHT
    if ends > now():
        return Again((ends - now()).total_seconds())
    cancelling.cancelled(held)
    return None


def _unsure(claimed: Claim, shipment_id: uuid.UUID, why: RemoteError) -> Outcome:
    """Nobody knows whether it arrived: the next attempt asks.  After the last one a person has to look."""
    held = hold(shipment_id)
    if held is None or held.shipment.state is not ShipmentState.UNSURE:
        return None
    quoting.without_buyers(why, held.orders)
    shipment = held.shipment
    if shipment.cause != why.cause.value:
        note(held.orders, "unsure", cause=why.cause.value)
    shipment.cause, shipment.detail, shipment.said = why.cause.value, f"{why.code} {why.detail}".strip(), why.said
    outcome = work.after_failure(claimed.attempts, str(why), why.after)
    if isinstance(outcome, Dead):
        plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
        numbers = [each.number for each in held.orders]
        notices.tell("shipment", shipment.id, shipments.UNSURE, grave=True, name=plugin.name, numbers=numbers)
    return outcome


def _refused(shipment_id: uuid.UUID, why: Refused) -> Outcome:
    held = hold(shipment_id)
    if held is None or held.shipment.state is not ShipmentState.UNSURE:
        return None
    if held.shipment.cancel_why:  # It was not taken, and shall not be sent: both are content.
        cancelling.cancelled(held)
        return None
    _note_refusal(held, db.session.get_one(Connection, (whose(), held.shipment.connection_id)), why)
    return None


def _note_refusal(held: Held, plugin: Connection, why: Refused) -> None:
    """It cannot be sent as it is, in the open transaction: the orders wait for the merchant."""
    quoting.without_buyers(why, held.orders)
    shipment = held.shipment
    shipment.move(ShipmentState.REFUSED)
    shipment.cause, shipment.detail, shipment.said = why.cause.value, f"{why.code} {why.detail}".strip(), why.said
    stock.make_firm([each.id for each in held.orders], firm=False)
    stage(held.orders, OrderStage.BLOCKED, why.cause.value)
    note(held.orders, "send_refused", plugin=plugin.name, cause=why.cause.value, said=why.said)
    notices.clear("shipment", shipment.id, shipments.UNSURE)
    shipments.tell(plugin)


def _let_in_again(claimed: Claim, shipment_id: uuid.UUID, why: Unauthorised) -> Outcome:
    """The credentials no longer work.  New tokens are tried once; then the plugin rests, and the shipment waits."""
    db.session.rollback()
    found = db.session.get_one(Shipment, (whose(), shipment_id))
    plugin = db.session.get_one(Connection, (whose(), found.connection_id))
    if claimed.attempts <= 1 and grants.renew_now(plugin):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), plugin.id)), why)
    return Again(REST.total_seconds(), why=why.cause.value)
