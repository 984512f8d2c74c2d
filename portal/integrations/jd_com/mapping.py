"""JD.com's SKUs in our words.  Pure: a mapping in, a record out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.reading import amount, instant, part, remote_id, text, whole
from portal.contract.records import RemoteListing

CURRENCY = "CNY"

# JD.com gateway, ware search: 8 is on sale; the bit of 512 says that a change waits for review, which ends no sale.
_WARE_ON_SALE = 8
_IN_REVIEW = 512
_SKU_ON_SALE = 1


def product(raw: Mapping[str, Any]) -> RemoteListing:
    """One SKU with its ware.  Raises BadRecord where ids are missing or a number cannot be read."""
    ware, sku = part(raw, "ware"), part(raw, "sku")
    if not sku:
        raise BadRecord("a ware whose id cannot be read")
    ware_title = text(ware, "title") or text(sku, "wareTitle")
    return RemoteListing(
        remote_id=remote_id(sku, "skuId"),
        parent_id=remote_id(sku, "wareId"),
        sku=text(sku, "outerId"),
        title=text(sku, "skuName") or ware_title,
        parent_title=ware_title,
        price=amount(sku, "jdPrice", CURRENCY),
        quantity=whole(sku, "stockNum"),
        status_word="/".join(filter(None, (text(ware, "wareStatus"), text(sku, "status")))),
        on_sale=_on_sale(ware, sku),
        attributes=_attributes(sku),
        barcode=text(sku, "barCode"),
        image=_image(sku),
        updated_at=_latest(instant(ware, "modified"), instant(sku, "modified")),
    )


def _on_sale(ware: Mapping[str, Any], sku: Mapping[str, Any]) -> bool:
    """Whether a buyer can order it: the ware and the SKU are both on sale.  What is not told does not stand against."""
    ware_status, sku_status = whole(ware, "wareStatus"), whole(sku, "status")
    ware_sells = ware_status is None or ware_status & ~_IN_REVIEW == _WARE_ON_SALE
    return ware_sells and sku_status in {None, _SKU_ON_SALE}


def _attributes(sku: Mapping[str, Any]) -> str:
    """The buyer's names of the sale attributes, colour before size."""
    found = sku.get("saleAttrs")
    attributes = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    attributes.sort(key=lambda each: text(each, "index"))
    names = [each.get("attrValueAlias") for each in attributes]
    return " / ".join(word for words in names if isinstance(words, list) for word in words if isinstance(word, str))


def _image(sku: Mapping[str, Any]) -> str:
    """The picture where it is a whole address; JD.com's bare paths name no host."""
    address = text(sku, "logo")
    return address if address.startswith("https://") else ""


def _latest(*moments: datetime | None) -> datetime | None:
    """The later change counts: a new title of the ware changes all its SKUs."""
    return max((each for each in moments if each), default=None)
