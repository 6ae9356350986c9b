"""Inputs that can't be processed, and inputs that look as if they couldn't."""

from __future__ import annotations

import datetime as dt
import zipfile

import openpyxl
import pytest

PEOPLE = "First Name,Last Name,Email\nAnn,Lee,ann@x.org\nBob,Ray,bob@x.org\n"
CFB = bytes.fromhex("D0CF11E0A1B11AE1")


def encrypted() -> bytes:
    """A compound file as Office makes for a workbook with a password: its directory names the encrypted package."""
    return CFB + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(480)


def zip_of(names: list[str]) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.xlsx", b"", "0 bytes"),
        ("empty.csv", b"", "0 bytes"),
        ("text.xlsx", b"just some text\n", "plain text"),
        ("text.xls", b"just some text\n", "plain text"),
        ("locked.xlsx", encrypted(), "password"),
        ("old.xlsx", CFB + bytes(2000), "97"),
        ("zip.xlsx", zip_of(["a.txt"]), "damaged"),
        ("cut.xlsx", zip_of(["xl/workbook.xml"])[:60], "damaged"),
        ("hollow.xlsx", zip_of(["[Content_Types].xml", "xl/workbook.xml"]), "damaged"),
        ("binary.csv", bytes(range(256)) * 4, "binary"),
        ("zip.csv", zip_of(["a.txt"]), "zip"),
        ("what.docx", b"whatever", "not supported"),
        ("noextension", b"whatever", "extension"),
        ("bad.xls", CFB + b"\xff" * 4000, "damaged"),
        ("bad.xlsb", zip_of(["xl/workbook.bin"]), "damaged"),
    ],
)
def test_input_errors(process, template, tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    outcome = process(path, template)
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["code"] == "input_error"
    assert says in failure["message"]
    assert str(tmp_path) not in failure["message"]
    artifact = outcome.artifact
    assert artifact["run"]["status"] == "failed"
    assert artifact["run"]["error"] == failure
    assert [p.name for p in outcome.out.glob("*.xlsx")] == []
    assert "panicked" not in outcome.stderr


def test_a_bomb_is_refused(process, template, tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 50_000_000)
    outcome = process(path, template, env={"ADE_ENGINE_MAX_EXPANDED_BYTES": "10000000"})
    assert outcome.code == 1
    assert "too large" in outcome.completed["execution"]["failure"]["message"]


def test_too_many_cells_are_refused(process, template, workbook):
    path = workbook([["Name", "Email"]] + [["x", "y"]] * 100)
    outcome = process(path, template, env={"ADE_ENGINE_MAX_CELLS": "50"})
    assert outcome.completed["execution"]["failure"]["code"] == "input_error"


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (PEOPLE.encode(), set()),
        (b"\xef\xbb\xbf" + PEOPLE.encode(), set()),
        (PEOPLE.encode("utf-16"), {"encoding_detected"}),
        (PEOPLE.encode("utf-16-le"), {"encoding_detected"}),
        (PEOPLE.replace("Lee", "Lée").encode("cp1252"), {"encoding_detected"}),
        (PEOPLE.replace(",", ";").encode(), {"delimiter_detected"}),
        (PEOPLE.replace(",", "\t").encode(), {"delimiter_detected"}),
        (PEOPLE.replace(",", "|").encode(), {"delimiter_detected"}),
        (PEOPLE.replace("\n", "\r\n").encode(), set()),
        (PEOPLE.replace("Ann,Lee", '"Ann","Lee"').encode(), set()),
        ((PEOPLE + "extra,too,many@x.org,fields\n").encode(), {"ragged_rows"}),
        ((PEOPLE + 'Eve,Ash,"open@x.org\n').encode(), {"unterminated_quote"}),
    ],
)
def test_text_in_every_dress(process, template, tmp_path, content, codes):
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    outcome = process(path, template)
    assert outcome.code == 0, outcome.stderr
    rows = outcome.rows()
    assert rows[0][:3] == ("first_name", "last_name", "email")
    assert rows[1][0] == "Ann"
    assert rows[1][2] == "ann@x.org"
    quiet = {"fields_not_detected", "validation_warnings_present"}
    assert outcome.finding_codes - quiet == codes


def test_cells_are_typed_as_openpyxl_types_them(process, template, tmp_path):
    values = [
        1, 1.5, True, "text", dt.datetime(2024, 2, 29, 12, 30), dt.date(2024, 1, 1), dt.time(8, 15),
        dt.timedelta(hours=30), dt.datetime(1900, 1, 1), -3, 1e20, 0.1 + 0.2, "  padded ", "=no", "42", "日本語", "🎉",
    ]  # fmt: skip
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["First Name", "Email", *[f"c{i}" for i in range(len(values))]])
    for _ in range(2):
        sheet.append(["Ann", "a@b.c", *values])
        sheet.cell(sheet.max_row, 3 + values.index("=no")).data_type = "s"
    book.save(tmp_path / "in.xlsx")
    expected = next(openpyxl.load_workbook(tmp_path / "in.xlsx").active.iter_rows(min_row=2, values_only=True))
    outcome = process(tmp_path / "in.xlsx", template)
    assert outcome.code == 0, outcome.stderr
    written = outcome.rows()[1][2 : len(expected)]
    assert written == expected[2:]


def test_sheets(process, template, workbook, tmp_path):
    people = [["First Name", "Email"], ["Ann", "a@b.c"]]
    path = workbook({"One": people, "Two": people, "Hidden": people})
    book = openpyxl.load_workbook(path)
    book["Hidden"].sheet_state = "hidden"
    book.active = 1
    book.save(path)
    assert process(path, template).workbook().sheetnames == ["One", "Two"]
    assert process(path, template, "-s", " Two ").workbook().sheetnames == ["Two"]
    assert process(path, template, "-s", "Two", "-s", "One", "-s", "Two").workbook().sheetnames == ["One", "Two"]
    assert process(path, template, "--active-sheet-only").workbook().sheetnames == ["Two"]
    for missing in ("Hidden", "Nope"):
        outcome = process(path, template, "-s", missing)
        assert outcome.code == 1
        assert outcome.completed["execution"]["failure"]["code"] == "input_error"
