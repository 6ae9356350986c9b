"""The smallest writer of xlsb (BIFF12, [MS-XLSB]) that makes a workbook which Excel's own readers take.

No Python library writes this format. A value is None, bool, int, float, str or datetime; ``Formula`` is a value that a
formula has left behind; ``Error`` is an error cell.

``python xlsb.py FILE`` writes the workbook that the fuzzer starts from.
"""

from __future__ import annotations

import datetime as dt
import struct
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPOCH = dt.datetime(1899, 12, 30)
EPOCH_1904 = dt.datetime(1904, 1, 1)
DATE_STYLE = 1
STATES = {"visible": 0, "hidden": 1, "veryHidden": 2}
ERRORS = {"#NULL!": 0x00, "#DIV/0!": 0x07, "#VALUE!": 0x0F, "#REF!": 0x17, "#NAME?": 0x1D, "#NUM!": 0x24, "#N/A": 0x2A}

CONTENT_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>
<Override PartName="/xl/sharedStrings.bin" ContentType="application/vnd.ms-excel.sharedStrings"/>
<Override PartName="/xl/styles.bin" ContentType="application/vnd.ms-excel.styles"/>
{sheets}</Types>"""
SHEET_TYPE = '<Override PartName="/xl/worksheets/sheet{n}.bin" ContentType="application/vnd.ms-excel.worksheet"/>'
RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{entries}</Relationships>"""
RELATION = (
    '<Relationship Id="{id}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
    'Target="{target}"/>'
)


@dataclass(frozen=True)
class Formula:
    """What a formula came to when the workbook was saved."""

    value: Any


@dataclass(frozen=True)
class Error:
    """An error cell, ``#N/A`` and so on."""

    text: str


def record(kind: int, data: bytes = b"") -> bytes:
    """A record: its type in one or two bytes, its length in one to four, 7 bits a byte."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(data)
    while True:
        head += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return head + data


def wide(text: str) -> bytes:
    """XLWideString."""
    units = text.encode("utf-16-le")
    return struct.pack("<I", len(units) // 2) + units


def cell(column: int, value: Any, strings: dict[str, int], epoch: dt.datetime) -> bytes:
    """The record of a cell; strings that are not a formula's go into the shared table."""
    formula = isinstance(value, Formula)
    value = value.value if formula else value
    style = DATE_STYLE if isinstance(value, dt.datetime) else 0
    head = struct.pack("<II", column, style)
    # The tokens of "1": a formula that no reader has to understand for its value.
    tail = struct.pack("<HI3sI", 0, 3, b"\x1e\x01\x00", 0) if formula else b""
    if isinstance(value, Error):
        return record(0x000B if formula else 0x0003, head + bytes([ERRORS[value.text]]) + tail)
    if isinstance(value, bool):
        return record(0x000A if formula else 0x0004, head + bytes([value]) + tail)
    if isinstance(value, str):
        if formula:
            return record(0x0008, head + wide(value) + tail)
        return record(0x0007, head + struct.pack("<I", strings.setdefault(value, len(strings))))
    if isinstance(value, int) and abs(value) < 1 << 28 and not formula:
        return record(0x0002, head + struct.pack("<i", value << 2 | 2))
    number = (value - epoch) / dt.timedelta(days=1) if isinstance(value, dt.datetime) else float(value)
    return record(0x0009 if formula else 0x0005, head + struct.pack("<d", number) + tail)


def sheet(rows: list[list[Any]], strings: dict[str, int], epoch: dt.datetime) -> bytes:
    """A worksheet part."""
    width = max((len(row) for row in rows), default=0)
    parts = [record(0x0081), record(0x0094, struct.pack("<4I", 0, max(len(rows) - 1, 0), 0, max(width - 1, 0)))]
    parts.append(record(0x0091))
    for number, row in enumerate(rows):
        if row:
            parts.append(record(0x0000, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0)))
        parts += [cell(column, value, strings, epoch) for column, value in enumerate(row) if value is not None]
    return b"".join([*parts, record(0x0092), record(0x0082)])


def styles() -> bytes:
    """Two cell formats: general, and a date."""
    formats = record(0x0267, struct.pack("<I", 1)) + record(0x002C, struct.pack("<H", 164) + wide("yyyy-mm-dd hh:mm"))
    xf = [record(0x002F, struct.pack("<HHHHHBBI", 0, code, 0, 0, 0, 0, 0, 0)) for code in (0, 164)]
    cells = record(0x0269, struct.pack("<I", len(xf))) + b"".join(xf) + record(0x026A)
    return record(0x0116) + formats + record(0x0268) + cells + record(0x0117)


def write(
    path: Path, sheets: dict[str, list[list[Any]]], *, states: dict[str, str] | None = None, mac_dates: bool = False
) -> Path:
    """Writes a workbook; ``states`` hides sheets and ``mac_dates`` counts days from 1904."""
    strings: dict[str, int] = {}
    epoch = EPOCH_1904 if mac_dates else EPOCH
    parts = [sheet(rows, strings, epoch) for rows in sheets.values()]
    bundle = b"".join(
        record(
            0x009C, struct.pack("<II", STATES[(states or {}).get(name, "visible")], n) + wide(f"rId{n}") + wide(name)
        )
        for n, name in enumerate(sheets, start=1)
    )
    book = record(0x0083) + record(0x0099, struct.pack("<III", int(mac_dates), 124226, 0)) + record(0x008F)
    book += bundle + record(0x0090) + record(0x0084)
    items = b"".join(record(0x0013, b"\x00" + wide(text)) for text in strings)
    table = record(0x009F, struct.pack("<II", len(strings), len(strings))) + items + record(0x00A0)

    relations = [
        RELATION.format(id=f"rId{n}", kind="worksheet", target=f"worksheets/sheet{n}.bin")
        for n in range(1, len(parts) + 1)
    ]
    relations.append(RELATION.format(id="rIdStyles", kind="styles", target="styles.bin"))
    relations.append(RELATION.format(id="rIdStrings", kind="sharedStrings", target="sharedStrings.bin"))
    top = RELATION.format(id="rId1", kind="officeDocument", target="xl/workbook.bin")
    members = {
        "[Content_Types].xml": CONTENT_TYPES.format(
            sheets="".join(SHEET_TYPE.format(n=n) for n in range(1, len(parts) + 1))
        ),
        "_rels/.rels": RELATIONS.format(entries=top),
        "xl/workbook.bin": book,
        "xl/_rels/workbook.bin.rels": RELATIONS.format(entries="".join(relations)),
        "xl/styles.bin": styles(),
        "xl/sharedStrings.bin": table,
        **{f"xl/worksheets/sheet{n}.bin": part for n, part in enumerate(parts, start=1)},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return path


if __name__ == "__main__":
    write(
        Path(sys.argv[1]),
        {
            "A": [
                ["text", 1, 2.5, True],
                [Formula("cached"), Formula(3.5), dt.datetime(2024, 2, 29, 12), Error("#N/A"), Formula(Error("#REF!"))],
            ],
            "Hidden": [["x"]],
        },
        states={"Hidden": "hidden"},
    )
