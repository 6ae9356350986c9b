"""``config init``: a new config package from the template."""

from __future__ import annotations

import keyword
import shutil
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parent / "template"
TEMPLATE_PACKAGE = "ade_config"
NEEDED_MODULES = {"ade_engine", "openpyxl", "polars"}


class ScaffoldError(Exception):
    """The target can't be written as asked."""


def scaffold(target: Path, *, layout: str, package_name: str, force: bool) -> Path:
    """Writes a project into ``target`` and returns the package's directory."""
    if not package_name.isidentifier() or keyword.iskeyword(package_name):
        raise ScaffoldError(
            f"'{package_name}' can't be a package name; use letters, digits and _, and no word of Python"
        )
    if package_name in sys.stdlib_module_names | NEEDED_MODULES:
        raise ScaffoldError(f"'{package_name}' can't be a package name; it would hide the module of that name")
    if target.exists() and not target.is_dir():
        raise ScaffoldError(f"'{target}' is not a directory")
    if target.exists() and any(target.iterdir()) and not force:
        raise ScaffoldError(f"'{target}' is not empty; use --force to write into it")
    package = target / "src" / package_name if layout == "src" else target / package_name
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(TEMPLATE.iterdir()):
        if path.is_file():
            text = path.read_text("utf-8").replace(TEMPLATE_PACKAGE, package_name)
            (target / path.name).write_text(text.replace("src/", "") if layout == "flat" else text, "utf-8")
    shutil.copytree(
        TEMPLATE / "src" / TEMPLATE_PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8")
        if TEMPLATE_PACKAGE in text:
            path.write_text(text.replace(TEMPLATE_PACKAGE, package_name), "utf-8")
    return package
