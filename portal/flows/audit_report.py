"""What the operator is told about the audit trails of all merchants; of a note only its place and its time."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from portal.flows import audit_chain, audit_heads, merchants
from portal.flows.audit_chain import Break, Fault
from portal.flows.audit_heads import Known
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Merchant

MOST_TOLD = 5
# The relay writes every ten minutes.
PATIENCE = timedelta(minutes=30)
WHAT_TO_DO = "Keep the database, its backups and the file of heads as they are, and read SECURITY.md."


@dataclass(frozen=True, slots=True)
class Report:
    """How many trails there are, how many notes, and a sentence for each fault."""

    trails: int
    notes: int
    faults: Sequence[str]


def report() -> Report:
    """Look at the trail of every merchant."""
    faults: list[str] = []
    try:
        known = audit_heads.read()  # Before the rows are: the file may then know less than they, and never more.
    except OSError as why:
        known = Known()
        faults.append(f"The file of PORTAL_AUDIT_HEADS cannot be read ({type(why).__name__}). Give access to it.")
    if known.strange:
        faults.append(
            f"{known.strange} lines in the file of PORTAL_AUDIT_HEADS are torn, or were not written under the present "
            "PORTAL_SECRET_KEY. Where you changed the key, put the file away and let the relay begin another one."
        )
    faults += _behind(known)
    trails = notes = 0
    for merchant_id in sorted(_merchants(known)):
        chain = audit_chain.verify(merchant_id, known.heads.get(merchant_id, {}))
        if merchant_id in known.gone and not chain.notes:
            continue
        trails, notes = trails + 1, notes + chain.notes
        if chain.faults:
            faults.append(f"The audit trail of {_name(merchant_id)} is not whole: {_told(chain.faults)}. {WHAT_TO_DO}")
    return Report(trails, notes, faults)


def _behind(known: Known) -> Iterator[str]:
    if audit_heads.path() is None:
        return
    if why := audit_heads.trouble():
        yield (
            f"The relay cannot write the file of PORTAL_AUDIT_HEADS ({why}). Let it write there; it tries again "
            "every ten minutes."
        )
    late = [each for each in audit_heads.heads() if each.at < now() - PATIENCE and not known.has(each)]
    if late:
        since = min(each.at for each in late)
        yield (
            f"What was noted at {since:%Y-%m-%d %H:%M} UTC was not written down in the file of PORTAL_AUDIT_HEADS. See "
            "that the relay runs and can write there, then run `portal audit-heads`."
        )


def _merchants(known: Known) -> set[uuid.UUID]:
    there = {each.merchant_id for each in audit_heads.heads()}
    return there.union(known.heads, (each.id for each in merchants.every()))


def _name(merchant_id: uuid.UUID) -> str:
    with acting_for(merchant_id):
        name = db.session.scalar(sa.select(Merchant.name).where(Merchant.id == merchant_id))
        db.session.rollback()
    return f"{name} ({merchant_id})" if name else f"merchant {merchant_id}"


def _told(faults: Sequence[Fault]) -> str:
    told = [_sentence(each) for each in faults[:MOST_TOLD]]
    if len(faults) > MOST_TOLD:
        told.append(f"and {len(faults) - MOST_TOLD} more")
    return "; ".join(told)


def _sentence(fault: Fault) -> str:
    at = f" ({fault.at:%Y-%m-%d %H:%M} UTC)" if fault.at else ""
    places = f"note {fault.first}" if fault.first == fault.last else f"notes {fault.first} to {fault.last}"
    match fault.what:
        case Break.CHANGED:
            return f"{places}{at} is not what was written"
        case Break.REMOVED:
            return f"{places} {'is' if fault.first == fault.last else 'are'} missing"
        case Break.OUTSIDE:
            return f"{fault.first} notes, the first{at}, stand outside of the chain"
        case Break.HEAD:
            return f"its head says {fault.first} and its last note is {fault.last}"
        case Break.CUT:
            return f"{places} were there when the head was written down{at} and are gone"
        case Break.ANOTHER:
            return f"{places} is not the one whose head was written down{at}"


def missing_place() -> Iterator[str]:
    """Says where the heads are written down nowhere, so that one kind of fault cannot be found."""
    if audit_heads.path() is None:
        yield (
            "PORTAL_AUDIT_HEADS is not set, so an audit trail that was cut off together with its head looks whole. Set "
            "a file that only grows, best on another machine."
        )
