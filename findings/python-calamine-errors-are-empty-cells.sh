#!/bin/sh
# python-calamine 0.9.1 (calamine) gives the error of a formula, such as #N/A, as an empty text: a cell with an error can't
# be told from one with nothing in it. Office Open XML writes it as t="e" (ECMA-376, part 1, 18.18.11). Ours reads those
# cells from the sheet's XML: libs/chassis/src/licet_chassis/office/shown.py.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install -q --disable-pip-version-check 'python-calamine==0.9.1' 'openpyxl==3.1.5'
"$here/venv/bin/python" - "$here/book.xlsx" <<'PY'
import sys

import openpyxl
from python_calamine import CalamineWorkbook

book = openpyxl.Workbook()
sheet = book.active
sheet.append(["before", "#N/A", "after"])
assert sheet["B1"].data_type == "e"
book.save(sys.argv[1])
[row] = CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows()
print(row)
assert row == ["before", "", "after"], "errors are told now"
PY
