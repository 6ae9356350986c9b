"""The data of ``engine.run.completed``: counts, fields, findings, tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ade_engine.models.errors import HookError

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.models.extension import FieldDef
    from ade_engine.models.run import RunError
    from ade_engine.pipeline.context import Finding
    from ade_engine.pipeline.source import SheetRef
    from ade_engine.pipeline.table import Table

MAX_CANDIDATES = 3


@dataclass(frozen=True)
class SheetRecord:
    """A processed sheet."""

    ref: SheetRef
    rows_emitted: int
    stopped_early: bool
    truncated_rows: int
    tables: list[Table]

    @classmethod
    def of(cls, ref: SheetRef, grid: Sheet) -> SheetRecord:
        return cls(ref, grid.height, grid.stopped_early, grid.truncated_rows, [])


@dataclass
class Report:
    """Everything that a run has to tell."""

    input_file: Path
    started_at: datetime
    completed_at: datetime
    error: RunError | None
    output_file: Path | None
    fields: dict[str, FieldDef]
    sheets: list[SheetRecord]
    findings: list[Finding]
    modern: bool = False

    @property
    def told_error(self) -> RunError | None:
        """The error as the result and events have it: engine 1.9 knew stages for hooks only, and so do its configs."""
        if self.error is None or self.modern or self.error.code == HookError.code:
            return self.error
        return replace(self.error, stage="unknown")

    @property
    def tables(self) -> list[Table]:
        return [table for sheet in self.sheets for table in sheet.tables]

    def as_dict(self) -> dict[str, Any]:
        """The event's data."""
        tables, error = self.tables, self.told_error
        return {
            "scope": "run",
            "execution": {
                "status": "failed" if error else "succeeded",
                "started_at": iso(self.started_at),
                "completed_at": iso(self.completed_at),
                "duration_ms": round((self.completed_at - self.started_at).total_seconds() * 1000),
                "failure": None
                if error is None
                else {"stage": error.stage, "code": error.code, "message": error.message},
            },
            "evaluation": self.evaluation(),
            "counts": self._counts(
                tables, workbooks=1 if self.sheets else 0, sheets=len(self.sheets), table_count=len(tables)
            ),
            "validation": _validation(tables),
            "fields": self._fields(tables),
            "outputs": self._output(None, None) if self.output_file else None,
            "workbooks": [self._workbook()] if self.sheets else [],
        }

    def evaluation(self) -> dict[str, Any]:
        """How well the run went, apart from whether it ran to its end."""
        tables = self.tables
        detected = self._detected(tables)
        missing = [name for name in self.fields if name not in detected]
        findings = []
        if self.error and not tables:
            outcome = "unknown"
        elif not tables:
            outcome = "failure"
            findings.append(_finding("no_tables_detected", "error", "No table was found", 1))
        elif not detected:
            outcome = "failure"
            findings.append(_finding("no_fields_detected", "error", "No column was recognised as a field", 1))
        elif missing:
            outcome = "partial"
            message = f"No column was recognised as {', '.join(missing)}"
            findings.append(_finding("fields_not_detected", "warning", message, len(missing), fields=missing))
        else:
            outcome = "success"
        issues = sum(table.issue_count for table in tables)
        if issues:
            message = f"{issues} values have validation issues" if issues > 1 else "1 value has validation issues"
            findings.append(_finding("validation_warnings_present", "warning", message, issues))
        if self.error:
            findings.append(_finding("execution_failed", "error", self.error.message, 1))
            outcome = "partial" if outcome == "success" else outcome
        return {"outcome": outcome, "findings": [*findings, *(finding.as_dict() for finding in self.findings)]}

    def _detected(self, tables: list[Table]) -> set[str]:
        physical = {name for table in tables for name in table.mapping.columns()}
        return physical | {derived.field_name for table in tables for derived in table.derived}

    def _counts(
        self,
        tables: list[Table],
        *,
        workbooks: int | None = None,
        sheets: int | None = None,
        table_count: int | None = None,
    ) -> dict[str, Any]:
        columns = [(table, index) for table in tables for index in range(len(table.source.headers))]
        empty = sum(table.is_empty_column(index) for table, index in columns)
        mapped = sum(len(table.mapping.fields) for table in tables)
        unmapped = sum(
            not table.is_empty_column(index) and index not in table.mapping.fields for table, index in columns
        )
        detected = len(self._detected(tables))
        return {
            "workbooks": workbooks,
            "sheets": sheets,
            "tables": table_count,
            "rows": {
                "total": sum(table.region.data_row_count for table in tables),
                "empty": sum(table.empty_rows for table in tables),
            },
            "columns": {"total": len(columns), "empty": empty, "mapped": mapped, "unmapped": unmapped},
            "fields": {
                "expected": len(self.fields),
                "detected": detected,
                "not_detected": len(self.fields) - detected,
            },
            "cells": {
                "total": sum(table.region.data_row_count * len(table.source.headers) for table in tables),
                "non_empty": sum(sum(table.non_empty) for table in tables),
            },
        }

    def _fields(self, tables: list[Table]) -> list[dict[str, Any]]:
        return [self._field(definition, tables) for definition in self.fields.values()]

    def _field(self, definition: FieldDef, tables: list[Table]) -> dict[str, Any]:
        name = definition.name
        scores: list[float] = []
        headers: set[str] = set()
        physical = derived = valid = 0
        holders = 0
        for table in tables:
            index = table.mapping.columns().get(name)
            mine = [mapping for mapping in table.derived if mapping.field_name == name]
            if index is not None:
                physical += 1
                scores.append(table.mapping.fields[index][1])
                headers.add(table.source.headers[index].raw)
            for mapping in mine:
                derived += 1
                scores.append(mapping.score)
                headers.add(mapping.source_header)
            if index is not None or mine:
                holders += 1
                valid += table.valid_cells.get(name, 0)
        return {
            "field": name,
            "label": definition.label,
            "detected": holders > 0,
            "derived": derived > 0,
            "valid_cells": valid,
            "best_mapping_score": max(scores) if scores else None,
            "source_headers": sorted(headers),
            "occurrences": {"tables": holders, "columns": physical + derived},
        }

    def _workbook(self) -> dict[str, Any]:
        locator = {"workbook": {"index": 0, "name": self.input_file.name}}
        tables = self.tables
        return {
            "scope": "workbook",
            "locator": locator,
            "counts": self._counts(tables, sheets=len(self.sheets), table_count=len(tables)),
            "validation": _validation(tables),
            "fields": self._fields(tables),
            "sheets": [self._sheet(sheet, locator) for sheet in self.sheets],
        }

    def _sheet(self, sheet: SheetRecord, workbook: dict[str, Any]) -> dict[str, Any]:
        locator = {**workbook, "sheet": {"index": sheet.ref.index, "name": sheet.ref.name}}
        return {
            "scope": "sheet",
            "locator": locator,
            "counts": self._counts(sheet.tables, table_count=len(sheet.tables)),
            "validation": _validation(sheet.tables),
            "fields": self._fields(sheet.tables),
            "scan": {
                "rows_emitted": sheet.rows_emitted,
                "stopped_early": sheet.stopped_early,
                "truncated_rows": sheet.truncated_rows,
            },
            "is_active_sheet": sheet.ref.is_active,
            "tables": [self._table(table, locator) for table in sheet.tables],
        }

    def _table(self, table: Table, sheet: dict[str, Any]) -> dict[str, Any]:
        region = table.region
        placement = table.placement
        inferred = table.source.block.inferred and self.modern
        return {
            "scope": "table",
            "locator": {**sheet, "table": {"index": table.index}},
            "counts": self._counts([table]),
            "validation": _validation([table]),
            "fields": self._fields([table]),
            "structure": {
                "region": {"a1": region.a1},
                "header": {"row_start": region.header_row, "row_count": region.header_row_count, "inferred": inferred},
                "data": {"row_start": region.data_first_row, "row_count": region.data_row_count},
                "columns": [_column(table, index) for index in range(len(table.source.headers))],
            },
            "outputs": self._output(placement.title, f"{placement.title}!{placement.region.a1}")
            if placement and self.output_file
            else None,
        }

    def _output(self, sheet_name: str | None, range_a1: str | None) -> dict[str, Any]:
        return {"normalized": {"path": str(self.output_file), "sheet_name": sheet_name, "range_a1": range_a1}}


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _finding(code: str, severity: str, message: str, count: int, **meta: Any) -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": message, "count": count, "meta": meta}


def _validation(tables: list[Table]) -> dict[str, Any]:
    issues = sum(table.issue_count for table in tables)
    return {
        "rows_evaluated": sum(table.final_rows for table in tables),
        "issues_total": issues,
        "issues_by_severity": {"warning": issues} if issues else {},
        "max_severity": "warning" if issues else None,
    }


def _column(table: Table, index: int) -> dict[str, Any]:
    header = table.source.headers[index]
    name, score = table.mapping.fields.get(index, (None, None))
    candidates = table.mapping.scores[index].candidates()[:MAX_CANDIDATES]
    return {
        "index": index,
        "header": {"raw": header.raw or None, "normalized": header.normalized or None},
        "non_empty_cells": table.non_empty[index],
        "valid_cells": table.valid_cells.get(name) if name else None,
        "mapping": {
            "status": "mapped" if name else "unmapped",
            "field": name,
            "score": score,
            "method": "classifier",
            "candidates": [{"field": field, "score": value} for field, value in candidates],
            "unmapped_reason": None if name else table.unmapped_reason(index),
        },
    }
