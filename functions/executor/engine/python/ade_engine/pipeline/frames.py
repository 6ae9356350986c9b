"""Headers and columns of a table as a polars frame."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.pipeline.regions import Block


@dataclass(frozen=True)
class Header:
    """A column's header: what the sheet says and what the frame's column is called."""

    raw: str
    name: str

    @property
    def normalized(self) -> str:
        """Lower-case letters and digits, joined by "_"."""
        words = "".join(c.lower() if c.isalnum() else " " for c in self.raw).split()
        return "_".join(words)


@dataclass(frozen=True)
class SourceTable:
    """A table as it was read."""

    sheet: Sheet | None
    """The cells; None once the table is done."""
    block: Block
    ranges: list[tuple[int, int]]
    """Ranges of data rows (from 0), ends exclusive."""
    headers: list[Header]
    frame: pl.DataFrame
    mixed: frozenset[str]
    """Columns whose values are of several types."""

    def values(self, index: int) -> list[Any]:
        """A column's values (``index`` counts from the table's first column)."""
        return self._cells().column(self.ranges, self.block.first_column + index)

    def sample(self, index: int, limit: int) -> list[Any]:
        """A column's first values that are not blank."""
        return self._cells().sample(self.ranges, self.block.first_column + index, limit)

    def texts_with_prefix(self, prefix: str) -> set[str]:
        """Texts in the data that start with ``prefix``, white space aside."""
        block = self.block
        return self._cells().texts_with_prefix(self.ranges, block.first_column, block.region.max_col, prefix)

    def released(self) -> SourceTable:
        """The same table without its cells."""
        return replace(self, sheet=None, frame=self.frame.clear())

    def _cells(self) -> Sheet:
        if self.sheet is None:
            raise RuntimeError("the table is done and its cells are gone")
        return self.sheet

    def source_rows(self) -> list[int]:
        """The sheet row, from 1, of each row of the frame."""
        return [row + 1 for start, end in self.ranges for row in range(start, end)]


def build(sheet: Sheet, block: Block, *, modern: bool) -> SourceTable:
    """A table's frame: one column per header, values typed as the cells are."""
    headers = read_headers(sheet, block)
    series = []
    mixed = []
    ranges = block.data_ranges
    for offset, header in enumerate(headers):
        column = block.first_column + offset
        array = sheet.array(ranges, column)
        if array is not None:
            series.append(pl.Series(array).alias(header.name))
            continue
        mixed.append(header.name)
        values = sheet.column(ranges, column)
        series.append(_kept(header.name, values) if modern else _strict_free(header.name, values))
    return SourceTable(sheet, block, ranges, headers, pl.DataFrame(series), frozenset(mixed))


def read_headers(sheet: Sheet, block: Block) -> list[Header]:
    """Header texts, stacked rows joined per column; blank ones get a name and repeated ones a number."""
    rows = [sheet.row(row) for row in block.header_rows]
    names: dict[str, int] = {}
    headers = []
    for column in range(block.first_column, block.region.max_col):
        raw = _joined([row[column] if column < len(row) else None for row in rows])
        name = raw or f"col_{column - block.first_column + 1}"
        names[name] = names.get(name, 0) + 1
        unique = name if names[name] == 1 else f"{name}__{names[name]}"
        while unique != name and unique in names:
            names[name] += 1
            unique = f"{name}__{names[name]}"
        names.setdefault(unique, 1)
        headers.append(Header(raw, unique))
    return headers


def _joined(values: list[Any]) -> str:
    if len(values) == 1:
        return "" if values[0] is None else str(values[0]).strip()
    parts: list[str] = []
    for value in values:
        text = " ".join(str(value).split()) if value is not None else ""
        if text and text.lower() not in {part.lower() for part in parts}:
            parts.append(text)
    return " ".join(parts)


def _strict_free(name: str, values: list[Any]) -> pl.Series:
    """Mixed values as engine 1.9 has them: whatever polars makes of them, else texts."""
    try:
        return pl.Series(name, values, strict=False)
    except (pl.exceptions.ComputeError, TypeError):
        return pl.Series(name, [_isoformat(value) for value in values], dtype=pl.String)


def _isoformat(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def _kept(name: str, values: list[Any]) -> pl.Series:
    """Mixed values as texts that say what the cells say."""
    return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


def as_text(value: Any) -> str | None:
    """A cell's value in words: dates at midnight without a time, booleans as Excel writes them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time.min else value.isoformat(" ")
    return str(value)
