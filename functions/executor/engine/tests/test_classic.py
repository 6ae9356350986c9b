"""A config without ``engine = 2`` sees what engine 1.9 showed it, except where that lost rows or let formulas in."""

from __future__ import annotations

import datetime as dt

import pytest


def test_regions_start_at_column_a_and_keep_what_is_below(classic, process, workbook):
    rows = [["Report"], [], [None, "Name", "Amount"], [None, "Ann", 1], [], ["Note: x"]]
    outcome = process(workbook(rows), classic())
    assert outcome.rows() == [
        ("col_1", "name", "Amount"),
        (None, "Ann", 1),
        (None, None, None),
        ("Note: x", None, None),
    ]


def test_losers_do_not_fall_back(classic, process, workbook):
    project = classic(
        {
            "columns/other.py": """
                from ade_engine.models import FieldDef
                def register(r):
                    r.register_field(FieldDef(name="other"))
                    r.register_column_detector(f, field="other", priority=0)
                def f(*, column_index, **_):
                    return {"name": 2.0 - column_index, "other": 0.5}
            """
        }
    )
    rows = [["Name", "Amount"], ["Ann", 1]]
    assert process(workbook(rows), project).rows()[0] == ("name", "Amount")
    (project / "settings.toml").write_text("engine = 2\n")
    assert process(workbook(rows), project).rows()[0] == ("name", "other")
    (project / "settings.toml").write_text('mapping_tie_resolution = "leave_unmapped"\n')
    assert process(workbook(rows), project).rows()[0] == ("Name", "Amount")


def test_a_rename_onto_a_taken_name_is_skipped_with_a_warning(classic, process, workbook):
    rows = [["Name", "name"], ["Ann", "x"]]
    outcome = process(workbook(rows), classic())
    assert outcome.rows()[0] == ("Name", "name")
    warnings = [event for event in outcome.events if event["level"] == "warning"]
    assert [event["event"] for event in warnings] == ["engine.log"]


def test_mixed_columns_are_what_polars_makes_of_them(classic, process, workbook):
    day = dt.datetime(2024, 1, 2)
    rows = [["Name", "A", "B"], ["Ann", 1, "x"], ["Bob", 2.5, 3], ["Cyd", None, day]]
    outcome = process(workbook(rows), classic())
    assert outcome.rows()[1:] == [("Ann", 1, "x"), ("Bob", 2.5, "3"), ("Cyd", None, "2024-01-02 00:00:00")]


def test_csv_is_comma_and_utf8(classic, process, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Name;Amount\nAnn;1\n")
    project = classic()
    assert process(path, project).rows()[0] == ("Name;Amount",)
    path.write_bytes("Name,Amount\nÄnn,1\n".encode("cp1252"))
    failure = process(path, project).completed["execution"]["failure"]
    assert failure["code"] == "input_error"
    path.write_bytes(b"\xef\xbb\xbfName,Amount\nAnn,1\n")
    assert process(path, project).rows() == [("name", "Amount"), ("Ann", "1")]


def test_inferred_headers(classic, process, workbook):
    outcome = process(workbook([["who", "what"], ["Ann", 1], ["Bob", 2]]), classic())
    assert outcome.rows() == [("who", "what"), ("Ann", 1), ("Bob", 2)]
    structure = outcome.completed["workbooks"][0]["sheets"][0]["tables"][0]["structure"]
    assert structure["header"]["inferred"] is False
    assert outcome.artifact["tables"][0]["header"]["inferred"] is True


def test_rows_above_the_first_header_are_kept_or_named(classic, process, workbook):
    """Engine 1.9 dropped them in silence."""
    project = classic()
    table = [["who", "what"], ["Eve", 3], ["Fay", 4]]
    outcome = process(workbook([*table, ["Name", "Amount"], ["Ann", 1]]), project)
    assert [row for row in outcome.rows() if any(row)] == [
        ("who", "what"), ("Eve", 3), ("Fay", 4), ("name", "Amount"), ("Ann", 1),
    ]  # fmt: skip
    assert "header_inferred" in outcome.finding_codes
    titled = process(workbook([["Report"], ["2024"], ["Name", "Amount"], ["Ann", 1]]), project)
    assert titled.rows()[0] == ("name", "Amount")
    assert "rows_before_table" in titled.finding_codes


def test_formulas_do_not_pass_unless_asked_for(classic, process, tmp_path):
    source = """
        import polars as pl
        from ade_engine.models import FieldDef
        def register(r):
            r.register_field(FieldDef(name="twice"))
            r.register_column_transform(twice, field="twice", priority=0)
            r.register_column_transform(same, field="name", priority=0)
        def twice(**_):
            return pl.lit("=1+1")
        def same(**_):
            return pl.col("name")
    """
    project = classic({"columns/twice.py": source})
    path = tmp_path / "in.csv"
    path.write_text("Name,Amount\n=2+2,=3+3\n")

    def types(outcome):
        return [cell.data_type for cell in outcome.workbook().active[2]]

    assert types(process(path, project)) == ["s", "s", "s"]
    (project / "settings.toml").write_text("write_formulas = true\n")
    assert types(process(path, project)) == ["s", "s", "f"]


@pytest.mark.parametrize("touch", [False, True], ids=["native", "openpyxl"])
def test_formulas_longer_than_excel_takes_are_texts(classic, process, workbook, touch):
    source = """
        import polars as pl
        from ade_engine.models import FieldDef
        def register(r):
            r.register_field(FieldDef(name="long"))
            r.register_column_transform(f, field="long", priority=0)
        def f(**_):
            return pl.lit("=1" + "+1" * 4096)
    """
    modules = {"columns/long.py": source}
    if touch:
        modules["hooks/touch.py"] = (
            "def register(r):\n    r.register_hook(f, hook='on_table_written', priority=0)\n"
            "def f(*, output_sheet, **_):\n    output_sheet['A1'].value\n"
        )
    outcome = process(workbook([["Name", "Amount"], ["Ann", 1]]), classic(modules, "write_formulas = true"))
    assert outcome.workbook().active["C2"].data_type == "s"


def test_sheet_names_become_valid(classic, process, tmp_path):
    path = tmp_path / "a [very] long name with *odd* characters.csv"
    path.write_text("Name,Amount\nAnn,1\n")
    outcome = process(path, classic())
    assert outcome.code == 0, outcome.stderr
    (name,) = [p.name for p in outcome.out.glob("*.xlsx")]
    (title,) = outcome.workbook(name).sheetnames
    assert title == "a _very_ long name with _odd_ c"
    assert "sheet_renamed" in outcome.finding_codes


def test_merge_and_sort(classic, process, workbook):
    rows = [["Other", "Id"], ["x", 1], [], ["Name", "Amount"], ["Ann", 1.5]]
    path = workbook(rows)
    project = classic(settings="merge_tables_in_sheet = true")
    assert process(path, project).rows() == [
        ("Other", "Id", "name", "Amount"),
        ("x", 1, None, None),
        (None, None, None, None),
        (None, None, "Ann", 1.5),
    ]
    (project / "settings.toml").write_text("sort_tables_by_mapping_ratio = true\n")
    assert process(path, project).rows()[0] == ("name", "Amount")


def test_settings_come_from_everywhere_in_order(classic, process, workbook, cli, tmp_path):
    rows = [["Name", "Amount"], ["Ann", 1]]
    project = classic(settings="remove_unmapped_columns = true\nlog_level = 'ERROR'\nunknown_key = 1")
    assert process(workbook(rows), project, "--log-level", "INFO").rows() == [("name",), ("Ann",)]
    env = {"ADE_ENGINE_REMOVE_UNMAPPED_COLUMNS": "false"}
    assert process(workbook(rows), project, env=env).rows()[0] == ("name", "Amount")
    (tmp_path / ".env").write_text("ADE_ENGINE_CONFIG_PACKAGE=" + str(project) + "\n")
    assert cli("config", "validate", cwd=tmp_path).returncode == 0
    bad = cli("config", "validate", cwd=tmp_path, env={"ADE_ENGINE_MAX_EMPTY_ROWS_RUN": "0"})
    assert bad.returncode == 1
    assert "max_empty_rows_run" in bad.stderr
