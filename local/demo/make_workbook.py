"""Makes the demo's workbook and what a run of the default config must turn it into.

    python make_workbook.py            write member-return.xlsx and expected.json beside this file
    python make_workbook.py --check    fail when the committed files differ from what would be written

The workbook is messy the way real ones are: titles above the tables, headings split over two rows, two tables on one
sheet, a block of notes, blank rows, a row typed twice, words where numbers belong, a sheet that starts at C4 and a
hidden one. The expectation comes from the same source data as the workbook, never from a run.

People and addresses are invented; example.com belongs to nobody (RFC 2606).
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

HERE = Path(__file__).parent
WORKBOOK = HERE / "member-return.xlsx"
EXPECTED = HERE / "expected.json"

BLANK = object()
"""A blank row inside a table. It holds no data, so the expectation does not have it."""


@dataclass
class Table:
    """A table as it stands in the workbook, and the header it has after the run."""

    sheet: str
    at: tuple[int, int]
    """Row and column of its first heading, from 1."""
    headings: list[list[Any]]
    """One list a heading row."""
    header: list[str]
    """The columns of the output: canonical fields where the config knows them."""
    rows: list[Any] = field(default_factory=list)

    def write(self, sheet: Worksheet) -> None:
        top, left = self.at
        for row, values in enumerate([*self.headings, *self.rows], start=top):
            if values is BLANK:
                continue
            for column, value in enumerate(values, start=left):
                cell = sheet.cell(row, column, value)
                if row < top + len(self.headings):
                    cell.font = Font(bold=True)
                    cell.fill = PatternFill("solid", fgColor="DDE7F0")
                elif isinstance(value, date):
                    cell.number_format = "yyyy-mm-dd"

    def expected_rows(self) -> list[list[Any]]:
        return [self.expected_row(row) for row in self.rows if row is not BLANK]

    def expected_row(self, row: list[Any]) -> list[Any]:
        """The row with its values as they were typed; columns that the config adds come after them."""
        values = [*row, *[None] * (len(self.header) - len(row))]
        if "full_name" in self.header:
            place = self.header.index("full_name")
            record = dict(zip(self.header, values, strict=True))
            values[place] = full_name(record)
        return values


def full_name(record: dict[str, Any]) -> str | None:
    """The default config's rule: one space between words, "Last, First" turned round."""
    text = " ".join(str(record["full_name"] or "").split())
    last, comma, first = text.partition(",")
    return (f"{first.strip()} {last.strip()}" if comma else text) or None


MEMBERS = Table(
    sheet="Members",
    at=(5, 1),
    headings=[
        ["Member", "First", "Middle", "Last", "E-mail", "Phone", "Start", "Dues"],
        ["No.", "Name", "Name", "Name", "Address", "Number", "Date", "Paid"],
    ],
    header=["Member No.", "first_name", "middle_name", "last_name", "email", "Phone Number", "Start Date", "Dues Paid", "full_name"],
    rows=[
        [1001, "Ines", "Maria", "Calloway", "ines.calloway@example.com", "555-0101", datetime(2019, 3, 4), 48],
        [1002, "Tomas", None, "Brandvold", "tomas.brandvold@example.com", "555-0102", datetime(2020, 9, 21), 48],
        [1003, "Adaeze", "Chioma", "Okonjo", "adaeze.okonjo@example.com", 5550103, datetime(2021, 1, 11), 36.5],
        [1004, "Liv", None, "Sandberg", "liv.sandberg@example.com", "555-0104", "spring 2021", 48],
        [1005, "Yusuf", "K.", "Demirel", "yusuf.demirel@example.com", "555-0105", datetime(2022, 5, 30), "waived"],
        BLANK,
        [1006, "Mei-Lin", None, "Tran", "mei-lin.tran@example.com", "555-0106", datetime(2022, 6, 13), 48],
        [1006, "Mei-Lin", None, "Tran", "mei-lin.tran@example.com", "555-0106", datetime(2022, 6, 13), 48],
        ["1007 (new)", "Bartholomew", "J.", "Featherstone", "b.featherstone@example.com", None, datetime(2023, 2, 6), 24],
        [1008, "Noor", None, "Haddad", "not given", "555-0108", datetime(2023, 2, 6), "n/a"],
        [1009, "Zoë", "Anne", "Müller", "zoe.mueller@example.com", "555-0109", datetime(2024, 11, 18), 0],
        [1010, "Jack", None, "O'Rourke", "jack.orourke@example.com", "555-0110", "2024-13-01", "=48"],
    ],
)

GUESTS = Table(
    sheet="Members",
    at=(28, 1),
    headings=[["Full Name", "Email", "Hours", "Job Classification"]],
    header=["full_name", "email", "Hours", "Job Classification"],
    rows=[
        ["Lindqvist, Petra", "petra.lindqvist@example.com", 7.5, "coach"],
        ["Samuel   Achterberg", "samuel.achterberg@example.com", 12, "marshal"],
        ["Rossi, Gianni Paolo", "gianni.rossi@example.com", "approx. 9", "mechanic"],
        ["Amara Nwosu", "amara.nwosu@example.com", 3, "marshal"],
        ["Amara Nwosu", "amara.nwosu@example.com", 3, "marshal"],
    ],
)

NEW_MEMBERS = Table(
    sheet="New this quarter",
    at=(4, 3),
    headings=[["Given Name", "Surname", "Email ID", "City", "Rate"]],
    header=["first_name", "last_name", "email", "City", "Rate", "full_name"],
    rows=[
        ["Chidi", "Ekwueme", "chidi.ekwueme@example.com", "Harborough", 12.5],
        ["Freya", "Lund", "freya.lund@example.com", "Northbay", 12.5],
        ["Kaito", "Mori", "kaito.mori@example.com", "Northbay", "half"],
        ["Freya", "Lund", "freya.lund@example.com", "Northbay", 12.5],
        [None, "Vance", "r.vance@example.com", "Harborough", True],
    ],
)

TABLES = [MEMBERS, GUESTS, NEW_MEMBERS]

NOTES = [
    "Notes:",
    "1. Dues marked waived or n/a were agreed with the office.",
    "2. Please send corrections before the end of the month.",
]


def make_workbook() -> Workbook:
    book = Workbook()
    book.properties.creator = "Northbay Cycling Association"
    book.properties.created = datetime(2026, 10, 5)

    members = book.active
    members.title = "Members"
    members["A1"] = "Northbay Cycling Association"
    members["A1"].font = Font(bold=True, size=16)
    members.merge_cells("A1:H1")
    members["A2"] = "Quarterly return, third quarter 2026"
    members["A3"] = "Confidential"
    MEMBERS.write(members)
    for offset, note in enumerate(NOTES):
        members.cell(20 + offset, 1, note)
    members["A26"] = "Guests and helpers"
    members["A26"].font = Font(bold=True, size=13)
    GUESTS.write(members)

    # A text that looks like a formula, the way an export writes it: typed as text, not calculated.
    for row in members.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.value.startswith("="):
                cell.data_type = "s"

    new = book.create_sheet("New this quarter")
    new["C2"] = "Joined since July"
    NEW_MEMBERS.write(new)

    hidden = book.create_sheet("Lists")
    hidden.sheet_state = "hidden"
    for row, city in enumerate(["City", "Harborough", "Northbay"], start=1):
        hidden.cell(row, 1, city)
    return book


def workbook_bytes() -> bytes:
    """The saved workbook without the time of saving, so that the same data gives the same file."""
    saved, fixed = io.BytesIO(), io.BytesIO()
    make_workbook().save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2026-10-05T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name, (2026, 10, 5, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


def as_json(value: Any) -> Any:
    return {"datetime": value.isoformat()} if isinstance(value, datetime) else value


def expected_text() -> str:
    """The expectation as JSON, one row of data a line."""

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    tables = []
    for table in TABLES:
        rows = ",\n".join("    " + compact([as_json(value) for value in row]) for row in table.expected_rows())
        tables.append(f'  {{"sheet": {compact(table.sheet)}, "header": {compact(table.header)}, "rows": [\n{rows}\n  ]}}')
    return f'{{"workbook": {compact(WORKBOOK.name)}, "tables": [\n' + ",\n".join(tables) + "\n]}\n"


def members_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def check() -> int:
    stale = []
    if members_of(WORKBOOK.read_bytes()) != members_of(workbook_bytes()):
        stale.append(WORKBOOK.name)
    if EXPECTED.read_text(encoding="utf-8") != expected_text():
        stale.append(EXPECTED.name)
    if stale:
        print(f"{' and '.join(stale)} differ from what {Path(__file__).name} makes: run it and commit the result", file=sys.stderr)
    return 1 if stale else 0


def main() -> int:
    if "--check" in sys.argv[1:]:
        return check()
    WORKBOOK.write_bytes(workbook_bytes())
    EXPECTED.write_text(expected_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
