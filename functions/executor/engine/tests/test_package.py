"""Where a config package is looked for, which of its modules take part, and in which order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import CLASSIC_NAME, CLASSIC_ROWS

ROWS = [["Name", "Amount"], ["Ann", 5]]
FIELD = """
from ade_engine.models import FieldDef
def register(registry):
    registry.register_field(FieldDef(name={name!r}))
"""


def put(root: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, "utf-8")


def package(root: Path, field: str) -> None:
    """A package whose one field tells it from others."""
    put(root, {"__init__.py": "", "columns/only.py": FIELD.format(name=field)})


def loaded(process: Any, path: Path, config: Path) -> dict[str, Any]:
    outcome = process(path, config)
    assert outcome.code == 0, outcome.stderr
    return outcome.event("engine.config.loaded")["data"]


@pytest.mark.parametrize(
    ("places", "given", "chosen"),
    [
        (["rules"], "rules", "rules"),
        (["src/b_rules", "src/a_rules"], "", "src/a_rules"),
        (["src/a_rules", "src/ade_config", "ade_config"], "", "src/ade_config"),
        (["ade_config", "other"], "", "ade_config"),
        (["src/not-a-name", "ade_config"], "", "ade_config"),
    ],
)
def test_the_package_is_found(process, workbook, tmp_path, places, given, chosen):
    project = tmp_path / "project"
    for place in places:
        package(project / place, place.replace("/", "_"))
    found = loaded(process, workbook(ROWS), project / given)
    assert found["config_package"] == str(project / chosen)
    assert found["fields"] == [chosen.replace("/", "_")]


def test_no_package_is_an_error_of_its_own(process, workbook, tmp_path):
    (tmp_path / "project").mkdir()
    outcome = process(workbook(ROWS), tmp_path / "project")
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["code"] == "unknown_error"
    assert "No config package" in failure["message"]


def test_which_modules_take_part_and_in_which_order(process, workbook, tmp_path):
    root = tmp_path / "project" / "ade_config"
    seen = FIELD.format(name="{}").replace("'{}'", "__name__")
    assigned = "def f(registry):\n    raise AssertionError\nregister = f\n"
    never = "def register(registry):\n    raise AssertionError\n"
    put(
        root,
        {
            "__init__.py": "",
            "columns/__init__.py": seen,
            "columns/z.py": seen,
            "columns/deep/er/a.py": seen,
            "columns/waits.py": seen.replace("def register", "async def register"),
            "columns/_private.py": never,
            "columns/_private/module.py": never,
            "columns/tests/test_it.py": never,
            "columns/__pycache__/old.py": never,
            "columns/assigned.py": assigned,
            "columns/imported.py": "from ade_config.columns._private import register\n",
            "columns/nested.py": "class A:\n    def register(registry):\n        raise AssertionError\n",
            "row_detectors/a.py": seen,
            "hooks/a.py": seen,
            "elsewhere/a.py": never,
        },
    )
    found = loaded(process, workbook(ROWS), tmp_path / "project")
    names = ["columns", "columns.deep.er.a", "columns.waits", "columns.z", "hooks.a", "row_detectors.a"]
    assert found["plugin_modules"] == [f"ade_config.{name}" for name in names]
    assert found["fields"] == found["plugin_modules"]
    assert found["entrypoint"] == "auto-discovery"


def test_packages_of_one_name_do_not_mix(process, workbook, tmp_path):
    before = list(sys.path)
    for name in ("one", "two"):
        package(tmp_path / name / "ade_config", name)
        helper = tmp_path / name / "ade_config" / "columns" / "_helper.py"
        helper.write_text(f"NAME = {name!r}\n")
        only = FIELD.replace("{name!r}", "NAME").replace("def", "from ade_config.columns._helper import NAME\ndef", 1)
        (helper.parent / "only.py").write_text(only)
        assert loaded(process, workbook(ROWS), tmp_path / name)["fields"] == [name]
    assert sys.path == before


@pytest.mark.parametrize(
    ("pyproject", "name", "version"),
    [
        (b"[project]\nname = 'rules'\nversion = '1.2'\n", "rules", "1.2"),
        (b"[project]\nname = 'rules'\nversion = 3\n", "rules", "3"),
        (b"project = 3\n", "ade_config", None),
        (b"not toml", "ade_config", None),
        (b"\xff", "ade_config", None),
    ],
)
def test_what_a_project_is_called(process, workbook, classic, pyproject, name, version):
    project = classic()
    (project / "pyproject.toml").write_bytes(pyproject)
    config = process(workbook(ROWS), project).artifact["config"]
    assert (config["name"], config["version"]) == (name, version)


ORDER = """
    def register(registry):
        for name, priority in (("b", 0), ("a", 0), ("first", 9), ("last", -9)):
            registry.register_hook(named(name), hook="on_workbook_start", priority=priority)

    def named(name):
        def hook(*, state, **_):
            state.setdefault("order", []).append(__name__.split(".")[-1] + "." + name)
        hook.__qualname__ = name
        return hook
"""
TELL = """
    def register(registry):
        registry.register_hook(tell, hook="on_workbook_before_save", priority=0)

    def tell(*, state, logger, **_):
        logger.event("config.order", data={"order": state["order"]})
"""


def test_priority_then_module_then_name(process, workbook, classic):
    project = classic({"hooks/y.py": ORDER, "hooks/x.py": ORDER, "hooks/tell.py": TELL})
    outcome = process(workbook(ROWS), project)
    assert outcome.event("engine.config.order")["data"]["order"] == [
        *("x.first", "y.first"),
        *("x.a", "x.b", "y.a", "y.b"),
        *("x.last", "y.last"),
    ]


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        ("r.register_field(FieldDef(name='name'))", "config_error", "already registered"),
        ("r.register_column_detector(print, field='zz', priority=0)", "config_error", "register the field first"),
        ("r.register_column_transform(print, field='zz', priority=0)", "config_error", "register the field first"),
        ("r.register_column_validator(print, field='zz', priority=0)", "config_error", "register the field first"),
        ("r.register_hook(print, hook='on_friday', priority=0)", "config_error", "on_friday"),
        ("r.register_hook(5, hook='on_sheet_end', priority=0)", "config_error", "not callable"),
        ("r.register_row_detector(print, priority=0)", "unknown_error", "row_kind"),
        ("r.register_row_detector(print, row_kind='data')", "unknown_error", "priority"),
        ("r.register_column_detector(print, 'name', 0)", "unknown_error", "positional"),
        ("r.register_anything(print)", "unknown_error", "register_anything"),
    ],
)
def test_registrations_that_are_refused(process, workbook, classic, call, code, says):
    source = f"from ade_engine.models import FieldDef\ndef register(r):\n    {call}\n"
    outcome = process(workbook(ROWS), classic({"columns/zz.py": source}))
    assert outcome.code == 1
    failure = outcome.completed["execution"]["failure"]
    assert failure["code"] == code
    assert says in failure["message"]
    assert "src/ade_config/columns/zz.py:3" in failure["message"]


def test_a_field_of_a_later_module_is_not_registered_yet(process, workbook, config):
    early = "def register(r):\n    r.register_column_detector(print, field='name', priority=0)\n"
    project = config({"columns/a.py": early, "columns/name.py": CLASSIC_NAME, "row_detectors/rows.py": CLASSIC_ROWS})
    failure = process(workbook(ROWS), project).completed["execution"]["failure"]
    assert failure["code"] == "config_error"
    assert "src/ade_config/columns/a.py:2" in failure["message"]
