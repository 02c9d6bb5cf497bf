#!/bin/sh
# holidays 0.109 names the islands of the Caribbean Netherlands by codes that are not ISO 3166-2.
#
# Its documentation calls subdivisions by their ISO 3166-2 codes. For BQ these are BO (Bonaire), SA (Saba) and SE
# (Sint Eustatius); the library takes BON, SAB and STA, and raises NotImplementedError for the ISO codes, although
# pycountry 26.2.16 has them. A location stored as BQ-BO gets no holidays unless the code is translated.
#
# Seen: BON, SAB and STA give a calendar; BO, SA and SE raise NotImplementedError.
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pycountry==26.2.16 holidays==0.109
"$dir/venv/bin/python" - <<'PY'
import holidays
import pycountry

iso = sorted(entry.code.removeprefix("BQ-") for entry in pycountry.subdivisions.get(country_code="BQ"))
seen = {}
for code in [*iso, "BON", "SAB", "STA"]:
    try:
        seen[code] = f"{len(holidays.country_holidays('BQ', subdiv=code, years=2026)) > 0}"
    except NotImplementedError as error:
        seen[code] = type(error).__name__
    print(code, seen[code])
expected = dict.fromkeys(["BO", "SA", "SE"], "NotImplementedError") | dict.fromkeys(["BON", "SAB", "STA"], "True")
assert seen == expected, "the behaviour has changed"
PY
