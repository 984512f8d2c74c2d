"""Who works for a merchant and as what: changing a role, removing, leaving, handing over, choosing the merchant.

Rights are looked at on every request, so a change holds from the next one on.  The sessions of whoever it concerns end
all the same: whoever comes back does so under a new id.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from portal.flows import audit, letters, memberships
from portal.flows.audit import By
from portal.flows.letters import Letter
from portal.flows.sessions import SignedIn, token_hash
from portal.kit.db import acting_for, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_token
from portal.models import LoginSession, Membership, Merchant, Role, User


def place_of(user_id: uuid.UUID) -> Membership | None:
    """The place of a person in the merchant of the moment, None where he or she has none."""
    query = sa.select(Membership).where(Membership.merchant_id == whose(), Membership.user_id == user_id)
    return db.session.scalars(query).one_or_none()


def change_role(member: Membership, role: Role, by: By) -> None:
    """Give a member another role; the person is told.  Raises Refusal for one's own, and for the last owner."""
    _not_oneself(member, by)
    was = _held(member, by).role
    if was is role:
        db.session.rollback()
        return
    if was is Role.OWNER:
        _check_owners(member)
    member.role = role
    user = db.session.get_one(User, member.user_id)
    audit.note(
        by, "role_changed", "user", user.id, name=user.name, before={"role": was.value}, after={"role": role.value}
    )
    letters.post("role_changed", member.id)
    _end_sessions(user.id)
    db.session.commit()


def remove(member: Membership, by: By) -> None:
    """Take somebody off the merchant; the person is told.  Raises Refusal for oneself, and for the last owner."""
    _not_oneself(member, by)
    _take_off(_held(member, by), "removed", by)
    letters.post("member_removed", member.user_id)
    db.session.commit()


def leave(user: User, by: By) -> None:
    """Stop working for the merchant of the moment.  Raises Refusal for the last owner."""
    member = place_of(user.id)
    if member is not None:
        _take_off(_held(member), "left", by)
        db.session.commit()


def hand_over(member: Membership, signed_in: SignedIn, by: By) -> str:
    """Make somebody an owner in one's own place, who stays as a manager; both are told.

    Gives the new token of the session that asked.  Raises Refusal where the other one is an owner already or oneself.
    """
    _not_oneself(member, by)
    was = _held(member, by).role
    mine = place_of(signed_in.user.id)
    if mine is None or was is Role.OWNER:
        db.session.rollback()
        raise Refusal("nothing_to_hand_over")
    member.role, mine.role = Role.OWNER, Role.MANAGER
    user = db.session.get_one(User, member.user_id)
    audit.note(by, "handed_over", "user", user.id, name=user.name, before={"role": was.value}, after={"role": "owner"})
    letters.post("role_changed", member.id)
    letters.post("role_changed", mine.id)
    _end_sessions(user.id)
    _end_sessions(signed_in.user.id, but=signed_in.session_hash)
    token = under_a_new_id(signed_in.session_hash, whose())
    db.session.commit()
    return token


def choose(signed_in: SignedIn, merchant_id: uuid.UUID, by: By) -> str | None:
    """Go over to another merchant of the person; gives the new token of the session, None where it is not theirs."""
    if merchant_id not in memberships.of(signed_in.user.id):
        return None
    with acting_for(merchant_id, signed_in.user.id):
        token = under_a_new_id(signed_in.session_hash, merchant_id)
        audit.note(by, "came_over", "user", signed_in.user.id, name=signed_in.user.name)
        db.session.commit()
    return token


def mine(user_id: uuid.UUID) -> list[Merchant]:
    """The merchants of a person, by name."""
    with acting_for(None, user_id):
        query = (
            sa.select(Merchant)
            .join(Membership, Membership.merchant_id == Merchant.id)
            .where(Membership.user_id == user_id)
            .order_by(sa.func.lower(Merchant.name), Merchant.id)
        )
        return list(db.session.scalars(query))


def under_a_new_id(session_hash: bytes, merchant_id: uuid.UUID) -> str:
    """Give a session of the open transaction another token and its merchant.  It proves nothing of who is there."""
    token = new_token()
    db.session.execute(
        sa.update(LoginSession)
        .where(LoginSession.token_hash == session_hash)
        .values(token_hash=token_hash(token), merchant_id=merchant_id)
        .execution_options(synchronize_session=False)
    )
    return token


def _not_oneself(member: Membership, by: By) -> None:
    if member.user_id == by.user_id:
        raise Refusal("own_place")


def _held(member: Membership, by: By | None = None) -> Membership:
    """The place as it stands now.  Whoever changes who works here does it one after the other.

    Raises Refusal where it is gone, or where `by` has lost the right to change it meanwhile.
    """
    db.session.execute(sa.select(Merchant.id).where(Merchant.id == whose()).with_for_update(key_share=True))
    try:
        db.session.refresh(member)
    except sa.exc.InvalidRequestError:  # It was removed meanwhile.
        db.session.rollback()
        raise Refusal("member_gone") from None
    if by is not None and by.user_id is not None:
        # The column and not the row, which the session may hold as it was before.
        mine = sa.select(Membership.role).where(Membership.merchant_id == whose(), Membership.user_id == by.user_id)
        if db.session.scalar(mine) is not Role.OWNER:
            db.session.rollback()
            raise Refusal("owner_no_more")
    return member


def _check_owners(member: Membership) -> None:
    """Raises Refusal where nobody else is an owner.  The database refuses it too, at the end of the transaction."""
    others = sa.select(sa.func.count()).where(
        Membership.merchant_id == whose(), Membership.role == Role.OWNER, Membership.id != member.id
    )
    if not db.session.scalar(others):
        db.session.rollback()
        raise Refusal("last_owner")


def _take_off(member: Membership, what: str, by: By) -> None:
    role = member.role
    if role is Role.OWNER:
        _check_owners(member)
    user = db.session.get_one(User, member.user_id)
    audit.note(by, what, "user", user.id, name=user.name, before={"role": role.value})
    _end_sessions(user.id)
    db.session.delete(member)


def _end_sessions(user_id: uuid.UUID, but: bytes | None = None) -> None:
    """End the person's sessions at this merchant in the open transaction, but for the one with this hash."""
    wanted = [LoginSession.user_id == user_id, LoginSession.merchant_id == whose()]
    if but is not None:
        wanted.append(LoginSession.token_hash != but)
    db.session.execute(sa.delete(LoginSession).where(*wanted).execution_options(synchronize_session=False))


@letters.kind("role_changed")
def _role_letter(membership_id: uuid.UUID) -> Sequence[Letter]:
    member = db.session.get(Membership, (whose(), membership_id))
    if member is None:
        return ()
    return (letters.to(db.session.get_one(User, member.user_id), "role_changed", role=member.role),)


@letters.kind("member_removed")
def _removed_letter(user_id: uuid.UUID) -> Sequence[Letter]:
    user = db.session.get(User, user_id)
    if user is None or place_of(user_id) is not None:
        return ()
    return (letters.to(user, "member_removed"),)
