from typing import Any

import pytest

from support.servers.choice import kinds

pytest_plugins = ["support.servers.fixtures"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about servers that this session does not run on."""
    here = kinds()
    left_out = [
        item for item in items if any(mark.args[0] not in here for mark in item.iter_markers("only_on"))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With `--dist loadfile`, let one worker have all tests that share a run, so that it starts once."""
    from xdist import scheduler  # noqa: PLC0415  # not there without xdist

    class OneRun(scheduler.LoadFileScheduling):  # type: ignore[misc]  # it ships no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            own = ("test_embedded_run.py", "test_kept_data.py")  # these start their own
            return "tests/e2e" if file.startswith("tests/e2e/") and not file.endswith(own) else file

    return OneRun(config, log) if config.getvalue("dist") == "loadfile" else None
