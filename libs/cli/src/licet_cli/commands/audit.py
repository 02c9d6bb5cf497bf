"""`licet audit`: audits, and the check of their signed results."""

import json
from pathlib import Path
from typing import Annotated, Any

import jwt
import typer
from jwt.api_jws import PyJWS

from licet_cli.output import JsonOption, fail, show, table
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See audits, and check their signed results.", no_args_is_help=True)

_ALGORITHM = "EdDSA"
_LARGEST_FILE = 64 << 20


@app.command("list")
def list_audits(as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """List audits, newest first, with their progress."""
    with open_target(against) as target:
        audits = list(target.service("certifications").items("/v1/audits"))
    rows = [["id", "name", "due", "open", "of", "closed"]]
    rows += [
        [
            audit["id"], audit["name"], audit["due_on"], str(audit["counts"]["open"]),
            str(audit["counts"]["items"]), audit["closed_at"] or "",
        ]
        for audit in audits
    ]  # fmt: skip
    show({"items": audits}, as_json, table(rows))


@app.command("result")
def result(
    audit: Annotated[str, typer.Argument(help="The audit's id.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the signed result.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Where to write the public keys, for checks elsewhere.")
    ] = None,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Write the signed result of a closed AUDIT into a file."""
    with open_target(against) as target:
        certifications = target.service("certifications")
        certifications.download(f"/v1/audits/{audit}/result", output)
        if keys is not None:
            keys.write_text(json.dumps(certifications.get("/v1/audits/keys"), indent=2), encoding="utf-8")
    print(f"wrote {output}" + (f" and {keys}" if keys else ""))


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A signed result, as `licet audit result` writes it.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="The deployment's public keys; asked for from the run if left out."),
    ] = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Check that FILE is a result that this deployment signed and nobody changed; ends 1 if it is not.

    With --keys nothing is asked of the deployment.
    """
    jws = _text(file).strip()
    if keys is None:
        with open_target(against) as target:
            known = target.service("certifications").get("/v1/audits/keys")
    else:
        known = _json(keys)
    payload = verified_payload(jws, known)
    audit, counts = payload["audit"], payload["counts"]
    outcomes = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "items")
    show(
        payload,
        as_json,
        f"The signature is good.\n{audit['name']}: {counts['items']} credentials, {outcomes}; closed at "
        f"{audit['closed_at']} by {audit['closed_by']}.",
    )


def verified_payload(jws: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return what a compact JWS (RFC 7515) says, if one of the keys (RFC 7517) has signed it.

    Ends the command with a message otherwise.
    """
    try:
        kid = jwt.get_unverified_header(jws).get("kid")
    except jwt.PyJWTError:
        fail("this file is no signed result: it is not a JWS in compact serialisation")
    jwk = next((key for key in known.get("keys", []) if key.get("kid") == kid), None)
    if jwk is None:
        fail(f"the result is signed with key {kid!r}, which is none of this deployment's")
    try:
        # The algorithm is fixed here: a file must not choose how it is checked.
        payload = PyJWS().decode(jws, jwt.PyJWK(jwk, _ALGORITHM).key, algorithms=[_ALGORITHM])
    except jwt.PyJWTError:
        fail("the signature does not match: the file was changed, or another key signed it")
    document: dict[str, Any] = json.loads(payload)
    return document


def _json(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(_text(file))
    except ValueError as error:
        fail(f"{file} is no JSON: {error}")
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        fail(f"{file} is no JSON Web Key Set: it has no list `keys`")
    return document


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            fail(f"{file} is larger than any result")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} can't be read: {error}")
