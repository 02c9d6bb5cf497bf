"""`licet mail`: what the mail catcher has, and sending again what failed."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import typer

from licet_cli.output import JsonOption, fail, show, table, wrong_use
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See the mails that were caught; have failed ones sent again.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def list_by_default(context: typer.Context) -> None:
    """List the mails when nothing else is asked."""
    if context.invoked_subcommand is None:
        list_mails()


@app.command("list")
def list_mails(as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """List caught mails, oldest first."""
    with open_target(against) as target:
        mails = target.mail_box.mails()
    rows = [["id", "date", "to", "subject"]]
    rows += [[m.id, f"{m.date:%Y-%m-%d %H:%M %z}" if m.date else "", m.to, m.subject] for m in mails]
    show(
        {"items": [mail.summary() for mail in mails]},
        as_json,
        table(rows) if mails else "No mail was caught.",
    )


@app.command("show")
def show_mail(mail_id: str, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """Show one mail: its headers and its text."""
    with open_target(against) as target:
        found = next((mail for mail in target.mail_box.mails() if mail.id == mail_id), None)
    if found is None:
        fail(f"There is no mail {mail_id}; licet mail list shows their ids.")
    headers = {name: str(value) for name, value in found.message.items()}
    document = {
        **found.summary(),
        "headers": headers,
        "text": found.body("plain"),
        "html": found.body("html"),
    }
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    show(document, as_json, f"{head}\n\n{found.body('plain')}")


@app.command("resend")
def resend(
    failed_since: Annotated[
        str,
        typer.Option(help="Failed since: a day (UTC), or an instant with its offset."),
    ],
    failed_until: Annotated[
        str | None, typer.Option(help="When they failed at the latest, not included.")
    ] = None,
    smtp_status: Annotated[int | None, typer.Option(help="Only those with this answer, such as 550.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only those that failed for it: refused, gave_up, template_failed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent again, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Send again, once, what failed for a cause that has been mended."""
    order = {
        "failed_since": _instant(failed_since),
        "failed_until": None if failed_until is None else _instant(failed_until),
        "smtp_status": smtp_status,
        "reason": reason,
        "dry_run": dry_run,
    }
    counts: dict[tuple[str, int | None], int] = {}
    with open_target(against) as target:
        notifier = target.service("notifier")
        while True:
            answer: dict[str, Any] = notifier.post("/v1/notifications/resend", order)
            for cause in answer["causes"]:
                key = (cause["reason"], cause["smtp_status"])
                counts[key] = counts.get(key, 0) + cause["count"]
            # A dry run changes nothing, so the next page would be the same.
            if dry_run or not answer["more"]:
                break
    causes = [{"reason": why, "smtp_status": status, "count": n} for (why, status), n in counts.items()]
    total = sum(counts.values())
    more = " or more" if answer["more"] else ""
    word = "would be sent again" if dry_run else "will be sent again"
    rows = [["reason", "answer", "mails"]]
    rows += [[why, str(status or ""), str(n)] for (why, status), n in counts.items()]
    show(
        {"dry_run": dry_run, "count": total, "causes": causes, "more": answer["more"]},
        as_json,
        f"{total}{more} mails {word}." + (f"\n{table(rows)}" if total else ""),
    )


def _instant(text: str) -> str:
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC).isoformat()
        instant = datetime.fromisoformat(text)
    except ValueError:
        wrong_use(
            f"{text!r} is neither a day, such as 2026-01-31, nor an instant, such as 2026-01-31T08:00:00Z."
        )
    if instant.tzinfo is None:
        wrong_use(f"{text!r} does not say its offset, such as 2026-01-31T08:00:00Z.")
    return instant.isoformat()
