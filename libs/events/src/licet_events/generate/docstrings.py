"""The docstrings below fields and enum members, which Python itself throws away."""

import ast
import inspect
import sys
from functools import lru_cache
from itertools import pairwise
from types import ModuleType


@lru_cache(maxsize=64)
def _of_module(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return, by class and name, the docstring under each assignment in the module's classes."""
    found: dict[str, dict[str, str]] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = _of_body(statement.body)
    return found


def _of_body(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for statement, following in pairwise(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found


def member_docs(cls: type) -> dict[str, str]:
    """Return the docstrings of a class's fields or members, inherited ones too, by name."""
    found: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):
        if ancestor.__module__.startswith("licet_events"):
            found |= _of_module(sys.modules[ancestor.__module__]).get(ancestor.__name__, {})
    return found
