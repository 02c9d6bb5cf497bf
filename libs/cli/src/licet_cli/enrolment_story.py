"""The story of an enrolment: what happened, what it waits for, and what its award led to."""

from typing import Any

from licet_cli.client import Refused
from licet_cli.target import Target

Story = dict[str, Any]


def enrolments_of(target: Target, ident: str) -> list[dict[str, Any]]:
    """Return the enrolment with an id, or else all of the holder with that id; none for another id."""
    service = target.service("certifications")
    try:
        return [service.get(f"/v1/enrolments/{ident}")]
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
    try:
        lines = list(service.items("/v1/enrolments", holder_id=ident))
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
        return []
    return [service.get(f"/v1/enrolments/{line['id']}") for line in lines]


def enrolment_story(target: Target, enrolment: dict[str, Any]) -> Story:
    """Return everything that the services know of an enrolment."""
    ident = enrolment["id"]
    timers = target.service("scheduler").get("/v1/timers", enrolment_id=ident)["items"]
    return {
        "enrolment": enrolment,
        "history": list(target.service("certifications").items(f"/v1/enrolments/{ident}/history")),
        "awards": list(target.service("credentials").items("/v1/awards", enrolment_id=ident)),
        "timer": timers[0] if timers else None,
        "notifications": list(target.service("notifier").items("/v1/notifications", enrolment_id=ident)),
    }


def enrolment_text(story: Story) -> str:
    """Return a story in lines for people."""
    enrolment = story["enrolment"]
    reason = f" ({enrolment['reason']})" if enrolment["reason"] else ""
    lines = [
        f"{enrolment['programme']} version {enrolment['programme_version']}: {enrolment['status']}{reason}",
        f"  enrolment  {enrolment['id']}, version {enrolment['version']}, {enrolment['kind']}",
        f"  holder     {enrolment['holder_id']}",
        "Components",
        *(f"  {_component(each)}" for each in enrolment["components"]),
    ]
    if enrolment["waits_for"]:
        waits = enrolment["waits_for"]
        lines.append(f"Waits for a decision about the {waits['kind']} since {waits['since']}")
    lines += ["History", *(f"  {_entry(each)}" for each in story["history"])]
    lines.append("Award")
    lines += [f"  {_award(each)}" for each in story["awards"]] or [f"  {_no_award(enrolment)}"]
    lines.append("What time brought, and will bring")
    lines += _timer(story["timer"])
    lines.append("Who was told, or not")
    notes = sorted(story["notifications"], key=lambda each: str(each["created_at"]))
    lines += [f"  {_note(each)}" for each in notes] or ["  Nothing was due to be told yet."]
    return "\n".join(lines)


def _timer(timer: dict[str, Any] | None) -> list[str]:
    if timer is None:
        return ["  The scheduler does not know this enrolment yet."]
    decisions = sorted(timer["decisions"], key=lambda each: str(each["at"]))
    return [
        *(f"  {each['at']}  {_instant(each)}  {each['outcome']}" for each in decisions),
        *(f"  {each['due_at']}  {_instant(each)}  to come" for each in timer["upcoming"]),
    ]


def _note(note: dict[str, Any]) -> str:
    name = note["template"].removeprefix("enrolment.").removesuffix(".v1")
    status = f", server said {note['smtp_status']}" if note["smtp_status"] else ""
    return f"{note['updated_at']}  {name} to {note['role']}: {note['outcome']} ({note['reason']}{status})"


def _component(component: dict[str, Any]) -> str:
    lacking = f": lacks {', '.join(component['lacking'])}" if component["lacking"] else ""
    done = f" at {component['completed_at']}" if component["completed_at"] else ""
    return f"{component['code']}  {component['status']}{done}{lacking}"


def _entry(entry: dict[str, Any]) -> str:
    before = f" from {entry['from_status']}" if entry["from_status"] else ""
    reason = f": {entry['reason']}" if entry["reason"] else ""
    return f"{entry['at']}  {entry['event']}{before} to {entry['to_status']} by {entry['actor']}{reason}"


def _award(award: dict[str, Any]) -> str:
    if award["outcome"] == "refused":
        detail = f" {award['detail']}" if award["detail"] else ""
        refused = f"{award['decided_at']}  refused: {award['reason']}.{detail}"
        return f"{refused} A person has to decide what follows."
    return f"{award['decided_at']}  {award['outcome']} credential {award['credential_id']}"


def _no_award(enrolment: dict[str, Any]) -> str:
    if enrolment["award_id"]:
        return "The credentials service has not carried it out yet."
    if enrolment["completed_at"]:
        return "The programme issues no credential."
    return "Nothing was awarded yet."


def _instant(instant: dict[str, Any]) -> str:
    step = f" {instant['step']}" if instant["step"] is not None else ""
    return f"{instant['deadline'] or instant['kind']}{step}"
