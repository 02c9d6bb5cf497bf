"""The settings of the services as a page, generated from their classes and committed.

`python -m licet_cli.settings_table` writes `docs/reference/settings.md` below the current folder;
with `--check` it writes nothing and ends 1 if it differs.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from licet_chassis.settings import ENV_PREFIX, ServiceSettings
from licet_cli.embedded.state import SERVICES

FILE = Path("docs/reference/settings.md")

_HEAD = """\
# Settings

Generated from the settings classes by `make generate`; do not edit.

Each setting is an environment variable. Where `LICET_SECRETS_DIR` names a directory, a file in it that is
named like a variable in small letters gives its value too, such as `licet_database_url`; a variable that is
not empty wins. What is marked *secret* is never logged or shown. `python -m licet_<service> check` says what
is wrong with the settings it finds, in sentences that show no value, and ends 2 if anything is.
"""


def settings_class(service: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    (found,) = (
        value
        for value in vars(import_module(f"licet_{service}.settings")).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )
    return found


def page() -> str:
    """Return the page as it is committed."""
    parts = [_HEAD, "## Of every service\n", _table(ServiceSettings, ServiceSettings.model_fields)]
    for service in SERVICES:
        own = settings_class(service)
        names = [name for name in own.model_fields if name not in ServiceSettings.model_fields]
        if names:
            parts += [f"## Of {service}, beside those\n", _table(own, names)]
    return "\n".join(parts)


def _table(settings: type[ServiceSettings], names: Iterable[str]) -> str:
    rows = ["| variable | if absent | |", "| --- | --- | --- |"]
    docs = _docstrings(settings)
    for name in names:
        field = settings.model_fields[name]
        words = [_sentence(field.description), _values(field), docs.get(name), _secret(field)]
        text = " ".join(word for word in words if word).replace("|", "\\|")
        rows.append(f"| `{ENV_PREFIX}{name.upper()}` | {_default(field)} | {text} |")
    return "\n".join(rows) + "\n"


def _docstrings(settings: type[ServiceSettings]) -> dict[str, str]:
    """Return what stands below each field of the class and of those it derives from."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        if not issubclass(owner, ServiceSettings):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(tree, ast.ClassDef)  # noqa: S101  # that is what the source of a class is
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match below:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[field.target.id] = " ".join(text.split())
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    return "" if field.default in (None, "") else f"`{field.default}`"


def _values(field: FieldInfo) -> str | None:
    if get_origin(field.annotation) is not Literal:
        return None
    return f"One of {', '.join(f'`{value}`' for value in get_args(field.annotation))}."


def _secret(field: FieldInfo) -> str | None:
    return "*Secret.*" if SecretStr in (field.annotation, *get_args(field.annotation)) else None


def _sentence(text: str | None) -> str | None:
    if not text:
        return None
    first, _, rest = text.rstrip(".").partition(" ")
    # The shape of an address stays as it is written.
    words = f"`{first.rstrip(',')}`" if ":" in first else f"{first[0].upper()}{first[1:]}"
    return f"{words}{',' if first.endswith(',') else ''}{' ' if rest else ''}{rest}."


def main() -> int:
    """Write the page, or with `--check` compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE} is not what the code says; run make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
