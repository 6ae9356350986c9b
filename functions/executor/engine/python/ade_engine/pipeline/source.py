"""The input: which file, which sheets, and their cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ade_engine._native import Workbook, WorkbookError
from ade_engine.models.errors import InputError

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.infrastructure.settings import Settings


@dataclass(frozen=True)
class SheetRef:
    """A worksheet that will be processed."""

    position: int
    """Its place in the workbook, from 0."""
    index: int
    """Its place among the sheets that are processed, from 0."""
    name: str
    is_active: bool


class Source:
    """An open input file."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        if not path.is_file():
            raise InputError(f"Input file '{path.name}' does not exist", stage="open")
        try:
            self._book = Workbook(
                path,
                detect=settings.engine >= 2,
                file_bytes=settings.max_file_bytes,
                expanded_bytes=settings.max_expanded_bytes,
                cells=settings.max_cells,
                shared_strings=settings.max_shared_strings,
            )
        except WorkbookError as error:
            raise self._input_error(error) from error
        self.sheets: list[tuple[str, str]] = self._book.sheets
        """Name and visibility of every worksheet."""

    @property
    def kind(self) -> str:
        """xlsx, xlsb, xls, ods or text."""
        return self._book.kind

    @property
    def active(self) -> int | None:
        """Position of the sheet that was in front."""
        return self._book.active

    def select(self, names: list[str] | None, active_only: bool) -> list[SheetRef]:
        """The sheets to process: visible ones in order, or those asked for."""
        visible = [position for position, (_, state) in enumerate(self.sheets) if state == "visible"]
        if active_only:
            if self.active not in visible:
                raise InputError(f"'{self.path.name}' has no visible active sheet", stage="select_sheets")
            chosen = [self.active]
        elif names:
            if not all(name.strip() for name in names):
                raise InputError("The name of a sheet is blank", stage="select_sheets")
            chosen = self._named(names, visible)
        else:
            chosen = visible
        return [
            SheetRef(position, index, self.sheets[position][0], position == self.active)
            for index, position in enumerate(chosen)
            if position is not None
        ]

    def _named(self, names: list[str], visible: list[int]) -> list[int]:
        by_name = {self.sheets[position][0]: position for position in visible}
        wanted = {name.strip() for name in names}
        missing = sorted(wanted - by_name.keys())
        if missing:
            raise InputError(
                f"'{self.path.name}' has no visible sheet named {', '.join(map(repr, missing))}; "
                f"visible are: {', '.join(by_name)}",
                stage="select_sheets",
            )
        return sorted(by_name[name] for name in wanted)

    def read(self, sheet: SheetRef, *, last: bool = False) -> Sheet:
        """A sheet's cells. After the ``last`` sheet, what the workbook shares between sheets is freed."""
        try:
            grid = self._book.read_sheet(
                sheet.position, self._settings.max_empty_rows_run, self._settings.max_empty_cols_run
            )
        except WorkbookError as error:
            raise self._input_error(error, sheet.name) from error
        self._facts = self._book.delimited()
        if last:
            self._book.close()
        return grid

    def reread(self, position: int) -> Sheet:
        """A sheet's cells, read from the file anew."""
        ref = SheetRef(position, position, self.sheets[position][0], False)
        return Source(self.path, self._settings).read(ref)

    def delimited(self) -> dict[str, object] | None:
        """What was found out about delimited text, once it was read."""
        return self._facts

    _facts: dict[str, object] | None = None

    def _input_error(self, error: WorkbookError, sheet: str | None = None) -> InputError:
        _, message = error.args
        place = f"'{self.path.name}'" if sheet is None else f"'{self.path.name}', sheet '{sheet}'"
        return InputError(f"{place}: {message}", stage="open" if sheet is None else "read")
