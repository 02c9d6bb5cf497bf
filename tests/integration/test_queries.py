"""Every statement in a file is one that the migrated schema takes, and says what it is for."""

import asyncio
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest

from licet_chassis.migrations import migrate
from licet_chassis.queries import load_queries

SERVICES = ("credentials", "certifications", "scheduler", "notifier")


def query_files(package: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Find each file of named statements in a package."""
    root = Path(str(import_module(package).__file__)).parent
    for file in sorted(root.rglob("*.sql")):
        if {"migrations", "schema"} & {part.name for part in file.parents}:
            continue
        inner = ".".join([package, *file.relative_to(root).parts[:-1]])
        yield f"{inner}/{file.name}", load_queries(inner, file.name)


FILES = {
    package: dict(query_files(package)) for package in ("licet_chassis", *(f"licet_{s}" for s in SERVICES))
}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_of_a_service_and_of_the_chassis_can_be_prepared(service, database_url):
    await asyncio.to_thread(migrate, f"licet_{service}", database_url)
    conn = await asyncpg.connect(database_url)
    try:
        for package in ("licet_chassis", f"licet_{service}"):
            assert FILES[package], package
            for file, queries in FILES[package].items():
                for name, sql in queries.items():
                    try:
                        await conn.prepare(sql)
                    except asyncpg.PostgresError as error:
                        pytest.fail(f"{name} in {file}: {error}")
    finally:
        await conn.close()


@pytest.mark.parametrize("package", FILES)
def test_every_statement_says_what_it_is_for(package):
    silent = [
        f"{name} in {file}"
        for file, queries in FILES[package].items()
        for name, sql in queries.items()
        if not sql.startswith("-- ")
    ]
    assert silent == []
