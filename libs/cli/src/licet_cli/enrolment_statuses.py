"""The transitions between the statuses of an enrolment as a page, generated from the table and committed.

`python -m licet_cli.enrolment_statuses` writes `docs/reference/enrolment-statuses.md` below the current
folder; with `--check` it writes nothing and ends 1 if it differs.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from licet_certifications.enrolments.model import project
from licet_certifications.enrolments.transitions import TRANSITIONS, Transition
from licet_events.credentials import Validity
from licet_events.enrolments import EnrolmentStage, EnrolmentStatus

FILE = Path("docs/reference/enrolment-statuses.md")

_HEAD = """\
# Statuses of an enrolment

Generated from `licet_certifications/enrolments/transitions.py` by `make generate`; do not edit.

An enrolment keeps two axes, its own stage and the validity of the credential that its completion issued or
renewed, and shows one of ten statuses. Each change of status is announced once by `enrolment.status_changed`,
whose `reason` is the trigger. What is not in the table does not happen; a command that it does not have is
refused with the commands that are open.
"""

_TABLE = ("| from | to | trigger | how | command | what happens |", "| --- | --- | --- | --- | --- | --- |")

_BETWEEN = """
## How the two axes make a status

| stage | validity of the credential | status |
| --- | --- | --- |
"""

_AFTER = """
A new enrolment begins as `applied` where somebody has to approve applications, else as `in_progress`;
whoever staff or a rule enrols begins as `in_progress`. Once a recertification has been completed, the
enrolment before it has `superseded_by` and keeps the status that it had: only the latest follows the
credential. A completed enrolment whose credential has not arrived yet is `active` with the reason
`awaiting_credential`.
"""


def page() -> str:
    """Return the page as it is committed."""
    rows = [_row(each) for each in TRANSITIONS]
    table = [
        "| from | to | trigger | how | command | what happens |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([_HEAD, *table, *rows]) + "\n" + _BETWEEN + "\n".join(_projection()) + "\n" + _AFTER


def _row(transition: Transition) -> str:
    how = " or ".join(sorted(each.value for each in transition.how))
    command = f"`{transition.command.value}`" if transition.command else ""
    cells = [
        _names(transition.before),
        _names(transition.after),
        f"`{transition.trigger.value}`",
        how,
        command,
    ]
    return f"| {' | '.join(cells)} | {transition.what} |"


def _names(statuses: Iterable[EnrolmentStatus]) -> str:
    order = list(EnrolmentStatus)
    return ", ".join(f"`{each.value}`" for each in sorted(statuses, key=order.index))


def _projection() -> Iterable[str]:
    for stage in EnrolmentStage:
        validities: list[Validity | None] = [None]
        if stage is EnrolmentStage.COMPLETED:
            validities += list(Validity)
        for validity in validities:
            shown = validity.value if validity else "none" if len(validities) > 1 else "any"
            yield f"| `{stage.value}` | {shown} | `{project(stage, validity).value}` |"


def main(arguments: list[str]) -> int:
    """Write the page, or check that it is up to date; returns the exit status."""
    text = page()
    if arguments != ["--check"]:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{FILE} differs; run make generate\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
