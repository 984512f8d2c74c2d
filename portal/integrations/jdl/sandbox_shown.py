"""How the sandbox shows an outbound order: in an answer, in a list, in a message.  Fields are ours (docs/jd.md)."""

from collections.abc import Mapping
from typing import Any

from portal.contract.world.records import Seller
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_call import stamped
from portal.integrations.jdl.sandbox_papers import Paper, history

NAME = "customerOrderNo"
TEXTS = {
    "10010": "created",
    "10014": "accepted by warehouse",
    "10016": "picking",
    "10018": "packed",
    "10020": "left warehouse",
    "10034": "delivered",
    "10035": "refused by recipient",
    "10038": "return finished",
    "10027": "cancelling",
    "10028": "cancelled",
    "10029": "cancel failed",
    "10051": "exception (short, damaged)",
}


def short(paper: Paper) -> dict[str, Any]:
    """An order as its creation is answered."""
    return {
        **billed(paper),
        "jdOrderNo": paper["jd_order"],
        "status": paper["status"],
        "statusDesc": TEXTS[paper["status"]],
    }


def billed(paper: Paper) -> dict[str, Any]:
    """The numbers of an order: the customer's and JD's."""
    return {NAME: paper["reference"], "serviceBillCode": paper["bill"]}


def record(paper: Paper) -> dict[str, Any]:
    """An order as a query shows it."""
    consignee = paper["consignee"]
    return {
        **short(paper),
        "warehouseCode": paper["warehouse"],
        "actualCarrierName": paper.get("carrier"),
        "preShipWayBill": paper.get("tracking"),
        "createTime": stamped(paper["created"]),
        "outboundTime": stamped(paper.get("left")),
        "signingTime": stamped(paper.get("delivered")),
        "consigneeInformation": {name: consignee.get(name) for name in ("consigneeName", "country")},
        "goodsDtoList": goods(paper),
        "packageList": packages(paper),
        "statusList": history(paper, TEXTS),
        "splitBillCodes": paper.get("splits", []),
        "updateTime": stamped(paper["updated"]),
    }


def goods(paper: Paper) -> list[dict[str, Any]]:
    """The lines of an order, with how many pieces of each have left."""
    return [
        {
            "orderLine": line["line"],
            "customerGoodsId": line["sku"],
            "jdGoodsId": line["id"],
            "quantity": line["quantity"],
            "realOutstockQuantity": line.get("sent", 0),
        }
        for line in paper["lines"]
    ]


def packages(paper: Paper) -> list[dict[str, Any]]:
    """The parcels that have left, the first one first."""
    return [
        {
            "packageNo": parcel["number"],
            "trackingNo": parcel["tracking"],
            "carrierCode": paper["carrier"].upper().replace(" ", ""),
            "carrierName": paper["carrier"],
            "weight": "1.250",
            "outboundTime": stamped(parcel["left"]),
            "goods": [{"customerGoodsId": sku, "quantity": count} for sku, count in parcel["goods"]],
        }
        for parcel in paper["parcels"]
    ]


def message(seller: Seller, paper: Paper) -> dict[str, Any]:
    """The message of `outstock.status`."""
    found = {
        "customerCode": codes_of(seller).customer,
        **short(paper),
        "warehouseCode": paper["warehouse"],
        "operateTime": stamped(paper["updated"]),
    }
    if paper["status"] == "10020":
        found |= {
            "actualCarrierName": paper.get("carrier"),
            "preShipWayBill": paper.get("tracking"),
            "outboundTime": stamped(paper.get("left")),
            "goodsDtoList": goods(paper),
            "packageList": packages(paper),
        }
    return found


def trace_messages(paper: Paper) -> list[Mapping[str, Any]]:
    """Form B of the notes, one for each parcel: what a courier's scan is told as."""
    return [
        {
            "waybillCode": parcel["tracking"],
            "orderId": paper["reference"],
            "state": paper["status"],
            "operationTitle": TEXTS[paper["status"]],
            "operationRemark": TEXTS[paper["status"]],
            "operationTime": stamped(paper["updated"]),
        }
        for parcel in paper["parcels"]
    ]
