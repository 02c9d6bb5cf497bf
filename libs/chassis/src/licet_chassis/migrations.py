"""Migrations: Alembic with plain SQL, one runner at a time, as a step of its own."""

import asyncio
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from licet_chassis.revisions import head

_LOCK = zlib.crc32(b"licet.migrations")


def run_sql(script: str) -> None:
    """Execute plain SQL, any number of statements, in the migration's transaction."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))


def run_file(migration: str) -> None:
    """Execute the SQL file that stands beside a migration; call it with the migration's `__file__`."""
    run_sql(Path(migration).with_suffix(".sql").read_text(encoding="utf-8"))


def run_chassis_schema(version: str) -> None:
    """Execute the SQL of the tables that every service has, by version, such as `0001`."""
    run_sql(files("licet_chassis").joinpath("schema", f"{version}.sql").read_text(encoding="utf-8"))


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package).joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def migrate(package: str, database_url: str) -> str:
    """Bring a service's database to the newest schema and return its revision.

    Runs under an advisory lock, so that several at once do it once. Safe to repeat.
    """
    config = _config(package)
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    return head(package)


def run_environment() -> None:
    """Be a service's `migrations/env.py`: connect, lock, migrate, all in one transaction."""
    asyncio.run(_run(context.config.attributes["database_url"]))


async def _run(url: str) -> None:
    # Connected here, so that a refusal is the driver's error, and not one of SQLAlchemy with its own trace.
    driver = await _connect(url)

    async def connected() -> "asyncpg.Connection[asyncpg.Record]":
        return driver

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connected, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url, timeout=10, statement_cache_size=0)


def _upgrade(connection: SyncConnection) -> None:
    # Bounds the wait for another runner and for tables that are in use; nothing is changed then.
    connection.execute(text("set local lock_timeout = '600s'"))
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
