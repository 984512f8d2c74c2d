"""What can go wrong at a remote, named by what we do next."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why a remote did not do as asked.  Every cause has its sentence, advice and button in `portal/web/causes.py`."""

    WRONG_CREDENTIALS = "wrong_credentials"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a cause, not a secret.
    TOKEN_MISSING = "token_missing"  # noqa: S105 - the name of a cause, not a secret.
    GRANT_REFUSED = "grant_refused"
    WRONG_CALLBACK = "wrong_callback"
    SELLER_LEVEL = "seller_level"
    NOT_A_SELLER = "not_a_seller"
    NO_PERMISSION = "no_permission"
    APP_OFFLINE = "app_offline"
    APP_EXPIRED = "app_expired"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    SHOP_CLOSED = "shop_closed"
    WRONG_SHOP = "wrong_shop"
    QUOTA_USED = "quota_used"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOCK = "clock"
    WRONG_ENDPOINT = "wrong_endpoint"
    HOST_NOT_ALLOWED = "host_not_allowed"
    NOT_READABLE = "not_readable"
    WRONG_ENCODING = "wrong_encoding"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    HOUSE_KEYS = "house_keys"
    PUSH_KEY = "push_key"
    WRONG_CUSTOMER = "wrong_customer"
    WRONG_SYSTEM = "wrong_system"
    WRONG_OWNER = "wrong_owner"
    WRONG_OPERATOR = "wrong_operator"
    WRONG_DEPARTMENT = "wrong_department"
    WRONG_SALES_CHANNEL = "wrong_sales_channel"
    WRONG_WAREHOUSE = "wrong_warehouse"
    WAREHOUSE_OFF = "warehouse_off"
    VALUE_MISSING = "value_missing"
    PATH_UNKNOWN = "path_unknown"
    INSUFFICIENT_STOCK = "insufficient_stock"
    UNKNOWN_GOODS = "unknown_goods"
    ADDRESS_UNCLEAR = "address_unclear"
    DOES_NOT_FIT = "does_not_fit"
    REFERENCE_TAKEN = "reference_taken"
    NOT_THERE = "not_there"


@dataclass(frozen=True, slots=True)
class Offer:
    """A value that the remote says would do, for one of the settings; `label` says what it is in the remote's words."""

    setting: str
    value: str
    label: str = ""


class RemoteError(Exception):
    """Base.  `cause` picks the merchant's sentence; `detail` is for support and never holds a secret.

    `code` is the remote's own number and `said` its own wording, kept beside ours.  `offers` are values that would do.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str = "",
        *,
        code: str = "",
        after: float | None = None,
        said: str = "",
        offers: tuple[Offer, ...] = (),
    ) -> None:
        super().__init__(f"{cause.value}: {detail}" if detail else cause.value)
        self.cause = cause
        self.detail = detail[:500]
        self.code = code
        self.after = after
        self.said = said[:300]
        self.offers = offers


class Refused(RemoteError):
    """The remote understood and said no.  Show it on the record; do not retry."""


class Unauthorised(RemoteError):
    """The credentials or the permission no longer work.  Pause the connection; ask the merchant."""


class Busy(RemoteError):
    """Rate limit, time-out, 5xx.  Wait `after` seconds (None: our own backoff), then go on from the same page.

    A write that ends so may have happened at the remote.
    """


class Garbled(RemoteError):
    """An answer that cannot be read.  Keep the sample; tell the developers."""

    def __init__(self, cause: Cause, detail: str = "", *, sample: bytes = b"", code: str = "") -> None:
        super().__init__(cause, detail, code=code)
        self.sample = sample[:4000]


class BadRecord(ValueError):
    """One item of a page that lacks what we cannot do without (an id, a time, a readable amount).

    `remote_id` is the item's id where at least that could be read.
    """

    def __init__(self, what: str, remote_id: str = "") -> None:
        super().__init__(what)
        self.remote_id = remote_id
