"""The command `licet`: each module of `licet_cli.commands` is a command of that name.

A module has a typer application called `app`; it is imported only when its command is used. A module
named for a Python keyword ends in an underscore, and one within a name stands for a hyphen: `import_` is
`licet import`, `what_if` is `licet what-if`.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import licet_cli.commands
from licet_cli.embedded.errors import EmbeddedError


class _OnDemand(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        return sorted(
            module.name.rstrip("_").replace("_", "-") for module in iter_modules(licet_cli.commands.__path__)
        )

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        try:
            command = get_command(import_module(f"licet_cli.commands.{module}").app)
        except ModuleNotFoundError as missing:
            command = _absent(cmd_name, missing.name)
        command.name = cmd_name
        return command


def _absent(name: str, package: str | None) -> Any:
    """Return a command that says what it lacks when it is used: help shows the others all the same."""
    absent = typer.Typer()

    @absent.command(
        name,
        help="Not installed here: needs licet-cli[embedded].",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def say() -> None:
        raise EmbeddedError(f"`licet {name}` needs the package {package}; install licet-cli[embedded]")

    return get_command(absent)


group = typer.Typer(
    cls=_OnDemand,
    help="Credentials, certifications and their expiry: the embedded run and everything around it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@group.callback()
def _root() -> None:
    pass


def app() -> None:
    """Run the command line; ends the process with 0 (done), 1 (failed) or 2 (wrong use)."""
    try:
        group()
    except Exception as error:
        # Imported here, as it brings an HTTP client that many commands do without.
        from licet_cli.client import CommandFailed  # noqa: PLC0415

        if not isinstance(error, (EmbeddedError, CommandFailed)):
            raise
        print(f"licet: {error}", file=sys.stderr)
        sys.exit(1)
