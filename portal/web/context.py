"""What every page's frame shows: the merchant, the language, the counts, the strips."""

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, g
from flask_babel import gettext as _

from portal.flows import members
from portal.flows.house import house
from portal.kit.db import db, whose_or_none
from portal.kit.paging import count_of
from portal.models import TO_SHIP, Merchant, Notice, Order
from portal.web import languages
from portal.web.doors import Needs, may, may_let_in, may_reveal, may_see_places

bp = Blueprint("frame", __name__)

MOST_SHOWN = 1_000


@bp.app_context_processor
def frame() -> dict[str, Any]:
    """Names that the layout reads."""
    who = g.get("signed_in")
    return {
        "merchant": who.merchant if who else None,
        "locale": languages.chosen(),
        "nav_counts": _counts() if who and who.merchant else {},
        "strips": _strips(),
        "may_manage": bool(who) and may(Needs.MANAGE),
        "may_own": bool(who) and may(Needs.OWN),
        "may_access": bool(who) and may_let_in(),
        "may_reveal": bool(who) and may_reveal(),
        "may_see_places": bool(who) and may_see_places(),
        "acting": who.acting if who else None,
        "my_merchants": _mine,
    }


def _mine() -> list[Merchant]:
    """The merchants between which whoever is signed in may choose: none where there is but one."""
    who = g.get("signed_in")
    if who is None or who.merchant is None or who.acting is not None:
        return []
    found = members.mine(who.user.id)
    return found if len(found) > 1 else []


def _counts() -> dict[str, int]:
    grave = (
        sa.select(sa.func.count())
        .select_from(Notice)
        .where(Notice.merchant_id == whose_or_none(), Notice.cleared_at.is_(None), Notice.grave)
    )
    to_ship = sa.select(Order).where(Order.merchant_id == whose_or_none(), Order.status.in_(TO_SHIP))
    return {"sync": db.session.scalar(grave) or 0, "orders": count_of(db.session(), to_ship, MOST_SHOWN).number}


def _strips() -> list[dict[str, Any]]:
    if not house().settings.demo:
        return []
    return [
        {
            "kind": "test",
            "lead": _("Sandbox."),
            "text": _("JD here is a copy that lives on this machine. Sample data and demo sign-ins; no parcel moves."),
            "actions": [
                {"label": _("Sandbox controls"), "url": f"{house().settings.sandbox_url}/control"},
                {"label": _("Letters"), "url": f"{house().settings.sandbox_url}/control/mail"},
            ],
        }
    ]
