"""The tables' way from one version to the next; done by the role that owns them, never by the application's."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(owner_url: str, to: str = "head") -> None:
    """Bring the tables to a version."""
    command.upgrade(_config(owner_url), to)


def downgrade(owner_url: str, to: str) -> None:
    """Bring the tables back to a version; "base" is before the first."""
    command.downgrade(_config(owner_url), to)


def newest() -> str:
    """The version that this code wants."""
    return ScriptDirectory.from_config(_config("")).get_current_head() or ""


def _config(owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = owner_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return config
