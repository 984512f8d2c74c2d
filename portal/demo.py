"""Sample merchants for an installation that runs with the sandbox: people and a store each, nothing connected."""

import uuid

import sqlalchemy as sa

from portal.flows import people, stores
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for, db
from portal.models import Role, Store, User
from portal.web.people import DEMO

PASSWORDS = {email: password for _, email, password in DEMO}


def ensure() -> bool:
    """Make what is missing; answers whether anything was.  A second start changes nothing."""
    if db.session.scalar(sa.select(sa.func.count()).select_from(User)):
        return False
    northwick = _merchant("Northwick Trading Co.", "GBP", "Europe/London", "en", "Northwick UK")
    samudra = _merchant("Toko Samudra", "IDR", "Asia/Jakarta", "id", "Toko Samudra")
    people.join(northwick, _user("owner@northwick.example", "Hannah Reid", "en"), Role.OWNER)
    people.join(northwick, _user("viewer@northwick.example", "Tom Ellis", "en"), Role.VIEWER)
    people.join(samudra, _user("owner@samudra.example", "Dewi Lestari", "id"), Role.OWNER)
    people.create_user("staff@lintas.example", "Support", PASSWORDS["staff@lintas.example"], is_staff=True)
    return True


def _merchant(name: str, currency: str, zone: str, locale: str, store: str) -> uuid.UUID:
    merchant_id = people.create_merchant(name, currency, zone, locale)
    with acting_for(merchant_id):
        stores.add(store, currency, zone, LINTAS)
    return merchant_id


def _user(email: str, name: str, locale: str) -> User:
    return people.create_user(email, name, PASSWORDS[email], locale=locale)


def first_store() -> Store | None:
    """The first store of the merchant of the moment."""
    return db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one_or_none()
