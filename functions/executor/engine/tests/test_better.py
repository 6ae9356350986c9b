"""What a config with ``engine = 2`` gets, beside what engine 1.9 does with the same file.

Each case runs twice: as a config of 1.9, whose behaviour is pinned, and with ``engine = 2``. What is a matter of safety
holds for both.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_input import CFB, encrypted

DAY = dt.datetime(2024, 1, 2)
SPAN = dt.timedelta(hours=30)
TWO = """
    from ade_engine.models import FieldDef
    def register(r):
        r.register_field(FieldDef(name="other"))
        r.register_column_detector(f, field="other", priority=0)
    def f(*, column_index, **_):
        return {"name": 2.0 - column_index, "other": 0.5}
"""
FAILING = """
    import polars as pl
    from ade_engine.models import FieldDef
    def register(r):
        r.register_field(FieldDef(name="amount"))
        r.register_column_detector(f, field="amount", priority=0)
        r.register_column_transform(g, field="amount", priority=0)
    def f(*, header_text, **_):
        return {"amount": 1.0} if header_text == "Amount" else {}
    def g(**_):
        return pl.col("amount").cast(pl.Int64)
"""


@dataclass(frozen=True)
class Case:
    """Rows of a sheet or bytes of a file, and what comes of them in each generation: rows that are not blank."""

    source: list[list[Any]] | bytes
    old: list[list[Any]] | None
    new: list[list[Any]] | None
    codes: frozenset[str] = frozenset()
    """Findings of the new generation."""
    modules: tuple[tuple[str, str], ...] = ()
    settings: str = ""
    name: str = "in.csv"
    error: str = "input_error"
    """What the old generation ends with when nothing comes of the file."""


def both(rows: list[list[Any]]) -> dict[str, Any]:
    return {"old": rows, "new": rows}


HEAD = ["Name", "Amount"]
CASES: dict[str, Case] = {
    "text that starts with = stays text": Case(b"Name,Amount\n=1+1,@x\n", **both([["name", "Amount"], ["=1+1", "@x"]])),
    "a table above the first header is kept": Case(
        [["who", "what"], ["Eve", 3], HEAD, ["Ann", 1]],
        **both([["who", "what"], ["Eve", 3], ["name", "Amount"], ["Ann", 1]]),
        codes=frozenset({"header_inferred"}),
    ),
    "rows above a header that are no table are named": Case(
        [["Report", None], ["of 2024"], HEAD, ["Ann", 1]],
        **both([["name", "Amount"], ["Ann", 1]]),
        codes=frozenset({"rows_before_table"}),
    ),
    "delimiters are found": Case(
        b"Name;Amount\nAnn;1\n",
        old=[["Name;Amount"], ["Ann;1"]],
        new=[["name", "Amount"], ["Ann", "1"]],
        codes=frozenset({"delimiter_detected"}),
    ),
    "encodings are found": Case(
        "Name,Amount\nÄnn,1\n".encode("cp1252"),
        old=None,
        new=[["name", "Amount"], ["Änn", "1"]],
        codes=frozenset({"encoding_detected"}),
    ),
    "UTF-16 is found": Case(
        "Name,Amount\nÄnn,1\n".encode("utf-16"),
        old=None,
        new=[["name", "Amount"], ["Änn", "1"]],
        codes=frozenset({"encoding_detected"}),
    ),
    "control characters survive": Case(b"Name,Amount\nA\x01nn,1\n", **both([["name", "Amount"], ["A_x0001_nn", "1"]])),
    "odd file names survive": Case(
        b"Name,Amount\nAnn,1\n", **both([["name", "Amount"], ["Ann", "1"]]), name="in [a]*\u202e'.csv"
    ),
    "file names that are no text survive": Case(
        b"Name,Amount\nAnn,1\n", **both([["name", "Amount"], ["Ann", "1"]]), name="in\udcff.csv"
    ),
    "ragged rows are findings": Case(
        b"Name,Amount\nAnn,1\nBob\n",
        **both([["name", "Amount"], ["Ann", "1"], ["Bob", None]]),
        codes=frozenset({"ragged_rows"}),
    ),
    "quotes that never end are findings": Case(
        b'Name,Amount\nAnn,"1\n', **both([["name", "Amount"], ["Ann", "1\n"]]), codes=frozenset({"unterminated_quote"})
    ),
    "tables side by side are two": Case(
        [[*HEAD, None, "Name", "Id"], ["Ann", 1, None, "Bob", 7]],
        old=[["name", "Amount", "col_3", "Name__2", "Id"], ["Ann", 1, None, "Bob", 7]],
        new=[["name", "Amount"], ["Ann", 1], ["name", "Id"], ["Bob", 7]],
    ),
    "rows joined into a header are named": Case(
        [HEAD, ["Email", "Id"], ["Ann", "x"]],
        **both([["Name Email", "Amount Id"], ["Ann", "x"]]),
        codes=frozenset({"headers_merged"}),
    ),
    "right under data only one row is a header": Case(
        [HEAD, ["Ann", "x"], HEAD, ["Bob", "Id"], ["Cyd", "y"]],
        old=[["name", "Amount"], ["Ann", "x"], ["Name Bob", "Amount Id"], ["Cyd", "y"]],
        new=[["name", "Amount"], ["Ann", "x"], ["name", "Amount"], ["Bob", "Id"], ["Cyd", "y"]],
    ),
    "right under data a header of several rows is one that was before": Case(
        [HEAD, ["Email", "Id"], ["Ann", "x"], HEAD, ["Email", "Id"], ["Bob", "y"]],
        **both([["Name Email", "Amount Id"], ["Ann", "x"], ["Name Email", "Amount Id"], ["Bob", "y"]]),
        codes=frozenset({"headers_merged"}),
    ),
    "many rows like headers are data": Case(
        [HEAD, *[["Bob", "Id"]] * 10, ["Cyd", "y"]],
        old=[["Name Bob", "Amount Id"], ["Cyd", "y"]],
        new=[["name", "Amount"], *[["Bob", "Id"]] * 10, ["Cyd", "y"]],
    ),
    "tables start where they start": Case(
        [[], [None, None, *HEAD], [None, None, "Ann", 1]],
        old=[["col_1", "col_2", "name", "Amount"], [None, None, "Ann", 1]],
        new=[["name", "Amount"], ["Ann", 1]],
    ),
    "footers are not data when detectors say so": Case(
        [HEAD, ["Ann", 1], [], ["Source: x"]],
        old=[["name", "Amount"], ["Ann", 1], ["Source: x", None]],
        new=[["name", "Amount"], ["Ann", 1]],
        codes=frozenset({"rows_skipped"}),
        modules=(
            (
                "row_detectors/notes.py",
                "def register(r):\n    r.register_row_detector(f, row_kind='note', priority=1)\n"
                "def f(*, row_values, **_):\n    return {'note': 9.0} if row_values[:1] == ['Source: x'] else {}\n",
            ),
        ),
    ),
    "a loser takes its second field": Case(
        [HEAD, ["Ann", 1]],
        old=[["name", "Amount"], ["Ann", 1]],
        new=[["name", "other"], ["Ann", 1]],
        modules=(("columns/other.py", TWO),),
    ),
    "numbers with texts keep their types": Case(
        [HEAD, ["Ann", 1], ["Bob", "x"], ["Cyd", True], ["Dan", DAY]],
        old=[["name", "Amount"], ["Ann", "1"], ["Bob", "x"], ["Cyd", "true"], ["Dan", "2024-01-02 00:00:00"]],
        new=[["name", "Amount"], ["Ann", 1], ["Bob", "x"], ["Cyd", True], ["Dan", DAY]],
    ),
    "numbers with dates are no epochs": Case(
        [HEAD, ["Ann", 1], ["Bob", DAY]],
        old=[["name", "Amount"], ["Ann", 1], ["Bob", 1704153600000000]],
        new=[["name", "Amount"], ["Ann", 1], ["Bob", DAY]],
    ),
    "dates with durations are no nulls": Case(
        [HEAD, ["Ann", DAY], ["Bob", SPAN]],
        old=[["name", "Amount"], ["Ann", DAY], ["Bob", None]],
        new=[["name", "Amount"], ["Ann", DAY], ["Bob", SPAN]],
    ),
    "truths with numbers stay truths": Case(
        [HEAD, ["Ann", True], ["Bob", 2]],
        old=[["name", "Amount"], ["Ann", 1], ["Bob", 2]],
        new=[["name", "Amount"], ["Ann", True], ["Bob", 2]],
    ),
    "tables whose types differ are merged": Case(
        [HEAD, ["Ann", 1], ["Abe", 2.5], [], HEAD, ["Bob", "free"], ["Cyd", 2], [], HEAD, ["Dan", DAY]],
        old=None,
        new=[["name", "Amount"], ["Ann", 1], ["Abe", 2.5], ["Bob", "free"], ["Cyd", 2], ["Dan", DAY]],
        settings="merge_tables_in_sheet = true",
        error="pipeline_error",
    ),
    "blank rows are not data": Case(
        [HEAD, ["Ann", 1], [], ["Bob", 2]], **both([["name", "Amount"], ["Ann", 1], ["Bob", 2]])
    ),
}


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_both_generations(
    name: str, generation: int, classic: Any, process: Any, workbook: Any, tmp_path: Path
) -> None:
    case = CASES[name]
    if isinstance(case.source, bytes):
        path = tmp_path / case.name
        path.write_bytes(case.source)
    else:
        path = workbook(case.source)
    project = classic(dict(case.modules), f"engine = {generation}\n{case.settings}")
    outcome = process(path, project)
    expected = case.old if generation == 1 else case.new
    if expected is None:
        assert outcome.code == 1
        assert outcome.completed["execution"]["failure"]["code"] == case.error
        return
    assert outcome.code == 0, outcome.stderr
    found = [list(row) for row in outcome.rows(name=f"{path.stem}_normalized.xlsx") if any(v is not None for v in row)]
    width = max(len(row) for row in expected)
    assert [row[:width] for row in found] == [row + [None] * (width - len(row)) for row in expected]
    if generation == 2:
        assert case.codes <= outcome.finding_codes


def test_tables_that_can_not_be_merged_are_named(classic: Any, process: Any, workbook: Any) -> None:
    rows = [HEAD, ["Ann", 1], HEAD, ["Bob", "free"]]
    outcome = process(workbook({"Pay": rows}), classic(settings="merge_tables_in_sheet = true"))
    message = outcome.completed["execution"]["failure"]["message"]
    assert "Tables of 'Pay' can't be merged: column 'Amount' is Int64 in table 0 (A1:B2) and String in table" in message


@pytest.mark.parametrize("generation", [1, 2])
def test_inferred_headers_are_said_to_be_from_2_on(generation: int, classic: Any, process: Any, workbook: Any) -> None:
    outcome = process(workbook([["who", "what"], ["Ann", 1], ["Bob", 2]]), classic(settings=f"engine = {generation}"))
    structure = outcome.completed["workbooks"][0]["sheets"][0]["tables"][0]["structure"]
    assert structure["header"]["inferred"] is (generation == 2)


@pytest.mark.parametrize("generation", [1, 2])
def test_errors_name_stage_function_and_cell(generation: int, classic: Any, process: Any, workbook: Any) -> None:
    project = classic({"columns/amount.py": FAILING}, f"engine = {generation}")
    outcome = process(
        workbook([[], HEAD, *[["Ann", str(n)] for n in range(40)], ["Bob", "many"], ["Cyd", "3"]]), project
    )
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["stage"] == ("transform" if generation == 2 else "unknown")
    message = failure["message"]
    assert message.startswith("'in.xlsx': Transform of 'amount' failed on Sheet1!B43, in the expression of ")
    assert "ade_config.columns.amount.g (src/ade_config/columns/amount.py:10)" in message


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.xlsx", encrypted(), "password"),
        ("in.xlsx", b"PK\x03\x04 and no more", "damaged"),
        ("in.xls", CFB + b"\xff" * 4000, "damaged"),
    ],
)
def test_files_that_do_not_open_are_input_errors(
    generation: int, name: str, content: bytes, says: str, classic: Any, process: Any, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    outcome = process(tmp_path / name, classic(settings=f"engine = {generation}"))
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["code"] == "input_error"
    assert says in failure["message"]


@pytest.mark.parametrize("generation", [1, 2])
def test_sheet_names_are_made_valid(generation: int, classic: Any, process: Any, tmp_path: Path) -> None:
    path = tmp_path / "a [very] long name with *odd* characters.csv"
    path.write_text("Name,Amount\nAnn,1\n")
    outcome = process(path, classic(settings=f"engine = {generation}"))
    assert "sheet_renamed" in outcome.finding_codes


@pytest.mark.parametrize("generation", [1, 2])
def test_rows_that_do_not_fit_go_on_a_next_sheet(generation: int, classic: Any, process: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("Name\n" + "Ann\n" * 1_048_577)
    batch = """
        import polars as pl
        def register(r):
            r.register_row_detector(rows, row_kind="data", priority=9, batch=True)
        def rows(*, rows, **_):
            first = pl.int_range(len(rows), eager=True) == 0
            return {"header": first.cast(float), "data": (~first).cast(float)}
    """
    outcome = process(path, classic({"row_detectors/rows.py": batch}, f"engine = {generation}"))
    assert outcome.code == 0, outcome.stderr
    assert "sheet_continued" in outcome.finding_codes
    places = [event["data"]["output_range"] for event in outcome.events if event["event"] == "engine.table.written"]
    assert places == ["A1:A1048576"]
