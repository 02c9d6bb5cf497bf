"""Imports one file in a process of its own: `python -m importing.alone <database-url> <file> <mapping>`.

Prints as JSON how long it took, from the first byte to the last commit, and the peak of its memory.
`LICET_FAILPOINTS` may name a place at which it is to be killed.
"""

import asyncio
import gc
import json
import logging
import resource
import sys
import time
from pathlib import Path
from uuid import UUID

import structlog
from starlette.datastructures import UploadFile

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_credentials.imports.commands import SubmitImport, submit_import
from licet_credentials.imports.file.uploads import LARGEST_FILE, inspect_upload
from licet_credentials.imports.job import BATCH_ROWS, ImportJobs


async def sent(database: Database, file: Path, mapping: str, *, dry_run: bool = False) -> UUID:
    """Take a file in."""
    with file.open("rb") as opened:
        upload = await inspect_upload(UploadFile(opened), largest=LARGEST_FILE)
        command = SubmitImport(upload, file.name, mapping, dry_run)
        async with database.transaction(Cause.new("user:importer")) as tx:
            return (await submit_import(tx, command, now=BusinessClock(movable=False).now())).id


async def work_off(database: Database, *, batch_rows: int = BATCH_ROWS) -> None:
    """Work off everything that was sent."""
    jobs = ImportJobs(database, BusinessClock(movable=False), "UTC", batch_rows=batch_rows)
    while await jobs.step():
        pass


async def main(url: str, file: str, mapping: str) -> None:
    """Import the file."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    gc.freeze()  # as a service does before it serves
    database = await Database.open(url, service="credentials")
    began = time.perf_counter()
    await sent(database, Path(file), mapping)
    await work_off(database)
    seconds = time.perf_counter() - began
    await database.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "peak": peak, "cpu": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
