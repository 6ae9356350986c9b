"""One table on its way through the run, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine.models.table import (
    DerivedMapping,
    MappedColumn,
    SourceColumn,
    TableRegion,
    TableResult,
    column_letter,
)
from ade_engine.pipeline.frames import as_text
from ade_engine.pipeline.rules import ISSUE_PREFIX

if TYPE_CHECKING:
    from ade_engine.pipeline.columns import Mapping
    from ade_engine.pipeline.frames import SourceTable
    from ade_engine.pipeline.output import Placement
    from ade_engine.pipeline.provenance import Rows
    from ade_engine.pipeline.source import SheetRef

MAX_ISSUES = 10_000
"""Issues that are listed per table; all are counted."""
PLACEHOLDER_HEADERS = {"", "n/a", "na", "none", "null"}


@dataclass(frozen=True)
class Issue:
    """A value that a validator objects to."""

    row: int
    """Row of the final table, from 0."""
    source_row: int | None
    source_column: int | None
    """Sheet column, from 0."""
    field: str
    message: str
    value: str | None


@dataclass
class Table:
    """A table: its source, its columns' fields, its frame as it changes, and its place in the output."""

    sheet: SheetRef
    index: int
    source: SourceTable
    mapping: Mapping
    frame: pl.DataFrame
    rows: Rows
    non_empty: list[int]
    """Values per source column, headers aside."""
    empty_rows: int
    transformed: set[str] = field(default_factory=set)
    derived: list[DerivedMapping] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    issue_count: int = 0
    valid_cells: dict[str, int] = field(default_factory=dict)
    """Values without an issue per field that is a column of the final table."""
    final_rows: int = 0
    written_columns: list[str] = field(default_factory=list)
    """Columns of the output, in order."""
    placement: Placement | None = None

    @property
    def region(self) -> TableRegion:
        return self.source.block.region

    @property
    def mapped_ratio(self) -> float:
        """Mapped columns among those that are not empty."""
        filled = sum(not self.is_empty_column(index) for index in range(len(self.source.headers)))
        return len(self.mapping.fields) / filled if filled else 0.0

    def is_empty_column(self, index: int) -> bool:
        """Whether a source column has neither a header nor a value."""
        return not self.source.headers[index].raw and not self.non_empty[index]

    def unmapped_reason(self, index: int) -> str:
        """Why a column has no field."""
        header = self.source.headers[index].raw.strip().lower()
        if index in self.mapping.duplicates or index in self.mapping.fields:
            return "duplicate_field"
        if header in PLACEHOLDER_HEADERS or header.startswith("unnamed"):
            return "empty_or_placeholder_header"
        return "no_signal"

    def source_cell(self, row: int | None, column: int | None) -> str | None:
        """``Sheet!A1`` in the source."""
        if row is None or column is None:
            return None
        return f"{self.sheet.name}!{column_letter(column + 1)}{row}"

    def place(self, name: str, row: int | None) -> str:
        """Where a field's value in a row of the frame (from 0) was: its cell, else its row, else its table."""
        source_row = None if row is None else self.rows[row]
        column = self._column_of(name)
        if source_row is None:
            return f"table {self.index} of '{self.sheet.name}' ({self.region.a1})"
        if column is None:
            return f"row {source_row} of '{self.sheet.name}'"
        return str(self.source_cell(source_row, self.source.block.first_column + column))

    def _column_of(self, name: str) -> int | None:
        """The source column, from 0, that the frame has as a field."""
        return next((index for index, (taken, _) in self.mapping.used().items() if taken == name), None)

    def read_derived(self, state: dict[str, Any]) -> None:
        """Takes over the mappings that rules say they derived."""
        taken = {name for name, _ in self.mapping.fields.values()}
        headers = {header.raw.strip(): index for index, header in reversed(list(enumerate(self.source.headers)))}
        for claim in _claims(state):
            name = claim.get("field_name") or claim.get("field")
            header = claim.get("source_header") or claim.get("original_header") or claim.get("header")
            index = claim.get("source_index")
            elsewhere = claim.get("table_index") not in (None, self.index) or claim.get("sheet_name") not in (
                None,
                self.sheet.name,
            )
            if elsewhere or name not in self.frame.columns or name in taken:
                continue
            if index is None and isinstance(header, str):
                index = headers.get(header.strip())
            if not isinstance(index, int) or not 0 <= index < len(self.source.headers):
                continue
            taken.add(name)
            score = claim.get("score", 1.0)
            self.derived.append(DerivedMapping(name, header or self.source.headers[index].raw, index, float(score)))

    def settle(self, fields: dict[str, Any]) -> None:
        """Counts values and issues of the final frame, and remembers where the issues are."""
        self.final_rows = self.frame.height
        physical = {name: self.source.block.first_column + index for index, (name, _) in self.mapping.used().items()}
        for name in fields:
            if name in self.frame.columns:
                self.valid_cells[name] = filled_cells(self.frame[name])
        for column in self.frame.columns:
            if not column.startswith(ISSUE_PREFIX):
                continue
            name = column.removeprefix(ISSUE_PREFIX)
            found = self.frame.with_row_index("__row").filter(pl.col(column).is_not_null())
            self.issue_count += found.height
            if name in self.valid_cells:
                self.valid_cells[name] = max(0, self.valid_cells[name] - found.height)
            values = found[name].head(MAX_ISSUES).to_list() if name in found.columns else []
            messages = found[column].cast(pl.String).head(MAX_ISSUES).to_list()
            for number, row in enumerate(found["__row"].head(MAX_ISSUES - len(self.issues)).to_list()):
                value = values[number] if values else None
                self.issues.append(
                    Issue(row, self.rows[row], physical.get(name), name, messages[number], as_text(value))
                )

    def originals(self, written: pl.DataFrame) -> dict[str, tuple[list[int], list[int]]]:
        """Sheet row and column (from 0) of the values that columns of mixed types still hold; -1 where a rule made one.

        Such columns are texts for rules, or became texts when tables were merged. What no rule touched goes out as it
        came in, numbers as numbers.
        """
        found = {}
        before, after = self.frame.schema, written.schema
        for index, header in enumerate(self.source.headers):
            name = self.mapping.names[index]
            if name in self.transformed or name not in before or after.get(name) != pl.String:
                continue
            if header.name not in self.source.mixed and before[name] == pl.String:
                continue
            cells = dict(zip(self.source.source_rows(), self.source.values(index), strict=True))
            rows = [
                row - 1 if row is not None and _is_kept(cells[row], value) else -1
                for row, value in zip(self.rows, self.frame[name].to_list(), strict=True)
            ]
            found[name] = (rows, [self.source.block.first_column + index] * len(rows))
        return found

    def formula_like_source_texts(self) -> set[str]:
        """Texts of the source that Excel would take for formulas."""
        return self.source.texts_with_prefix("=")

    def release(self) -> None:
        """Lets go of the rows; what the reports need was counted before."""
        self.frame = self.frame.clear()
        self.rows = []
        self.source = self.source.released()

    def result(self) -> TableResult:
        """What hooks get to see."""
        source = self.source
        columns = [
            SourceColumn(index, header.raw or None, self.is_empty_column(index), lambda i=index: source.values(i))
            for index, header in enumerate(self.source.headers)
        ]
        return TableResult(
            sheet_name=self.sheet.name,
            table=self.frame,
            source_region=self.region,
            source_columns=columns,
            table_index=self.index,
            sheet_index=self.sheet.index,
            mapped_columns=[
                MappedColumn(name, index, columns[index].header, score, columns[index].fetch)
                for index, (name, score) in sorted(self.mapping.fields.items())
            ],
            derived_mappings=list(self.derived),
            unmapped_columns=[column for column in columns if column.index not in self.mapping.fields],
            column_scores={index: dict(scores.totals) for index, scores in enumerate(self.mapping.scores)},
            duplicate_unmapped_indices=set(self.mapping.duplicates),
            row_count=self.frame.height,
            output_region=self.placement.region if self.placement else None,
            output_sheet_name=self.placement.title if self.placement else None,
        )


def _is_kept(cell: Any, value: Any) -> bool:
    """Whether a value is still what its cell held, and that more than a text."""
    return not isinstance(cell, str) and (as_text(cell) if isinstance(value, str) else cell) == value


def filled_cells(column: pl.Series) -> int:
    """Values that are not blank."""
    if column.dtype == pl.String:
        return int((column.str.strip_chars().str.len_bytes() > 0).sum())
    return len(column) - column.null_count()


def _claims(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Derived mappings, in every form in which configs have ever left them."""
    claims = _as_claims(_get(state, "ade_engine", "derived_mappings"))
    claims += _as_claims(_get(state, "ade_config", "mapping_overrides", "original_header_overrides"))
    claims += _as_claims(state.get("ade_config.mapping_overrides.original_header_overrides"))
    return claims


def _get(state: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(state, dict):
            return None
        state = state.get(key)
    return state


def _as_claims(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [
            {"field_name": name, **header}
            if isinstance(header, dict)
            else {"field_name": name, "source_header": header}
            for name, header in value.items()
        ]
    if isinstance(value, list | tuple):
        return [claim for claim in value if isinstance(claim, dict)]
    return []
