"""The form that an integration's folder fills in.  What is filled in is what it can do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from portal.contract.errors import Cause, Refused, RemoteError
from portal.contract.http import Account, ApiClient
from portal.contract.records import (
    CancelAnswer,
    Carrier,
    Confirmed,
    Dispatch,
    Level,
    OrderStatus,
    Outbound,
    Page,
    Record,
    RemoteDocument,
    ShipmentStatus,
    Shop,
    Tokens,
    TraceStep,
    Verdict,
)
from portal.contract.webhooks import Webhook
from portal.contract.words import Text
from portal.kit.money import Money


class Kind(StrEnum):
    """What a connection of this integration is on screen."""

    MARKETPLACE = "marketplace"
    FULFILMENT = "fulfilment"


class Resource(StrEnum):
    """What can be pulled."""

    PRODUCTS = "products"
    STOCK = "stock"
    OUTBOUND = "outbound"
    ORDERS = "orders"
    INBOUND = "inbound"


class Entry(StrEnum):
    """How a setting or option is entered."""

    TEXT = "text"
    CODE = "code"
    SECRET = "secret"  # noqa: S105 - the name of a kind of field, not a secret.
    ADDRESS = "address"
    CHOICE = "choice"
    SWITCH = "switch"
    NUMBER = "number"
    MOMENT = "moment"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value that the merchant types, in the order and words of the remote's own page.

    An ADDRESS offers its `choices`, the integration's known gateways, and takes another only when the operator allows
    its host; it stands in for the host of that `use`.  `advanced` settings stand folded below the others.
    `from_house` names the value of the house that the field is filled with at first.
    """

    key: str
    label: Text
    help: Text | None = None
    entry: Entry = Entry.TEXT
    required: bool = True
    pattern: str | None = None
    pattern_says: Text | None = None
    choices: Mapping[str, Text] = field(default_factory=dict)
    default: str = ""
    advanced: bool = False
    use: str = "gateway"
    from_house: str = ""

    @property
    def secret(self) -> bool:
        """Whether the value is write-only after saving."""
        return self.entry is Entry.SECRET


@dataclass(frozen=True, kw_only=True)
class HouseValue:
    """One value that the operator sets for all connections of the remote: `PORTAL_<INTEGRATION>_<KEY>`.

    `file` means that the variable names a file and the value is its text.  `check` raises ValueError with a sentence
    for the operator where a value cannot be used, so that it is told before anything is called.
    """

    key: str
    default: str = ""
    secret: bool = False
    file: bool = False
    check: Callable[[str], object] | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """One switch, number or moment that says how the house deals with the remote.

    `key` is a field of `portal.contract.options.Options` or, for what only this remote knows, of its own.
    `needs` names the switch that must be on before this option means anything.
    """

    key: str
    label: Text
    help: Text | None = None
    entry: Entry = Entry.SWITCH
    default: bool | int | str | None = None
    choices: Mapping[str, Text] = field(default_factory=dict)
    needs: str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the guide that stands before the form.

    `copies` names a value that the page offers to copy ("callback_url").  `confirm` makes the step a tick that the
    merchant sets before going on.  `link` leads to the remote's own page.
    """

    title: Text
    text: Text | None = None
    link: str | None = None
    copies: str | None = None
    confirm: bool = False


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How the merchant lets us in at the remote (OAuth 2 authorisation code).

    `authorise(account, redirect_uri, state)` is the address of the consent page, `take(client, code, redirect_uri)`
    changes the code into tokens, `renew(client, tokens)` renews them.  `renew_before` is how long before the expiry
    that is done.  `needed(settings)` is False where the saved settings work without it.  `refused(query)` is what a
    callback without a usable code means.  `pasted(text)` finds the code in what the remote's own page showed, where
    nothing leads back ("" for none), `pasted_tokens(text)` the tokens themselves (None for none); `shown_at(account)`
    is the address of that page.  With `warn_before` the merchant is told so long before the access ends that it has to
    be given anew; without it a renewal is expected to work.
    """

    authorise: Callable[[Account, str, str], str]
    take: Callable[[Any, str, str], Tokens]
    renew: Callable[[Any, Tokens], Tokens]
    renew_before: timedelta
    needed: Callable[[Mapping[str, str]], bool] = lambda settings: True
    refused: Callable[[Mapping[str, str]], RemoteError] = lambda query: Refused(Cause.GRANT_REFUSED)
    pasted: Callable[[str], str] | None = None
    pasted_tokens: Callable[[str], Tokens | None] | None = None
    shown_at: Callable[[Account], str] | None = None
    warn_before: timedelta | None = None
    may: tuple[Text, ...] = ()
    may_not: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pull:
    """How one resource comes in.

    `pages(client, since, cursor)` yields pages from `cursor` on (None: from the beginning); with `since` it asks only
    for what changed after that moment, which it can only where `incremental` is True.  `read(raw)` turns one item into
    a record or raises BadRecord.  `some(client, keys)` asks for these only, as a push hints at them.  `every` is the
    pause between two runs.  `option` names the switch of the options without which nothing is pulled.  `reach` is how
    far back the remote shows what changed; such a pull never asks for everything, and always for what changed since a
    moment.
    """

    pages: Callable[[Any, datetime | None, str | None], Iterator[Page]]
    read: Callable[[Mapping[str, Any]], Record]
    incremental: bool = False
    some: Callable[[Any, Sequence[str]], list[Mapping[str, Any]]] | None = None
    every: timedelta = timedelta(minutes=30)
    option: str = "import_products"
    reach: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class StockOut:
    """How numbers of pieces go out to listings, absolute ones, and are read back.

    `send(client, levels, reference)` sets at most `most` levels in one call and gives those that the remote did not
    take, by remote id, with why; the same reference again does nothing twice.  It raises Busy where nobody knows
    whether the numbers arrived.  `read(client, remote_ids)` gives the numbers of at most `most_read` listings that the
    remote shows now; one that it does not know is left out.  `option` names the switch without which nothing is sent.
    """

    send: Callable[[Any, Sequence[Level], str], Mapping[str, RemoteError]]
    read: Callable[[Any, Sequence[str]], Mapping[str, int]]
    most: int
    most_read: int = 20
    option: str = "export"


@dataclass(frozen=True, kw_only=True)
class PriceOut:
    """How the price of one listing goes out: `send(client, remote_id, price)` raises what the remote said to it."""

    send: Callable[[Any, str, Money], None]
    option: str = "export_prices"


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """How a channel is told that an order has left.

    `carriers(client)` is the seller's own list where the seller names the carrier, None where the channel chooses it.
    `confirm(client, dispatch)` reads the order first, so that a repeated call for one that is confirmed already changes
    nothing; it gives what the channel goes by.
    """

    confirm: Callable[[Any, Dispatch], Confirmed]
    carriers: Callable[[Any], Sequence[Carrier]] | None = None


@dataclass(frozen=True, kw_only=True)
class Fulfilling:
    """How a warehouse is given orders.

    `create(client, outbound)` gives what it made of it; the same reference with the same content gives the same again.
    After an unknown outcome `find(client, reference)` says whether it is there.  `cancel(client, reference)` asks it to
    stop.  `trace(client, reference)` tells the parcels' way.
    """

    create: Callable[[Any, Outbound], RemoteDocument]
    find: Callable[[Any, str], RemoteDocument | None]
    cancel: Callable[[Any, str], CancelAnswer]
    trace: Callable[[Any, str], Sequence[TraceStep]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One step of the first check, in the order of the checklist.

    `passes(client)` gives what the remote said, in its words ("" for nothing worth showing), or raises.
    """

    key: str
    title: Text
    passes: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What the remote allows one app key: `rate` calls a second, at most `burst` at once; `at_once` calls in flight."""

    rate: float
    burst: int = 1
    at_once: int = 4


@dataclass(frozen=True, kw_only=True)
class Integration:
    """One remote: what it is called, what it asks of the merchant, how to speak with it.

    `hosts` are the live addresses by use ("gateway", "oauth"); the sandbox answers under the same paths at another
    origin.  `app_key` names the setting or value of the house by which the remote counts calls.  `audits` says what
    the remote's audit words mean and `statuses` what its words for the way of an order mean, a shipment's at a
    warehouse and an order's at a channel; a merchant may correct either for one connection.  `closed` is the
    sentence for a remote that is no more.  `house_values` are set by the operator and reach the client among the
    settings.  `checks` are the steps of the first check, where there is more to see than `check` tells.
    `one_stock` names the settings that together mean one stock: two active connections that agree in them would
    count it twice.  `letter` is what the merchant may send to whoever at the remote hands out the codes.
    """

    key: str
    name: str
    kind: Kind
    tile: str
    summary: Text
    settings: tuple[Setting, ...]
    options: tuple[Option, ...]
    hosts: Mapping[str, str]
    app_key: str
    client: type[ApiClient]
    check: Callable[[Any], Shop]
    pulls: Mapping[Resource, Pull]
    pace: Pace
    sandbox: Callable[..., Any]
    currency: str
    locale: str = "en"
    guide: tuple[Step, ...] = ()
    grant: Grant | None = None
    audits: Mapping[str, Verdict] = field(default_factory=dict)
    statuses: Mapping[str, ShipmentStatus | OrderStatus] = field(default_factory=dict)
    status_texts: Mapping[str, Text] = field(default_factory=dict)
    house_values: tuple[HouseValue, ...] = ()
    checks: tuple[Check, ...] = ()
    one_stock: tuple[str, ...] = ()
    webhook: Webhook | None = None
    stock_out: StockOut | None = None
    price_out: PriceOut | None = None
    confirming: Confirming | None = None
    fulfilling: Fulfilling | None = None
    letter: Text | None = None
    search_words: tuple[str, ...] = ()
    closed: Text | None = None
