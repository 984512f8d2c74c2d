"""SKU codes that are nearly the same: how they are made, and the normal form by which they are found."""

import re
from unicodedata import category, normalize


def twin(sku: str) -> str:
    """The normalised twin of a SKU text: NFKC, case folded, every dash one dash, no white space."""
    folded = normalize("NFKC", sku).casefold()
    return "".join("-" if category(sign) == "Pd" or sign == "−" else sign for sign in folded if not sign.isspace())


def _wide(sku: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in sku)


def near(sku: str, way: int) -> str:
    """The same code written differently: in case, outer spaces, full-width forms or dash type."""
    ways = (
        sku.lower(),
        f" {sku}",
        sku.replace("-", "–"),
        _wide(sku),
        f"{sku.title()} ",
        sku.replace("-", "‐", 1),
        sku[:3] + _wide(sku[3]) + sku[4:],
        f"\u3000{sku.lower()}",
    )
    return ways[way % len(ways)]


def parent_named(sku: str) -> int | None:
    """The number of the parent that a generated code names, also in a near writing of it; None for other texts."""
    found = re.match(r"[a-z]{3}-[a-z]{3}-[a-z]{0,3}(\d{5,7})-", twin(sku))
    return int(found[1]) if found else None
