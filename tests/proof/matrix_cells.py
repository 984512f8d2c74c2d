"""What must come of each fault: the table of the matrix.

done: it did not matter.  waits: patience, then done.  renewed: new tokens, then done.  failed and paused: the run, or
the channel at its check, ends with this cause and the merchant is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CHECK, PULL, RENEWAL = "check", "pull", "renewal"
ONCE, LASTING = "once", "lasting"

# The calls of each remote: what they are made for, and how the remote names them.
OPERATIONS = {
    "jd_com": (
        (PULL, "jingdong.sku.read.searchSkuList"),
        (PULL, "jingdong.ware.read.searchWare4Valid"),
        (CHECK, "jingdong.seller.vender.info.get"),
    ),
    "jd_id": (
        (PULL, "jingdong.seller.product.getWareInfoListByVendorId"),
        (PULL, "jingdong.seller.product.getWareBySpuIds"),
        (PULL, "jingdong.seller.product.sku.read.getSkuBySkuIds"),
        (CHECK, "jingdong.seller.product.getWareInfoListByVendorId"),
        (RENEWAL, "oauth.refresh_token"),
    ),
    "jd_id v1": (
        (PULL, "com.jd.eptid.warecenter.api.ware.WarePlusClient.getWareTinyInfoListByVenderId"),
        (PULL, "com.jd.eptid.warecenter.api.ware.WarePlusClient.getSkuInfoBySpuId"),
        (CHECK, "com.jd.eptid.warecenter.api.ware.WarePlusClient.getWareTinyInfoListByVenderId"),
    ),
    "jdl": (
        (PULL, "goods.query"),
        (CHECK, "goods.query"),
        (CHECK, "warehouse.query"),
    ),
}
# By fault: what comes of it once, and what when it lasts.
OUTCOMES: dict[str, tuple[str, str]] = {
    "busy": ("waits", "failed:busy"),
    "quota": ("waits", "failed:quota_used failed:rate_limited"),
    "rate": ("waits", "failed:quota_used failed:rate_limited"),
    "rate:429": ("waits", "failed:rate_limited"),
    "rate:429:3": ("waits", "failed:rate_limited"),
    "error200": ("waits", "failed:busy"),
    "code:65": ("waits", "failed:timeout"),
    "code:999": ("waits", "failed:busy"),
    "http500": ("waits", "failed:busy"),
    "html502": ("waits", "failed:busy"),
    "refuse": ("waits", "failed:unreachable"),
    "reset": ("waits", "failed:unreachable"),
    "hang": ("waits", "failed:timeout"),
    "drip": ("waits", "failed:timeout"),
    "token": ("paused:token_expired", "paused:token_expired"),
    "code:12": ("paused:wrong_credentials", "paused:wrong_credentials"),
    "clock": ("failed:clock", "failed:clock"),
    "code:61": ("failed:refused", "failed:refused"),
    "html200": ("failed:not_readable", "failed:not_readable"),
    "cut": ("failed:not_readable", "failed:not_readable"),
    "types": ("failed:not_readable", "failed:not_readable"),
    "gbk": ("failed:wrong_encoding", "failed:wrong_encoding"),
    "huge": ("failed:too_large", "failed:too_large"),
    "bomb": ("failed:too_large", "failed:too_large"),
    "latency:100": ("done", "done"),
}
AFTER = ("reset", "busy", "html502")
# What differs from the table above, by remote and by what the call is made for.
ELSEWHERE: dict[tuple[str, str], dict[str, tuple[str, str]]] = {
    # Where tokens can be renewed, a refusal is answered once with new ones.
    ("jd_id", PULL): {
        "token": ("renewed", "paused:token_expired"),
        "code:12": ("renewed", "paused:wrong_credentials"),
    },
    # The first generation's data is JSON inside a text, which that fault does not reach.
    ("jd_id v1", PULL): {"types": ("done", "done")},
    ("jd_id v1", CHECK): {"types": ("done", "done")},
    # The key and the secret there are the operator's, so a signature that is refused pauses no merchant.
    ("jdl", PULL): {
        "token": ("renewed", "paused:token_expired"),
        "code:12": ("failed:house_keys", "failed:house_keys"),
    },
    ("jdl", CHECK): {"code:12": ("failed:house_keys", "failed:house_keys")},
    # A renewal that did not happen is made later.  One that happened at the remote alone, because its answer was lost,
    # has used up the old tokens: only the merchant can go on, and is told.  The gateway's own codes mean there what
    # they mean elsewhere; all other numbers of the sign-in server, but the 500s, are a no.
    ("jd_id", RENEWAL): {
        **{
            fault: ("renewed", outcomes[1])
            for fault, outcomes in OUTCOMES.items()
            if outcomes[0] == "waits" or fault in {"html200", "huge", "bomb"}
        },
        **dict.fromkeys(("busy", "quota", "rate", "error200", "token", "clock"), ("renewed", "failed:busy")),
        **dict.fromkeys(("code:12", "code:61", "code:999"), ("paused:token_expired", "paused:token_expired")),
        "drip": ("paused:token_expired", "failed:timeout"),
        "cut": ("paused:token_expired", "failed:not_readable"),
        "gbk": ("paused:token_expired", "failed:wrong_encoding"),
        "types": ("renewed", "renewed"),
        "latency:100": ("renewed", "renewed"),
    },
}


@dataclass(frozen=True)
class Cell:
    """One fault at one call of one remote."""

    remote: str
    at: str
    operation: str
    fault: str
    how: str
    after: bool = False

    @property
    def integration(self) -> str:
        return self.remote.partition(" ")[0]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What may come of it."""
        if self.after and self.at == RENEWAL:
            return ("paused:token_expired",)
        table = {**OUTCOMES, **ELSEWHERE.get((self.remote, self.at), {})}
        return tuple(table[self.fault][self.how == LASTING].split())

    def __str__(self) -> str:
        after = " after the work" if self.after else ""
        return f"{self.remote} {self.at} {self.operation.rpartition('.')[2]} {self.fault} {self.how}{after}"


def cells(*, long: bool) -> Iterator[Cell]:
    """All cells; in the short form those of one call, and what lasts only where patience would end otherwise."""
    for remote, operations in OPERATIONS.items():
        for at, operation in operations:
            for fault in OUTCOMES:
                yield Cell(remote, at, operation, fault, ONCE)
                if long or OUTCOMES[fault][0] == "waits":
                    yield Cell(remote, at, operation, fault, LASTING)
            for fault in AFTER:
                yield Cell(remote, at, operation, fault, ONCE, after=True)
            if not long:
                return
