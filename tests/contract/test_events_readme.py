"""What the README of licet-events shows is what happens."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from contract.golden_files import goldens

README = Path(__file__).parents[2] / "libs" / "events" / "README.md"


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_reader_in_the_readme_reads_every_golden_record():
    namespace: dict[str, Any] = {}
    exec(_blocks()[0], namespace)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for golden in goldens():
            namespace["on_record"](list(golden.header_bytes), golden.key.encode(), golden.value_bytes)
        namespace["on_record"](
            [("ce_type", b"licet.later.thing.v1"), ("ce_specversion", b"1.0")], b"k", b"{}"
        )
    assert "role:ward_nurse 1" in printed.getvalue()


def test_the_dates_in_the_readme_are_right():
    block = _blocks()[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block, {})
    assert printed.getvalue().splitlines() == re.findall(r"# (.*)$", block, re.MULTILINE)
