"""The stored form of a bulk action: a JSON object whose one key names the action."""

import json
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from licet_credentials.bulk.model import Action, Reassign, Renew, Suspend, Void
from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.inputs import DayOrInstant
from licet_credentials.rows import jsonb

_RENEWAL = TypeAdapter(RenewalRequest)
_DAY_OR_INSTANT: TypeAdapter[Any] = TypeAdapter(DayOrInstant)
_OTHERS: dict[str, TypeAdapter[Any]] = {
    "suspend": TypeAdapter(Suspend),
    "reassign": TypeAdapter(Reassign),
    "void": TypeAdapter(Void),
}


def action_json(action: Action) -> str:
    """Return the stored form of an action; fields without a value are left out."""
    values = asdict(action)
    if isinstance(action, Renew):
        values = values["request"] | {"notes": action.notes}
    name = type(action).__name__.lower()
    return jsonb({name: {key: value for key, value in values.items() if value is not None}})


def parse_action(document: str) -> Action:
    """Return the action of a stored form."""
    ((name, values),) = json.loads(document).items()
    if name == "renew":
        notes = values.pop("notes", None)
        return Renew(_RENEWAL.validate_python(values), notes)
    for key in {"effective_from", "until"} & values.keys():  # a bare union would read an instant as a day
        values[key] = _DAY_OR_INSTANT.validate_python(values[key])
    action: Action = _OTHERS[name].validate_python(values)
    return action
