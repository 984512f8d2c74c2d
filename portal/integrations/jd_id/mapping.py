"""JD.ID's SKUs in our words.  Pure: a mapping in, a record out."""

from collections.abc import Mapping
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.reading import amount, instant, part, remote_id, text
from portal.contract.records import RemoteListing, Verdict

CURRENCY = "IDR"

# What JD.ID's `auditStatus` numbers mean.  Only that 4 is a change under audit stands in a client of that time; which
# number a passed audit had is not established, and that it is 1 is our choice.  A merchant may correct the table for
# one connection, and a number that is not in it stays visible as it is.
AUDITS: Mapping[str, Verdict] = {"1": Verdict.PASSED, "4": Verdict.WAITING}

# JD.ID gateway: a product is online at 1, an SKU is active at 1.
_ONLINE = "1"
_ACTIVE = "1"


def product(raw: Mapping[str, Any]) -> RemoteListing:
    """One SKU with its product (SPU).  Raises BadRecord where ids are missing or a number cannot be read.

    The stock is not told with the SKU.  A product's detail that lacks the audit state gives the empty word, which no
    table knows; the first generation's short row tells none, so there is no word at all.
    """
    spu, sku = part(raw, "spu") or part(raw, "tiny"), part(raw, "sku")
    if not sku:
        raise BadRecord("a product whose id cannot be read")
    product_name, image = text(spu, "spuName"), text(sku, "mainImgUri") or text(spu, "mainImgUri")
    ware_status, sku_status = text(spu, "wareStatus"), text(sku, "status")
    return RemoteListing(
        remote_id=remote_id(sku, "skuId"),
        parent_id=remote_id(sku if sku.get("spuId") is not None else spu, "spuId"),
        sku=text(sku, "sellerSkuId"),
        title=text(sku, "skuName") or product_name,
        parent_title=product_name,
        price=amount(sku, "jdPrice", CURRENCY),
        status_word="/".join(filter(None, (ware_status, sku_status))),
        on_sale=ware_status in {"", _ONLINE} and sku_status in {"", _ACTIVE},
        audit_word=text(spu, "auditStatus") or (None if "tiny" in raw else ""),
        attributes=_attributes(sku),
        barcode=text(sku, "upc"),
        # JD.ID's bare picture paths name no host.
        image=image if image.startswith("https://") else "",
        updated_at=instant(spu, "modified"),
    )


def _attributes(sku: Mapping[str, Any]) -> str:
    """The buyer's words of the sale attributes; how the map was built is not established, so only plain words count."""
    found = sku.get("saleAttributeNameMap")
    if isinstance(found, Mapping):
        return " / ".join(word for word in found.values() if isinstance(word, str))
    return found if isinstance(found, str) else ""
