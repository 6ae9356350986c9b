"""Tables: where they are in a sheet and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl


def column_letter(number: int) -> str:
    """The letters of a column counted from 1."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


@dataclass(frozen=True)
class TableRegion:
    """A rectangle of cells, counted from 1, both ends inside; the first rows are the header."""

    min_row: int
    min_col: int
    max_row: int
    max_col: int
    header_row_count: int = 1

    @property
    def a1(self) -> str:
        """``A1:D10``."""
        first = f"{column_letter(self.min_col)}{self.min_row}"
        return f"{first}:{column_letter(self.max_col)}{self.max_row}"

    @property
    def cell_range(self) -> str:
        return self.a1

    @property
    def width(self) -> int:
        return self.max_col - self.min_col + 1

    @property
    def height(self) -> int:
        return self.max_row - self.min_row + 1

    @property
    def header_row(self) -> int:
        return self.min_row

    @property
    def data_first_row(self) -> int:
        return self.min_row + self.header_row_count

    @property
    def data_min_row(self) -> int:
        return self.data_first_row

    @property
    def has_data_rows(self) -> bool:
        return self.data_first_row <= self.max_row

    @property
    def data_row_count(self) -> int:
        return max(0, self.max_row - self.data_first_row + 1)

    def iter_values(self, ws: Any) -> Iterator[tuple[Any, ...]]:
        """The region's rows of an openpyxl worksheet."""
        return ws.iter_rows(
            min_row=self.min_row, max_row=self.max_row, min_col=self.min_col, max_col=self.max_col, values_only=True
        )


@dataclass
class SourceColumn:
    """A column as it was read. Values are fetched when first looked at."""

    index: int
    header: Any
    is_empty: bool
    fetch: Callable[[], list[Any]] = field(repr=False)

    @cached_property
    def values(self) -> list[Any]:
        return self.fetch()


@dataclass
class MappedColumn:
    """A source column that became a field."""

    field_name: str
    source_index: int
    header: Any
    score: float
    fetch: Callable[[], list[Any]] = field(repr=False)

    @cached_property
    def values(self) -> list[Any]:
        return self.fetch()


@dataclass(frozen=True)
class DerivedMapping:
    """A field that rules made from a source column; it counts in reports only."""

    field_name: str
    source_header: str
    source_index: int | None
    score: float = 1.0


@dataclass
class TableResult:
    """Everything that is known about a table at the end."""

    sheet_name: str
    table: pl.DataFrame
    source_region: TableRegion
    source_columns: list[SourceColumn]
    table_index: int
    sheet_index: int
    mapped_columns: list[MappedColumn] = field(default_factory=list)
    derived_mappings: list[DerivedMapping] = field(default_factory=list)
    unmapped_columns: list[SourceColumn] = field(default_factory=list)
    column_scores: dict[int, dict[str, float]] = field(default_factory=dict)
    duplicate_unmapped_indices: set[int] = field(default_factory=set)
    row_count: int = 0
    output_region: TableRegion | None = None
    output_sheet_name: str | None = None

    def mapping_lookup(self) -> dict[str, int]:
        """Source column index of each mapped field."""
        return {mapped.field_name: mapped.source_index for mapped in self.mapped_columns}
