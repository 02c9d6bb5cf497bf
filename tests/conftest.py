from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support.servers.choice import kinds

pytest_plugins = ["support.servers.fixtures"]

# Other processes may keep all cores busy: how long an example takes says nothing about what is tested.
settings.register_profile("licet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("licet")


TESTS = Path(__file__).parent
LONGEST_FIRST = (
    "e2e/test_kept_data.py", "e2e/test_embedded_run.py", "e2e", "integration/chassis/test_process.py",
    "integration/cli", "integration/credentials", "integration", "contract",
)  # fmt: skip
"""The order of files by how long they take, roughly: a long one that begins last is waited for alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of servers that this session does not run on; put the longest files first."""
    here = kinds()
    left_out = [
        item for item in items if any(mark.args[0] not in here for mark in item.iter_markers("only_on"))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    items.sort(key=lambda item: _rank(item.path))


def _rank(file: Path) -> int:
    ranks = (rank for rank, place in enumerate(LONGEST_FIRST) if file.is_relative_to(TESTS / place))
    return next(ranks, len(LONGEST_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With `--dist loadfile`, give one worker all tests that share a run, so that it starts once."""
    from xdist import scheduler  # noqa: PLC0415  # not there without xdist

    config.option.loadscopereorder = False  # that is by the number of tests, not by their time

    class OneRun(scheduler.LoadFileScheduling):  # type: ignore[misc]  # it ships no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            own = ("test_embedded_run.py", "test_kept_data.py")  # these start their own
            return "tests/e2e" if file.startswith("tests/e2e/") and not file.endswith(own) else file

    return OneRun(config, log) if config.getvalue("dist") == "loadfile" else None
