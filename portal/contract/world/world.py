"""The world that a sandbox plays in: who has an account, what time it is, what goes wrong, what was done."""

import time
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from portal.contract.goods import Goods, Label
from portal.contract.goods_truth import Pair, Truth, plain_truth, truth
from portal.contract.world.catalogue import Catalogue, Listing, Shelf
from portal.contract.world.memory import Memory
from portal.contract.world.records import Code, Edit, Entry, Fault, Seller, Token, fake

_HIDDEN = frozenset({"access_token", "app_secret", "code", "password", "refresh_token", "secret", "sign"})
_ARGUMENT_SIZE = 100
_READY_SECONDS = 366 * 86_400


@dataclass
class Shared:
    """What the sandboxes of one process share: the lock, and the numbers of their journals."""

    lock: RLock = field(default_factory=RLock)
    next_seq: int = 1


class World:
    """The memory and the rules of one sandbox, safe to use from many threads.

    `ready` are the sellers that are there from the beginning; `shelf` is None at a remote without a catalogue.  `mint`
    makes the text of a token out of its kind and marks.
    """

    def __init__(
        self,
        key: str,
        state_dir: Path,
        *,
        ready: Iterable[Seller] = (),
        shelf: Shelf | None = None,
        shared: Shared | None = None,
        rotates: bool = False,
        mint: Callable[..., str] = fake,
    ) -> None:
        self.key = key
        self._mint = mint
        self.shelf = shelf
        self.rotates = rotates
        self._ready = tuple(ready)
        self._shared = shared or Shared()
        self.lock = self._shared.lock
        self.memory = Memory(state_dir / f"{key}.sqlite", self.lock)
        self._shared.next_seq = max(self._shared.next_seq, self.memory.last_seq() + 1)
        self._calls = count(1)
        self._counting = Lock()
        self._begun = f"{time.time_ns() // 1_000_000:x}"
        self._load()

    def _load(self) -> None:
        self._sellers: dict[str, Seller] = {}
        self._numbers: dict[str, int] = {}
        self._catalogues: dict[str, Catalogue] = {}
        self._recent: dict[str, list[float]] = {}
        self._today: dict[str, tuple[str, int]] = {}
        self._offset = float(self.memory.fact("clock") or 0)
        with self.memory.together():
            known = {seller.name for _, seller in self.memory.sellers()}
            for seller in self._ready:
                if seller.name not in known:
                    self.memory.keep_seller(seller)
                    mark = (self.key, seller.name)
                    self._give(seller, self._pair(*mark), seller.app_key, _READY_SECONDS)
        for number, seller in self.memory.sellers():
            self._sellers[seller.name] = seller
            self._numbers[seller.name] = number
        self._faults = self.memory.faults()

    def reset(self) -> None:
        """Begins again with the sellers of the first day, no faults and the true time.  The journal stays."""
        with self.lock:
            self.memory.forget()
            self._load()

    def close(self) -> None:
        """Closes the memory."""
        self.memory.close()

    # --- clock --------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """What time it is at the remote."""
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    @property
    def clock_offset(self) -> float:
        """How many seconds the remote's clock is ahead of this machine's."""
        return self._offset

    def move_clock(self, seconds: float) -> None:
        """Sets how many seconds the remote's clock is ahead of this machine's."""
        self._offset = seconds
        self.memory.set_fact("clock", repr(seconds))

    # --- sellers ------------------------------------------------------------------------------------------------------

    def sellers(self) -> list[Seller]:
        """All sellers, the oldest first."""
        return list(self._sellers.values())

    def seller(self, name: str) -> Seller:
        """The seller of that name.  Raises KeyError."""
        return self._sellers[name]

    def by_key(self, app_key: str) -> Seller | None:
        """The seller whose app has that key."""
        return next((each for each in self._sellers.values() if each.app_key == app_key), None)

    def by_email(self, email: str) -> Seller | None:
        """The seller who signs in with that address."""
        return next((each for each in self._sellers.values() if each.email == email.strip().lower()), None)

    def keep_seller(self, seller: Seller) -> None:
        """Adds or replaces a seller.  A change of the catalogue's seed, channel, size or dirt undoes its edits."""
        with self.memory.together():
            before = self._sellers.get(seller.name)
            if before is not None and _stock_of(before) != _stock_of(seller):
                self.memory.clear_edits(seller.name)
            self._numbers[seller.name] = self.memory.keep_seller(seller)
            self._sellers[seller.name] = seller
            if before is None or _stock_of(before) != _stock_of(seller):
                self._catalogues.pop(seller.name, None)

    def change_seller(self, name: str, **changes: Any) -> Seller:
        """Replaces some fields of a seller.  Raises KeyError or TypeError."""
        seller = replace(self.seller(name), **changes)
        self.keep_seller(seller)
        return seller

    def register_callbacks(self, callbacks: tuple[str, ...]) -> None:
        """Registers addresses at the apps of the ready-made sellers, now and after a reset."""
        self._ready = tuple(replace(each, callbacks=_joined(each.callbacks, callbacks)) for each in self._ready)
        for each in self._ready:
            known = self.seller(each.name)
            if not set(each.callbacks) <= set(known.callbacks):
                self.keep_seller(replace(known, callbacks=_joined(known.callbacks, each.callbacks)))

    def check_goods(self, seller: Seller) -> None:
        """Raises ValueError for a catalogue that cannot be made."""
        if self.shelf is not None:
            goods_of(seller, self.shelf)

    # --- tokens -------------------------------------------------------------------------------------------------------

    def new_code(self, app_key: str, seller: str, redirect_uri: str, seconds: float = 300) -> str:
        """An authorisation code."""
        with self.memory.together():
            text = fake("code", self.key, app_key, self.memory.count_tokens(), time.time_ns())
            self.memory.keep_code(Code(text, app_key, seller, redirect_uri, self._seconds() + seconds))
        return text

    def take_code(self, code: str, app_key: str) -> Code | None:
        """The code if it is good for this app; it is used up either way."""
        found = self.memory.take_code(code)
        return found if found and found.app_key == app_key and found.expires > self._seconds() else None

    def new_token(self, app_key: str, seller: str) -> Token:
        """A new pair of tokens."""
        with self.memory.together():
            mark = (self.key, app_key, seller, self.memory.count_tokens(), time.time_ns())
            return self._give(self.seller(seller), self._pair(*mark), app_key, None)

    def renew_token(self, refresh: str, app_key: str) -> Token | None:
        """A new access token for a refresh token, None where that is not good.

        The old access token ends.  Where the remote rotates, the refresh token is changed too and the old one ends.
        """
        with self.memory.together():
            old = self.memory.token(refresh=refresh)
            if old is None or old.revoked or old.app_key != app_key or old.seller not in self._sellers:
                return None
            self.memory.keep_token(replace(old, revoked=True))
            access, new = self._pair(self.key, app_key, old.seller, self.memory.count_tokens(), time.time_ns())
            kept = new if self.rotates else refresh
            return self._give(self.seller(old.seller), (access, kept), app_key, None)

    def _pair(self, *mark: object) -> tuple[str, str]:
        return self._mint("token", *mark), self._mint("refresh", *mark)

    def _give(self, seller: Seller, pair: tuple[str, str], app_key: str, seconds: int | None) -> Token:
        issued = self._seconds()
        token = Token(*pair, app_key, seller.name, issued, issued + (seconds or seller.token_seconds))
        self.memory.keep_token(token)
        return token

    def token(self, access: str) -> Token | None:
        """The token if it is known, live and not expired."""
        found = self.memory.token(access=access) if access else None
        return found if found and not found.revoked and found.expires > self._seconds() else None

    def end_tokens(self, seller: str, *, revoke: bool) -> int:
        """Lets a seller's live tokens expire, or revokes them together with their refresh tokens."""
        live = [token for token in self.memory.tokens(seller) if not token.revoked]
        for token in live:
            ended = min(token.expires, self._seconds())
            self.memory.keep_token(replace(token, revoked=revoke, expires=ended))
        return len(live)

    def _seconds(self) -> float:
        return time.time() + self._offset

    # --- limits -------------------------------------------------------------------------------------------------------

    def over_rate(self, seller: Seller, arrived: float | None = None) -> bool:
        """Counts one call and says whether it exceeds the seller's calls in any one second.

        `arrived` is when it came, by the monotonic clock: a call that waits for another one's work has come already.
        """
        if seller.rate is None:
            return False
        moment = time.monotonic() if arrived is None else arrived
        with self._counting:
            recent = self._recent.setdefault(seller.name, [])
            del recent[: bisect_right(recent, moment - 1)]
            if len(recent) >= seller.rate:
                return True
            insort(recent, moment)
            return False

    def over_quota(self, seller: Seller, day: str) -> bool:
        """Counts one call and says whether it exceeds the seller's calls of that day."""
        if seller.quota is None:
            return False
        with self.lock:
            counted_day, used = self._today.get(seller.name, (day, 0))
            used = used + 1 if counted_day == day else 1
            self._today[seller.name] = (day, used)
            return used > seller.quota

    # --- faults -------------------------------------------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """The waiting faults."""
        return list(self._faults)

    def add_fault(self, fault: Fault) -> Fault:
        """Lets a fault wait for its calls."""
        with self.memory.together():
            kept = replace(fault, number=self.memory.keep_fault(fault))
            self._faults = [*self._faults, kept]
        return kept

    def clear_faults(self) -> None:
        """Lets nothing go wrong from now on."""
        with self.memory.together():
            self.memory.clear_faults()
            self._faults = []

    def take_fault(self, operation: str, seller: str) -> Fault | None:
        """The oldest fault that waits for this call; it is used up by one."""
        if not self._faults:
            return None
        with self.memory.together():
            for fault in self._faults:
                if fault.seller not in {"", seller} or not _waits_for(fault.operation, operation):
                    continue
                if fault.left is not None:
                    self._use(fault, fault.left - 1)
                return fault
        return None

    def _use(self, fault: Fault, left: int) -> None:
        self.memory.use_fault(fault.number, left)
        used = [replace(each, left=left) if each.number == fault.number else each for each in self._faults]
        self._faults = [each for each in used if each.left != 0]

    # --- journal ------------------------------------------------------------------------------------------------------

    def new_call(self) -> str:
        """The number of a request, as answers show it and entries carry it."""
        return f"sandbox-{self._begun}-{next(self._calls)}"

    def note(self, kind: str, call: str, account: str, operation: str, **more: Any) -> None:
        """Writes one entry into the journal."""
        more["arguments"] = _shown(more.get("arguments") or {})
        with self.lock:
            entry = Entry(
                self._shared.next_seq, self.now().isoformat(), self.key, kind, call, account, operation, **more
            )
            self.memory.note(entry)
            self._shared.next_seq += 1

    def journal(self, since: int = 0, limit: int = 10_000) -> list[str]:
        """The entries after `since` as JSON texts."""
        return self.memory.journal(since, limit)

    @contextmanager
    def deed(self) -> Iterator[None]:
        """Effects and their entries inside the block are kept together or not at all."""
        with self.memory.together():
            yield

    # --- catalogue ----------------------------------------------------------------------------------------------------

    def catalogue(self, seller: Seller) -> Catalogue:
        """The seller's catalogue as it is now.  Raises LookupError at a remote without catalogues."""
        found = self._catalogues.get(seller.name)
        if found is None:
            if self.shelf is None:
                raise LookupError(f"{self.key} has no catalogues")
            with self.lock:
                goods = goods_of(seller, self.shelf)
                edits = self.memory.edits(seller.name)
                found = Catalogue(goods, self.shelf, self._numbers[seller.name], edits, self.lock)
                self._catalogues[seller.name] = found
        return found

    def edit(self, seller: Seller, slot: int, *, touch: bool = True, **changes: Any) -> Listing | None:
        """Changes a listing and gives what it is then (None when withdrawn); `touch` moves its modification time.

        Raises IndexError for a slot outside the catalogue.
        """
        catalogue = self.catalogue(seller)
        if not 0 <= slot < catalogue.goods.size:
            raise IndexError(slot)
        if touch:
            changes["modified"] = int(self.now().timestamp() * 1000)
        with self.memory.together():
            edit = replace(catalogue.edit_of(slot), **changes)
            self.memory.keep_edit(seller.name, slot, edit)
            catalogue.put(slot, edit)
        return catalogue.listing(slot)

    def reissue(self, seller: Seller, slot: int) -> Listing | None:
        """Takes a listing away and puts it up again under a new id, at most nine times each."""
        generation = self.catalogue(seller).edit_of(slot).generation + 1
        if generation > 9:
            raise ValueError("re-issued nine times already")
        return self.edit(seller, slot, generation=generation, gone=False, label=Label.REISSUED)

    def pairs(self, seller: Seller) -> Iterator[Pair]:
        """SKU text and audit of each live listing."""
        return ((each.sku, each.passed) for each in self.catalogue(seller))


def goods_of(seller: Seller, shelf: Shelf) -> Goods:
    """The generated goods of a seller."""
    return Goods(
        seed=seller.seed,
        channel=seller.channel,
        size=seller.size,
        dirty=seller.dirty,
        language=shelf.language,
        currency=shelf.currency,
        audited=shelf.audited,
    )


def truth_between(first: tuple[World, str], second: tuple[World, str] | None = None) -> Truth:
    """What a portal must count: the first seller's catalogue imported, then the second's.  Edits are taken in."""
    sides = [(world, world.seller(name)) for world, name in (first, second or first)]
    catalogues = [world.catalogue(seller) for world, seller in sides]
    if any(each.edited for each in catalogues):
        pairs = [world.pairs(seller) for world, seller in sides]
        return plain_truth(pairs[0], pairs[1] if second else None)
    return truth(catalogues[0].goods, catalogues[1].goods if second else None)


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _stock_of(seller: Seller) -> tuple[object, ...]:
    return (seller.seed, seller.channel, seller.size, seller.dirty)


def _waits_for(pattern: str, operation: str) -> bool:
    """A fault that names no operation waits for any but the consent page."""
    return fnmatchcase(operation, pattern) if pattern else operation != "oauth.to_login"


def _shown(arguments: Any) -> Any:
    """Business arguments without what must not be written down, long lists cut."""
    if isinstance(arguments, Mapping):
        return {str(key): _shown(value) for key, value in arguments.items() if str(key) not in _HIDDEN}
    if isinstance(arguments, list | tuple):
        return [_shown(value) for value in arguments[:_ARGUMENT_SIZE]]
    return arguments[:2000] if isinstance(arguments, str) else arguments


__all__ = ["Edit", "Fault", "Seller", "Shared", "Shelf", "World", "truth_between"]
