"""Migrate all services in one process of its own: what migrations import is gone with it.

Started as `python -m licet_cli.embedded.migrate`; standard input has the URL of each database by package.
"""

from licet_chassis.migrations import migrate
from licet_cli.embedded.lifeline import announce, orders


def main() -> None:
    """Bring every database to the newest schema."""
    announce(**{package: migrate(package, url) for package, url in orders().items()})


if __name__ == "__main__":
    main()
