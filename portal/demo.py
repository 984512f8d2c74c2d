"""Sample merchants for an installation that runs with the sandbox: people and a store each, nothing connected."""

import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from portal.flows import people, stores
from portal.flows.audit import LINTAS, By
from portal.kit.db import acting_for, db
from portal.models import Membership, Role, Store, User
from portal.web.people import DEMO

PASSWORDS = {email: password for _, email, password in DEMO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One demo merchant.  `word` is what its accounts at every sandbox have in common."""

    word: str
    name: str
    currency: str
    zone: str
    locale: str
    store: str
    owner: tuple[str, str]
    viewer: tuple[str, str] | None = None


SAMPLES = (
    Sample(
        word="northwick",
        name="Northwick Trading Co.",
        currency="GBP",
        zone="Europe/London",
        locale="en",
        store="Northwick UK",
        owner=("owner@northwick.example", "Hannah Reid"),
        viewer=("viewer@northwick.example", "Tom Ellis"),
    ),
    Sample(
        word="samudra",
        name="Toko Samudra",
        currency="IDR",
        zone="Asia/Jakarta",
        locale="id",
        store="Toko Samudra",
        owner=("owner@samudra.example", "Dewi Lestari"),
    ),
)


def ensure() -> bool:
    """Make what is missing; answers whether anything was.  A second start changes nothing."""
    if db.session.scalar(sa.select(sa.func.count()).select_from(User)):
        return False
    for sample in SAMPLES:
        merchant_id = people.create_merchant(sample.name, sample.currency, sample.zone, sample.locale)
        with acting_for(merchant_id):
            stores.add(sample.store, sample.currency, sample.zone, LINTAS)
        people.join(merchant_id, _user(*sample.owner, sample.locale), Role.OWNER)
        if sample.viewer:
            people.join(merchant_id, _user(*sample.viewer, sample.locale), Role.VIEWER)
    people.create_user("staff@lintas.example", "Nadia Putri", PASSWORDS["staff@lintas.example"], is_staff=True)
    return True


def _user(email: str, name: str, locale: str) -> User:
    return people.create_user(email, name, PASSWORDS[email], locale=locale)


def owner_of(sample: Sample) -> tuple[uuid.UUID, By] | None:
    """The demo merchant and who acts for it; None where this installation has no such merchant."""
    user = db.session.scalar(sa.select(User).where(sa.func.lower(User.email) == sample.owner[0]))
    if user is None:
        return None
    with acting_for(None, user.id):
        owned = sa.select(Membership.merchant_id).where(Membership.user_id == user.id, Membership.role == Role.OWNER)
        merchant_id = db.session.scalar(owned.order_by(Membership.created_at).limit(1))
    return (merchant_id, By(user.name, user.id)) if merchant_id else None


def first_store() -> Store | None:
    """The first store of the merchant of the moment."""
    return db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one_or_none()
