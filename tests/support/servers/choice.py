"""Which servers the tests run on, and what happens when one can't be had.

Each server comes from the first of these that says something:

1. an environment variable with its URL (`LICET_TEST_POSTGRES_URL`, …);
2. `LICET_TEST_SERVERS`: `embedded` (default), `real` (Apache Kafka and VersityGW as processes on
   this machine) or `containers` (by testcontainers).

With `LICET_TEST_NO_SKIP=1` a server that can't be had fails the test, else it skips it. A test that is
about one kind of server alone says so with the marker `only_on`, and is left out on the others.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from licet_cli.embedded.errors import EmbeddedError

Way = Literal["embedded", "real", "containers"]


class Unavailable(Exception):
    """A server can't be had on this machine in the way that was asked for; the message says why."""


def way() -> Way:
    """Return how servers are made that no URL was given for."""
    chosen = os.environ.get("LICET_TEST_SERVERS", "embedded")
    match chosen:
        case "embedded" | "real" | "containers":
            return chosen
    raise pytest.UsageError(f"LICET_TEST_SERVERS is {chosen!r}; use embedded, real or containers")


def kinds() -> frozenset[str]:
    """Return which brokers and object stores the tests run on: mock or apache, moto or versitygw."""
    embedded = way() == "embedded"
    kafka = "mock" if embedded and not os.environ.get("LICET_TEST_KAFKA_URL") else "apache"
    s3 = "moto" if embedded and not os.environ.get("LICET_TEST_S3_URL") else "versitygw"
    return frozenset({kafka, s3})


@contextmanager
def needed(server: str) -> Iterator[None]:
    """Turn the lack of a server into a skip with its reason, or a failure where none may be skipped."""
    try:
        yield
    except (Unavailable, EmbeddedError) as error:
        reason = f"no {server}: {error}"
        if os.environ.get("LICET_TEST_NO_SKIP") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def cache() -> Path:
    """Return where downloads and builds are kept between sessions."""
    base = os.environ.get("XDG_CACHE_HOME")
    directory = (Path(base) if base else Path.home() / ".cache") / "licet"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
