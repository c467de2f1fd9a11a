"""Alembic, for a database that is behind."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def run_revisions(connection: Connection, migrations: Path) -> None:
    """Run the revisions of *migrations* that are missing in the transaction of *connection*."""
    config = Config()
    # Config interpolates like an ini file, so a percent sign in the path must be doubled.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
