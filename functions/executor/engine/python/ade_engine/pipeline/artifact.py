"""``artifact.json``: the audit record of a run (schema ``ade.artifact/v1``)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ade_engine.pipeline.report import iso
from ade_engine.version import __version__

if TYPE_CHECKING:
    from ade_engine.extensions.loader import ConfigPackage
    from ade_engine.pipeline.columns import ColumnScores, Contribution
    from ade_engine.pipeline.report import Report
    from ade_engine.pipeline.table import Issue, Table

SCHEMA = "ade.artifact/v1"


@dataclass(frozen=True)
class ConfigRecord:
    """Which config made the run."""

    name: str
    version: str | None
    digest: str

    @classmethod
    def of(cls, package: ConfigPackage) -> ConfigRecord:
        name, version = package.project()
        return cls(name, version, package.digest())


def build(report: Report, config: ConfigRecord | None, config_root: Path | None) -> dict[str, Any]:
    """The artifact. It depends on the input, the config and the engine only, times aside."""
    return {
        "schema": SCHEMA,
        "run": {
            "status": "failed" if report.error else "succeeded",
            "started_at": iso(report.started_at),
            "completed_at": iso(report.completed_at),
            "engine_version": __version__,
            "input": report.input_file.name,
            "outputs": [{"kind": "normalized", "path": report.output_file.name}] if report.output_file else [],
            "outcome": report.evaluation()["outcome"],
            "error": None
            if report.error is None
            else {"code": report.error.code, "stage": report.error.stage, "message": report.error.message},
        },
        "config": None if config is None else {"name": config.name, "version": config.version, "digest": config.digest},
        "tables": [_table(report, table, config_root) for table in report.tables],
        "notes": report.evaluation()["findings"],
    }


def _table(report: Report, table: Table, root: Path | None) -> dict[str, Any]:
    headers = table.source.headers
    indices = range(len(headers))
    mapped = table.mapping.used()
    return {
        "source_file": report.input_file.name,
        "source_sheet": table.sheet.name,
        "table_index": table.index,
        "region": table.region.a1,
        "header": {
            "row_index": table.region.header_row,
            "row_count": table.region.header_row_count,
            "inferred": table.source.block.inferred,
            "cells": [header.raw for header in headers],
        },
        "rows": {
            "source": sum(end - start for start, end in table.source.ranges),
            "output": table.final_rows,
        },
        "output": None
        if table.placement is None or report.output_file is None
        else {"sheet": table.placement.title, "range": table.placement.region.a1},
        "mapped_columns": [
            {
                "field": mapped[index][0],
                "header": headers[index].raw,
                "source_column_index": table.source.block.first_column + index,
                "score": mapped[index][1],
                "contributions": _contributions(table.mapping.scores[index].contributions, root),
                "runner_up": _runner_up(table.mapping.scores[index], mapped[index][0], root),
            }
            for index in indices
            if index in mapped
        ],
        "unmapped_columns": [
            {
                "header": headers[index].raw,
                "source_column_index": table.source.block.first_column + index,
                "empty": table.is_empty_column(index),
                "reason": table.unmapped_reason(index),
                "contributions": _contributions(table.mapping.scores[index].contributions, root),
                "runner_up": _runner_up(table.mapping.scores[index], None, root),
            }
            for index in indices
            if index not in mapped
        ],
        "derived_columns": [
            {
                "field": derived.field_name,
                "header": derived.source_header,
                "source_column_index": None
                if derived.source_index is None
                else table.source.block.first_column + derived.source_index,
                "score": derived.score,
            }
            for derived in table.derived
        ],
        "validation_issues": [_issue(table, issue) for issue in table.issues],
        "validation_issue_count": table.issue_count,
    }


def _contributions(chosen: list[Contribution], root: Path | None) -> list[dict[str, Any]]:
    """What each detector gave each field; a field's score is the sum of its own."""
    return [
        {
            "detector": contribution.detector,
            "field": contribution.field,
            "delta": contribution.delta,
            "location": _relative(contribution.location, root),
        }
        for contribution in chosen
    ]


def _runner_up(scores: ColumnScores, field: str | None, root: Path | None) -> dict[str, Any] | None:
    """The next best field of a column."""
    for name, score in scores.ranked():
        if name != field:
            return {"field": name, "score": score, "contributions": _contributions(scores.of(name), root)}
    return None


def _issue(table: Table, issue: Issue) -> dict[str, Any]:
    output_cell = None
    if table.placement is not None and issue.field in table.written_columns:
        output_cell = table.placement.cell(issue.row, table.written_columns.index(issue.field))
    return {
        "row_index": issue.source_row,
        "cell": table.source_cell(issue.source_row, issue.source_column),
        "field": issue.field,
        "code": "validation",
        "severity": "warning",
        "message": issue.message,
        "value": issue.value,
        "output_cell": output_cell,
    }


def _relative(location: str | None, root: Path | None) -> str | None:
    """A file within the config's project is named as the project names it."""
    if location is None or root is None:
        return location
    return location.removeprefix(f"{root}{os.sep}")


def write(path: Path, artifact: dict[str, Any]) -> None:
    """Writes the artifact, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        # Names of files need not be text; what is not becomes "?".
        text = json.dumps(artifact, ensure_ascii=False, indent=2, default=str)
        draft.write_text(f"{text}\n", "utf-8", errors="replace")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
