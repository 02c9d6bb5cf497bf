"""`licet doctor`: what was announced, held against what is true, and why the two may differ for a while."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from licet_cli.explanations import Explanations
from licet_cli.output import JsonOption, fail, progress, show, table
from licet_cli.target import Against, Deployment, Target, open_target

app = typer.Typer()

_Items = list[dict[str, Any]]


@app.command("doctor")
def doctor(
    older_than: Annotated[
        float, typer.Option(help="Seconds of business time that a change may take to be announced.")
    ] = 300.0,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Report credentials and enrolments of which something else was announced than is true, and why.

    Reports awards of programmes too that were published and not carried out. Ends 1 if there is a difference
    or such an award that no timer and no event on its way explains. A refused award has its reason and waits
    for a person; it is shown and is no fault. So are instants that have not been derived yet by the installed
    edition of the time zone database: that goes on by itself.
    """
    with open_target(against) as target:
        credentials = _differences(target, "credentials", older_than)
        enrolments = _differences(target, "certifications", older_than)
        refused = list(target.service("credentials").items("/v1/awards", outcome="refused"))
        zones = {name: service.get("/v1/time-zones") for name, service in target.services.items()}
        found = (credentials["items"], enrolments["items"], enrolments["awaited_awards"])
        explanations = Explanations(target) if any(found) else None
        items, statuses, awards = (
            [{**each, "explained_by": explanations and explain(explanations, each)} for each in part]
            for explain, part in zip(_EXPLAIN, found, strict=True)
        )
    unexplained = [each for each in (*items, *statuses, *awards) if each["explained_by"] is None]
    document = {
        "checked": credentials["checked"], "enrolments_checked": enrolments["checked"],
        "unexplained": len(unexplained), "items": items, "enrolments": statuses, "awaited_awards": awards,
        "refused_awards": refused, "time_zones": zones,
    }  # fmt: skip
    text = [
        _text("credentials", "credential_id", credentials["checked"], items),
        _text("enrolments", "enrolment_id", enrolments["checked"], statuses),
        *_awaited_text(awards),
        *_refused_text(refused),
        *_zones_text(zones),
    ]
    show(document, as_json, "\n".join(text))
    if unexplained:
        fail(
            f"{len(unexplained)} credentials, enrolments or awards differ without a reason. Any change of "
            "one announces what is missing; please report how it came about."
        )


_EXPLAIN: tuple[Callable[[Explanations, dict[str, Any]], str | None], ...] = (
    Explanations.of_credential,
    Explanations.of_enrolment,
    Explanations.of_award,
)


def _differences(target: Target, service: str, older_than: float) -> dict[str, Any]:
    """Return what all pages of a service's check say together."""
    whole: dict[str, Any] = {"checked": 0, "items": [], "awaited_awards": []}
    cursor = None
    while True:
        part = target.service(service).get(
            "/v1/differences", older_than_seconds=older_than, limit=500, cursor=cursor
        )
        whole = {name: value + part.get(name, []) for name, value in whole.items()}
        cursor = part["next_cursor"]
        if cursor is None:
            return whole
        progress(f"{service}: {whole['checked']:,} checked, {len(whole['items'])} differ")


def _text(what: str, ident: str, checked: int, items: _Items) -> str:
    if not items:
        return f"{checked:,} {what} checked: what was announced is what is true."
    rows = [[what.removesuffix("s"), "announced", "true", "since", "because"]]
    rows += [
        [each[ident], each["announced"], each["computed"], each["since"],
         each["explained_by"] or "NOTHING EXPLAINS IT"]
        for each in items
    ]  # fmt: skip
    return f"{checked:,} {what} checked\n{table(rows)}"


def _awaited_text(awards: _Items) -> list[str]:
    if not awards:
        return []
    rows = [["enrolment", "holder", "awarded", "because"]]
    rows += [
        [each["enrolment_id"], each["holder_id"], each["awarded_at"],
         each["explained_by"] or "NOTHING EXPLAINS IT"]
        for each in awards
    ]  # fmt: skip
    return [f"{len(awards)} awards were published, and no credential has come back of them", table(rows)]


def _refused_text(refused: _Items) -> list[str]:
    if not refused:
        return []
    rows = [["enrolment", "holder", "refused", "because"]]
    rows += [
        [each["enrolment_id"], each["holder_id"], each["decided_at"], each["reason"]] for each in refused
    ]
    return [f"{len(refused)} awards of programmes were not carried out and wait for a person", table(rows)]


def _zones_text(zones: dict[str, dict[str, Any]]) -> list[str]:
    behind = {name: each for name, each in zones.items() if (each["recorded"] or "") < each["installed"]}
    if not behind:
        return []
    rows = [["service", "derived by", "installed", "not derived again"]]
    rows += [
        [name, each["recorded"] or "unknown", each["installed"],
         ", ".join(f"{count:,} {kind}" for kind, count in each["left"].items()) or "nothing"]
        for name, each in behind.items()
    ]  # fmt: skip
    return ["Instants are being derived by a newer edition of the time zone database", table(rows)]
