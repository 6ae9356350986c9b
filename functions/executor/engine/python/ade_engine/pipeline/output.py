"""The output workbook.

Tables are written natively, sheet by sheet, as they come. When hooks may look at the output, tables are kept instead;
the first hook that touches the workbook gets it rebuilt in openpyxl, and from then on openpyxl writes and saves it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine._native import WorkbookError, Writer
from ade_engine.models.errors import PipelineError
from ade_engine.models.extension import HookName
from ade_engine.models.table import TableRegion, column_letter
from ade_engine.pipeline.cells import MAX_EXACT_INT, is_formula, put, put_text, valid_title
from ade_engine.pipeline.proxies import Lazy

if TYPE_CHECKING:
    from openpyxl import Workbook

    from ade_engine._native import Sheet
    from ade_engine.pipeline.context import RunContext

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
OUTPUT_HOOKS = (HookName.ON_TABLE_WRITTEN, HookName.ON_SHEET_END, HookName.ON_WORKBOOK_BEFORE_SAVE)


@dataclass(frozen=True)
class Piece:
    """Rows of a table that are together on one sheet. Rows count from 1."""

    title: str
    header_row: int
    first: int
    """The table's row (from 0) that is right under the header."""
    count: int


@dataclass
class Placement:
    """Where a table was written."""

    pieces: list[Piece]
    width: int

    @property
    def region(self) -> TableRegion:
        """The rectangle on the first sheet."""
        piece = self.pieces[0]
        return TableRegion(piece.header_row, 1, piece.header_row + piece.count, max(self.width, 1))

    @property
    def title(self) -> str:
        return self.pieces[0].title

    def shifted(self, start: int) -> Placement:
        """The same place for rows that start further down in the table."""
        return Placement([replace(piece, first=piece.first - start) for piece in self.pieces], self.width)

    def cell(self, row: int, column: int) -> str:
        """``Sheet!A1`` of a table's row and column, both from 0."""
        piece = next(piece for piece in reversed(self.pieces) if piece.first <= row)
        return f"{piece.title}!{column_letter(column + 1)}{piece.header_row + 1 + row - piece.first}"


@dataclass(frozen=True)
class Originals:
    """Source cells whose values a column of texts still says: they are written as they were, with their types."""

    sheet: Sheet
    rows: list[int]
    """Sheet row (from 0) per row of the table; -1 where the text counts."""
    columns: list[int]
    """Sheet column (from 0) per row of the table."""

    def slice(self, first: int, count: int) -> Originals:
        return Originals(self.sheet, self.rows[first : first + count], self.columns[first : first + count])

    def value(self, index: int) -> Any:
        """The original of a row, or None."""
        return self.sheet.cell(self.rows[index], self.columns[index]) if self.rows[index] >= 0 else None


@dataclass(frozen=True)
class Handling:
    """What to do with texts, by column of the table."""

    formulas: set[int] = field(default_factory=set)
    """Columns in which a text that starts with "=" is a formula,"""
    plain: set[str] = field(default_factory=set)
    """unless it is one of these."""
    originals: dict[int, Originals] = field(default_factory=dict)

    def slice(self, first: int, count: int) -> Handling:
        """The same for some of the rows."""
        if not self.originals:
            return self
        return replace(self, originals={i: kept.slice(first, count) for i, kept in self.originals.items()})


@dataclass
class _Block:
    title: str
    row: int
    frame: pl.DataFrame
    handling: Handling


@dataclass
class _Sheet:
    title: str
    next_row: int = 0
    width: int = 0
    blocks: list[_Block] = field(default_factory=list)


class OutputBook:
    """Takes tables in order and becomes a file."""

    def __init__(self, run: RunContext, path: Path, *, dry_run: bool) -> None:
        self._run = run
        self._path = path
        self._dry_run = dry_run
        self._keep = any(run.registry.hooks[hook.value] for hook in OUTPUT_HOOKS)
        self._titles: dict[str, int] = {}
        self._sheets: list[_Sheet] = []
        self._real: Workbook | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._writer: Writer | None = None
        self._cut = 0
        """Texts that openpyxl's sheets got cut."""
        self.proxy = Lazy(self._workbook, {"sheetnames": lambda: [sheet.title for sheet in self._sheets]})

    def start_sheet(self, name: str) -> str:
        """Starts a sheet; its title is valid and unique, whatever the name."""
        title = valid_title(name, self._titles)
        if title != name:
            self._run.find(
                "sheet_renamed", f"Sheet '{name}' is called '{title}' in the output", sheet_name=name, title=title
            )
        self._sheets.append(_Sheet(title))
        if self._real is not None:
            self._real.create_sheet(title)
        elif not self._keep and not self._dry_run:
            self._native().start_sheet(title)
        return title

    def sheet_proxy(self) -> Lazy:
        """The sheet that is being written, as hooks see it."""
        sheet = self._sheets[-1]
        known = {
            "title": lambda: sheet.title,
            "max_row": lambda: max(sheet.next_row - 1, 1),
            "max_column": lambda: max(sheet.width, 1),
            "min_row": lambda: 1,
            "min_column": lambda: 1,
            "sheet_state": lambda: "visible",
            "dimensions": lambda: f"A1:{column_letter(max(sheet.width, 1))}{max(sheet.next_row - 1, 1)}",
        }
        return Lazy(lambda: self._workbook()[sheet.title], known)

    def write(self, table: pl.DataFrame, handling: Handling) -> Placement:
        """Writes a table under what is on the sheet, a blank row between; what does not fit goes on to a next sheet."""
        if table.width > MAX_COLUMNS:
            message = f"The table has {table.width:,} columns and a sheet holds {MAX_COLUMNS:,}"
            raise PipelineError(f"{message}; remove_unmapped_columns = true leaves out what is no field", stage="write")
        frame = writable(table)
        pieces = []
        first = 0
        while True:
            sheet = self._sheets[-1]
            self._catch_up(sheet)
            room = MAX_ROWS - sheet.next_row - 1
            count = min(frame.height - first, max(room, 0))
            if room > 0:
                rows = frame.slice(first, count)
                block = _Block(sheet.title, sheet.next_row, rows, handling.slice(first, count))
                pieces.append(Piece(sheet.title, sheet.next_row + 1, first, count))
                self._put(sheet, block)
                first += count
            if first >= frame.height and pieces:
                return Placement(pieces, frame.width)
            title = self.start_sheet(sheet.title)
            self._run.find("sheet_continued", f"What did not fit on '{sheet.title}' is on '{title}'", title=title)

    def _catch_up(self, sheet: _Sheet) -> None:
        """Hooks may have added rows to a sheet of openpyxl's."""
        if self._real is not None and sheet.title in self._real.sheetnames:
            used = self._real[sheet.title].max_row
            if used >= sheet.next_row > 0:
                sheet.next_row = used + 1

    def _put(self, sheet: _Sheet, block: _Block) -> None:
        sheet.next_row = block.row + 1 + block.frame.height + 1
        sheet.width = max(sheet.width, block.frame.width)
        if self._real is not None:
            self._cut += _write_openpyxl(self._real[sheet.title], block)
        elif self._keep:
            sheet.blocks.append(block)
        elif not self._dry_run:
            try:
                self._write_native(block)
            except WorkbookError as error:
                raise _unwritable(error) from error

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        if self._dry_run:
            return
        try:
            self._save()
        except WorkbookError as error:
            raise _unwritable(error) from error
        except OSError as error:
            raise PipelineError(f"The output can't be written: {error}", stage="write") from error
        cut = self._cut + (self._writer.truncated_texts if self._writer else 0)
        if cut:
            what = "1 text is longer than a cell can hold (32,767 characters) and was cut"
            if cut > 1:
                what = f"{cut} texts are longer than a cell can hold (32,767 characters) and were cut"
            self._run.find("text_truncated", what, severity="warning", count=cut)

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            if self._real is not None:
                self._real.save(draft)
            else:
                for sheet in self._sheets if self._keep else ():
                    self._native().start_sheet(sheet.title)
                    for block in sheet.blocks:
                        self._write_native(block)
                self._native().save(draft)
            os.replace(draft, self._path)
        finally:
            draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes what was kept on disk meanwhile."""
        self._writer = None
        if self._scratch is not None:
            self._scratch.cleanup()

    def _native(self) -> Writer:
        if self._writer is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="ade-write-")
            self._writer = Writer(Path(self._scratch.name))
        return self._writer

    def _write_native(self, block: _Block) -> None:
        writer = self._native()
        writer.write_header(block.row, block.frame.columns)
        if block.frame.height:
            handling = block.handling
            originals = {i: (kept.sheet, kept.rows, kept.columns) for i, kept in handling.originals.items()}
            writer.write_rows(block.row + 1, block.frame, handling.formulas, handling.plain, originals)

    def _workbook(self) -> Workbook:
        if self._real is None:
            import openpyxl

            self._real = openpyxl.Workbook()
            self._real.remove(self._real.active)
            for sheet in self._sheets:
                real = self._real.create_sheet(sheet.title)
                for block in sheet.blocks:
                    self._cut += _write_openpyxl(real, block)
                sheet.blocks.clear()
        return self._real


def _unwritable(error: WorkbookError) -> PipelineError:
    """A table that Excel's format can't hold."""
    return PipelineError(f"The output can't be written: {error.args[1]}", stage="write")


def _write_openpyxl(sheet: Any, block: _Block) -> int:
    """Writes a block as the native writer does; how many texts had to be cut."""
    handling = block.handling
    cut = 0
    for column, name in enumerate(block.frame.columns):
        cut += put_text(sheet.cell(block.row + 1, column + 1), name)
    for offset, values in enumerate(block.frame.iter_rows()):
        for column, value in enumerate(values):
            if value is None or value == "":
                continue
            cell = sheet.cell(block.row + 2 + offset, column + 1)
            original = handling.originals[column].value(offset) if column in handling.originals else None
            if original is not None:
                cut += put(cell, original)
            elif column in handling.formulas and isinstance(value, str) and is_formula(value, handling.plain):
                cell.value = value
            else:
                cut += put(cell, value)
    return cut


def writable(table: pl.DataFrame) -> pl.DataFrame:
    """The table in types that a cell can hold.

    Integers and decimals become numbers, moments lose their zone and what is finer than microseconds, and everything
    else becomes text.
    """
    columns = [_writable(column) for column in table.iter_columns()]
    return (
        pl.DataFrame(columns) if any(a is not b for a, b in zip(columns, table.iter_columns(), strict=True)) else table
    )


def _writable(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype in (pl.Boolean, pl.Int64, pl.Float64, pl.String, pl.Date, pl.Time):
        return column
    if dtype == pl.Null:
        # polars exports these with a buffer that the interface does not know.
        return column.cast(pl.String)
    if dtype.is_integer():
        largest = max(abs(column.max() or 0), abs(column.min() or 0))
        return column.cast(pl.Int64 if largest <= MAX_EXACT_INT else pl.String)
    if dtype.is_float() or dtype.is_decimal():
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        return column.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if isinstance(dtype, pl.Duration):
        return column.cast(pl.Duration("us"))
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    texts = [None if value is None else str(value) for value in column.to_list()]
    return pl.Series(column.name, texts, dtype=pl.String)
