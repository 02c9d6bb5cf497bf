"""Run benchmarks and print one table: `python -m benchmarks [NAME …]`, with `tests` on the path.

A benchmark whose server can't be had says so and is not counted. All of them together take some minutes;
`LICET_BENCH_RUNS` and what else the benchmarks name make them longer or shorter.
"""

import argparse
import asyncio
import gc
import logging
import sys
import time
from importlib import import_module
from pathlib import Path

import structlog

from benchmarks.report import Result, print_table
from licet_cli.embedded.errors import EmbeddedError
from support.servers.choice import Unavailable

_NOT_BENCHMARKS = {"__main__", "report"}


def main() -> int:
    """Run the named benchmarks, or all; returns 1 if a target was missed or could not be measured."""
    here = sorted(file.stem for file in Path(__file__).parent.glob("*.py"))
    known = [name for name in here if name not in _NOT_BENCHMARKS]
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; else all")
    chosen = parser.parse_args().names or known
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    results: list[Result] = []
    absent: dict[str, str] = {}
    for number, name in enumerate(chosen, 1):
        _tell(f"[{number}/{len(chosen)}] {name} …")
        began = time.monotonic()
        try:
            benchmark = import_module(f"benchmarks.{name}")
            gc.freeze()  # as a service does before it serves
            measured = asyncio.run(benchmark.run())
        except (Unavailable, EmbeddedError) as reason:
            absent[name] = str(reason)
            _tell(f"  not measured: {reason}")
            continue
        for result in measured:
            _tell(f"  {result.name}: {result.seen:.3g} (target {result.target})")
        _tell(f"  {time.monotonic() - began:.0f} s")
        results += measured
    if results:
        print_table(results)
    for name, why in absent.items():
        print(f"{name} was not measured: {why}")
    return 0 if all(result.met for result in results) and not absent else 1


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
