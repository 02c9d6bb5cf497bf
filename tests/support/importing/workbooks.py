"""Workbooks for tests: XLSX written by hand, as small as it can be, and one XLS."""

import io
import zipfile
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import date
from xml.sax.saxutils import escape
from zlib import decompress

GENERAL, DATE, MONTH, ZEROS = range(4)
"""Styles of cells."""

Cell = str | float | bool | date | tuple[float | str, int] | None
"""A value; a number with its style; an error such as `("#N/A", GENERAL)`."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="2"><numFmt numFmtId="170" formatCode="mm/yyyy"/>'
    '<numFmt numFmtId="171" formatCode="00000"/></numFmts><fonts><font/></fonts><fills><fill/></fills>'
    "<borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
    '<cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>'
)


def serial(day: date) -> int:
    """Return the number by which a workbook knows a day."""
    return (day - date(1899, 12, 30)).days


def xlsx(rows: Sequence[Sequence[Cell]], *, hidden: bool = False, others: Sequence[str] = ()) -> bytes:
    """Return a workbook whose sheet `List` has these rows; `others` are sheets after it, with one cell."""
    sheets = {"List": rows} | {name: [["x"]] for name in others}
    return _packed(
        {name: _sheet(each) for name, each in sheets.items()},
        {"List": ' state="hidden"'} if hidden else {},
    )


def _packed(sheets: Mapping[str, str], states: Mapping[str, str]) -> bytes:
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"{states.get(name, "")}/>'
        for at, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="r{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in range(1, len(sheets) + 1)
    )
    relations = f'{_PACKAGE}/relationships"'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{relations}><Relationship Id="r1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}>{related}<Relationship Id="s" '
        f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
    parts |= {f"xl/worksheets/sheet{at}.xml": sheet for at, sheet in enumerate(sheets.values(), 1)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{part}')
    return packed.getvalue()


def _sheet(rows: Sequence[Sequence[Cell]]) -> str:
    shown = ""
    for line, row in enumerate(rows, 1):
        cells = "".join(_cell(f"{chr(65 + at)}{line}", value) for at, value in enumerate(row))
        shown += f'<row r="{line}">{cells}</row>'
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{shown}</sheetData></worksheet>'


def _cell(place: str, value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        case date():
            return f'<c r="{place}" s="{DATE}"><v>{serial(value)}</v></c>'
        case (str() as error, _):
            return f'<c r="{place}" t="e"><v>{error}</v></c>'
        case (number, style):
            return f'<c r="{place}" s="{style}"><v>{number!r}</v></c>'
        case _:
            return f'<c r="{place}"><v>{value!r}</v></c>'


XLS = decompress(b64decode(
    "eNrtWD1oFEEU/mbu/7jfeBESIRwBo/khIDY2ySYhmuqOaOMPgl7MFSHmIhsFTaHReKUgWCk2gVjYRG38QRHtLISIIoIg3GlpJahY"
    "JLe+ebsrlxMhCxqIzLfMmzdv5u28ffNmZmdeLacrC/daq2hAP3yoWREE62SCUsQtpED1lqVYNw9TsjQ2FSJhGshgAI/jL0NqDNV4"
    "VyFx1/+cKPCR0lGcQn66VMxuIIbYhoJQNvQRFbhJkgRa2KompieYbmF6h1s+YTrAkitM+6htRRzBspHv2uNE8SHZznUJqPc+YJ33"
    "LNmFZrxQUXzhqrDbBjBoThRObrKKNn8Mi6ABHSmWiqYqJ3ELUWB4uDeX6z1MqCBDg72Ib1YW+OrO6mdZLd9YuQDJf6yVh/4gD9Mg"
    "NsqvST8wB+s4T5IyLdBxvx0LZ1fQCcWrRNGdN4nJF6aKPmBoYiYIMSjOYBIFzGBWBQfsxSC1ZjGI8ySJER1Hkvk0T5UUWbNy+8vr"
    "3NiocYwlc7wB2NvEdmUVLFxUGqSc4BrJlLpHF/PdTC/xW7cx38o0Q3FMecdos8Psm+c2l7m2g/rZzXhj7KjjdxJf/rz/YVv5k9FJ"
    "/NJIdTaz9M5YQDt5ZZz01TOPHtEjblxXeGS4uXCWlA9MW35bXsIy5dhuOXthEqvsM5A/FOyS8o74VZKOr5S2aNA+L6MsS+NpzG4v"
    "WFt5x66TZNP3txL9sgn32XUDdZtxFBoaGhoaGhoaGhqeIZzfcp9zTgg4v/0h515nlVJNX5P8tziAaXpO06FyL0qUmzjnKX62IiDc"
    "d4l16rj3hQoHqXeTDqFjbMek5/ilY5uo/551K6b+3hTy2n/Ni53/uP+fbeTPwg=="
))  # fmt: skip
"""A workbook of Excel 97, with the header Nr, Name, Bis and a row 815, Łukasz, 2027-03-15."""
