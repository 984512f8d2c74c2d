"""Who has an account at the sandbox of JD Logistics: the house's one app, and the codes of each customer."""

from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.records import Seller

ZONE = timezone(timedelta(hours=8))
YEAR = 365 * 86_400
# How much longer than the access a refresh token lasts.
REFRESH_LONGER = 31 * 86_400


def hexadecimal(*parts: object) -> str:
    """32 hexadecimal signs that depend on the parts only, as JD's keys and tokens look."""
    return f"{draw('jdl', *parts, 1):016x}{draw('jdl', *parts, 2):016x}"


HOUSE = {
    "app_key": hexadecimal("sandbox", "key"),
    "app_secret": hexadecimal("sandbox", "secret"),
    "push_key": f"sandbox-push-{hexadecimal('sandbox', 'push')[:16]}",
    "source_system": "LINTAS",
}


def of_the_house(name: str, number: int, **known: Any) -> Seller:
    """A customer who lets the house's app in."""
    return Seller.named(
        "jdl",
        name,
        number,
        **{
            "app_name": "Lintas",
            "app_key": HOUSE["app_key"],
            "app_secret": HOUSE["app_secret"],
            "seed": name,
            "dirty": 0.0,
            "rate": 10,
            "token_seconds": YEAR,
            **known,
        },
    )


READY = (
    of_the_house("northwick", 21, shop_name="Northwick Trading Co."),
    of_the_house("samudra", 22, shop_name="Toko Samudra"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """One warehouse of JD's."""

    code: str
    name: str
    country: str
    zone: str


@dataclass(frozen=True, slots=True)
class Codes:
    """What JD gave a customer."""

    customer: str
    operator: str
    system: str
    owner: str
    channel: str
    department: str
    sites: tuple[Site, Site]


_SITES = {
    "northwick": (("Birmingham Hams Hall", "GB", "Europe/London"), ("Milton Keynes", "GB", "Europe/London")),
    "samudra": (("Jakarta Cakung", "ID", "Asia/Jakarta"), ("Surabaya Rungkut", "ID", "Asia/Jakarta")),
}
_ELSEWHERE = (("Rotterdam", "NL", "Europe/Amsterdam"), ("Warsaw", "PL", "Europe/Warsaw"))


def codes_of(seller: Seller) -> Codes:
    """The codes of a customer; those of two customers differ in every one but the system's and the channel's."""
    number = seller.vender_id
    sites = _SITES.get(seller.business, _ELSEWHERE)
    return Codes(
        customer=f"KH{20_000_000_000 + number}",
        operator=f"jdl_{seller.name}",
        system=HOUSE["source_system"],
        owner=f"CO{number:07d}",
        channel="WEB",
        department=f"EBU{number:013d}",
        sites=(
            Site(f"C{number * 10 + 1:010d}", *sites[0]),
            Site(f"C{number * 10 + 2:010d}", *sites[1]),
        ),
    )
