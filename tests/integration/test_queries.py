"""Every statement in a file is one that the migrated schema takes, and says what it is for."""

import asyncio
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import combinations
from pathlib import Path

import asyncpg
import pytest

from licet_chassis.migrations import migrate
from licet_chassis.queries import Template, load_queries, load_templates

SERVICES = ("credentials", "certifications", "scheduler", "notifier")


def query_files(package: str) -> Iterator[tuple[str, Mapping[str, str], Mapping[str, Template]]]:
    """Find each file of named statements in a package, and the templates in it."""
    root = Path(str(import_module(package).__file__)).parent
    for file in sorted(root.rglob("*.sql")):
        if {"migrations", "schema"} & {part.name for part in file.parents}:
            continue
        inner = ".".join([package, *file.relative_to(root).parts[:-1]])
        yield f"{inner}/{file.name}", load_queries(inner, file.name), load_templates(inner, file.name)


FOUND = {
    package: list(query_files(package))
    for package in ("licet_chassis", "licet_cli", *(f"licet_{s}" for s in SERVICES))
}
FILES = {package: {file: queries for file, queries, _ in found} for package, found in FOUND.items()}
TEMPLATES = [
    (package, f"{name} in {file}", template)
    for package, found in FOUND.items()
    for file, _, templates in found
    for name, template in templates.items()
]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_of_a_service_and_of_the_chassis_can_be_prepared(service, database_url):
    await asyncio.to_thread(migrate, f"licet_{service}", database_url)
    conn = await asyncpg.connect(database_url)
    try:
        for package in ("licet_chassis", "licet_cli", f"licet_{service}"):
            assert FILES[package], package
            for file, queries in FILES[package].items():
                for name, sql in queries.items():
                    try:
                        await conn.prepare(sql)
                    except asyncpg.PostgresError as error:
                        pytest.fail(f"{name} in {file}: {error}")
    finally:
        await conn.close()


async def test_every_template_can_be_prepared_with_nothing_with_each_choice_each_two_and_all(postgres):
    conns = {}
    for package in {package for package, _, _ in TEMPLATES}:
        url = await postgres.create_database()
        await asyncio.to_thread(migrate, package, url)
        conns[package] = await asyncpg.connect(url)
    try:
        for package, name, template in TEMPLATES:
            choices = sorted(template.choices)
            for given in [(), *((each,) for each in choices), *combinations(choices, 2), choices]:
                try:
                    await conns[package].prepare(template.sql(given)[0], name="")
                except asyncpg.PostgresError as error:
                    pytest.fail(f"{name} with {given}: {error}")
    finally:
        for conn in conns.values():
            await conn.close()


@pytest.mark.parametrize("package", FILES)
def test_every_statement_says_what_it_is_for(package):
    silent = [
        f"{name} in {file}"
        for file, queries in FILES[package].items()
        for name, sql in queries.items()
        if not sql.startswith("-- ")
    ]
    silent += [name for of, name, each in TEMPLATES if of == package and not each.text.startswith("-- ")]
    assert silent == []
