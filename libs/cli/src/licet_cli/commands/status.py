"""`licet status`: the parts of the embedded run."""

import urllib.error
import urllib.request
from typing import Any

import typer

from licet_cli.embedded.processes import memory_bytes
from licet_cli.embedded.state import Part, RunState, current_run
from licet_cli.output import JsonOption, show, table, without_password

app = typer.Typer()


@app.command("status")
def status(as_json: JsonOption = False) -> None:
    """Show state, process, memory and URL of each part of the run."""
    state = current_run()
    document = describe(state)
    rows = [["", "state", "pid", "MiB", "url"]]
    listed = {**document["services"], **{name: document[name] for name in _SERVERS}}
    for name, part in listed.items():
        memory = "" if part["memory_bytes"] is None else f"{part['memory_bytes'] / 2**20:.0f}"
        rows.append([name, part["state"], str(part["pid"] or ""), memory, part["url"]])
    total = document["memory_bytes"] / 2**20
    text = f"{table(rows)}\n\n{total:.0f} MiB in all, counting `licet up` itself ({document['run']['pid']})"
    show(document, as_json, text)


_SERVERS = ("kafka", "database", "s3", "smtp", "issuer")


def describe(state: RunState) -> dict[str, Any]:
    """Return the run as `status --json` prints it.

    Memory is proportional set size. Of parts that share one process the first has it, the others
    have null, so that the numbers add up.
    """
    measured: set[int] = set()

    def memory(pid: int | None) -> int | None:
        if pid is None or pid in measured:
            return None
        measured.add(pid)
        return memory_bytes(pid)

    def view(part: Part, condition: str, url: str) -> dict[str, Any]:
        return {
            "url": url,
            "state": condition,
            "pid": part.pid,
            "memory_bytes": memory(part.pid),
            "log": part.log,
        }

    services = {name: view(part, _readiness(part), part.url) for name, part in state.services.items()}
    servers = {
        name: view(state.parts[name], _liveness(state.parts[name]), without_password(state.parts[name].url))
        for name in _SERVERS
    }
    # `licet up` is measured without its children, which have been counted.
    own = memory_bytes(state.pid, family=False)
    total = own + sum(part["memory_bytes"] or 0 for part in [*services.values(), *servers.values()])
    return {
        "services": services,
        **servers,
        "run": {"pid": state.pid, "memory_bytes": own, "data": state.data, "mail": state.mail},
        "memory_bytes": total,
    }


def _liveness(part: Part) -> str:
    if part.pid is None:
        return "given"
    return "running" if part.running else "ended"


def _readiness(part: Part) -> str:
    if not part.running:
        return "ended"
    try:
        with urllib.request.urlopen(f"{part.url}/readyz", timeout=3):  # noqa: S310  # our own service
            return "ready"
    except urllib.error.HTTPError:
        return "not ready"
    except OSError:
        return "starting"
