"""What the addresses of the portal name, so that every test and proof that walks the address map covers a new one.

An address with a new kind of id needs a line in `KINDS` and a thing in `make_things`; one with a word that is no id
needs a line in `WORDS`.  Whatever is missing turns each walk red.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.contract.definition import Resource
from portal.contract.records import Consignee
from portal.flows import batches, linking, order_hand, sync, uploads
from portal.flows import rules as rule_flows
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.flows.order_hand import Wish
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import (
    Connection,
    ConnectionState,
    Delivery,
    Invitation,
    Listing,
    LoginSession,
    Logo,
    Membership,
    Product,
    Role,
    RuleAction,
    Store,
    SupportReason,
    SupportSession,
    UploadUse,
)
from portal.web.doors import Needs
from tests.cast import Cast, Person
from tests.goods import connection, listing, take_in

# Addresses that name no thing of a merchant, or whose name is a word and no id.
WORDS = {
    "step": "settings",
    "integration": "jd_id",
    "filename": "app.css",
    "verb": "leave_out",
    "key": "import_products",
    "token": "no-such-pass",
}
# Which thing the id of an address names, by the beginning of the address; the longest that fits counts.
KINDS = {
    "/stores/": "store_id",
    "/connections/": "connection_id",
    "/links/batches/": "batch_id",
    "/links/": "listing_id",
    "/listings/": "listing_id",
    "/products/import/": "upload_id",
    "/products/": "product_id",
    "/logos/": "logo_id",
    "/sync/": "run_id",
    "/deliveries/": "delivery_id",
    "/orders/": "order_id",
    "/rules/": "rule_id",
    "/stock/": "product_id",
    "/support/merchants/": "merchant_id",
    "/support/sessions/": "support_id",
    "/settings/support/": "support_id",
    "/settings/people/": "membership_id",
    "/settings/people/invitations/": "invitation_id",
    "/settings/security/": "browser_id",
}
# Where whoever holds a connect link needs no account: the unguessable part of the address is the permission.
BY_LINK = {"connect.begin", "connect.paste", "connect.confirm", "invited.accept"}
ID = "public_id"
# What every name and title of the things begins with.
MARK = "Title of"
Things = dict[str, uuid.UUID]
PNG = b"\x89PNG\r\n\x1a\n"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# What anybody may send: the sign-in with all that belongs to it.  Links that were sent to somebody are their own
# permission, and pushes of machines are believed by their signature.
FOR_ALL = {"people", "reset", "invited", "confirm"}
# Whoever is signed in may send these about himself: they change nothing that belongs to the merchant.
OWN_PERSON = {"people", "security", "confirm", "notifications"}
# To leave a merchant, or to go over to another one for whom one works: each does that with his own place only.
OWN_PLACE = {"members.leave", "members.choose", "settings.choose_zone"}
# The only view that changes something without a form: what is sent to it is believed by its signature alone.
SIGNED = {"hooks.receive"}
HX_TOKEN = re.compile(r'X-CSRFToken(?:"|&#34;): (?:"|&#34;)([^"&]+)')
NOBODY = uuid.UUID("01890000-0000-7000-8000-00000000dead")
# What differs between two answers that say the same: the CSRF token, which is signed with the second, the mark of a
# form that counts once, the number of the request, and the address.
PASSING = re.compile(
    r'"once": "[^"]*"|\b[0-9a-f]{12}\b|[\w.-]{60,}|value="[^"]*"'
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def make_things(cast: Cast, mark: str = MARK, *, rival: bool = False) -> Things:
    """One thing of each kind that belongs to Blue Lantern, by the name that `KINDS` gives its id.

    Every name and title in them begins with `mark`.  With `rival` they are Red Anchor's.
    """
    merchant, store_id, person = (
        (cast.rival, cast.rival_store, cast.rex) if rival else (cast.lantern, cast.lantern_store, cast.mei)
    )
    with cast.app.app_context(), acting_for(merchant):
        who = By(person.name, person.id)
        store = db.session.get_one(Store, (merchant, store_id))
        things = {"merchant_id": merchant, "store_id": store_id}
        things |= _goods(mark, who)
        things |= _trade(store, db.session.get_one(Product, (merchant, things["product_id"])), mark, who)
        things |= _people(merchant, person, mark)
        db.session.execute(sa.update(Connection).values(state=ConnectionState.SAVED))
        db.session.commit()
        return things


def _goods(mark: str, who: By) -> Things:
    channel = connection("jd_id")
    take_in(channel, [listing(remote, sku, title=f"{mark} {remote}") for remote, sku in (("1", "A"), ("2", "B"))])
    take_in(channel, [listing("3", "", title=f"{mark} 3")], complete=False)
    rows = list(db.session.scalars(sa.select(Listing).order_by(Listing.remote_id)))
    product = linking.create_product(rows[0], who)
    batch = batches.begin("leave_out", Choice("new", channel.id), who)
    logo = Logo(merchant_id=whose(), png=PNG, digest="x")
    db.session.add(logo)
    run = sync.start(channel, Resource.PRODUCTS, who.name)
    upload = uploads.receive("goods.csv", UploadUse.IMPORT, [f"SKU,Title\nA,{mark} A\n".encode()], who)
    own = {"merchant_id": whose(), "connection_id": channel.id}
    moment = now()
    delivery = Delivery(
        **own, event_id=f"{mark} an event", digest=b"x", sealed=None, size=1, received_at=moment, last_at=moment
    )
    db.session.add(delivery)
    db.session.flush()
    return {
        "connection_id": channel.id,
        "listing_id": rows[2].id,
        "product_id": product.id,
        "batch_id": batch.id,
        "logo_id": logo.id,
        "run_id": run.id,
        "upload_id": upload.id,
        "delivery_id": delivery.id,
    }


def _trade(store: Store, product: Product, mark: str, who: By) -> Things:
    order = order_hand.create(store, [Wish(product, 1)], Consignee(name=f"{mark} a buyer"), "", who)
    plugin = connection("jdl", f"{mark} a plugin")
    condition = {"field": "country", "operator": "is", "value": "ID"}
    said = rule_flows.Draft(f"{mark} a rule", [condition], RuleAction.ASSIGN, plugin.id)
    return {"order_id": order.id, "rule_id": rule_flows.add(store, said, who).id}


def _people(merchant: uuid.UUID, person: Person, mark: str) -> Things:
    """A place of somebody in the merchant, an invitation, a browser that is signed in, and a session of support."""
    moment = now()
    place = db.session.scalars(sa.select(Membership.id).where(Membership.user_id == person.id)).one()
    own = {"merchant_id": merchant, "id": new_id()}
    invitation = Invitation(
        **own,
        email=f"{merchant}@example.com",
        role=Role.VIEWER,
        invited_by=f"{mark} somebody",
        ends_at=moment + timedelta(days=3),
    )
    session = SupportSession(
        **own,
        agent_id=new_id(),
        agent_name=f"{mark} an agent",
        whom_id=person.id,
        whom_name=person.name,
        role=Role.OWNER,
        reason=SupportReason.QUESTION,
        ticket=f"{mark} a ticket",
        token_hash=merchant.bytes,
        parent_hash=merchant.bytes,
        ends_at=moment + timedelta(minutes=20),
        started_at=moment,
    )
    browser = LoginSession(
        token_hash=merchant.bytes,
        id=new_id(),
        user_id=person.id,
        merchant_id=merchant,
        agent=f"{mark} a browser",
        ends_at=moment + timedelta(hours=1),
    )
    db.session.add_all([invitation, session, browser])
    return {
        "membership_id": place,
        "invitation_id": invitation.id,
        "support_id": session.id,
        "browser_id": browser.id,
    }


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def address(rule: Rule, things: Things, swap: uuid.UUID | None = None) -> str:
    """The address of one of the things; with `swap`, of something that never existed."""
    beginning = max((each for each in KINDS if rule.rule.startswith(each)), key=len, default="")
    kind = KINDS.get(beginning, "")
    unknown = rule.arguments - WORDS.keys() - ({ID} if kind else set())
    assert not unknown, f"{rule.rule} names {unknown}: add one to `things`, so that the matrix covers it"
    values = {name: str(swap or things[kind]) if name == ID else WORDS[name] for name in rule.arguments}
    with_values = rule.rule
    for name, value in values.items():
        with_values = re.sub(rf"<(?:\w+:)?{name}>", value, with_values)
    return with_values


def named(rule: Rule) -> bool:
    return ID in rule.arguments


def enough_to_change(endpoint: str) -> set[Needs]:
    """The permissions of which one must be asked where something is changed."""
    blueprint = endpoint.partition(".")[0]
    found = {Needs.MANAGE, Needs.OWN, Needs.STAFF}
    if blueprint in OWN_PERSON or endpoint in OWN_PLACE:
        found |= {Needs.SIGN_IN}
    if endpoint in OWN_PLACE:
        found |= {Needs.VIEW}
    if blueprint in FOR_ALL or endpoint in BY_LINK | SIGNED:
        found |= {Needs.NOTHING}
    return found


def token_of(client: FlaskClient, page: str = "/") -> str:
    """The CSRF token with which htmx sends on this page, or on the one that it leads to."""
    found = HX_TOKEN.search(client.get(page, follow_redirects=True).text)
    assert found, f"the frame of {page} carries no token for htmx"
    return found[1]


def ask(client: FlaskClient, method: str, url: str, token: str = "") -> TestResponse:
    data = {"csrf_token": token} if method in UNSAFE else None
    return client.open(url, method=method, data=data, buffered=True)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
