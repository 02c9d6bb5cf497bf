"""`licet what-if`: try changes before they are made."""

import json
import time
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from licet_cli.client import CommandFailed, ServiceClient
from licet_cli.output import JsonOption, fail, progress, show, table
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer()

_SHOWN = 20
_PAUSE = 0.5


@app.command("what-if")
def what_if(
    file: Annotated[
        Path,
        typer.Argument(help="Changes, as tables `changes` in TOML or JSON.", exists=True, dir_okay=False),
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Where to write everybody who would be worse off.")
    ] = None,
    wait: Annotated[float, typer.Option("--wait", help="Most seconds to wait for the answer.")] = 600.0,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Try the changes in FILE: who could work no longer, from when on and why; nothing is changed."""
    body = read_changes(file)
    with open_target(against) as target:
        certifications = target.service("certifications")
        asked = certifications.post("/v1/what-ifs", body)
        found = _follow(certifications, asked["id"], time.monotonic() + wait)
        path = f"/v1/what-ifs/{found['id']}"
        if csv is not None:
            certifications.download(f"{path}/holders", csv, accept="text/csv")
        holders = certifications.get(f"{path}/holders", limit=_SHOWN)["items"]
        shifts = certifications.get(f"{path}/shifts", limit=_SHOWN)["items"]
    show({**found, "holders": holders, "shifts": shifts}, as_json, text_of(found, holders, shifts))


def read_changes(file: Path) -> dict[str, Any]:
    """Return the changes of a file as a request has them; raises `CommandFailed` if it can't be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise CommandFailed(f"{file} is not {kind}: {error}") from None
    if not isinstance(document, dict) or document.keys() != {"changes"}:
        raise CommandFailed(f"{file} must have tables [[changes]] and nothing else.")
    plain: dict[str, Any] = json.loads(json.dumps(document, default=_plain))
    return plain


def text_of(found: dict[str, Any], holders: list[dict[str, Any]], shifts: list[dict[str, Any]]) -> str:
    """Return the answer as people read it."""
    counts = found["counts"]
    summary = (
        f"Of {found['total']} holders {counts['ineligible']} would be ineligible for some work and "
        f"{counts['warning']} would get a warning; {counts['shifts']} booked shifts would be at risk."
    )
    lines = [summary]
    for name, heading in (("by_team", "team"), ("by_location", "location"), ("by_target", "target")):
        if counts[name]:
            rows = [[heading, "ineligible", "warning"]]
            rows += [
                [one["value"] or "none", str(one["ineligible"]), str(one["warning"])] for one in counts[name]
            ]
            lines += ["", table(rows)]
    if holders:
        rows = [["holder", "target", "from", "now", "then", "why"]]
        rows += [
            [
                one["holder_id"], one["target"], one["at"], one["old_verdict"] or "not assigned",
                one["new_verdict"], _why(one["new_reasons"]),
            ]
            for one in holders
        ]  # fmt: skip
        lines += ["", table(rows)]
    if shifts:
        rows = [["shift", "holder", "start", "then", "why"]]
        rows += [
            [
                one["external_id"], one["holder_id"], one["start"], one["new_verdict"],
                _why(one["new_reasons"]),
            ]
            for one in shifts
        ]  # fmt: skip
        lines += ["", table(rows)]
    lines += ["", f"All of it for thirty days: /v1/what-ifs/{found['id']}"]
    return "\n".join(lines)


def _follow(certifications: ServiceClient, ident: str, until: float) -> dict[str, Any]:
    shown = ""
    while True:
        found: dict[str, Any] = certifications.get(f"/v1/what-ifs/{ident}")
        now_at = f"{found['progress']:.0%}"
        if now_at != shown:
            progress(f"{now_at} of {found['total']} holders")
            shown = now_at
        if found["state"] == "finished":
            return found
        if found["state"] == "failed":
            fail(f"the what-if {ident} could not be computed: {found['detail']}")
        if time.monotonic() > until:
            fail(f"the what-if {ident} is at {now_at}; ask later: GET /v1/what-ifs/{ident}")
        time.sleep(_PAUSE)


def _why(reasons: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['code']} {one['type']}" if one.get("type") else one["code"] for one in reasons)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise CommandFailed(f"{value!r} can't be sent; write it as text.")
