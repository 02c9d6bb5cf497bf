"""`licet why`: the whole story of a credential, of an enrolment, or of everything a holder has."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from licet_cli.client import Refused
from licet_cli.commands.forecast import what_of
from licet_cli.enrolment_story import enrolment_story, enrolment_text, enrolments_of
from licet_cli.output import JsonOption, fail, show
from licet_cli.target import Against, Deployment, Target, open_target

app = typer.Typer()


@app.command("why")
def why(
    id: Annotated[str, typer.Argument(help="Id of a credential, an enrolment or a holder.")],
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Tell the story of a credential, an enrolment or a holder: what happened, what was due, who was told."""
    with open_target(against) as target:
        enrolments = [enrolment_story(target, each) for each in enrolments_of(target, id)]
        # What is an enrolment's id is neither a credential's nor a holder's.
        alone = any(story["enrolment"]["id"] == id for story in enrolments)
        stories = [] if alone else [_story(target, credential) for credential in _credentials(target, id)]
    texts = [_text(story) for story in stories] + [enrolment_text(story) for story in enrolments]
    document = {"items": stories, "enrolments": enrolments}
    show(document, as_json, "\n\n".join(texts) or "This holder has no credential and no enrolment.")


def _credentials(target: Target, ident: str) -> list[dict[str, Any]]:
    service = target.service("credentials")
    try:
        return [service.get(f"/v1/credentials/{ident}")]
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
    try:
        holder = service.get(f"/v1/holders/{ident}")
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
        fail(f"There is no credential, enrolment or holder {ident}.")
    # The id of a record that was merged leads to the other.
    return list(service.items("/v1/credentials", holder_id=holder["merged_into"] or ident))


def _story(target: Target, credential: dict[str, Any]) -> dict[str, Any]:
    ident = credential["id"]
    credentials = target.service("credentials")
    timers = target.service("scheduler").get("/v1/timers", credential_id=ident)["items"]
    return {
        "credential": credential,
        "holder": credentials.get(f"/v1/holders/{credential['holder_id']}"),
        "terms": credentials.get(f"/v1/credentials/{ident}/terms")["items"],
        "history": list(credentials.items(f"/v1/credentials/{ident}/history")),
        "timer": timers[0] if timers else None,
        "notifications": list(target.service("notifier").items("/v1/notifications", credential_id=ident)),
        "acknowledgements": list(
            target.service("notifier").items("/v1/acknowledgements", credential_id=ident)
        ),
        "forecast": _forecast(target, ident),
    }


def _forecast(target: Target, ident: str) -> list[dict[str, Any]]:
    """Return what will be told of a credential in the next 400 days, if nothing changes."""
    notifier = target.service("notifier")
    now = datetime.fromisoformat(notifier.get("/v1/work")["now"])
    period = {"from": now.date().isoformat(), "to": (now + timedelta(days=400)).date().isoformat()}
    return list(notifier.items("/v1/forecast", credential_id=ident, **period))


def _text(story: dict[str, Any]) -> str:
    credential, holder, timer = story["credential"], story["holder"], story["timer"]
    number = f" {credential['number']}" if credential["number"] else ""
    lines = [
        f"{credential['name']}{number} of {holder['name']}: {credential['validity']}"
        + (f", {credential['days_left']} days left" if credential["days_left"] is not None else ""),
        f"  credential {credential['id']}, version {credential['version']}",
        f"  holder     {holder['id']}{'' if holder['active'] else ', inactive'}",
        "Terms",
        *(f"  {_term(term)}" for term in story["terms"]),
        *(
            f"  {flag['kind']} from {flag['effective_from']}: {flag['reason']}"
            for flag in credential["flags"]
        ),
        "History",
        *(
            f"  {_entry(entry)}"
            for entry in sorted(story["history"], key=lambda entry: int(entry["version"]))
        ),
        "What time brought, and will bring",
    ]
    if timer is None:
        lines.append("  The scheduler does not know this credential yet.")
    else:
        lines += [
            f"  {_decision(decision)}" for decision in sorted(timer["decisions"], key=lambda d: str(d["at"]))
        ]
        lines += [f"  {upcoming['due_at']}  {_instant(upcoming)}  to come" for upcoming in timer["upcoming"]]
    lines.append("Who was told, or not")
    lines += [
        f"  {_note(note)}" for note in sorted(story["notifications"], key=lambda n: str(n["created_at"]))
    ]
    if not story["notifications"]:
        lines.append("  Nothing was due to be told yet.")
    lines += [f"  {_said(said)}" for said in reversed(story["acknowledgements"])]
    lines.append("Who will be told, if nothing changes")
    lines += [f"  {_line(item)}" for item in story["forecast"]]
    if not story["forecast"]:
        lines.append("  Nobody, as far as 400 days from now.")
    return "\n".join(lines)


def _term(term: dict[str, Any]) -> str:
    end = term["expires_on_month"] or term["expires_on"] or term["expiry"]
    if term["expires_at_rule"] != "end_of_day":
        end += f" {term['expires_at_time'] or '(not on that day)'}"
    return f"{term['valid_from'] or 'unknown'} to {end} in {term['time_zone']} (revision {term['revision']})"


def _entry(entry: dict[str, Any]) -> str:
    reason = f": {entry['reason']}" if entry.get("reason") else ""
    name = entry["event_type"].removeprefix("licet.").removesuffix(".v1")
    details = entry["details"]
    change = f" from {details['from']} to {details['to']}" if "from" in details and "to" in details else ""
    return f"{entry['at']}  {name}{change} by {entry['actor']}{reason}"


def _instant(instant: dict[str, Any]) -> str:
    step = f" {instant['step']}" if instant["step"] is not None else ""
    return f"{instant['deadline'] or instant['kind']}{step}"


def _decision(decision: dict[str, Any]) -> str:
    reason = f" ({decision['reason']})" if decision["reason"] else ""
    outcome = f"{decision['outcome']}{reason}, decided {decision['decided_at']}"
    return f"{decision['at']}  {_instant(decision)}  {outcome}"


def _note(note: dict[str, Any]) -> str:
    name = (note["template"] or note["event_name"]).removeprefix("licet.").removesuffix(".v1")
    details = [note["reason"]]
    if note["smtp_status"]:
        details.append(f"server said {note['smtp_answer'] or note['smtp_status']}")
    if note["outcome"] == "pending" and note["not_before"]:
        details.append(f"not before {note['not_before']}")
    if note["rule"]:
        details.append(f"{note['rule']} of policy {note['policy_version'] or 'as shipped'}")
    if note["template_version"]:
        details.append(f"template {note['template_version']}")
    details += [
        words
        for name_of, words in (("digest_id", "in a digest"), ("stop_id", f"held by stop {note['stop_id']}"))
        if note[name_of]
    ]
    return (
        f"{note['updated_at']}  {name} to {note['role']}: {note['outcome']} ({', '.join(details)}), "
        f"decided {note['created_at']}"
    )


def _said(said: dict[str, Any]) -> str:
    who = f"{said['by_role']} {said['by_id'] or ''}".rstrip()
    day = f" for {said['booked_on']}" if said["booked_on"] else ""
    return f"{said['created_at']}  {said['kind']}{day} by the {who}, reminders rest until {said['until']}"


def _line(item: dict[str, Any]) -> str:
    after = f", {item['after_days']} days after the step" if item["after_days"] else ""
    recipient = item["recipient"] or "nobody"
    return f"{item['at']}  {what_of(item)} to {recipient} ({item['circle']}, {item['rule']}{after})"
