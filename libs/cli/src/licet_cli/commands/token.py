"""`licet token`: a bearer token of the embedded issuer."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from licet_cli.durations import parse_duration
from licet_cli.embedded.issuer import AUDIENCE, SCOPES, SigningKey
from licet_cli.embedded.state import current_run
from licet_cli.output import wrong_use

app = typer.Typer()

_SCOPE = re.compile(r"[a-z]+:[a-z]+")


@app.command("token")
def token(
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="May be repeated; all scopes if left out.")
    ] = None,
    team: Annotated[
        list[str] | None, typer.Option("--team", help="See only people of this team; may be repeated.")
    ] = None,
    location: Annotated[
        list[str] | None, typer.Option("--location", help="See only people here; may be repeated.")
    ] = None,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is good: 15m, 12h, 30d.")] = "1h",
    subject: Annotated[str, typer.Option("--subject", help="Whom it stands for.")] = "licet-cli",
    audience: Annotated[str, typer.Option("--audience", help="Whom it is meant for.")] = AUDIENCE,
) -> None:
    """Print a token for the services of the run, and nothing else."""
    scopes = [part for given in scope or [] for part in given.split()]
    wrong = [part for part in scopes if not _SCOPE.fullmatch(part)]
    if wrong:
        wrong_use(f"{wrong[0]!r} is no scope; there are {', '.join(SCOPES)}")
    try:
        lifetime = parse_duration(ttl)
    except ValueError as error:
        wrong_use(f"--ttl: {error}")
    state = current_run()
    print(
        SigningKey.of_file(Path(state.signing_key)).token(
            issuer=state.issuer.url,
            now=datetime.now(UTC),
            subject=subject,
            scopes=scopes or SCOPES,
            teams=team,
            locations=location,
            lifetime=lifetime,
            audience=audience,
        )
    )
