"""``config validate``: whether a config package loads, and what it registers."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ade_engine.extensions.invoke import FAILURES, Bound, innermost_line
from ade_engine.extensions.loader import ConfigPackage, PluginNotFoundError, load, locate, unregistered_files
from ade_engine.infrastructure.settings import unknown_keys
from ade_engine.models.errors import AdeEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ade_engine.extensions.registry import Registration, Registry
    from ade_engine.infrastructure.settings import Settings, SettingsError

COMMON = ("settings", "metadata", "state", "input_file_name", "logger")
ROW = (*COMMON, "sheet_name", "row_index", "row_values")
ROW_BATCH = (*COMMON, "sheet_name", "rows")
RULE = (*COMMON, "field_name", "table", "table_region", "table_index", "sheet_name")
COLUMN = (
    *RULE,
    *("column", "column_sample", "column_sample_non_empty_values", "column_name", "column_index"),
    *("column_header_original", "header_text"),
)
TABLE_HOOK = (*COMMON, "table", "source_sheet", "source_workbook", "source_region", "table_index")
HOOKS = {
    "on_workbook_start": (*COMMON, "source_workbook"),
    "on_sheet_start": (*COMMON, "source_sheet", "source_workbook"),
    "on_table_mapped": TABLE_HOOK,
    "on_table_transformed": TABLE_HOOK,
    "on_table_validated": TABLE_HOOK,
    "on_table_written": (
        *COMMON,
        *("write_table", "output_sheet", "output_workbook", "output_region", "table_index", "table_result"),
    ),
    "on_sheet_end": (*COMMON, "output_sheet", "output_workbook", "tables"),
    "on_workbook_before_save": (*COMMON, "output_workbook"),
}
"""Keywords that each kind of callable may declare."""

ISSUE_LIMIT = 100
MESSAGE_LIMIT = 400


@dataclass(frozen=True)
class Issue:
    """Something that is wrong with a config package."""

    code: str
    message: str
    path: str | None = None
    """File within the project."""
    line: int | None = None
    severity: str = "error"

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "line": self.line,
            "code": self.code,
            "message": self.message,
            "severity": self.severity,
        }


def validate(root: Path | None, settings: Settings, refused: SettingsError | None = None) -> bool:
    """Checks a package and prints what was found: counts on stdout, issues on stderr. ``refused`` tells that its
    settings can't be read, in which case others are given; without a ``root``, those would have named it.

    As much as possible is found at once: every file that is not Python, or else every module that can't be loaded.
    With ``ndjson`` each issue is an event ``engine.config.issue``, and ``engine.config.validated`` ends the whole.
    """
    from ade_engine.infrastructure.observability.logger import RunLog

    issues: list[Issue] = [] if refused is None else [_setting(refused, root)]
    package: ConfigPackage | None = None
    counts: dict[str, int] = {}
    if root is not None:
        try:
            package = locate(root)
            counts = _check(package, issues)
            if refused is None:
                issues += [_setting(key, root, "unknown_setting", "warning") for key in unknown_keys(root)]
        except FAILURES as error:
            issues.append(_issue(error, package.root if package else root))
    issues = _cut(issues)
    valid = not any(issue.severity == "error" for issue in issues)

    if settings.log_format == "ndjson":
        log = RunLog(log_format="ndjson", level=min(settings.log_level, 20), file=None)
        for issue in issues:
            log.logger.event("config.issue", issue.message, level=40, data=issue.as_dict())
        log.logger.event(
            "config.validated",
            "The config is valid" if valid else "The config is invalid",
            data={"valid": valid, "counts": counts, "issues": [issue.as_dict() for issue in issues]},
        )
    else:
        for issue in issues:
            place = "".join(f"{part}:" for part in (issue.path, issue.line) if part is not None)
            place = f"{place} " if place else ""
            print(f"{issue.severity}: {place}{issue.message}", file=sys.stderr)
    if package is not None:
        print(f"Config package: {package.directory}")
    for name, count in counts.items():
        print(f"{name}: {count}")
    return valid


def _check(package: ConfigPackage, issues: list[Issue]) -> dict[str, int]:
    """Adds what is wrong with a package to ``issues``; how much it registers of each kind, when it could be loaded."""
    syntax_errors = list(_syntax_errors(package))
    issues += syntax_errors
    if syntax_errors:
        return {}
    registry, _ = load(package, on_error=lambda error: issues.append(_issue(error, package.root)))
    issues += _signatures(registry, package.root)
    issues += _unregistered(package)
    if not registry.fields:
        issues.append(Issue("no_fields", "The config registers no fields", severity="warning"))
    return _counts(registry)


def _setting(error: SettingsError, root: Path | None, code: str = "config_error", severity: str = "error") -> Issue:
    """What is wrong with the settings."""
    if error.file is None:
        return Issue(code, str(error), severity=severity)
    return Issue(code, error.reason, _shown(error.file, root), error.line, severity)


def _syntax_errors(package: ConfigPackage) -> Iterator[Issue]:
    """Files of the package that are not Python."""
    for path in sorted(package.directory.rglob("*.py")):
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            # A ValueError tells of a NUL byte; SyntaxError knows the line.
            line = error.lineno if isinstance(error, SyntaxError) else None
            message = error.msg if isinstance(error, SyntaxError) else str(error)
            yield Issue("syntax_error", message, path.relative_to(package.root).as_posix(), line)


def _unregistered(package: ConfigPackage) -> Iterator[Issue]:
    """Files that look like rules and are none."""
    for path in unregistered_files(package):
        message = "This file defines no register(), so nothing in it is used. The name of a helper starts with _"
        yield Issue("missing_register", message, path.relative_to(package.root).as_posix(), severity="warning")


def _cut(issues: list[Issue]) -> list[Issue]:
    """Errors first, and not more than one line of a log can hold."""
    issues = sorted(issues, key=lambda issue: issue.severity != "error")
    return [replace(issue, message=issue.message[:MESSAGE_LIMIT]) for issue in issues[:ISSUE_LIMIT]]


def _counts(registry: Registry) -> dict[str, int]:
    return {
        "fields": len(registry.fields),
        "row_detectors": len(registry.row_detectors),
        "column_detectors": len(registry.column_detectors),
        "column_transforms": len(registry.column_transforms),
        "column_validators": len(registry.column_validators),
        "hooks": sum(len(hooks) for hooks in registry.hooks.values()),
    }


def _signatures(registry: Registry, root: Path) -> Iterator[Issue]:
    """Parameters that no call provides."""
    for registration, available in _calls(registry):
        try:
            Bound(registration, available)
        except (AdeEngineError, ValueError) as error:
            path, line = _split(registration.location, root)
            yield Issue("unknown_parameter", str(error).replace(f" ({registration.location})", ""), path, line)


def _calls(registry: Registry) -> Iterator[tuple[Registration, tuple[str, ...]]]:
    for registration in registry.row_detectors:
        yield registration, ROW_BATCH if registration.batch else ROW
    for registration in registry.column_detectors:
        yield registration, COLUMN
    for registration in (*registry.column_transforms, *registry.column_validators):
        yield registration, RULE
    for hook, registrations in registry.hooks.items():
        for registration in registrations:
            yield registration, HOOKS[hook]


def _issue(error: BaseException, root: Path) -> Issue:
    if isinstance(error, SyntaxError):
        path, _ = _split(f"{error.filename}:{error.lineno}", root)
        return Issue("syntax_error", error.msg, path, error.lineno)
    if isinstance(error, PluginNotFoundError):
        return Issue("missing_register", str(error))
    path, line = _split(innermost_line(error), root)
    if isinstance(error, AdeEngineError):
        return Issue(error.code, str(error), path, line)
    if isinstance(error, ImportError):
        return Issue("import_error", str(error), path, line)
    return Issue("load_error", f"{type(error).__name__}: {error}", path, line)


def _split(location: str | None, root: Path) -> tuple[str | None, int | None]:
    if location is None:
        return None, None
    name, _, line = location.rpartition(":")
    return _shown(Path(name), root), int(line) if line.isdigit() else None


def _shown(path: Path, root: Path | None) -> str:
    """A file as the config's project names it."""
    if root is not None:
        try:
            return path.resolve().relative_to(root.resolve()).as_posix()
        except ValueError:
            pass
    return path.name
