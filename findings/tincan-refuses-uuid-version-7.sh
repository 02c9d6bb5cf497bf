#!/bin/sh
# tincan 1.0.0, the Python client for xAPI, takes statement ids of UUID versions 1 to 5 only.
#
# xAPI asks for a UUID and names no version; RFC 9562 adds versions 6 to 8. The client checks the text against its own
# pattern and raises ValueError, so a statement that a store or a sender named with a time-ordered UUIDv7 can be neither
# built nor read back. A uuid.UUID object passes, since only text is checked.
#
# Seen: text of version 4 is taken, text of version 7 raises "Invalid UUID string", the object of version 7 is taken.
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tincan==1.0.0
"$dir/venv/bin/python" - <<'PY'
from uuid import UUID

from tincan import Statement

V4, V7 = "9f1c2b3a-4d5e-4f60-8a7b-1c2d3e4f5a6b", "01938a5e-7c00-7000-8000-000000000001"
seen = {}
for name, given in (("text v4", V4), ("text v7", V7), ("object v7", UUID(V7))):
    try:
        seen[name] = str(Statement(id=given).id)
    except ValueError as error:
        seen[name] = str(error)
    print(f"{name}: {seen[name]}")
assert seen == {"text v4": V4, "text v7": "Invalid UUID string", "object v7": V7}, "the behaviour has changed"
PY
