"""The button *Send again*: one listing's number goes out whatever we believe that the channel shows."""

import sqlalchemy as sa

from portal.flows import audit, pushes
from portal.flows.audit import By
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, Listing, Push


def send(listing: Listing, by: By) -> None:
    """Send the current number of a listing again; what was refused or differed before counts no longer.

    Raises Refusal where nothing may be sent now.
    """
    connection = db.session.get_one(Connection, (whose(), listing.connection_id))
    if listing.product_id is None:
        raise Refusal("not_linked")
    if pushes.sends(connection) is None:
        raise Refusal("nothing_is_sent", name=connection.name)
    pushes.want_listings([listing.id])
    # Nothing is known of what the channel shows, so no number counts as shown already.
    forget = {"acked_level": None, "drift": ""}
    db.session.execute(
        sa.update(Push).where(Push.merchant_id == whose(), Push.listing_id == listing.id).values(**forget)
    )
    audit.note(by, "stock_sent_again", "listing", listing.id, name=listing.sku, store_id=connection.store_id)
    db.session.commit()
