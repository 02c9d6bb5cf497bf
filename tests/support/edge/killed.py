"""Sends one request to a service in this process, which kills itself at the place that it is told.

`python -m support.edge.killed <before_commit|after_commit> <database-url>`: a crash that no handler sees.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from support.edge.counters import BODY, KEY, counters
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app

T = TypeVar("T")


class KilledDatabase(Database):
    """A database whose process dies around the commit."""

    place = "after_commit"

    async def run(self, cause: Cause, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def until_commit(tx: Transaction) -> T:
            result = await work(tx)
            if self.place == "before_commit":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        await super().run(cause, until_commit)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nothing outlives SIGKILL")


async def main(place: str, url: str) -> None:
    """Send the request; never returns."""
    database = await KilledDatabase.open(url, service="edge")
    KilledDatabase.place = place
    issuer = Issuer()
    async with client_of(
        edge_app(issuer, counters, database=database), issuer.token(scope="edge:write")
    ) as client:
        await client.post("/v1/counters", json=BODY, headers={"Idempotency-Key": KEY})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
