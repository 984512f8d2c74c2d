"""Orders for JD Logistics: given to a warehouse, found again, called back, and their parcels followed.

Busy and Garbled from `create` and `cancel` mean that nobody knows what JD did; the same call may be made again, since
the same number with the same content is answered as the first time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from portal.contract.definition import Fulfilling
from portal.contract.errors import BadRecord, Cause, Garbled, Refused, RemoteError
from portal.contract.reading import text
from portal.contract.records import (
    Answer,
    CancelAnswer,
    Consignee,
    Outbound,
    RemoteDocument,
    ShipmentStatus,
    TraceStep,
)
from portal.integrations.jdl import mapping, outward
from portal.integrations.jdl.client import JdlClient, listed
from portal.integrations.jdl.codes import CANCEL_ASKED, CANCEL_REFUSALS
from portal.integrations.jdl.statuses import STATUSES

T = TypeVar("T")
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)

# JD Logistics, outbound orders, cancel: what `resultType` says.
_RESULTS: Mapping[str, Answer] = {"0": Answer.CANCELLED, "1": Answer.ASKED, "2": Answer.TOO_LATE}
_STOPPED: Mapping[ShipmentStatus, Answer] = {
    ShipmentStatus.CANCELLED: Answer.CANCELLED,
    ShipmentStatus.CANCELLING: Answer.ASKED,
}
_TELLING = 4
# Fields of the consignee whose absence JD tells by a number that it uses for every field.
_OF_ADDRESS = frozenset(
    {"consigneeInformation", "consigneeName", "phone", "country", "state", "city", "district"}
    | {"address1", "address2", "postcode"}
)


def create(client: JdlClient, outbound: Outbound) -> RemoteDocument:
    """JD Logistics, outbound orders, create.  Raises Refused with what has to be changed before it can be sent.

    The same order again gives the same answer.  With other content under its number JD keeps what it has, and refuses.
    """
    where = {"warehouseCode": client.setting("warehouse_code"), "scCode": client.setting("sales_channel_code")}
    arguments = {name: value for name, value in where.items() if value}
    try:
        data = client.call("outstock.create", {**arguments, **outward.order(outbound, client.maps.values)})
    except RemoteError as why:
        raise _of_address(_without_buyer(why, outbound.consignee)) from None
    made = _read(mapping.outbound, data)
    return replace(
        made,
        reference=made.reference or outbound.reference,
        warehouse=made.warehouse or client.setting("warehouse_code"),
    )


def find(client: JdlClient, reference: str) -> RemoteDocument | None:
    """The order with this number as it is at JD now, None where there is none.

    Where JD has split it, this is the bill that names the others.
    """
    return next(iter(_bills(client, reference)), None)


def cancel(client: JdlClient, reference: str) -> CancelAnswer:
    """JD Logistics, outbound orders, cancel.  Raises Refused with NOT_THERE where JD has no such order."""
    try:
        answer = client.answer("outstock.cancel", {"customerOrderNo": reference})
    except Refused as why:
        if why.code == CANCEL_ASKED:
            return CancelAnswer(Answer.ASKED, why.said)
        if why.code not in CANCEL_REFUSALS:
            raise
        return _too_late(client, reference, why.said)
    result = _result(answer["data"])
    return _too_late(client, reference, answer["said"]) if result is Answer.TOO_LATE else CancelAnswer(result)


def trace(client: JdlClient, reference: str) -> Sequence[TraceStep]:
    """JD Logistics, outbound orders, trace: the steps of all its parcels, the oldest first; none while none is told."""
    data = client.call("outstock.trace", {"customerOrderNo": reference})
    if data is None:
        return ()
    if not isinstance(data, Mapping):
        raise Garbled(Cause.NOT_READABLE, f"data is a {type(data).__name__}, not an object")
    steps = [_read(mapping.step, each) for each in _read(lambda raw: mapping.rows(raw, "traceList"), data)]
    return sorted(steps, key=lambda each: each.at or _BEFORE_ALL)


def _bills(client: JdlClient, reference: str) -> list[RemoteDocument]:
    """Every bill of one number, the one that names the others first, then the oldest first.

    JD's services say in three ways that there is none: a refusal, no data at all, and an object without any value.
    """
    try:
        data = client.orders_named(reference)
    except Refused as why:
        if why.cause is Cause.NOT_THERE:
            return []
        raise
    if _is_blank(data):
        return []
    rows = [each for each in listed(data)[0] if not _is_blank(each)]
    # An answer that ignores what was asked for must not make one order out of another.
    mine = [each for each in rows if _read(lambda raw: text(raw, "customerOrderNo"), each) == reference]
    mine.sort(key=lambda each: (not each.get("splitBillCodes"), str(each.get("createTime") or "")))
    return [_read(mapping.outbound, each) for each in mine]


def _too_late(client: JdlClient, reference: str, said: str) -> CancelAnswer:
    """What a refused cancellation means: the order has left, unless it is cancelled already or about to be."""
    bills: list[RemoteDocument] = []
    # The refusal is an answer; why and since when is worth a question, and nothing is lost without it.
    with suppress(RemoteError):
        bills = _bills(client, reference)
    stopped = {_STOPPED.get(STATUSES.get(each.status_word, ShipmentStatus.KEEP)) for each in bills}
    if len(stopped) == 1 and (answer := stopped.pop()) is not None:
        return CancelAnswer(answer, said)
    return CancelAnswer(Answer.TOO_LATE, said, min((each.left_at for each in bills if each.left_at), default=None))


def _result(data: Any) -> Answer:
    found = data.get("resultType") if isinstance(data, Mapping) else None
    answer = None if isinstance(found, bool) else _RESULTS.get(str(found).strip())
    if answer is None:
        raise Garbled(Cause.NOT_READABLE, "resultType is none of 0, 1 and 2")
    return answer


def _without_buyer(why: RemoteError, who: Consignee) -> RemoteError:
    """The same error without what JD may have echoed of the recipient; which field it was stays."""
    values = sorted((getattr(who, each.name).strip() for each in fields(who)), key=len, reverse=True)
    for value in values:
        # A shorter text would be found in the middle of common words, and says little of anybody.
        if len(value) >= _TELLING or (value and not value.isascii()):
            why.said, why.detail = _blotted(why.said, value), _blotted(why.detail, value)
    if isinstance(why, Garbled):
        why.sample = b""
    return why


def _blotted(said: str, value: str) -> str:
    """The words without a value, nor the beginning of one at whose middle they were cut off."""
    said = said.replace(value, "…")
    begun = next((size for size in range(len(value) - 1, _TELLING - 1, -1) if said.endswith(value[:size])), 0)
    return f"{said[:-begun]}…" if begun else said


def _of_address(why: RemoteError) -> RemoteError:
    """The same refusal as one of the address, where JD's words name a field of it."""
    named = next((word for word in re.findall(r"\w+", why.said) if word in _OF_ADDRESS), "")
    if why.code not in {"2000", "3008"} or not named:
        return why
    return Refused(Cause.ADDRESS_UNCLEAR, f"{why.detail}: {named}", code=why.code, said=why.said)


def _is_blank(found: Any) -> bool:
    """Whether an answer holds no value at all."""
    if isinstance(found, Mapping):
        return all(_is_blank(each) for each in found.values())
    return found is None or found == ""


def _read(how: Callable[[Mapping[str, Any]], T], found: Any) -> T:
    """What a mapping reads.  Raises Garbled for what it cannot read, since this is an answer and not one of many."""
    if not isinstance(found, Mapping):
        raise Garbled(Cause.NOT_READABLE, f"data is a {type(found).__name__}, not an object")
    try:
        return how(found)
    except BadRecord as why:
        raise Garbled(Cause.NOT_READABLE, str(why)) from None


FULFILLING = Fulfilling(create=create, find=find, cancel=cancel, trace=trace)
