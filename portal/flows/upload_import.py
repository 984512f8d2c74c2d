"""Importing the good rows of a file into the products, piece by piece; and taking back what that created."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from portal.flows import linking, relinking, uploads
from portal.flows.work import Again, Claim, Outcome
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import Product, Upload, UploadPart, UploadRow, UploadState

PIECE = 1_000
KEPT_PROBLEMS = 1_000


def carry_out(claimed: Claim) -> Outcome:
    """Work: the next piece of an import, or of its undoing."""
    upload = uploads.locked(uuid.UUID(claimed.body["upload"]))
    if upload is None or upload.state not in {UploadState.IMPORTING, UploadState.UNDOING}:
        return None
    if upload.state is UploadState.UNDOING:
        if _undo_piece(upload):
            return Again()
        upload.state, upload.undone_at = UploadState.UNDONE, now()
        return None
    if _import_piece(upload):
        return Again()
    upload.state, upload.ended_at = UploadState.DONE, now()
    _forget_rows(upload)
    return None


def _import_piece(upload: Upload) -> int:
    linking.change_products()
    query = (
        sa.select(UploadRow)
        .where(
            UploadRow.merchant_id == whose(),
            UploadRow.upload_id == upload.id,
            UploadRow.number > upload.cursor,
            UploadRow.bad.is_(False),
        )
        .order_by(UploadRow.number)
        .limit(PIECE)
    )
    rows = db.session.scalars(query).all()
    if not rows:
        return 0
    known = _known([each.sku for each in rows])
    fresh = [each for each in rows if each.sku not in known and each.title]
    news = [each for each in rows if each.sku in known and _differs(each, known[each.sku])]
    upload.fresh += _create(upload, fresh)
    upload.changed += _change(news, known)
    # A product that was there at the check and is gone now has left its row without a title.
    upload.skipped += sum(each.sku not in known and not each.title for each in rows)
    upload.unchanged += sum(each.sku in known for each in rows) - len(news)
    upload.cursor = rows[-1].number
    linking.settle({each.sku_near for each in fresh}, final=linking.nothing_comes_in())
    if fresh:
        relinking.links_changed()
    return len(rows)


KNOWN = sa.text(
    """
    select p.id, p.sku, p.title, p.barcode, p.image from unnest(cast(:skus as text[])) as wanted(sku)
    cross join lateral (select * from product where merchant_id = :merchant and sku = wanted.sku offset 0) p
    """
)


def _known(skus: Sequence[str]) -> dict[str, Any]:
    return {row.sku: row for row in db.session.execute(KNOWN, {"merchant": whose(), "skus": array(skus)})}


def _differs(row: UploadRow, here: Any) -> bool:
    """Whether the row says something else than the product; an empty cell says nothing."""
    return any(getattr(row, name) not in {"", getattr(here, name)} for name in TEXTS)


CREATE = sa.text(
    """
    insert into product (merchant_id, id, sku, sku_near, title, barcode, image, batch_id, created_at)
    select :merchant, id, sku, sku_near, title, barcode, image, :upload, :moment
    from unnest(cast(:ids as uuid[]), cast(:skus as text[]), cast(:nears as text[]), cast(:titles as text[]),
        cast(:barcodes as text[]), cast(:images as text[])) as r(id, sku, sku_near, title, barcode, image)
    """
)
CHANGE = sa.text(
    """
    update product set
        title = coalesce(cast(:news as jsonb) -> cast(id as text) ->> 'title', title),
        barcode = coalesce(cast(:news as jsonb) -> cast(id as text) ->> 'barcode', barcode),
        image = coalesce(cast(:news as jsonb) -> cast(id as text) ->> 'image', image),
        changed_at = :moment, batch_id = null
    where merchant_id = :merchant and id = any(cast(:ids as uuid[]))
    """
)
TEXTS = ("title", "barcode", "image")


def _create(upload: Upload, rows: Sequence[UploadRow]) -> int:
    if rows:
        keys = {
            "ids": array(new_id() for _ in rows),
            "skus": array(each.sku for each in rows),
            "nears": array(each.sku_near for each in rows),
            **{f"{name}s": array(getattr(each, name) for each in rows) for name in TEXTS},
        }
        values = {"merchant": whose(), "upload": upload.id, "moment": now()}
        db.session.execute(CREATE, {**values, **keys})
    return len(rows)


def _change(rows: Sequence[UploadRow], known: dict[str, Any]) -> int:
    if rows:
        news = {
            str(known[each.sku].id): {name: getattr(each, name) for name in TEXTS if getattr(each, name)}
            for each in rows
        }
        values = {"merchant": whose(), "moment": now(), "ids": array(news), "news": json.dumps(news)}
        db.session.execute(CHANGE, values)
    return len(rows)


def _forget_rows(upload: Upload) -> None:
    """The file and its rows have served; the first of those with problems stay, to be looked up."""
    mine = UploadRow.merchant_id == whose(), UploadRow.upload_id == upload.id
    query = sa.select(UploadRow.number).where(*mine, UploadRow.problems.is_not(None))
    last = db.session.scalar(query.order_by(UploadRow.number).offset(KEPT_PROBLEMS).limit(1))
    beyond = [UploadRow.number >= last] if last is not None else []
    db.session.execute(sa.delete(UploadRow).where(*mine, sa.or_(UploadRow.problems.is_(None), *beyond)))
    db.session.execute(
        sa.delete(UploadPart).where(UploadPart.merchant_id == whose(), UploadPart.upload_id == upload.id)
    )


# Who linked by hand to a product, changed, counted or sold it, or made a bundle of it, has built on it: it stays.
FREE = sa.text(
    """
    update listing set product_id = null, link_how = null, linked_at = null, linked_sku = null, linked_by = '',
        link_state = 'new', batch_id = null
    where merchant_id = :merchant and product_id = any(cast(:ids as uuid[]))
    """
)
BUILT_ON = sa.text(
    """
    select product_id from listing
    where merchant_id = :merchant and product_id = any(cast(:ids as uuid[])) and link_how <> 'sku'
    union select product_id from order_line
    where merchant_id = :merchant and product_id = any(cast(:ids as uuid[]))
    union select product_id from stock_move
    where merchant_id = :merchant and product_id = any(cast(:ids as uuid[]))
    union select product_id from bundle_part
    where merchant_id = :merchant and product_id = any(cast(:ids as uuid[]))
    union select part_id from bundle_part
    where merchant_id = :merchant and part_id = any(cast(:ids as uuid[]))
    """
)
LET_GO = sa.text("update product set batch_id = null where merchant_id = :merchant and id = any(cast(:ids as uuid[]))")
REMOVE = sa.text("delete from product where merchant_id = :merchant and id = any(cast(:ids as uuid[]))")


def _undo_piece(upload: Upload) -> int:
    linking.change_products()
    query = sa.select(Product.id, Product.sku_near).where(Product.merchant_id == whose(), Product.batch_id == upload.id)
    rows = db.session.execute(query.limit(PIECE)).all()
    if not rows:
        return 0
    merchant, every = {"merchant": whose()}, [row.id for row in rows]
    stays = set(db.session.scalars(BUILT_ON, {**merchant, "ids": array(every)}))
    goes = array(each for each in every if each not in stays)
    db.session.execute(FREE, {**merchant, "ids": goes})
    db.session.execute(REMOVE, {**merchant, "ids": goes})
    db.session.execute(LET_GO, {**merchant, "ids": array(stays)})
    upload.taken_back += len(every) - len(stays)
    linking.settle({row.sku_near for row in rows}, final=linking.nothing_comes_in())
    relinking.links_changed()
    return len(rows)
