"""Statements as they are kept: what finds them, when two are the same, and which complete something."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256
from typing import Any
from uuid import UUID

from licet_certifications.facts.identity import account_key, email_key
from licet_certifications.xapi.statements import VOIDED, instant_of
from licet_events.completions import CompletionRecorded, CompletionResult, Learner, LearnerAccount
from licet_events.ids import uuid7

SOURCE = "xapi"
"""The source of every completion that comes as a statement; its id is the statement's."""

RESULTS: Mapping[str, CompletionResult] = {
    "http://adlnet.gov/expapi/verbs/passed": CompletionResult.PASSED,
    "http://adlnet.gov/expapi/verbs/completed": CompletionResult.COMPLETED,
    "http://adlnet.gov/expapi/verbs/failed": CompletionResult.FAILED,
    "https://w3id.org/xapi/adl/verbs/satisfied": CompletionResult.COMPLETED,
    "https://w3id.org/xapi/adl/verbs/waived": CompletionResult.WAIVED,
}
"""The verbs that end something, as cmi5 has them; all others are kept and passed over."""

_NAMED = ("mbox_sha1sum", "openid")
"""What names an agent without an address or account; it is taken for an account of that name."""
_ASSIGNED = ("id", "stored", "authority", "version")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with everything that it is kept and found by."""

    id: UUID
    stored: datetime
    document: Mapping[str, Any]
    """As it is given back: what was sent, with id, stored, timestamp, authority and version."""
    digest: bytes
    """Of what was sent, but for what does not make a statement another one."""

    @property
    def verb(self) -> str:
        """The verb's IRI."""
        verb: str = self.document["verb"]["id"]
        return verb

    @property
    def activity(self) -> str | None:
        """The IRI of the activity that is its object."""
        thing = self.document["object"]
        return thing["id"] if thing.get("objectType", "Activity") == "Activity" else None

    @property
    def registration(self) -> UUID | None:
        """The registration in its context."""
        registration = self.document.get("context", {}).get("registration")
        return None if registration is None else UUID(registration)

    @property
    def voids(self) -> UUID | None:
        """The statement that it takes back."""
        return UUID(self.document["object"]["id"]) if self.verb == VOIDED else None

    @property
    def agents(self) -> list[str]:
        """The keys of its actor and of the agent that is its object: what `agent` finds."""
        thing = self.document["object"]
        found = [self.document["actor"]]
        if thing.get("objectType") in {"Agent", "Group"}:
            found.append(thing)
        return sorted({key for one in found for key in _keys(one)})

    @property
    def related_agents(self) -> list[str]:
        """The keys of all agents and groups anywhere in it, but for the authority."""
        return sorted(
            {key for name, part in self.document.items() if name != "authority" for key in _within(part)}
        )

    @property
    def related_activities(self) -> list[str]:
        """The IRIs of all activities in object, context and sub-statement."""
        return sorted(set(_activities(self.document)))

    def completion(self) -> CompletionRecorded | None:
        """Return the completion that it tells of one learner, or `None`."""
        result = RESULTS.get(self.verb)
        learner = learner_of(self.document["actor"])
        if result is None or learner is None or self.activity is None:
            return None
        said = self.document.get("result", {})
        if said.get("completion") is False and result is CompletionResult.COMPLETED:
            return None
        if said.get("success") is False and result is not CompletionResult.WAIVED:
            result = CompletionResult.FAILED
        return CompletionRecorded(
            source=SOURCE,
            source_id=str(self.id),
            learner=learner,
            course=self.activity,
            completed_at=instant_of(self.document["timestamp"], "/timestamp").astimezone(UTC),
            result=result,
            evidence=tuple(one["fileUrl"] for one in self.document.get("attachments", ())),
        )


def statement_of(
    sent: Mapping[str, Any], *, now: datetime, authority: Mapping[str, Any], version: str
) -> Statement:
    """Return a statement that was found to be one, as it is kept: with what a store assigns."""
    given = UUID(sent["id"]) if "id" in sent else uuid7()
    stored = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = _with_lists(sent) | {"id": str(given), "stored": stored, "authority": authority}
    document.setdefault("timestamp", stored)
    document.setdefault("version", "1.0.0" if version.startswith("1.") else "2.0.0")
    return Statement(given, now, document, digest_of(sent))


def digest_of(sent: Mapping[str, Any]) -> bytes:
    """Return the same digest for statements that the specification holds for the same.

    Left out is what the store assigns, and what only describes: definitions and displays. Order counts for
    nothing in groups and context activities, and neither does the spelling of an instant.
    """
    told = {name: part for name, part in _with_lists(sent).items() if name not in _ASSIGNED}
    if "timestamp" in told:
        told["timestamp"] = instant_of(told["timestamp"], "/timestamp").astimezone(UTC).isoformat()
    return sha256(json.dumps(_bare(told), sort_keys=True).encode()).digest()


def learner_of(actor: Mapping[str, Any]) -> Learner | None:
    """Return whom an agent names; a group is nobody.

    A digest of an address and an OpenID are taken for accounts: somebody says once whose they are.
    """
    if actor.get("objectType") == "Group":
        return None
    if "mbox" in actor:
        return Learner(email=actor["mbox"].partition(":")[2])
    if "account" in actor:
        account = actor["account"]
        return Learner(account=LearnerAccount(home_page=account["homePage"], name=account["name"]))
    name = next(name for name in _NAMED if name in actor)
    return Learner(account=LearnerAccount(home_page=name, name=actor[name].lower()))


def agent_key(agent: Mapping[str, Any]) -> str | None:
    """Return what an agent or identified group is found by; `None` for an anonymous group."""
    if "mbox" in agent:
        return f"mbox {email_key(agent['mbox'])}"
    if "account" in agent:
        return f"account {account_key(agent['account']['homePage'], agent['account']['name'])}"
    for name in _NAMED:
        if name in agent:
            return account_key(name, agent[name].lower())
    return None


def address_keys(address: str) -> list[str]:
    """Return the keys of agents that name an address (in comparison form), openly or as a digest."""
    digest = sha1(f"mailto:{address}".encode(), usedforsecurity=False).hexdigest()
    return [f"mbox {address}", account_key("mbox_sha1sum", digest)]


def account_keys(account: str) -> list[str]:
    """Return the keys of agents that name an account (in comparison form)."""
    return [f"account {account}", account]


def statement_id(source_id: str) -> UUID | None:
    """Return the statement by which a completion came, if its id in the source is a statement's."""
    try:
        return UUID(source_id)
    except ValueError:
        return None


def shown(document: Mapping[str, Any], form: str, languages: list[str]) -> Mapping[str, Any]:
    """Return a statement in a form: `exact`; `ids` with identifiers only; `canonical` in one language."""
    if form == "exact":
        return document
    found: Mapping[str, Any] = _ids(document) if form == "ids" else _canonical(document, languages)
    return found


def _keys(agent: Mapping[str, Any]) -> Iterator[str]:
    for one in (agent, *agent.get("member", ())):
        key = agent_key(one)
        if key is not None:
            yield key


def _within(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _within(each)
    elif isinstance(part, dict):
        key = agent_key(part) if part.keys() & {"mbox", "mbox_sha1sum", "openid", "account"} else None
        if key is not None:
            yield key
        for name, each in part.items():
            if name not in {"extensions", "account", "definition"}:
                yield from _within(each)


def _activities(statement: Mapping[str, Any]) -> Iterator[str]:
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    if kind == "Activity":
        yield thing["id"]
    elif kind == "SubStatement":
        yield from _activities(thing)
    for each in statement.get("context", {}).get("contextActivities", {}).values():
        yield from (one["id"] for one in each)


def _with_lists(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Make single context activities lists of one, as every store gives them back."""
    changed = dict(statement)
    if changed["object"].get("objectType") == "SubStatement":
        changed["object"] = _with_lists(changed["object"])
    activities = changed.get("context", {}).get("contextActivities")
    if activities is not None:
        lists = {name: one if isinstance(one, list) else [one] for name, one in activities.items()}
        changed["context"] = {**changed["context"], "contextActivities": lists}
    return changed


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if not isinstance(value, dict):
        return value
    bare = {
        name: each if name == "extensions" else _bare(each)
        for name, each in value.items()
        if name not in {"definition", "display"}
        and not (name == "objectType" and each in {"Agent", "Activity"})
    }
    for name in ("member", "parent", "grouping", "category", "other"):
        if isinstance(bare.get(name), list):
            bare[name] = sorted(bare[name], key=lambda each: json.dumps(each, sort_keys=True))
    return bare


def _ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "id" in value and value.get("objectType") in {None, "Activity"} and "actor" not in value:
        return {"id": value["id"]}
    named = value.keys() & {"mbox", "mbox_sha1sum", "openid", "account", "member"}
    return {
        name: each if name in {"result", "attachments", "extensions", "account"} else _ids(each)
        for name, each in value.items()
        if not (named and name == "name")
    }


def _canonical(value: Any, languages: list[str]) -> Any:
    if isinstance(value, list):
        return [_canonical(each, languages) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _in_one_language(each, languages)
        if name in {"display", "description", "name"} and isinstance(each, dict)
        else each
        if name == "extensions"
        else _canonical(each, languages)
        for name, each in value.items()
    }


def _in_one_language(texts: Mapping[str, str], languages: list[str]) -> Mapping[str, str]:
    for wanted in languages:
        for tag in texts:
            if tag.lower() == wanted.lower() or tag.lower().startswith(f"{wanted.lower()}-"):
                return {tag: texts[tag]}
    return dict(list(texts.items())[:1])
