"""`licet mail`: what the mail catcher has."""

import typer

from licet_cli.output import JsonOption, fail, show, table
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See the mails that were caught.", no_args_is_help=False)


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
