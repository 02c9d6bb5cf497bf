"""Whether a JSON value is a statement, by the xAPI specification (IEEE 9274.1.1 and xAPI 1.0.3, part two).

What is not is refused with the place that is wrong. Values are never bent into what was perhaps meant.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from licet_chassis.errors import Invalid

Check: TypeAlias = Callable[[Any, str], None]
"""Raises `Invalid` where a value, which stands at a JSON pointer, is not of a kind."""

IFIS = ("mbox", "mbox_sha1sum", "openid", "account")
"""What identifies an agent; exactly one of them (inverse functional identifiers)."""
DEEPEST = 20
"""Levels of objects within a statement's extensions."""

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_MBOX = re.compile(r"mailto:[^@\s]{1,64}@[^@\s]{1,255}")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_SHA2 = re.compile(r"[0-9a-fA-F]{56,128}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,8}|[xiXI](?=-))(-[A-Za-z0-9]{1,8})*")
_VERSION = re.compile(r"1\.0(\.\d+)?|2\.0\.\d+")
_DURATION = re.compile(
    r"P(?=.)(?:\d+(?:\.\d+)?W|(?:\d+(?:\.\d+)?Y)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?D)?"
    r"(?:T(?=.)(?:\d+(?:\.\d+)?H)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?S)?)?)"
)
_INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}


def check_statement(value: Any, pointer: str = "") -> None:
    """Raise `Invalid` where the value is no statement."""
    _object(_STATEMENT, ("actor", "verb", "object"))(value, pointer)
    _consistent(value, pointer)
    if value["verb"]["id"] == VOIDED and value["object"].get("objectType") != "StatementRef":
        raise _wrong(f"{pointer}/object", "must be a StatementRef, as the verb is voided")
    for index, attachment in enumerate(value.get("attachments", ())):
        if "fileUrl" not in attachment:
            raise _wrong(
                f"{pointer}/attachments/{index}",
                "must have a fileUrl: the content of attachments is not taken here, only references",
            )


VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def instant_of(text: str, pointer: str) -> datetime:
    """Return the instant of a timestamp (RFC 3339, ISO 8601); without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text)
        if "T" not in text.upper() and " " not in text:
            raise ValueError(text)
        if re.search(r"-00(:?00)?$", text):
            raise ValueError(text)
        return found if found.tzinfo else datetime.fromisoformat(f"{text}+00:00")
    except ValueError:
        raise _wrong(pointer, "must be a timestamp with date, time and offset") from None


def _wrong(pointer: str, what: str) -> Invalid:
    return Invalid(f"{pointer or 'The statement'} {what}.", pointer=pointer)


def _object(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(pointer, "must be an object")
        for name in required:
            if name not in value:
                raise _wrong(f"{pointer}/{name}", "is missing")
        for name, inner in value.items():
            if name not in fields:
                raise _wrong(f"{pointer}/{name}", "is no property that the specification knows here")
            fields[name](inner, f"{pointer}/{name}")

    return check


def _text(pattern: re.Pattern[str] | None, what: str) -> Check:
    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
            raise _wrong(pointer, f"must be {what}")

    return check


def _list(inner: Check, *, least: int = 0) -> Check:
    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise _wrong(pointer, f"must be an array{' that is not empty' if least else ''}")
        for index, each in enumerate(value):
            inner(each, f"{pointer}/{index}")

    return check


def _map(key: re.Pattern[str], what: str, inner: Check) -> Check:
    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(pointer, "must be an object")
        for name, each in value.items():
            if not key.fullmatch(name):
                raise _wrong(f"{pointer}/{name}", f"has a key that is no {what}")
            inner(each, f"{pointer}/{name}")

    return check


def _number(value: Any, pointer: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(pointer, "must be a number")


def _whole(value: Any, pointer: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(pointer, "must be a whole number")


def _boolean(value: Any, pointer: str) -> None:
    if not isinstance(value, bool):
        raise _wrong(pointer, "must be true or false")


def _one_of(*names: str) -> Check:
    def check(value: Any, pointer: str) -> None:
        if value not in names:
            raise _wrong(pointer, f"must be {' or '.join(names)}")

    return check


def _timestamp(value: Any, pointer: str) -> None:
    _STRING(value, pointer)
    instant_of(value, pointer)


def _anything(value: Any, pointer: str, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise _wrong(pointer, f"has more than {DEEPEST} levels")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        _anything(each, pointer, depth + 1)


_STRING = _text(None, "text")
_IRI_TEXT = _text(_IRI, "an IRI with its scheme")
_UUID_TEXT = _text(_UUID, "a UUID")
_LANGUAGES = _map(_LANGUAGE, "language tag (RFC 5646)", _STRING)
_EXTENSIONS = _map(_IRI, "IRI", _anything)
_ACCOUNT = _object({"homePage": _IRI_TEXT, "name": _STRING}, ("homePage", "name"))
_AGENT_FIELDS: Mapping[str, Check] = {
    "objectType": _one_of("Agent"),
    "name": _STRING,
    "mbox": _text(_MBOX, "an address such as mailto:ada@example.org"),
    "mbox_sha1sum": _text(_SHA1, "a SHA-1 digest in hexadecimal"),
    "openid": _IRI_TEXT,
    "account": _ACCOUNT,
}


def check_agent(value: Any, pointer: str) -> None:
    """Raise `Invalid` where the value is no agent with exactly one identifier."""
    _object(_AGENT_FIELDS)(value, pointer)
    if sum(name in value for name in IFIS) != 1:
        raise _wrong(pointer, f"must have exactly one of {', '.join(IFIS)}")


def _group(value: Any, pointer: str) -> None:
    fields = {**_AGENT_FIELDS, "objectType": _one_of("Group"), "member": _list(check_agent)}
    _object(fields, ("objectType",))(value, pointer)
    identifiers = sum(name in value for name in IFIS)
    if identifiers > 1 or (identifiers == 0 and not value.get("member")):
        raise _wrong(pointer, f"must have one of {', '.join(IFIS)}, or members")


def check_actor(value: Any, pointer: str) -> None:
    """Raise `Invalid` where the value is neither an agent nor a group."""
    is_group = isinstance(value, dict) and value.get("objectType") == "Group"
    (_group if is_group else check_agent)(value, pointer)


_COMPONENT = _object({"id": _STRING, "description": _LANGUAGES}, ("id",))


def _components(value: Any, pointer: str) -> None:
    _list(_COMPONENT)(value, pointer)
    if len({each["id"] for each in value}) != len(value):
        raise _wrong(pointer, "names an id twice")


_DEFINITION: Mapping[str, Check] = {
    "name": _LANGUAGES,
    "description": _LANGUAGES,
    "type": _IRI_TEXT,
    "moreInfo": _IRI_TEXT,
    "extensions": _EXTENSIONS,
    "interactionType": _one_of(*_INTERACTIONS),
    "correctResponsesPattern": _list(_STRING),
    **dict.fromkeys(("choices", "scale", "source", "target", "steps"), _components),
}


def _definition(value: Any, pointer: str) -> None:
    _object(_DEFINITION)(value, pointer)
    kind = value.get("interactionType")
    parts = {"choices", "scale", "source", "target", "steps"} & value.keys()
    if kind is None and (parts or "correctResponsesPattern" in value):
        raise _wrong(f"{pointer}/interactionType", "is missing")
    if kind is not None and not parts <= set(_INTERACTIONS[kind]):
        raise _wrong(pointer, f"has parts that an interaction of the type {kind} has not")


_ACTIVITY = _object({"objectType": _one_of("Activity"), "id": _IRI_TEXT, "definition": _definition}, ("id",))
_REFERENCE = _object({"objectType": _one_of("StatementRef"), "id": _UUID_TEXT}, ("objectType", "id"))


def _activities(value: Any, pointer: str) -> None:
    if isinstance(value, dict):
        _ACTIVITY(value, pointer)
    else:
        _list(_ACTIVITY)(value, pointer)


def _thing(value: Any, pointer: str) -> None:
    kind = value.get("objectType", "Activity") if isinstance(value, dict) else "Activity"
    checks: Mapping[Any, Check] = {
        "Agent": check_agent,
        "Group": _group,
        "StatementRef": _REFERENCE,
        "SubStatement": _sub_statement,
    }
    if not isinstance(kind, str):
        raise _wrong(f"{pointer}/objectType", "must be text")
    checks.get(kind, _ACTIVITY)(value, pointer)


def _score(value: Any, pointer: str) -> None:
    _object(dict.fromkeys(("scaled", "raw", "min", "max"), _number))(value, pointer)
    if not -1 <= value.get("scaled", 0) <= 1:
        raise _wrong(f"{pointer}/scaled", "must be from -1 to 1")
    least, most = value.get("min", float("-inf")), value.get("max", float("inf"))
    if least > most or not least <= value.get("raw", max(least, min(most, 0))) <= most:
        raise _wrong(pointer, "must have raw between min and max")


_RESULT = _object(
    {
        "score": _score,
        "success": _boolean,
        "completion": _boolean,
        "response": _STRING,
        "duration": _text(_DURATION, "a duration (ISO 8601), such as PT1H30M"),
        "extensions": _EXTENSIONS,
    }
)
_CONTEXT = _object(
    {
        "registration": _UUID_TEXT,
        "instructor": check_actor,
        "team": _group,
        "contextActivities": _object(dict.fromkeys(("parent", "grouping", "category", "other"), _activities)),
        "contextAgents": _list(
            _object(
                {
                    "objectType": _one_of("contextAgent"),
                    "agent": check_agent,
                    "relevantTypes": _list(_IRI_TEXT, least=1),
                },
                ("objectType", "agent"),
            )
        ),
        "contextGroups": _list(
            _object(
                {
                    "objectType": _one_of("contextGroup"),
                    "group": _group,
                    "relevantTypes": _list(_IRI_TEXT, least=1),
                },
                ("objectType", "group"),
            )
        ),
        "revision": _STRING,
        "platform": _STRING,
        "language": _text(_LANGUAGE, "a language tag (RFC 5646)"),
        "statement": _REFERENCE,
        "extensions": _EXTENSIONS,
    }
)
_ATTACHMENT = _object(
    {
        "usageType": _IRI_TEXT,
        "display": _LANGUAGES,
        "description": _LANGUAGES,
        "contentType": _text(re.compile(r"[^/\s]+/[^/\s].*"), "an Internet Media Type"),
        "length": _whole,
        "sha2": _text(_SHA2, "a SHA-2 digest in hexadecimal"),
        "fileUrl": _IRI_TEXT,
    },
    ("usageType", "display", "contentType", "length", "sha2"),
)
_WITHIN: Mapping[str, Check] = {
    "actor": check_actor,
    "verb": _object({"id": _IRI_TEXT, "display": _LANGUAGES}, ("id",)),
    "object": _thing,
    "result": _RESULT,
    "context": _CONTEXT,
    "timestamp": _timestamp,
    "attachments": _list(_ATTACHMENT),
}


def _authority(value: Any, pointer: str) -> None:
    check_actor(value, pointer)
    if value.get("objectType") == "Group":
        members = value.get("member", ())
        if value.keys() & set(IFIS) or len(members) != 2 or not any("account" in one for one in members):
            raise _wrong(pointer, "must be an agent, or a group of the two agents of OAuth")


_STATEMENT: Mapping[str, Check] = {
    **_WITHIN,
    "id": _UUID_TEXT,
    "stored": _timestamp,
    "authority": _authority,
    "version": _text(_VERSION, "a version of the specification, such as 1.0.3 or 2.0.0"),
}


def _sub_statement(value: Any, pointer: str) -> None:
    fields = {**_WITHIN, "objectType": _one_of("SubStatement")}
    _object(fields, ("objectType", "actor", "verb", "object"))(value, pointer)
    if value["object"].get("objectType") == "SubStatement":
        raise _wrong(f"{pointer}/object", "must not be a SubStatement within another")
    _consistent(value, pointer)


def _consistent(value: Mapping[str, Any], pointer: str) -> None:
    context = value.get("context", {})
    if value["object"].get("objectType", "Activity") != "Activity":
        for name in ("revision", "platform"):
            if name in context:
                raise _wrong(f"{pointer}/context/{name}", "is only allowed where the object is an activity")


def check_uuid(text: str, pointer: str) -> UUID:
    """Return the UUID of a text; raises `Invalid`."""
    _UUID_TEXT(text, pointer)
    return UUID(text)
