"""What the tests of products, links and syncs put on the shelf: Blue Lantern's channels and what those list."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.flows import linking
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, Listing, Product, Run
from tests.cast import Cast, Person, csrf
from tests.goods import connection, listing, product, row, states, take_in

HX = {"HX-Request": "true"}
TOKEN = re.compile(r'I[jm][\w.-]{40,}|(?<=name="once" value=")[\w-]+')


class Browser:
    """A person's browser that sends the CSRF token with every form."""

    def __init__(self, cast: Cast, person: Person | None) -> None:
        self.client: FlaskClient = cast.client_of(person)
        self._token = csrf(self.client, "/stores" if person else "/login") if person else ""

    def get(self, url: str, **more: Any) -> TestResponse:
        return self.client.get(url, **more)

    def json(self, url: str) -> Any:
        answer = self.client.get(url, headers={"Accept": "application/json"})
        assert answer.mimetype == "application/json", answer.text
        return answer.json

    def not_there(self, url: str, public_id: object) -> tuple[int, str]:
        """The answer to an address, without its token, its number and the id that it names."""
        answer = self.get(url.format(public_id))
        text = TOKEN.sub("token", answer.text).replace(answer.headers["X-Request-Id"], "number")
        return answer.status_code, text.replace(str(public_id), "id")

    def post(self, url: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        headers = {"X-CSRFToken": self._token, **more.pop("headers", {})}
        return self.client.post(url, data=data or {}, headers=headers, **more)


@contextmanager
def lantern(cast: Cast) -> Iterator[None]:
    """As Blue Lantern, below the web."""
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


@contextmanager
def rival(cast: Cast) -> Iterator[None]:
    """As the other merchant."""
    with cast.app.app_context(), acting_for(cast.rival):
        yield


def turned_on(integration: str = "jd_com", name: str = "") -> Connection:
    """A connection that is on; the remote is asked by nobody."""
    made = connection(integration, name)
    made.state, made.active_since = ConnectionState.ACTIVE, now()
    db.session.commit()
    return made


def filled(number: int, integration: str = "jd_com", prefix: str = "N") -> Connection:
    """A connection with so many new listings."""
    made = turned_on(integration)
    take_in(made, [listing(f"{prefix}{each}", f"{prefix}-{each:04d}") for each in range(number)])
    return made


def at(connection_id: uuid.UUID) -> Connection:
    """A connection of the merchant of the moment."""
    return db.session.get_one(Connection, (whose(), connection_id))


def ids_of(of: uuid.UUID) -> dict[str, uuid.UUID]:
    """The ids of a connection's listings by their remote ids."""
    rows = db.session.execute(sa.select(Listing.remote_id, Listing.id).where(Listing.connection_id == of))
    return {each.remote_id: each.id for each in rows}


def run(of: Connection, **values: Any) -> uuid.UUID:
    """A run as a row."""
    made = Run(
        **{"merchant_id": of.merchant_id, "id": new_id(), "connection_id": of.id, "resource": "products", **values}
    )
    db.session.add(made)
    db.session.commit()
    return made.id


def everything() -> tuple[list[Any], list[Any]]:
    """All listings and products of the merchant of the moment, to compare before and after."""
    columns = [each for each in Listing.__table__.columns if each.name != "changed_at"]
    listings = db.session.execute(sa.select(*columns).order_by(Listing.id)).all()
    products = db.session.execute(sa.select(Product.__table__).order_by(Product.sku)).all()
    return list(listings), list(products)


@dataclass(frozen=True)
class Shelf:
    """One channel with a listing in every state: remote id → id."""

    jd: uuid.UUID
    of: dict[str, uuid.UUID]
    lamp: uuid.UUID


def full(cast: Cast) -> Shelf:
    """A listing in every state of the decision table."""
    with lantern(cast):
        lamp = product("LAMP").id
        for sku in ("CUP", "OLD", "BOX 7", "box7"):
            product(sku)
        jd = turned_on()
        first = [listing("changed", "OLD"), listing("old", "CUP"), listing("linked", "LAMP")]
        take_in(jd, first)
        take_in(
            jd,
            [
                listing("changed", "OLD-2"),
                listing("reissued", "CUP"),
                listing("linked", "LAMP"),
                listing("new", "NEW-1"),
                listing("empty", " "),
                listing("double1", "D-1"),
                listing("double2", "D-1"),
                listing("double3", "D-1"),
                listing("near", "lamp "),
                listing("ambiguous", "Box7"),
                listing("waiting", "W-1", audit_word="2"),
                listing("out", "OUT-1"),
            ],
        )
        linking.leave_out(row(jd, "out"), By("Mei Lin"))
        jd.options = {**jd.options, "auto_link": False}
        db.session.commit()
        take_in(turned_on("jd_id"), [])
        return Shelf(jd.id, ids_of(jd.id), lamp)


def state_of(cast: Cast, shelf: Shelf) -> dict[str, str]:
    """Remote id → state, as it is now."""
    with lantern(cast):
        return states(at(shelf.jd))
