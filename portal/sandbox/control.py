"""Makes the sandbox's world move and fail: the deeds behind `/control`, for people (forms) and programs (JSON).

A deed is POSTed to `/control/<deed>`: with JSON it answers JSON, with a form it leads back to the page.  The page
lists every deed with an example.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from heapq import merge
from typing import TYPE_CHECKING, Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from portal.contract.goods import Label
from portal.contract.world.catalogue import Listing
from portal.contract.world.faults import parsed
from portal.contract.world.records import Fault, Level, Seller
from portal.contract.world.sales import Sale, listed
from portal.contract.world.world import World, truth_between
from portal.sandbox.mailbox import Mailbox
from portal.sandbox.page import deeds_of, drawn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Said = Mapping[str, Any]
_MOST_LISTED = 1000


class Wrong(Exception):
    """A deed that cannot be done, with the sentence that says why."""


class Control:
    """The WSGI application of the control page."""

    def __init__(
        self,
        worlds: Mapping[str, World],
        public_url: str,
        remotes: Mapping[str, Any] | None = None,
        mailbox: Mailbox | None = None,
    ) -> None:
        self._worlds = worlds
        self._mailbox = mailbox or Mailbox()
        self._public_url = public_url
        self._remotes = remotes or {}
        self._deeds: dict[str, Callable[[Said], Any]] = {
            "account": self._account,
            "fault": self._fault,
            "clear": self._clear,
            "clock": self._clock,
            "token": self._token,
            "listing": self._listing,
            "catalogue": self._catalogue,
            "level": self._level,
            "limits": self._limits,
            "callback": self._callback,
            "reset": self._reset,
        }
        self._views: dict[str, Callable[[Said], Response]] = {
            "faults": lambda said: _json(
                [_fault(each, fault) for each in self._chosen(said) for fault in each.faults()]
            ),
            "journal": self._journal,
            "truth": self._truth,
            "listings": self._listings,
            "orders": self._orders,
            "mail": lambda said: Response(self._mailbox.page(), mimetype="text/html"),
            "letters": lambda said: _json([each.told() for each in self._mailbox.letters(str(said.get("to", "")))]),
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request: Request) -> Response:
        """The answer to one request."""
        head, _, name = request.path.strip("/").partition("/")
        if head not in {"", "control"}:
            return Response("not found", 404, mimetype="text/plain")
        try:
            if request.method == "POST":
                return self._done(request, name)
            if name == "accounts":
                return _json([self._listed_account(*each, request.host_url) for each in self._everyone()])
            if name:
                return self._views[name](request.args.to_dict()) if name in self._views else _no("no such view", 404)
        except (Wrong, KeyError, ValueError, TypeError, IndexError, LookupError) as why:
            return _no(f"{type(why).__name__}: {why}" if not isinstance(why, Wrong) else str(why))
        page = drawn(self._worlds, self._public_url, request.args.get("done", ""), self._remotes)
        return Response(page, mimetype="text/html")

    def _done(self, request: Request, name: str) -> Response:
        deed = self._deeds.get(name) or self._own_deed(name)
        if deed is None:
            return _no("no such deed", 404)
        if request.is_json:
            said = request.get_json()
            if not isinstance(said, dict):
                raise Wrong("a JSON object is wanted")
            return _json(deed(said))
        given = {key: value for key, value in request.form.to_dict().items() if value != ""}
        remote, _, account = given.pop("who", "").partition("/")
        deed({**({"integration": remote, "account": account} if remote else {}), **given})
        return redirect(f"/control?done={name}", 303)

    def _own_deed(self, name: str) -> Callable[[Said], Any] | None:
        """A deed that only some remotes know; which of them is meant is said with it."""
        known = {key: each for key, remote in self._remotes.items() for each in deeds_of(remote) if each.name == name}
        if not known:
            return None

        def run(said: Said) -> Any:
            world, seller = self._seller(said)
            if world.key not in known:
                raise Wrong(f"{name} is a deed of {', '.join(known)}")
            done = known[world.key].run(seller, said)
            # A buyer's own words stay out of the journal.
            arguments = {key: value for key, value in said.items() if key not in {"integration", "account", "note"}}
            world.note("control", "", seller.name, f"control.{name}", arguments=arguments)
            return done

        return run

    def _world(self, said: Said) -> World:
        key = str(said.get("integration", ""))
        if key not in self._worlds:
            raise Wrong(f"integration is one of {', '.join(self._worlds)}")
        return self._worlds[key]

    def _chosen(self, said: Said) -> list[World]:
        return [self._world(said)] if said.get("integration") else list(self._worlds.values())

    def _seller(self, said: Said) -> tuple[World, Seller]:
        world = self._world(said)
        try:
            return world, world.seller(str(said.get("account", "")))
        except KeyError:
            names = ", ".join(each.name for each in world.sellers())
            raise Wrong(f"account is one of {names}") from None

    def _everyone(self) -> list[tuple[World, Seller]]:
        return [(world, seller) for world in self._worlds.values() for seller in world.sellers()]

    # --- deeds --------------------------------------------------------------------------------------------------------

    def _account(self, said: Said) -> Any:
        """Adds a seller, or changes the named fields of one."""
        world, name = self._world(said), str(said.get("name") or "").strip()
        if not name:
            raise Wrong("name is missing")
        given = {key: value for key, value in said.items() if key not in {"integration", "name"}}
        for key, kind in (
            ("size", int),
            ("dirty", float),
            ("token_seconds", int),
            ("shop_id", int),
            ("vender_id", int),
        ):
            if key in given:
                given[key] = kind(given[key])
        known = {each.name: each for each in world.sellers()}
        if name in known:
            seller = Seller.from_dict({**known[name].as_dict(), **given})
        else:
            shop_name = str(given.pop("shop_name", name))
            named = getattr(self._remotes.get(world.key), "named", partial(Seller.named, world.key))
            made = named(name, 100 + len(known), shop_name=shop_name, seed=name)
            callbacks = known[next(iter(known))].callbacks if known else ()
            seller = Seller.from_dict({**replace(made, callbacks=callbacks).as_dict(), **given})
        world.keep_seller(seller)
        if name not in known:
            world.new_token(seller.app_key, name)
        world.note("control", "", name, "control.account", arguments={**given})
        return _account(world, world.seller(name))

    def _fault(self, said: Said) -> Any:
        kind, argument = parsed(str(said.get("kind", "")))
        times = said.get("times", 1)
        left = None if times in {None, "", 0, "0", "forever"} else int(times)
        fault = Fault(
            0,
            kind,
            argument,
            str(said.get("operation") or ""),
            str(said.get("account") or ""),
            left,
            str(said.get("after", "")).lower() in {"1", "true", "on"},
        )
        made = [(world, world.add_fault(fault)) for world in self._chosen(said)]
        for world, each in made:
            world.note("control", "", each.seller, "control.fault", arguments=_fault(world, each))
        return [_fault(world, each) for world, each in made]

    def _clear(self, said: Said) -> Any:
        for world in self._chosen(said):
            world.clear_faults()
            world.note("control", "", "", "control.clear")
        return {"cleared": [world.key for world in self._chosen(said)]}

    def _clock(self, said: Said) -> Any:
        seconds = float(said.get("seconds", 0))
        for world in self._chosen(said):
            world.move_clock(seconds)
            world.note("control", "", "", "control.clock", arguments={"seconds": seconds})
        return {world.key: world.now().isoformat() for world in self._chosen(said)}

    def _token(self, said: Said) -> Any:
        world, seller = self._seller(said)
        deed = said.get("deed", "expire")
        if deed == "new":
            world.new_token(seller.app_key, seller.name)
        elif deed in {"expire", "revoke"}:
            world.end_tokens(seller.name, revoke=deed == "revoke")
        else:
            raise Wrong("deed is expire, revoke or new")
        world.note("control", "", seller.name, "control.token", effect=f"token.{deed}")
        return _account(world, seller)

    def _listing(self, said: Said) -> Any:
        world, seller = self._seller(said)
        deed, value = str(said.get("deed", "")), said.get("value", "")
        changed = [self._changed(world, seller, slot, deed, value) for slot in self._slots(world, seller, said)]
        arguments = {"deed": deed, "value": value, "id": said.get("id"), "count": len(changed)}
        world.note("control", "", seller.name, "control.listing", effect=f"listing.{deed}", arguments=arguments)
        return [_listed(each) for each in changed if each is not None]

    def _slots(self, world: World, seller: Seller, said: Said) -> list[int]:
        catalogue = world.catalogue(seller)
        if said.get("deed") == "pass" and not said.get("id") and said.get("slot") is None:
            return [each.item.slot for each in catalogue if not each.passed]
        if said.get("id"):
            found = catalogue.by_id(int(said["id"]))
            if found is None:
                raise Wrong(f"{seller.name} has no listing {said['id']}")
            slot = found.item.slot
        else:
            slot = int(said["slot"]) if said.get("slot") is not None else -1
        if not 0 <= slot < catalogue.goods.size:
            raise Wrong("id or slot is missing, or outside the catalogue")
        if said.get("deed") in {"pass", "audit"}:
            return list(catalogue.goods.slots_of(catalogue.goods.parent_of(slot)[0]))
        return [slot]

    def _changed(self, world: World, seller: Seller, slot: int, deed: str, value: Any) -> Listing | None:
        if deed == "sku":
            return world.edit(seller, slot, sku=str(value), label=Label.CHANGED)
        if deed == "stock":
            return world.edit(seller, slot, touch=False, stock=max(0, int(value)))
        if deed == "reissue":
            return world.reissue(seller, slot)
        changes = {
            "withdraw": {"gone": True},
            "restore": {"gone": False},
            "pass": {"passed": True},
            "audit": {"passed": False},
            "on_sale": {"on_sale": True},
            "off_sale": {"on_sale": False},
        }.get(deed)
        if changes is None:
            raise Wrong("deed is sku, stock, withdraw, restore, reissue, pass, audit, on_sale or off_sale")
        return world.edit(seller, slot, **changes)

    def _catalogue(self, said: Said) -> Any:
        world, seller = self._seller(said)
        changes: dict[str, Any] = {}
        for key, kind in (("size", int), ("seed", str), ("channel", str), ("dirty", float)):
            if said.get(key) is not None:
                changes[key] = kind(said[key])
        return self._replaced(world, seller, "control.catalogue", changes)

    def _level(self, said: Said) -> Any:
        world, seller = self._seller(said)
        return self._replaced(world, seller, "control.level", {"level": Level(str(said.get("level", "")))})

    def _limits(self, said: Said) -> Any:
        """Calls a second and a day; an empty value lifts the limit."""
        world, seller = self._seller(said)
        limits = {key: int(said[key]) if said.get(key) else None for key in ("rate", "quota")}
        return self._replaced(world, seller, "control.limits", limits)

    def _callback(self, said: Said) -> Any:
        world, seller = self._seller(said)
        url = str(said.get("url", "")).strip()
        if not url.startswith(("http://", "https://")):
            raise Wrong("url is missing")
        callbacks = tuple(dict.fromkeys((*seller.callbacks, url)))
        return self._replaced(world, seller, "control.callback", {"callbacks": callbacks})

    def _replaced(self, world: World, seller: Seller, operation: str, changes: dict[str, Any]) -> Any:
        changed = replace(seller, **changes)
        if world.shelf is not None:
            world.check_goods(changed)
        world.keep_seller(changed)
        world.note("control", "", seller.name, operation, arguments=changes)
        return _account(world, changed)

    def _reset(self, said: Said) -> Any:
        for world in self._chosen(said):
            world.reset()
            world.note("control", "", "", "control.reset")
        return {"reset": [world.key for world in self._chosen(said)]}

    def _listed_account(self, world: World, seller: Seller, origin: str) -> dict[str, Any]:
        """An account with what its merchant types into the portal, as asked for at `origin`."""
        live = world.token(next((each.access for each in world.memory.tokens(seller.name) if not each.revoked), ""))
        remote, address = self._remotes.get(world.key), f"{origin.rstrip('/')}/{world.key}"
        types = getattr(remote, "types", None)
        return _account(world, seller) | {"types": types(seller, live.access if live else "", address) if types else {}}

    # --- views --------------------------------------------------------------------------------------------------------

    def _journal(self, said: Said) -> Response:
        since, limit = int(said.get("since", 0)), int(said.get("limit", 100_000))
        rows = [world.journal(since, limit) for world in self._chosen(said)]
        keyed = merge(*([(json.loads(line)["seq"], line) for line in each] for each in rows))
        lines = [line for _, line in keyed][:limit]
        return Response("".join(f"{line}\n" for line in lines), mimetype="application/x-ndjson")

    def _truth(self, said: Said) -> Response:
        """`first` and `second` are each `<integration>/<account>`."""
        first, second = (self._named(said, name) for name in ("first", "second"))
        if first is None:
            raise Wrong("first is missing, as in first=jd_com/samudra")
        sides = [each for each in (first, second) if each is not None]
        orders = {f"{world.key}/{name}": world.memory.sales_by_state(name) for world, name in sides}
        return _json(asdict(truth_between(first, second)) | {"orders": orders})

    def _named(self, said: Said, name: str) -> tuple[World, str] | None:
        if not said.get(name):
            return None
        key, _, account = str(said[name]).partition("/")
        world, seller = self._seller({"integration": key, "account": account})
        return world, seller.name

    def _listings(self, said: Said) -> Response:
        """The catalogue as it is, `count` from slot `start` on; `label` picks one kind, from the whole catalogue."""
        world, seller = self._seller(said)
        catalogue = world.catalogue(seller)
        start, most = int(said.get("start", 0)), min(int(said.get("count", 100)), _MOST_LISTED)
        found: list[Any] = []
        for slot in range(start, catalogue.goods.size if "label" in said else start + most):
            each = catalogue.listing(slot)
            if each is not None and said.get("label", each.label) == each.label:
                found.append(_listed(each))
            if len(found) >= most:
                break
        return _json(found)

    def _orders(self, said: Said) -> Response:
        """The orders in the order of their numbers, without their buyers, `count` after number `after`."""
        world, seller = self._seller(said)
        found = world.memory.sales_after(seller.name, int(said.get("after", 0)), min(int(said.get("count", 100)), 1000))
        return _json([listed(Sale.from_dict(each)) for each in found])


# --- forms of answers -------------------------------------------------------------------------------------------------


def _json(found: Any) -> Response:
    return Response(json.dumps(found, ensure_ascii=False, default=str), mimetype="application/json")


def _no(sentence: str, status: int = 400) -> Response:
    return Response(json.dumps({"error": sentence}, ensure_ascii=False), status, mimetype="application/json")


def _account(world: World, seller: Seller) -> dict[str, Any]:
    tokens = [token for token in world.memory.tokens(seller.name) if not token.revoked]
    return {
        "integration": world.key,
        **seller.as_dict(),
        "merchant": seller.business,
        "tokens": [asdict(token) for token in tokens[:5]],
    }


def _fault(world: World, fault: Fault) -> dict[str, Any]:
    return {"integration": world.key, **fault.as_dict()}


def _listed(listing: Listing) -> dict[str, Any]:
    item = listing.item
    return {
        "slot": item.slot,
        "id": listing.remote_id,
        "parent": listing.parent_id,
        "label": listing.label,
        "sku": listing.sku,
        "title": item.title,
        "stock": listing.stock,
        "price": str(listing.price),
        "passed": listing.passed,
        "on_sale": listing.on_sale,
        "modified": listing.modified,
    }
