"""Workbooks and sheets for hooks.

Most hooks never look into a workbook, and openpyxl needs longer to open one than the engine to process it. So hooks get
stand-ins: they answer names, states and dimensions themselves, and become the real openpyxl object on any other use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ade_engine.models.table import column_letter
from ade_engine.pipeline.cells import escaped, valid_title

if TYPE_CHECKING:
    from openpyxl import Workbook

    from ade_engine._native import Sheet
    from ade_engine.infrastructure.observability.logger import RunLogger
    from ade_engine.pipeline.source import SheetRef, Source


class Lazy:
    """Stands for an object that ``load`` makes on first use; ``known`` attributes do without, and those of ``lasting``
    are never the object's."""

    __slots__ = ("_known", "_lasting", "_load", "_real")

    def __init__(
        self, load: Callable[[], Any], known: dict[str, Callable[[], Any]], lasting: tuple[str, ...] = ()
    ) -> None:
        object.__setattr__(self, "_load", load)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_lasting", lasting)
        object.__setattr__(self, "_real", None)

    def _object(self) -> Any:
        if self._real is None:
            object.__setattr__(self, "_real", self._load())
        return self._real

    @property
    def __class__(self) -> type:  # type: ignore[override]
        """``isinstance`` sees the real class."""
        return type(self._object())

    def __getattr__(self, name: str) -> Any:
        if name in self._known and (self._real is None or name in self._lasting):
            return self._known[name]()
        return getattr(self._object(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._object(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._object(), name)

    def __getitem__(self, key: Any) -> Any:
        return self._object()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._object()[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._object()[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._object()

    def __iter__(self) -> Any:
        return iter(self._object())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other or self._object() == (other._object() if type(other) is Lazy else other)

    def __hash__(self) -> int:
        return id(self)


class SourceBook:
    """The input workbook as hooks see it."""

    def __init__(self, source: Source, logger: RunLogger) -> None:
        self._source = source
        self._logger = logger
        self._real: Workbook | None = None
        names = [name for name, _ in source.sheets]
        self.proxy = Lazy(self._workbook, {"sheetnames": lambda: list(names)})

    def sheet(self, ref: SheetRef, grid: Sheet) -> Lazy:
        """A sheet as hooks see it."""
        state = self._source.sheets[ref.position][1]
        known = {
            "title": lambda: ref.name,
            "sheet_state": lambda: {"very_hidden": "veryHidden"}.get(state, state),
            "max_row": lambda: max(grid.height, 1),
            "max_column": lambda: max(grid.width, 1),
            "min_row": lambda: 1,
            "min_column": lambda: 1,
            "dimensions": lambda: f"A1:{column_letter(max(grid.width, 1))}{max(grid.height, 1)}",
        }
        # The title is the source's, though a sheet that is made for it may have to be called otherwise.
        return Lazy(lambda: self._workbook()[ref.name], known, lasting=("title",))

    def _workbook(self) -> Workbook:
        if self._real is None:
            self._real = self._open() if self._source.kind == "xlsx" else self._rebuild()
        return self._real

    def _open(self) -> Workbook:
        import openpyxl

        try:
            return openpyxl.load_workbook(self._source.path, read_only=True, data_only=True)
        except Exception as error:
            # It refuses files that Excel opens, for their styles above all, and by whatever exception comes up.
            reason = str(error.__cause__ or error)
            self._logger.warning(
                f"openpyxl can't open '{self._source.path.name}'; hooks see its values without styles",
                data={"reason": reason},
            )
            return self._rebuild()

    def _rebuild(self) -> Workbook:
        """A workbook in memory, for what openpyxl can't open."""
        import openpyxl
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        titles: dict[str, str] = {}

        class Rebuilt(openpyxl.Workbook):
            """Finds sheets by the names that they have in the source, too."""

            def __getitem__(self, name: str) -> Any:
                return super().__getitem__(titles.get(name, name))

            def __contains__(self, name: str) -> bool:
                return super().__contains__(titles.get(name, name))

        book = Rebuilt()
        book.remove(book.active)
        taken: dict[str, int] = {}
        for position, (name, state) in enumerate(self._source.sheets):
            titles[name] = valid_title(name, taken)
            sheet = book.create_sheet(titles[name])
            sheet.sheet_state = {"very_hidden": "veryHidden"}.get(state, state)
            grid = self._source.reread(position)
            for row in range(grid.height):
                for column, value in enumerate(grid.row(row)):
                    if isinstance(value, str):
                        cell = sheet.cell(row + 1, column + 1)
                        cell.value = escaped(value, ILLEGAL_CHARACTERS_RE)
                        cell.data_type = "s"
                    elif value is not None:
                        sheet.cell(row + 1, column + 1, value)
            if position == self._source.active:
                book.active = position
        return book

    def close(self) -> None:
        """Closes the workbook if a hook made it real."""
        if self._real is not None:
            self._real.close()
