"""Row level security, written once.  A migration calls these for every table it makes."""

from alembic import op

MERCHANT = "nullif(current_setting('app.merchant', true), '')::uuid"
PERSON = "nullif(current_setting('app.person', true), '')::uuid"


def wall(table: str, column: str = "merchant_id") -> None:
    """Only the rows of the merchant of the moment can be seen or written, even by the table's owner."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy own on {table} using ({column} = {MERCHANT}) with check ({column} = {MERCHANT})")


def door(table: str, name: str, condition: str, *, role: str = "public", verb: str = "select") -> None:
    """One more way to see rows of a walled table."""
    op.execute(f"create policy {name} on {table} for {verb} to {role} using ({condition})")


def append_only(table: str, role: str = "lintas_app") -> None:
    """The application may add rows and read them, never change or remove them."""
    op.execute(f"revoke update, delete on {table} from {role}")
