"""The OpenAPI documents of the services, generated from their code and committed.

`python -m licet_cli.openapi` writes `docs/reference/openapi/<service>.json` below the current
folder; with `--check` it writes nothing and ends 1 if one differs.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from licet_cli.embedded.state import SERVICES
from licet_cli.settings_table import settings_class

DIRECTORY = Path("docs/reference/openapi")

_SETTINGS: dict[str, Any] = {
    # Nothing of these is in a document; the applications are made, not started.
    "database_url": "postgresql://nobody@localhost/none",
    "kafka_url": "localhost:9092",
    "issuer_url": "https://issuer.example.org",
    "s3_url": "https://s3.example.org",
    "s3_bucket": "images",
    "s3_access_key": "none",
    "s3_secret_key": "none",
    "smtp_url": "smtp://localhost",
    "mail_from": "licet@example.org",
    # So that the clock's routes are documented too.
    "environment": "demo",
    "clock": "movable",
}


def document(service: str) -> str:
    """Return the OpenAPI document of a service as it is committed."""
    module = import_module(f"licet_{service}.app")
    app = module.create_app(settings_class(service)(**_SETTINGS))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the documents, or with `--check` compare them."""
    check = "--check" in sys.argv[1:]
    differing = []
    for service in SERVICES:
        file = DIRECTORY / f"{service}.json"
        text = document(service)
        if check:
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                differing.append(str(file))
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for name in differing:
        print(f"{name} is not what the code says; run make generate", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
