"""What the control page can do at the sandbox of JD Logistics: move orders and deliveries, set stock, push, switch."""

from collections.abc import Mapping
from typing import Any

from portal.contract.world.deeds import Deed
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_goods, sandbox_instock, sandbox_stock
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_first_day import settle
from portal.integrations.jdl.sandbox_oauth import SUBSCRIBED
from portal.integrations.jdl.sandbox_order_deeds import OrderDeeds
from portal.integrations.jdl.sandbox_pace import Walker
from portal.integrations.jdl.sandbox_papers import Paper
from portal.integrations.jdl.sandbox_push import HOOK, Pusher

Said = Mapping[str, Any]
_YES = frozenset({"1", "true", "on", "yes"})


class Deeds:
    """The deeds of one sandbox."""

    def __init__(self, world: World, pusher: Pusher, walker: Walker) -> None:
        self._world = world
        self._pusher = pusher
        self._orders = OrderDeeds(world, pusher.tell, walker)

    def listed(self) -> tuple[Deed, ...]:
        """All of them."""
        who = {"integration": "jdl", "account": "northwick"}
        return (
            *self._orders.listed(),
            Deed(
                name="inbound",
                title="Move an inbound order",
                what="brings an announced delivery to its next status, or to the one that is named; at 70 up to "
                "`damaged` pieces of each line are broken",
                fields={"reference": "Delivery number", "status": "Status (empty: the next one)", "damaged": "Damaged"},
                example={**who, "reference": "IN-1001", "status": "70", "damaged": 1},
                run=self._inbound,
            ),
            Deed(
                name="stock",
                title="Set warehouse stock",
                what="sets what may be sold of a SKU in a warehouse (below 0 too), and what of it is locked",
                fields={
                    "sku": "SKU",
                    "quantity": "May be sold",
                    "locked": "Locked",
                    "warehouse": "Warehouse (empty: first)",
                },
                example={**who, "sku": "KMS-CUP-00012-RED-350ML", "quantity": 7, "locked": 2},
                run=self._stock,
            ),
            Deed(
                name="warehouse",
                title="Switch a warehouse on or off",
                what="switches a warehouse on (1) or off (0)",
                fields={"warehouse": "Warehouse (empty: first)", "status": "1 or 0"},
                example={**who, "status": 0},
                run=self._warehouse,
            ),
            Deed(
                name="hook",
                title="Register a push address",
                what="where messages of an account go; `subscribed` stands in for the tick box of the consent page",
                fields={"url": "Address", "subscribed": "Subscribed: 1 or 0 (empty: as it is)"},
                example={**who, "url": "http://127.0.0.1:8000/hooks/…", "subscribed": 1},
                run=self._hook,
            ),
            Deed(
                name="push",
                title="Push again",
                what="again (one message by its number, `times` times), now (everything that waits), list, pauses "
                "(with `seconds`, as in 0.1,0.2; empty for JD's own), or form (json or form)",
                fields={"deed": "again, now, list, pauses or form", "message_id": "Message", "seconds": "Pauses"},
                example={**who, "deed": "again", "message_id": "jdl-700021-00000001", "times": 1},
                run=self._push,
            ),
        )

    # --- deeds --------------------------------------------------------------------------------------------------------

    def _inbound(self, seller: Seller, said: Said) -> Any:
        settle(self._world, seller)
        with self._world.deed():
            paper = self._paper(seller, sandbox_instock.KIND, str(said.get("reference") or ""))
            status, damaged = str(said.get("status") or ""), int(said.get("damaged") or 0)
            sandbox_instock.advance(self._world, seller, paper, status, damaged, self._pusher.tell)
        return sandbox_instock.record(paper)

    def _paper(self, seller: Seller, kind: str, reference: str) -> Paper:
        found = self._world.memory.paper(seller.name, kind, reference)
        if found is None:
            known = ", ".join(self._world.memory.papers(seller.name, kind)) or "none"
            raise ValueError(f"reference is one of {known}")
        return dict(found)

    def _stock(self, seller: Seller, said: Said) -> Any:
        code, sku = self._site(seller, said), str(said.get("sku") or "")
        good = sandbox_goods.by_sku(self._world, seller, sku)
        if good is None:
            raise ValueError(f"{seller.name} has no SKU {sku!r}")
        with self._world.deed():
            now = sandbox_stock.moved(self._world, seller, code, good)
            if said.get("locked") not in {None, ""}:
                more = int(said["locked"]) - now["operator"] - now["inventory"]
                sandbox_stock.move(self._world, seller, code, good, inventory=more)
            if said.get("quantity") not in {None, ""}:
                has = sandbox_stock.figures(self._world, seller, code, good)["stockQuantity"]
                sandbox_stock.move(self._world, seller, code, good, moved=int(said["quantity"]) - has)
            message = sandbox_stock.change(self._world, seller, code, [good], sandbox_stock.ADJUSTED)
            self._pusher.tell(seller, "stock.change", message)
        return sandbox_stock.figures(self._world, seller, code, good)

    def _warehouse(self, seller: Seller, said: Said) -> Any:
        code, on = self._site(seller, said), str(said.get("status", "1")) == "1"
        self._world.memory.keep_paper(seller.name, "off", code, not on)
        return {"warehouse": code, "status": 1 if on else 0}

    @staticmethod
    def _site(seller: Seller, said: Said) -> str:
        known = [each.code for each in codes_of(seller).sites]
        code = str(said.get("warehouse") or known[0])
        if code not in known:
            raise ValueError(f"warehouse is one of {', '.join(known)}")
        return code

    def _hook(self, seller: Seller, said: Said) -> Any:
        memory, url = self._world.memory, str(said.get("url") or "").strip()
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("url begins with http:// or https://")
        if url:
            memory.keep_paper(seller.name, HOOK, "", url)
        if said.get("subscribed") not in {None, ""}:
            memory.keep_paper(seller.name, SUBSCRIBED, "", str(said["subscribed"]).lower() in _YES)
        subscribed = bool(memory.paper(seller.name, SUBSCRIBED, ""))
        return {"url": memory.paper(seller.name, HOOK, "") or "", "subscribed": subscribed}

    def _push(self, seller: Seller, said: Said) -> Any:
        deed = said.get("deed") or "list"
        if deed == "again":
            return self._pusher.again(str(said.get("message_id") or ""), times=int(said.get("times") or 1))
        if deed == "now":
            return {"due": self._pusher.now()}
        if deed == "list":
            return self._pusher.listed(seller.name)
        if deed == "pauses":
            given = str(said.get("seconds") or "")
            self._pusher.set_pauses([float(each) for each in given.split(",") if each.strip()])
            return {"seconds": self._pusher.pauses()}
        if deed == "form":
            self._world.memory.keep_paper("", "switch", "json", said.get("form") == "json")
            return {"form": "json" if said.get("form") == "json" else "form"}
        raise ValueError("deed is again, now, list, pauses or form")


def codes_shown(seller: Seller) -> Mapping[str, str]:
    """The codes of a customer as the control page shows them."""
    codes = codes_of(seller)
    return {
        "Customer Code": codes.customer,
        "Operator Code": codes.operator,
        "Source System Code": codes.system,
        "Cargo Owner ID": codes.owner,
        "Warehouses": "\n".join(f"{each.code} {each.name}" for each in codes.sites),
        "Sales Channel Code": codes.channel,
        "Customer Dept Code": codes.department,
    }
