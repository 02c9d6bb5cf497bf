"""Only documented forms of values: in bodies, whatever their models hold, and in parameters of every route.

A route or a model declares types as ever. What pydantic would coerce to such a type is refused here, for all
services: a new route can't forget it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, TypeAdapter
from pydantic_core import CoreSchema, core_schema
from starlette.requests import Request

from licet_events.forms import FORMS, Form
from licet_events.sameness import normal

FormFlag = Annotated[bool, BeforeValidator(FORMS["bool"].check)]
"""A boolean in a multipart form, whose fields `documented_parameters` does not see."""

_WITHOUT_FORM = frozenset({"timedelta", "bytes", "complex", "url", "multi-host-url"})
"""Kinds that pydantic reads leniently and that nothing here documents."""
_NO_SCHEMAS = frozenset({"metadata", "serialization", "cls", "config", "default", "expected", "members"})
"""Members of a core schema that hold no schemas."""


def _reading(form: Form) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # What a validator is given by a function before it counts as Python, where a date is no text.
        return form.value(value) if isinstance(value, str) else value

    return read


def _decimal(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))  # JSON has numbers too
    return FORMS["decimal"].value(value) if isinstance(value, str) else value


_CHECKS = {kind: _reading(FORMS[kind]) for kind in ("date", "datetime", "time", "uuid")} | {
    "decimal": _decimal
}
"""For what JSON says as text; of numbers and booleans JSON has only one form each."""


def documented(schema: CoreSchema, name: str, verbatim: Collection[str] = ()) -> CoreSchema:
    """Return the schema of the model `name` with a check before each value that is read leniently.

    Texts get their normal form first, but for the fields `verbatim`. Raises `TypeError` for a kind of value
    that has no documented form.
    """
    kept = {}
    if (model := schema.get("schema", schema)).get("type") == "model-fields":
        kept = {field: model["fields"][field] for field in verbatim if field in model["fields"]}
    checked = _documented(schema, name)
    if kept:
        inner = checked.get("schema", checked)
        inner["fields"] = {**inner["fields"], **kept}
    return cast("CoreSchema", checked)


def _normal(value: Any) -> Any:
    return normal(value) if isinstance(value, str) else value


def _documented(node: Any, name: str) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_documented(each, name) for each in node)
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    if not isinstance(kind, str):  # the fields of a model, by name
        return {key: _documented(each, name) for key, each in node.items()}
    if kind in _WITHOUT_FORM:
        raise TypeError(f"{name} has a {kind}, which has no documented form: add one to FORMS")
    if kind == "function-before" and node["function"]["function"] in _OURS:
        return node  # of a body within this one
    checked = {key: each if key in _NO_SCHEMAS else _documented(each, name) for key, each in node.items()}
    if kind == "float":
        checked["allow_inf_nan"] = False
    before = _normal if kind == "str" else _CHECKS.get(kind)
    if before is None:
        return checked
    return core_schema.no_info_before_validator_function(before, cast("CoreSchema", checked))


_OURS = (_normal, *_CHECKS.values())


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter of a route: the forms that its values may have, any where there is none."""

    forms: tuple[Form, ...]
    repeatable: bool

    def wrong(self, values: list[str]) -> str | None:
        """Return what is wrong with the values that were sent."""
        if len(values) > 1 and not self.repeatable:
            return "must be given once"
        if self.forms and not all(any(form.fits(value) for form in self.forms) for value in values):
            return self.forms[0].wanted
        return None


@dataclass(frozen=True, slots=True)
class _Parameters:
    path: Mapping[str, _Parameter]
    query: Mapping[str, _Parameter]
    header: Mapping[str, _Parameter]
    read_by_route: tuple[str, ...]
    """Prefixes of the names in the query that the route reads itself."""


@dataclass(frozen=True, slots=True)
class ReadsQuery:
    """A dependency of routes that read parameters themselves: those whose names begin with the prefix.

    They refuse what they don't know. An empty prefix leaves the whole query to the route.
    """

    prefix: str = ""

    async def __call__(self) -> None:
        """Do nothing: the dependency marks its routes."""


async def documented_parameters(request: Request) -> None:
    """Refuse parameters of the request that are of another form than documented, or not documented at all.

    A dependency of every route. Raises FastAPI's error, which becomes a 422 that names each of them.
    """
    expected = _parameters_of(request.scope["route"].dependant)
    errors = []
    for name, parameter in expected.path.items():
        if (value := request.path_params.get(name)) is not None:
            errors.append(("path", name, parameter.wrong([str(value)])))
    if request.scope["query_string"]:
        for name in request.query_params:
            if name.startswith(expected.read_by_route):
                continue
            known = expected.query.get(name)
            wrong = known.wrong(request.query_params.getlist(name)) if known else "is no parameter of this"
            errors.append(("query", name, wrong))
    for name, parameter in expected.header.items():
        if sent := request.headers.getlist(name):
            errors.append(("header", name, parameter.wrong(sent)))
    failures = [
        {"type": "form", "loc": (place, name), "msg": wrong} for place, name, wrong in errors if wrong
    ]
    if failures:
        raise RequestValidationError(failures)


_OF_ROUTES: dict[int, tuple[Dependant, _Parameters]] = {}


def _parameters_of(dependant: Dependant) -> _Parameters:
    known = _OF_ROUTES.get(id(dependant))
    if known is None:  # the dependant is kept, so that its id stays its own
        known = _OF_ROUTES[id(dependant)] = (dependant, _read_parameters(dependant))
    return known[1]


def _read_parameters(dependant: Dependant) -> _Parameters:
    path: dict[str, _Parameter] = {}
    query: dict[str, _Parameter] = {}
    header: dict[str, _Parameter] = {}
    prefixes: list[str] = []
    for each in _with_dependencies(dependant):
        if isinstance(each.call, ReadsQuery):
            prefixes.append(each.call.prefix)
        for fields, found in (
            (each.path_params, path),
            (each.query_params, query),
            (each.header_params, header),
        ):
            for field in fields:
                annotation = field.field_info.annotation
                model = annotation if isinstance(annotation, type) else None
                if model is not None and issubclass(model, BaseModel):
                    for name, inner in model.model_fields.items():
                        found[inner.alias or name] = _parameter(inner.annotation, inner.metadata)
                else:
                    found[field.alias] = _parameter(annotation, field.field_info.metadata)
    return _Parameters(path, query, header, tuple(prefixes))


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _with_dependencies(each)


def _parameter(annotation: Any, metadata: Sequence[Any]) -> _Parameter:
    schema = TypeAdapter(Annotated[annotation, *metadata] if metadata else annotation).core_schema
    kinds = set(_kinds(schema))
    # Texts, enumerations and what a validator of the route's own reads are not coerced.
    forms = tuple(FORMS[kind] for kind in sorted(kinds)) if kinds <= FORMS.keys() else ()
    return _Parameter(forms, repeatable=_is_several(annotation))


def _kinds(node: Any) -> Iterator[str]:
    """Yield the kinds of values in a core schema, those of lists and unions for what is in them."""
    kind = node["type"]
    if kind == "none":
        return
    inner = [node[name] for name in ("schema", "items_schema") if isinstance(node.get(name), dict)]
    if isinstance(node.get("items_schema"), list):
        inner += node["items_schema"]
    choices = node.get("choices", ())
    for choice in choices.values() if isinstance(choices, dict) else choices:
        inner.append(choice[0] if isinstance(choice, tuple) else choice)
    if not inner:
        yield kind
    for each in inner:
        yield from _kinds(each)


def _is_several(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_several(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return any(_is_several(each) for each in get_args(annotation))
    return get_origin(annotation) in {list, tuple, set, frozenset}
