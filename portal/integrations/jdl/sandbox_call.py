"""One call to the sandbox of JD Logistics: its arguments, and what every service checks before it acts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.contract.world.catalogue import Catalogue
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_accounts import ZONE, Codes, Site, codes_of


class GatewayNo(Exception):
    """The gateway refuses a call."""

    def __init__(self, code: str, note: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.note = note


class ServiceNo(Exception):
    """A service refuses a call; `data` is what it says besides."""

    def __init__(self, code: str, message: str, data: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.data = data


Tell = Callable[[Seller, str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that passed the gateway.  `tell` pushes a message to the customer who subscribed."""

    world: World
    id: str
    operation: str
    seller: Seller
    arguments: Mapping[str, Any]
    tell: Tell

    @property
    def catalogue(self) -> Catalogue:
        """The caller's goods."""
        return self.world.catalogue(self.seller)

    @property
    def codes(self) -> Codes:
        """The caller's codes."""
        return codes_of(self.seller)

    @property
    def site(self) -> Site:
        """The warehouse that the call names, which `checked` has found."""
        return site_of(self.seller, self.text("warehouseCode"))

    def effect(self, name: str, **arguments: Any) -> None:
        """Writes an effect into the journal."""
        self.world.note("effect", self.id, self.seller.name, self.operation, effect=name, arguments=arguments)

    def has(self, name: str) -> bool:
        """Whether an argument is there and not blank."""
        return self.arguments.get(name) not in (None, "", [])

    def text(self, name: str, *, most: int = 200, required: bool = False) -> str:
        """A text argument, "" where it may be missing.  Refuses one that is missing, too long or no text."""
        return text_in(self.arguments, name, most=most, required=required)

    def texts(self, name: str, most: int) -> list[str]:
        """A list of texts, empty where there is none.  Refuses a longer one."""
        found = self.arguments.get(name) or []
        if not isinstance(found, list) or any(not isinstance(each, str) for each in found):
            raise ServiceNo("3008", f"{name} must be a list of text")
        if len(found) > most:
            raise ServiceNo("3008", f"{name} holds more than {most}")
        return list(dict.fromkeys(found))

    def lines(self, most: int = 200) -> list[Mapping[str, Any]]:
        """The goods of an order, their line numbers each once."""
        found = self.arguments.get("goodsDtoList")
        if not isinstance(found, list) or not found:
            raise ServiceNo("2000", "goodsDtoList is missing")
        if len(found) > most or any(not isinstance(each, dict) for each in found):
            raise ServiceNo("3008", f"goodsDtoList must hold 1 to {most} objects")
        numbers = [text_in(each, "orderLine", required=True) for each in found]
        if len(set(numbers)) < len(numbers):
            raise ServiceNo("2087", "duplicate orderLine")
        return found

    def page(self, most: int) -> tuple[int, int]:
        """Which page is asked for and its size, under any of the names that JD's services have for it."""
        number = next((self.arguments[name] for name in ("pageNo", "page", "pageNum") if self.has(name)), 1)
        number, size = whole(number, "pageNo"), whole(self.arguments.get("pageSize", most), "pageSize")
        if number < 1 or not 1 <= size <= most:
            raise ServiceNo("3008", f"pageNo is from 1 on, pageSize from 1 to {most}")
        return number, size


def text_in(inside: Mapping[str, Any], name: str, *, most: int = 200, required: bool = False) -> str:
    """A text in an object.  Refuses one that is missing, too long or no text."""
    found = inside.get(name)
    if found is None or found == "":
        if required:
            raise ServiceNo("2000", f"{name} is missing")
        return ""
    if not isinstance(found, str) or len(found) > most:
        raise ServiceNo("3008", f"{name} must be text of at most {most} signs")
    return found


def whole(value: Any, name: str) -> int:
    """A whole number, also as text.  Refuses anything else."""
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,9}", str(value)):
        raise ServiceNo("3008", f"{name} must be a whole number")
    return int(value)


def quantity(line: Mapping[str, Any]) -> int:
    """How many pieces a line is of."""
    found = whole(line.get("quantity", ""), "quantity") if line.get("quantity") is not None else 0
    if found < 1:
        raise ServiceNo("2000" if line.get("quantity") is None else "3008", "quantity must be 1 or more")
    return found


def moment(call: Call, name: str) -> float | None:
    """A time argument in seconds since 1970, None where there is none."""
    word = call.text(name)
    if not word:
        return None
    try:
        return datetime.strptime(word, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE).timestamp()
    except ValueError:
        raise ServiceNo("3008", f"{name} must be yyyy-MM-dd HH:mm:ss") from None


def stamped(seconds: float | None) -> str | None:
    """A time as JD writes it, None for none."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def site_of(seller: Seller, code: str) -> Site:
    """The customer's warehouse with that code.  Refuses any other."""
    found = next((each for each in codes_of(seller).sites if each.code == code), None)
    if found is None:
        raise ServiceNo("2130", f"warehouse {code[:50]} is unknown or not open to the customer")
    return found


def checked(call: Call, *, warehouse: bool, channel: bool) -> None:
    """What every service checks, in this order: the codes of the block, the channel, the warehouse."""
    codes = call.codes
    for name in ("customerCode", "operatorAccount", "systemCode", "systemType"):
        call.text(name, required=True)
    wrong = [
        ("systemType", "10", "2055", 'systemType must be "10"'),
        ("customerCode", codes.customer, "2001", "customer code is unknown"),
        ("systemCode", codes.system, "2003", "system code is unknown for the customer"),
        ("cargoOwnerCode", codes.owner, "2004", "cargo owner does not belong to the customer"),
        ("operatorAccount", codes.operator, "2006", "operator has no right for the customer or department"),
        ("customerDeptCode", codes.department, "2006", "operator has no right for the customer or department"),
    ]
    if channel:
        wrong.append(("scCode", codes.channel, "2059", "sales channel is unknown"))
    for name, right, code, message in wrong:
        if call.has(name) and call.text(name) != right:
            raise ServiceNo(code, message)
    if warehouse and call.text("warehouseCode", required=True):
        site_of(call.seller, call.text("warehouseCode"))
