"""What is wrong with an installation, each with what to do."""

import redis
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.flows.house import house
from portal.kit.db import Base, db

MIGHTY = sa.text("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
OWNED = sa.text("select count(*) from pg_class where relkind = 'r' and pg_get_userbyid(relowner) = current_user")
UNWALLED = sa.text(
    """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    where c.relname = any(cast(:tables as text[])) and not (c.relrowsecurity and c.relforcerowsecurity)
    """
)
OLD_REDIS = (6, 2)


def look() -> list[str]:
    """The faults of this installation; empty when there is nothing to mend."""
    return [*_database(), *_redis()]


def _database() -> list[str]:
    tenant = [name for name, table in Base.metadata.tables.items() if "merchant_id" in table.primary_key.columns]
    faults = []
    try:
        if db.session.scalar(MIGHTY):
            faults.append("The application's database role can step over row level security. Use a role without it.")
        if db.session.scalar(OWNED):
            faults.append("The application's database role owns tables. Migrate as another role, and own nothing here.")
        bare = list(db.session.execute(UNWALLED, {"tables": [*tenant, "merchant"]}).scalars())
        faults += [f"Table {name} has no forced row level security. Run `portal migrate`." for name in bare]
    except SQLAlchemyError as why:
        db.session.rollback()
        faults.append(f"The database does not answer ({type(why).__name__}). Check PORTAL_DATABASE_URL.")
    return faults


def _redis() -> list[str]:
    try:
        said = house().redis.info("server")
        version = tuple(int(part) for part in str(said["redis_version"]).split(".")[:2])
        policy = house().redis.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError as why:
        return [f"Redis does not answer ({type(why).__name__}). Check PORTAL_REDIS_URL; work waits until it does."]
    faults = []
    if version < OLD_REDIS:
        faults.append("Redis is older than 6.2, which loses bells when a worker is killed. Use Redis 6.2 or Valkey.")
    if policy != "noeviction":
        faults.append("Redis may throw bells away when memory is short. Set maxmemory-policy to noeviction.")
    return faults
