#!/bin/sh
# pycountry 26.2.16 lists Norway's counties as they were from 2020 to 2023.
#
# Norway dissolved Viken (NO-30), Vestfold og Telemark (NO-38) and Troms og Finnmark (NO-54) on 2024-01-01, and
# ISO 3166-2 has had NO-31, NO-32, NO-33, NO-39, NO-40, NO-55 and NO-56 since then. pycountry still has the three old
# codes and none of the seven new ones. holidays 0.109 takes both generations, so the two libraries disagree about
# which Norwegian subdivisions there are: whoever checks a licence's jurisdiction with pycountry refuses valid ones.
#
# Seen: "pycountry old: ['30', '38', '54'] new: []" and "holidays old: ['30', '38', '54'] new: [seven codes]".
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pycountry==26.2.16 holidays==0.109
"$dir/venv/bin/python" - <<'PY'
import holidays
import pycountry

OLD, NEW = ["30", "38", "54"], ["31", "32", "33", "39", "40", "55", "56"]
iso = {entry.code.removeprefix("NO-") for entry in pycountry.subdivisions.get(country_code="NO")}


def has_calendar(code: str) -> bool:
    try:
        return bool(holidays.country_holidays("NO", subdiv=code, years=2026))
    except NotImplementedError:
        return False


seen = {
    "pycountry": ([c for c in OLD if c in iso], [c for c in NEW if c in iso]),
    "holidays": ([c for c in OLD if has_calendar(c)], [c for c in NEW if has_calendar(c)]),
}
for library, (old, new) in seen.items():
    print(f"{library} old: {old} new: {new}")
assert seen == {"pycountry": (OLD, []), "holidays": (OLD, NEW)}, "the behaviour has changed"
PY
