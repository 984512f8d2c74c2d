"""The logo of a connection: a picture made anew from the uploaded one, one at a time."""

import sqlalchemy as sa

from portal.flows import audit
from portal.kit import logo
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import Connection, Logo


def keep(connection: Connection, upload: bytes) -> None:
    """Take an uploaded picture in place of the old one, in the open transaction.  Raises Refusal."""
    try:
        png = logo.redrawn(upload)
    except logo.NotAPicture as why:
        raise Refusal(f"logo_{why}", "logo", most=logo.LARGEST_UPLOAD // 1024) from None
    row = Logo(merchant_id=whose(), id=new_id(), png=png, digest=audit.fingerprint(png.hex()))
    drop(connection)
    db.session.add(row)
    connection.logo_id = row.id


def drop(connection: Connection) -> None:
    """Forget the picture, in the open transaction."""
    if connection.logo_id is not None:
        db.session.execute(sa.delete(Logo).where(Logo.merchant_id == whose(), Logo.id == connection.logo_id))
        connection.logo_id = None
