"""What a remote said of an order, without its buyer: remotes quote what they were sent."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from portal.contract.errors import RemoteError
from portal.flows import order_buyers, outbound
from portal.kit.buyers import digits
from portal.kit.masking import HIDDEN
from portal.models import Order

# Of these a remote quotes a part as well, such as the street without the number.
IN_PARTS = ("name", "address", "company")
# What many people have in common says nothing of one of them.
SHARED = ("country", "province")
# A part of a name or an address.  A shorter one stands by chance in any sentence; a sign of Chinese is half a word.
WORD = re.compile(r"[^\W\d_]+|\d+")
IN_A_ROW = re.compile(rf"{HIDDEN}(?:\s+{HIDDEN})+")
SHORTEST, SHORTEST_CHINESE = 3, 2
SHORTEST_PHONE = 5


def without_buyers(why: RemoteError, orders: Sequence[Order]) -> None:
    """Take the buyers of these orders out of what an error says, before any of it is kept or told."""
    if not (why.detail or why.said):
        return
    quoted = _quoted(orders)
    why.detail, why.said = hidden(why.detail, quoted), hidden(why.said, quoted)
    why.args = (f"{why.cause.value}: {why.detail}" if why.detail else why.cause.value,)


def told(text: str, orders: Sequence[Order]) -> str:
    """What a remote told of these orders, without their buyers."""
    return hidden(text, _quoted(orders)) if text else ""


def hidden(text: str, quoted: Iterable[re.Pattern[str]]) -> str:
    """A text without what any of these patterns finds in it."""
    for each in quoted:
        text = each.sub(HIDDEN, text)
    return IN_A_ROW.sub(HIDDEN, text)


def _quoted(orders: Sequence[Order]) -> list[re.Pattern[str]]:
    """What finds the buyers of these orders in a text, the longest first."""
    values = {value for each in orders for value in _values(each)}
    return [_pattern(each) for each in sorted(values, key=len, reverse=True)]


def _values(order: Order) -> Iterator[str]:
    """Everything of a buyer that can be recognised in a text, in one piece and in parts."""
    buyer = order_buyers.read(order) or order_buyers.Buyer()
    for consignee in (asdict(buyer.consignee), asdict(outbound.known_consignee(order))):
        texts = {name: value.strip() for name, value in consignee.items() if name not in SHARED}
        yield from filter(_is_told, texts.values())
        for name in IN_PARTS:
            yield from filter(_is_told, WORD.findall(texts[name]))
        if len(number := digits(texts["phone"])) >= SHORTEST_PHONE:
            yield number
    yield from filter(_is_told, (buyer.account, buyer.buyer_note.strip(), buyer.seller_note.strip()))


def _is_told(text: str) -> bool:
    return len(text) >= (SHORTEST if text.isascii() else SHORTEST_CHINESE)


def _pattern(value: str) -> re.Pattern[str]:
    """A value however it is spaced; a number also where signs stand between its digits."""
    if value.isascii() and value.isdigit() and len(value) >= SHORTEST_PHONE:
        return re.compile(r"[\s().-]*".join(value))
    inside = r"\s+".join(map(re.escape, value.split()))
    return re.compile(_edge(value[0], "(?<!{})") + inside + _edge(value[-1], "(?!{})"), re.IGNORECASE)


def _edge(sign: str, where: str) -> str:
    """Where a word may begin or end: not inside a longer one, as far as words are set apart."""
    return where.format(r"[^\W_]") if sign.isascii() and sign.isalnum() else ""
