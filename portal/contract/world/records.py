"""What a sandbox remembers, as plain records."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from portal.contract.goods import Label, draw


class Level(StrEnum):
    """How far a remote trusts a seller; a basic one may not use the open gateway where levels exist."""

    BASIC = "basic"
    QUALIFIED = "qualified"


def fake(kind: str, *parts: object, length: int = 24) -> str:
    """A key, secret or token that depends on the parts only and shows at first sight that it opens nothing."""
    digits = "".join(f"{draw(kind, *parts, number):016x}" for number in range(-(-length // 16)))
    return f"sandbox-{kind}-{digits[:length]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """One seller's account at the remote, with the app that the seller registered there.

    `name` is our handle for it, `merchant` the business that it belongs to, "" where that has the same handle.
    `seed`, `channel`, `size` and `dirty` say which catalogue it has.  `rate` is calls a second and `quota` calls a day,
    None for no limit.  `denied` are the operations that the app has no right to.
    `token_seconds` is how long a new access token lives.  `told` are numbers that the protocol leaves open and that
    one may want to vary (audit numbers, page caps).
    """

    name: str
    app_name: str
    app_key: str
    app_secret: str
    shop_id: int
    shop_name: str
    vender_id: int
    email: str
    password: str
    level: Level = Level.QUALIFIED
    callbacks: tuple[str, ...] = ()
    seed: str = "harbour"
    channel: str = ""
    size: int = 400
    dirty: float = 0.08
    rate: int | None = None
    quota: int | None = None
    denied: tuple[str, ...] = ()
    token_seconds: int = 86_400
    told: Mapping[str, int] = field(default_factory=dict)
    merchant: str = ""

    @property
    def business(self) -> str:
        """The word that the accounts of one business share."""
        return self.merchant or self.name

    @classmethod
    def named(cls, integration: str, name: str, number: int, *, shop_name: str, **known: Any) -> Self:
        """A seller whose keys and numbers follow from the integration, the name and the number."""
        made: dict[str, Any] = {
            "app_name": shop_name,
            "app_key": fake("key", integration, name, length=32),
            "app_secret": fake("secret", integration, name, length=32),
            "shop_id": 800_000 + number,
            "vender_id": 700_000 + number,
            "email": f"{name}@seller.example",
            "password": f"sandbox-{name}-pass",
            "channel": integration,
        }
        return cls(name=name, shop_name=shop_name, **(made | known))

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self) | {"callbacks": list(self.callbacks), "denied": list(self.denied), "told": dict(self.told)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """From what `as_dict` gave.  Raises TypeError for a name that a seller does not have."""
        lists = {key: tuple(saved[key]) for key in ("callbacks", "denied") if key in saved}
        level = {"level": Level(saved["level"])} if "level" in saved else {}
        return cls(**{**saved, **lists, **level})


@dataclass(frozen=True, slots=True)
class Token:
    """A pair of tokens: who consented, for which app, until when (seconds since 1970 by the sandbox's clock)."""

    access: str
    refresh: str
    app_key: str
    seller: str
    issued: float
    expires: float
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """An authorisation code, good once, for the address that it was sent to."""

    code: str
    app_key: str
    seller: str
    redirect_uri: str
    expires: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that waits for a call.

    `kind` and `argument` are as in `portal.contract.world.faults`.  `operation` is a name or a pattern with `*`, ""
    for any call of the gateway or the token addresses.  `seller` "" means any.  `left` is how many more times, None
    until cleared.  With `after` the call does its work first and the fault takes away the answer only.
    """

    number: int
    kind: str
    argument: str = ""
    operation: str = ""
    seller: str = ""
    left: int | None = 1
    after: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: a request, an effect of one, or a deed of the control page.

    Entries of one request have the same `call`.  `code` is the remote's answer code, "fault" where a fault took the
    answer.  Tokens, secrets, signatures and buyers' data never come in here.
    """

    seq: int
    at: str
    integration: str
    kind: str
    call: str
    account: str
    operation: str
    effect: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    fault: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As a JSON line shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Edit:
    """What differs now from a listing as it was generated.  None means: as generated."""

    sku: str | None = None
    stock: int | None = None
    price: Decimal | None = None
    passed: bool | None = None
    on_sale: bool | None = None
    gone: bool = False
    generation: int = 0
    modified: int | None = None
    label: Label | None = None
