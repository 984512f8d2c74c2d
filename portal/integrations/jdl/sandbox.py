"""A JD Logistics in a box: gateway, sign-in server and pushes, as our notes of the protocol describe them (docs/jd.md).

It shares the signing rules with the client and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from portal.contract.world.catalogue import Shelf
from portal.contract.world.deeds import Deed
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_accounts import HOUSE, READY, codes_of, hexadecimal, of_the_house
from portal.integrations.jdl.sandbox_deeds import Deeds, codes_shown
from portal.integrations.jdl.sandbox_first_day import settle
from portal.integrations.jdl.sandbox_gateway import Gateway
from portal.integrations.jdl.sandbox_oauth import OAuth
from portal.integrations.jdl.sandbox_pace import Walker
from portal.integrations.jdl.sandbox_push import Pusher

_LARGEST_CALL = 4 * 1024 * 1024


class Sandbox:
    """JD Logistics' gateway (`/fop/open/…`) and sign-in server (`/oauth/…`)."""

    key = "jdl"
    ready = READY
    rotates = False
    house: ClassVar[Mapping[str, str]] = HOUSE
    shelf = Shelf(language="en", currency="CNY", audited=False, first_id=4_400_000_000, first_parent_id=4_300_000_000)
    mint = staticmethod(hexadecimal)
    # How a new account of the control page is made: all customers let the same app in.
    named = staticmethod(of_the_house)

    def __init__(self, world: World) -> None:
        self.world = world
        self.pusher = Pusher(world)
        self.walker = Walker(world, self.pusher.tell)
        self._gateway = Gateway(world, self.pusher.tell, lambda seller: settle(world, seller))
        self._oauth = OAuth(world)
        self.deeds: tuple[Deed, ...] = Deeds(world, self.pusher, self.walker).listed()
        if any(not each["done"] for each in self.pusher.listed()):
            self.pusher.begin()

    def types(self, seller: Seller, access: str, address: str) -> dict[str, str]:
        """JD Logistics' seven codes and two addresses; the token comes from the consent page."""
        codes = codes_of(seller)
        return {
            "customer_code": codes.customer,
            "operator_code": codes.operator,
            "source_system_code": codes.system,
            "cargo_owner_id": codes.owner,
            "warehouse_code": codes.sites[0].code,
            "sales_channel_code": codes.channel,
            "customer_dept_code": codes.department,
            "gateway": address,
            "sign_in_server": address,
        }

    def shows(self, seller: Seller) -> Mapping[str, str]:
        """What the control page shows of an account besides what all have."""
        return codes_shown(seller)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        request.max_content_length = _LARGEST_CALL
        response = self.respond(request)
        response.headers["Date"] = http_date(self.world.now())
        return response(environ, start_response)

    def respond(self, request: Request) -> Response:
        """The answer to one request."""
        if request.path.startswith("/oauth/"):
            return self._oauth.respond(request) or Response("not found", 404, mimetype="text/plain")
        if request.method != "POST":
            return Response("only POST", 405, mimetype="text/plain")
        return self._gateway.respond(request)
