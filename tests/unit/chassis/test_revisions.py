"""The newest revision as files tell it is the one that Alembic finds."""

from importlib.resources import files

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from licet_chassis import revisions


@pytest.mark.parametrize("service", ["credentials", "certifications", "scheduler", "notifier"])
def test_the_newest_revision_is_the_one_that_alembic_finds(service):
    package = f"licet_{service}"
    config = Config()
    config.set_main_option("script_location", str(files(package).joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    assert revisions.head(package) == ScriptDirectory.from_config(config).get_current_head()


def test_a_branched_history_has_no_newest_revision(tmp_path, monkeypatch):
    versions = tmp_path / "licet_branched" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "licet_branched" / "__init__.py").touch()
    (versions / "0001_a.py").write_text('revision = "0001"\ndown_revision = None\n')
    (versions / "0002_b.py").write_text('revision = "0002"\ndown_revision = "0001"\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert revisions.head("licet_branched") == "0002"
    (versions / "0002_c.py").write_text('revision = "0002c"\ndown_revision = "0001"\n')
    with pytest.raises(LookupError, match="2 newest"):
        revisions.head("licet_branched")
