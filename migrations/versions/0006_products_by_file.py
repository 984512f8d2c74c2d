"""Products by file"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TENANT_TABLES = ("upload", "upload_part", "upload_row")
USES = ("import", "check", "own")
STATES = ("waiting", "columns", "checking", "checked", "importing", "done", "undoing", "undone", "failed")


def upgrade() -> None:
    op.add_column("product", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    _uploads()
    _parts_and_rows()
    for table in TENANT_TABLES:
        wall(table)


def _tenant(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{name}")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f(f"fk_{name}_merchant_id"), ondelete="CASCADE"
        ),
    )


def _column(name: str, kind: sa.types.TypeEngine[object]) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=False)


def _words(name: str, kind: str, known: tuple[str, ...]) -> sa.Column[str]:
    return sa.Column(
        name, sa.Enum(*known, name=kind, native_enum=False, create_constraint=True, length=20), nullable=False
    )


def _uploads() -> None:
    texts = ("name", "kind", "encoding", "delimiter", "sheet", "mark", "cause", "made_by")
    numbers = ("size", "rows", "bad", "warned", "known", "cursor")
    outcome = ("fresh", "changed", "unchanged", "skipped", "taken_back")
    _tenant(
        "upload",
        _words("use", "known_upload_use", USES),
        _words("state", "known_upload_state", STATES),
        *(_column(name, sa.Text()) for name in texts),
        *(_column(name, sa.Integer()) for name in (*numbers, *outcome)),
        *(
            _column(name, postgresql.JSONB())
            for name in ("head", "sample", "columns", "mixed", "problems", "cause_values")
        ),
        _column("repair", sa.Boolean()),
        _column("made_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("bad <= rows and warned <= rows and known <= rows", name=op.f("problems_are_those_of_rows")),
        sa.CheckConstraint(
            "fresh + changed + unchanged + skipped <= rows - bad", name=op.f("only_good_rows_of_a_file_are_imported")
        ),
        sa.CheckConstraint("taken_back <= fresh", name=op.f("only_what_was_new_is_taken_back")),
        sa.CheckConstraint("(cause <> '') = (state = 'failed')", name=op.f("a_file_fails_for_a_cause")),
    )
    op.create_index("ix_upload_list", "upload", ["merchant_id", "made_at", "id"])


def _of_upload(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", "upload_id"],
        ["upload.merchant_id", "upload.id"],
        name=op.f(f"fk_{name}_merchant_id_upload_id"),
        ondelete="CASCADE",
    )


def _parts_and_rows() -> None:
    _tenant(
        "upload_part",
        _column("upload_id", sa.Uuid()),
        _column("number", sa.Integer()),
        _column("data", sa.LargeBinary()),
        _of_upload("upload_part"),
        sa.UniqueConstraint("merchant_id", "upload_id", "number", name="one_part_per_number"),
        sa.CheckConstraint("octet_length(data) <= 1048576", name=op.f("a_part_of_a_file_is_small")),
    )
    # Most files are packed already, or too small for it to matter.
    op.execute("alter table upload_part alter column data set storage external")
    _tenant(
        "upload_row",
        _column("upload_id", sa.Uuid()),
        _column("number", sa.Integer()),
        *(_column(name, sa.Text()) for name in ("sku", "sku_near", "title", "barcode", "image")),
        _column("bad", sa.Boolean()),
        sa.Column("problems", postgresql.JSONB(), nullable=True),
        _of_upload("upload_row"),
        sa.UniqueConstraint("merchant_id", "upload_id", "number", name="one_row_per_number"),
        sa.CheckConstraint("not bad or problems is not null", name=op.f("a_bad_row_says_why")),
    )
    op.create_index(
        "ix_upload_row_problems",
        "upload_row",
        ["merchant_id", "upload_id", "number"],
        postgresql_where=sa.text("problems is not null"),
    )


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    op.drop_column("product", "changed_at")
