"""Run benchmarks and print one table: `python -m benchmarks [NAME …]`, with `tests` on the path."""

import argparse
import asyncio
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.report import Result, print_table

_NOT_BENCHMARKS = {"__main__", "report"}


def main() -> int:
    """Run the named benchmarks, or all; returns 1 if a target was missed."""
    here = sorted(file.stem for file in Path(__file__).parent.glob("*.py"))
    known = [name for name in here if name not in _NOT_BENCHMARKS]
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; else all")
    chosen = parser.parse_args().names or known
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    results: list[Result] = []
    for name in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        results += asyncio.run(import_module(f"benchmarks.{name}").run())
    print_table(results)
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
