"""licet-events is of use to a system that has pydantic and nothing else."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

from packaging.requirements import Requirement

import licet_events
from contract.golden_files import goldens

MEMBER = Path(__file__).parents[2] / "libs" / "events"

PROGRAMME = """
import importlib, pathlib, pkgutil, sys
sys.path[:0] = sys.argv[1:3]
import licet_events
for module in pkgutil.walk_packages(licet_events.__path__, "licet_events."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
ours = {name for name in sys.modules if name.startswith("licet_")}
assert all(name.split(".")[0] == "licet_events" for name in ours), ours
key, value = (bytes.fromhex(text) for text in sys.argv[3:5])
headers = [tuple(line.split("=", 1)) for line in sys.argv[5:]]
event = licet_events.decode_event([(n, v.encode()) for n, v in headers], key, value)
print(event.data.holder.name)
"""


def _closure(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    if normal not in found:
        found[normal] = distribution(name)
        for line in requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                _closure(requirement.name, found)
    return found


def _only_pydantic(room: Path) -> Path:
    """Fill a directory with links to what pydantic and its requirements installed, and no more."""
    room.mkdir()
    for dist in _closure("pydantic", {}).values():
        for file in dist.files or ():
            top = file.parts[0]
            link = room / top
            if top not in {"..", "__pycache__"} and not link.is_symlink():
                link.symlink_to(Path(str(dist.locate_file(top))))
    return room


def test_it_declares_pydantic_and_nothing_else():
    project = tomllib.loads((MEMBER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [Requirement(line).name for line in project["dependencies"]] == ["pydantic"]


def test_the_wheel_works_where_only_pydantic_is_installed(tmp_path: Path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        check=False, cwd=MEMBER, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    package = tmp_path / "site" / "licet_events"
    schemas = {path.stem for path in (package / "schemas").glob("*.json")}
    assert schemas == set(licet_events.EVENT_TYPES)
    assert (package / "asyncapi.json").exists()
    assert (package / "py.typed").exists()

    golden = next(golden for golden in goldens() if golden.event_type == "licet.holder.registered.v1")
    ran = subprocess.run(
        [
            sys.executable, "-I", "-S", "-c", PROGRAMME,
            str(tmp_path / "site"), str(_only_pydantic(tmp_path / "others")),
            golden.key.encode().hex(), (golden.value or "").encode().hex(),
            *(f"{name}={value}" for name, value in golden.headers),
        ],
        check=False, capture_output=True, text=True, timeout=60, encoding="utf-8", cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "Zoë Brânză-Müller"


def test_a_module_that_needs_more_would_be_noticed(tmp_path: Path):
    room = _only_pydantic(tmp_path / "others")
    names = {path.name for path in room.iterdir()}
    assert "pydantic" in names
    assert not names & {"aiokafka", "hypothesis", "pytest", "tzdata"}
