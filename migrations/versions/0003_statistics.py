"""Statistics that keep up with a first import"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# PostgreSQL renews its statistics when a tenth of a table has changed.  Where one merchant has a million listings, the
# first hundred thousand of another one are unknown until then: the planner takes them for a single row, any index seems
# as good as the right one, and each page of an import is slower than the page before it.
LOOK_AGAIN = """
create function lintas_look_again() returns void language plpgsql security definer set search_path = public as $$
declare
    found name;
begin
    for found in
        select relname from pg_stat_user_tables
        where schemaname = 'public' and relname in ('listing', 'product')
            and n_mod_since_analyze > greatest(1000, n_live_tup / 200)
    loop
        execute format('analyze %I', found);
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(LOOK_AGAIN)
    op.execute("revoke all on function lintas_look_again() from public")
    op.execute("grant execute on function lintas_look_again() to lintas_app")


def downgrade() -> None:
    op.execute("drop function lintas_look_again()")
