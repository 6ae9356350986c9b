"""Hostile and odd inputs, what must come of each, and how one is processed and measured.

`test_hardening.py` checks what comes of them and their memory; `bench/hardening.py` prints how long they take.
"""

from __future__ import annotations

import datetime as dt
import os
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import xlsb
import xlwt
from ade_engine._native import Writer
from conftest import Outcome
from test_formats import ods_cell, write_ods
from test_input import CFB, encrypted, zip_of

WALL_SECONDS = 60
"""When a process counts as hung. Nothing that ends is measured by it."""
MEMORY_MIB = 400
HEADER = ["First Name", "Email", "Value"]
ROW = ["Ann", "a@b.c"]
MEASURED = """
import re, sys, time
from ade_engine.cli import main
code = main(sys.argv[2:])
status = open("/proc/self/status").read()
open(sys.argv[1], "w").write(f"{re.search(r'VmHWM:.*?([0-9]+)', status)[1]} {time.process_time()}")
sys.exit(code)
"""


@dataclass(frozen=True)
class Measured:
    """What came of a file."""

    outcome: Outcome
    mebibytes: float
    """The process's own peak, the interpreter included."""
    cpu_seconds: float
    """Of the process with all its threads."""
    seconds: float
    """From the start of the process to its end."""


@dataclass(frozen=True)
class Item:
    """A file, and what must come of it."""

    make: Callable[[Path], Path]
    error: str | None = None
    """Words of the sentence that refuses it; None when it is processed."""
    code: str = "input_error"
    findings: frozenset[str] = frozenset()
    rows: list[list[Any]] | None = None
    """The first rows of the output, if they are known."""
    env: dict[str, str] = field(default_factory=dict)
    memory_mib: int = MEMORY_MIB


def put(name: str, content: bytes | str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def sheet(values: list[Any], edit: Callable[[Any], None] | None = None) -> Callable[[Path], Path]:
    """An xlsx with one value a row next to a name and an email."""

    def make(folder: Path) -> Path:
        book = openpyxl.Workbook()
        book.active.append(HEADER)
        for row, value in enumerate(values, start=2):
            book.active.append([*ROW, value])
            if isinstance(value, str):
                book.active.cell(row, 3).data_type = "s"
        if edit:
            edit(book)
        book.save(folder / "in.xlsx")
        return folder / "in.xlsx"

    return make


def raw(cells: str, parts: dict[str, bytes | str] | None = None) -> Callable[[Path], Path]:
    """An xlsx from the XML of its rows, and more parts."""
    head = f"<c t='inlineStr'><is><t>{HEADER[0]}</t></is></c><c t='inlineStr'><is><t>{HEADER[1]}</t></is></c>"
    body = f"<row r='1'>{head}<c r='C1' t='inlineStr'><is><t>Value</t></is></c></row>{cells}"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": f"<Types xmlns='{types}'/>",
        "_rels/.rels": f"<Relationships xmlns='{relations}'><Relationship Id='r' Type='{kind}/officeDocument' "
        "Target='xl/workbook.xml'/></Relationships>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{relations}'><Relationship Id='r1' "
        f"Type='{kind}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{kind}'><sheets><sheet name='S' sheetId='1' r:id='r1'/>"
        "</sheets></workbook>",
        "xl/worksheets/sheet1.xml": f"<worksheet xmlns='{main}'><dimension ref='A1:XFD1048576'/><sheetData>{body}"
        "</sheetData></worksheet>",
        **(parts or {}),
    }

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "in.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return folder / "in.xlsx"

    return make


def text_cell(place: str, text: str) -> str:
    return f"<c r='{place}' t='inlineStr'><is><t>{text}</t></is></c>"


PERSON = text_cell("A2", ROW[0]) + text_cell("B2", ROW[1])


def cut(make: Callable[[Path], Path], share: float = 0.6) -> Callable[[Path], Path]:
    """A file that ends too early."""

    def shortened(folder: Path) -> Path:
        path = make(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return shortened


def renamed(make: Callable[[Path], Path], name: str) -> Callable[[Path], Path]:
    return lambda folder: make(folder).rename(folder / name)


def xls(rows: list[list[Any]]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        book = xlwt.Workbook()
        page = book.add_sheet("S")
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                page.write(row, column, value)
        book.save(folder / "in.xls")
        return folder / "in.xls"

    return make


def locked_xls(folder: Path) -> Path:
    """A workbook whose second record says that the rest is encrypted (FILEPASS)."""
    path = xls([HEADER])(folder)
    content = path.read_bytes()
    begin = content.index(struct.pack("<HHH", 0x0809, 16, 0x0600))
    path.write_bytes(content[: begin + 20] + struct.pack("<H", 0x002F) + content[begin + 22 :])
    return path


def ods(rows: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        head = "".join(map(ods_cell, HEADER))
        table = f'<table:table table:name="S"><table:table-row>{head}</table:table-row>{rows}</table:table>'
        write_ods(folder / "in.ods", table)
        return folder / "in.ods"

    return make


def binary(rows: list[list[Any]]) -> Callable[[Path], Path]:
    return lambda folder: xlsb.write(folder / "in.xlsb", {"S": [HEADER, *rows]})


def bomb(name: str, part: str, unit: bytes, times: int) -> Callable[[Path], Path]:
    """A container with a part that is one text many times over."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(zip_of(["xl/workbook.xml"]) if name.endswith("xlsx") else zip_of(["xl/workbook.bin"]))
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(part, "w") as member:
            for _ in range(times):
                member.write(unit)
        return path

    return make


def vast(rows: int, columns: int) -> Callable[[Path], Path]:
    """A sheet of numbers, written natively."""

    def make(folder: Path) -> Path:
        import polars as pl

        names = [*HEADER[:2], *[f"c{n}" for n in range(columns - 2)]]
        writer = Writer(folder)
        writer.start_sheet("S")
        writer.write_header(0, names)
        one = pl.int_range(rows, eager=True)
        texts = {names[0]: pl.Series(["Ann"]).new_from_index(0, rows), names[1]: "a" + one.cast(pl.String) + "@b.c"}
        frame = pl.DataFrame({**texts, **{name: one for name in names[2:]}})
        writer.write_rows(1, frame, set(), set(), {})
        writer.save(folder / "in.xlsx")
        return folder / "in.xlsx"

    return make


def hide(book: openpyxl.Workbook) -> None:
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["C"].hidden = True
    book.create_sheet("Hidden", 0).append(["never", "shown"])
    book["Hidden"].sheet_state = "hidden"
    book.create_sheet("Deep").sheet_state = "veryHidden"


def merge(book: openpyxl.Workbook) -> None:
    book.active.merge_cells("C2:C3")


def mac(book: openpyxl.Workbook) -> None:
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904


def with_macros(folder: Path) -> Path:
    path = sheet([1])(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\x00" * 100)
    return path.rename(folder / "in.xlsm")


def blank(folder: Path) -> Path:
    openpyxl.Workbook().save(folder / "in.xlsx")
    return folder / "in.xlsx"


def many_sheets(folder: Path) -> Path:
    book = openpyxl.Workbook()
    for number in range(500):
        book.create_sheet(f"S{number}").append(HEADER)
    book.save(folder / "in.xlsx")
    return folder / "in.xlsx"


def alike(folder: Path) -> Path:
    """Sheets of nothing, whose names are the same as far as Excel goes."""
    names = "".join(f"<sheet name='{'x' * 40}{n}' sheetId='{n}' r:id='r1'/>" for n in range(1, 3001))
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    book = f"<workbook xmlns='{main}' xmlns:r='{kind}'><sheets>{names}</sheets></workbook>"
    empty = f"<worksheet xmlns='{main}'><sheetData/></worksheet>"
    return raw("", {"xl/workbook.xml": book, "xl/worksheets/sheet1.xml": empty})(folder)


LINK = "<externalLink xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><externalBook/></externalLink>"
LAUGHS = "<!DOCTYPE a [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {n} '&{p};&{p};&{p};&{p};'>" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
)
DAY = dt.datetime(2024, 2, 29)
OLD = '<table:table-cell office:value-type="date" office:date-value="1815-12-10"/>'
WIDE = OLD.replace("/>", ' table:number-columns-repeated="16384"/>')
PEOPLE = "".join(map(ods_cell, ROW))
FAR_ROW = f"<row r='2'>{PERSON}</row><row r='1048576'>{text_cell('XFA1048576', 'far')}</row>"
ODD_CELLS = ["مرحبا", "東京都", "👩‍👩‍👧 e\u0301", "\u202etxt", "x" * 32_767, "a\tb\nc"]

ITEMS: dict[str, Item] = {
    "a zip bomb": Item(bomb("in.xlsx", "xl/worksheets/sheet1.xml", b" " * (1 << 20), 600), "200 times its size"),
    "a zip bomb in xlsb": Item(
        bomb("in.xlsb", "xl/sharedStrings.bin", b"\x13\x00" * (1 << 19), 100), "200 times its size"
    ),
    "more bytes than allowed": Item(sheet([1]), "file size", env={"ADE_ENGINE_MAX_FILE_BYTES": "1000"}),
    "more expanded bytes than allowed": Item(sheet([1]), "decompressed", env={"ADE_ENGINE_MAX_EXPANDED_BYTES": "5000"}),
    "more cells than allowed": Item(sheet([1] * 50), "number of cells", env={"ADE_ENGINE_MAX_CELLS": "100"}),
    "more shared strings than allowed": Item(
        raw("", {"xl/sharedStrings.xml": f"<sst>{'<si><t>x</t></si>' * 50}</sst>"}),
        "shared strings",
        env={"ADE_ENGINE_MAX_SHARED_STRINGS": "40"},
    ),
    "more cells than allowed in xls": Item(
        xls([[1] * 20] * 20), "number of cells", env={"ADE_ENGINE_MAX_CELLS": "100"}
    ),
    "more cells than allowed in xlsb": Item(
        binary([[1] * 20] * 20), "number of cells", env={"ADE_ENGINE_MAX_CELLS": "100"}
    ),
    "more cells than allowed in text": Item(
        put("in.csv", "a,b\n" * 100), "number of cells", env={"ADE_ENGINE_MAX_CELLS": "100"}
    ),
    "more tables than allowed": Item(put("in.csv", "First Name,Email\nAnn,a@b.c\n\n" * 200_000), "max_tables"),
    "an ods that repeats itself": Item(
        ods(f'<table:table-row table:number-rows-repeated="1048576">{WIDE}</table:table-row>'),
        "number of cells",
    ),
    "values in opposite corners": Item(
        raw(FAR_ROW), findings=frozenset({"scan_stopped_early"}), rows=[["first_name", "email"]]
    ),
    "values in opposite corners, nothing left out": Item(
        raw(FAR_ROW),
        env={"ADE_ENGINE_MAX_EMPTY_ROWS_RUN": "null", "ADE_ENGINE_MAX_EMPTY_COLS_RUN": "null"},
    ),
    "values in opposite corners of an xls": Item(
        xls([["a"], *[[]] * 65_534, [*[""] * 255, "z"]]), "number of cells", env={"ADE_ENGINE_MAX_CELLS": "1000000"}
    ),
    "shared strings that are claimed": Item(
        raw("", {"xl/sharedStrings.xml": "<sst uniqueCount='1099511627776'></sst>"}), "shared strings"
    ),
    "a shared string that is not there": Item(raw(f"<row r='2'>{PERSON}<c r='C2' t='s'><v>7</v></c></row>"), "damaged"),
    "entities in entities": Item(
        raw(
            f"<row r='2'>{PERSON}{text_cell('C2', '&i;')}</row>",
            {"xl/styles.xml": LAUGHS + "]><styleSheet>&i;</styleSheet>"},
        ),
        "damaged",
    ),
    "XML that is nested deeply": Item(raw("<row>" * 100_000)),
    "encrypted": Item(put("in.xlsx", encrypted()), "password"),
    "encrypted xlsb": Item(put("in.xlsb", encrypted()), "password"),
    "encrypted xls": Item(locked_xls, "password"),
    "truncated xlsx": Item(cut(sheet([1])), "damaged"),
    "truncated xlsb": Item(cut(binary([[*ROW, 1]])), "damaged"),
    "truncated xls": Item(cut(xls([HEADER] * 500), 0.3), "damaged"),
    "truncated ods": Item(cut(ods("")), "damaged"),
    "truncated text": Item(
        put("in.csv", 'First Name,Email\nAnn,a@b.c\nBob,"b@'), findings=frozenset({"unterminated_quote"})
    ),
    "an xlsx named csv": Item(renamed(sheet([1]), "in.csv"), "content is"),
    "an xlsx named xls": Item(renamed(sheet([1]), "in.xls"), "content is"),
    "an xlsx named xlsb": Item(renamed(sheet([1]), "in.xlsb"), "content is"),
    "an xls named xlsx": Item(renamed(xls([HEADER]), "in.xlsx"), "content is"),
    "text named xlsx": Item(put("in.xlsx", "First Name,Email\n"), "plain text"),
    "text named ods": Item(put("in.ods", "First Name,Email\n"), "plain text"),
    "a PDF named csv": Item(put("in.csv", b"%PDF-1.7\n\x00\x01\x02"), "binary"),
    "no workbook at all": Item(put("in.docx", zip_of(["word/document.xml"])), "not supported"),
    "noise behind a magic": Item(put("in.xls", CFB + b"\xff" * 9000), "damaged"),
    "nothing": Item(put("in.xlsx", b""), "0 bytes"),
    "macros": Item(with_macros, rows=[["first_name", "email", "Value"], [*ROW, 1]]),
    "external links": Item(
        raw(
            f"<row r='2'>{PERSON}<c r='C2'><f>[1]S!A1</f><v>8</v></c></row>",
            {"xl/externalLinks/externalLink1.xml": LINK},
        ),
        rows=[["first_name", "email", "Value"], [*ROW, 8]],
    ),
    "formulas by what they came to": Item(
        raw(f"<row r='2'>{PERSON}<c r='C2' t='str'><f>A2</f><v>=x</v></c></row>"),
        rows=[["first_name", "email", "Value"], [*ROW, "=x"]],
    ),
    "formulas that were never computed": Item(
        raw(f"<row r='2'>{PERSON}<c r='C2'><f>A2</f></c></row>"),
        rows=[["first_name", "email", "Value"], [*ROW, None]],
        findings=frozenset({"formulas_without_value"}),
    ),
    "dates that count from 1904": Item(sheet([DAY], mac), rows=[["first_name", "email", "Value"], [*ROW, DAY]]),
    "dates that count from 1904 in xlsb": Item(
        lambda folder: xlsb.write(folder / "in.xlsb", {"S": [HEADER, [*ROW, DAY]]}, mac_dates=True),
        rows=[["first_name", "email", "Value"], [*ROW, DAY]],
    ),
    "merged cells": Item(
        sheet(["once", None], merge), rows=[["first_name", "email", "Value"], [*ROW, "once"], [*ROW, None]]
    ),
    "hidden rows, columns and sheets": Item(sheet([1], hide), rows=[["first_name", "email", "Value"], [*ROW, 1]]),
    "error cells": Item(
        raw(f"<row r='2'>{PERSON}<c r='C2' t='e'><v>#DIV/0!</v></c></row>"),
        rows=[["first_name", "email", "Value"], [*ROW, "#DIV/0!"]],
    ),
    "error cells in xlsb": Item(
        binary([[*ROW, xlsb.Error("#N/A")]]), rows=[["first_name", "email", "Value"], [*ROW, "#N/A"]]
    ),
    "a million rows": Item(vast(1_000_000, 3), memory_mib=600),
    "a million rows of text": Item(put("in.csv", "First Name,Email\n" + "Ann,a@b.c\n" * 1_000_000), memory_mib=600),
    "16,000 columns": Item(vast(3, 16_000)),
    "16,384 columns, and the rules make another": Item(vast(3, 16_384), "16,385 columns", code="pipeline_error"),
    "500 sheets": Item(many_sheets),
    "3,000 sheets whose names begin alike": Item(alike, findings=frozenset({"no_tables_detected"})),
    "an empty sheet": Item(
        sheet([1], lambda book: book.create_sheet("Empty")), rows=[["first_name", "email", "Value"]]
    ),
    "nothing but an empty sheet": Item(blank, findings=frozenset({"no_tables_detected"})),
    "headers that repeat and are blank": Item(
        put("in.csv", "Email,,Hours,Hours,n/a\na@b.c,1,2,3,4\n"), rows=[["email", "col_2", "Hours", "Hours__2", "n/a"]]
    ),
    "scripts, emoji, long texts": Item(
        sheet(ODD_CELLS), rows=[["first_name", "email", "Value"], *[[*ROW, v] for v in ODD_CELLS]]
    ),
    "a text that no cell can hold": Item(
        put("in.csv", f"First Name,Email,Value\nAnn,a@b.c,{'é' * 5_000_000}\n"), findings=frozenset({"text_truncated"})
    ),
    "dates before 1900": Item(
        ods(f"<table:table-row>{PEOPLE}{OLD}</table:table-row>"),
        rows=[["first_name", "email", "Value"], [*ROW, "1815-12-10 00:00:00"]],
    ),
    "a serial that is no date": Item(
        raw(
            f"<row r='2'>{PERSON}<c r='C2' s='1'><v>1e300</v></c></row>",
            {
                "xl/styles.xml": "<styleSheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><cellXfs>"
                "<xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>"
            },
        ),
        rows=[["first_name", "email", "Value"], [*ROW, "#VALUE!"]],
    ),
    "mixed types": Item(
        sheet([1, "x", 2.5, True, DAY]),
        rows=[["first_name", "email", "Value"], *[[*ROW, v] for v in (1, "x", 2.5, True, DAY)]],
    ),
    "NUL in text": Item(put("in.csv", b"First Name,Email\nA\x00nn,a@b.c\n"), "binary"),
    "bytes that are no text": Item(
        put("in.csv", b"First Name,Email\nA\xffn,a@b.c\n"), findings=frozenset({"encoding_detected"})
    ),
}


def run(item: Item, path: Path, config: Path, out: Path, python: str = sys.executable) -> Measured:
    """Processes an item's file in a process of its own; ``python`` is one that has the engine."""
    peak = out.parent / "peak"
    command = [python, "-c", MEASURED, peak, "process", "file", "--input", path, "--output-dir", out]
    command += ["--logs-dir", out, "--config-package", config, "--log-format", "ndjson"]
    started = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command], env={**os.environ, **item.env},
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=WALL_SECONDS,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if not peak.exists():
        raise RuntimeError(f"the engine died: {done.stderr}")
    outcome = Outcome(done.returncode, done.stdout, done.stderr, out)
    kibibytes, cpu_seconds = peak.read_text().split()
    return Measured(outcome, int(kibibytes) / 1024, float(cpu_seconds), seconds)
