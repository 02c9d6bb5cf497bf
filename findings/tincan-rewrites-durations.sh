#!/bin/sh
# tincan 1.0.0 rewrites a statement's duration while it only reads and writes the statement.
#
# result.duration is an ISO 8601 duration. The client turns it into a timedelta: years become 365 and months 30 days, so
# "P1Y2M" comes back as "P425DT00H00M00S", and "P2W" as "P14DT00H00M00S". A store that compares the statement it has with
# the one it gets again under the same id sees other content and answers 409 Conflict, as xAPI asks of it.
#
# Seen: P1Y2M -> P425DT00H00M00S, P2W -> P14DT00H00M00S, PT1H30M -> PT01H30M00S.
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tincan==1.0.0
"$dir/venv/bin/python" - <<'PY'
import json

from tincan import Result

seen = {
    given: json.loads(Result.from_json(json.dumps({"duration": given})).to_json())["duration"]
    for given in ("P1Y2M", "P2W", "PT1H30M")
}
for given, written in seen.items():
    print(f"{given} -> {written}")
expected = {"P1Y2M": "P425DT00H00M00S", "P2W": "P14DT00H00M00S", "PT1H30M": "PT01H30M00S"}
assert seen == expected, "the behaviour has changed"
PY
