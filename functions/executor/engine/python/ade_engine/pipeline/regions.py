"""Where the tables of a sheet are.

Two generations share one vocabulary. The first follows engine 1.9: one pass over the kinds of rows, tables start at
column A, everything below a header is data until the next header. The second trims tables to the columns they use,
leaves blank rows, notes and footers out of the data, and splits tables that stand side by side. In both, rows above the
first header are never dropped in silence: what looks like a table stays one, and the rest is named in a finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ade_engine.models.errors import InputError
from ade_engine.models.table import TableRegion
from ade_engine.pipeline.rows import STAGE

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.pipeline.context import RunContext
    from ade_engine.pipeline.rows import RowKinds

HEADER = "header"
DATA = "data"
MOST_SIDE_BY_SIDE = 64
"""Tables next to each other; what has more gaps is one table with gaps."""
MOST_HEADER_ROWS = 10
"""Rows of one header; what has more is data that looks like headers."""
NAMED_ROWS = 50
PEEKED_ROWS = 50


@dataclass
class Block:
    """A table's rows (from 0) and columns (from 0, end exclusive)."""

    header_rows: list[int]
    first_data: int
    end: int
    """Row after the last."""
    inferred: bool
    first_column: int = 0
    last_column: int = 0
    skipped: set[int] = field(default_factory=set)
    """Rows between the first and the last that are not data."""

    @property
    def region(self) -> TableRegion:
        return TableRegion(
            min_row=self.header_rows[0] + 1,
            min_col=self.first_column + 1,
            max_row=max(self.end, self.header_rows[-1] + 1),
            max_col=max(self.last_column, self.first_column + 1),
            header_row_count=len(self.header_rows),
        )

    @property
    def data_ranges(self) -> list[tuple[int, int]]:
        """Ranges of data rows, ends exclusive."""
        ranges = []
        start = self.first_data
        for row in sorted(row for row in self.skipped if self.first_data <= row < self.end):
            if row > start:
                ranges.append((start, row))
            start = row + 1
        if start < self.end:
            ranges.append((start, self.end))
        return ranges


def detect(run: RunContext, sheet: Sheet, classify: Callable[[Sheet], RowKinds], sheet_name: str) -> list[Block]:
    """The tables of a sheet, in reading order. ``classify`` says which kind each row of a sheet is."""
    if not sheet.height:
        return []
    rows = classify(sheet)
    if not run.modern:
        return _Classic(run, sheet, rows, sheet_name).blocks()
    parts = _stand_alone(sheet, classify)
    if len(parts) > 1:
        found = [_Modern(run, part, kinds, sheet_name).blocks() for part, kinds in parts]
        return [block for blocks in found for block in blocks]
    return _Modern(run, sheet, rows, sheet_name).blocks()


def _stand_alone(sheet: Sheet, classify: Callable[[Sheet], RowKinds]) -> list[tuple[Sheet, RowKinds]]:
    """Parts of a sheet between columns that are empty from top to bottom, if each part has a header of its own."""
    _, counts = sheet.count([(0, sheet.height)], 0, sheet.width)
    islands = _islands(counts)
    if not 2 <= len(islands) <= MOST_SIDE_BY_SIDE or any(last - first < 2 for first, last in islands):
        return []
    parts = []
    for first, last in islands:
        part = sheet.part(first, last)
        kinds = classify(part)
        headers = (row for row, kind in enumerate(kinds.kinds) if kind == HEADER)
        if not any(_is_header(part, [row], first, last) for row in headers):
            return []
        parts.append((part, kinds))
    return parts


def _between(rows: list[int], start: int, end: int) -> list[int]:
    """Those of sorted rows that are in ``start..end``."""
    return rows[bisect_left(rows, start) : bisect_left(rows, end)]


def _islands(counts: list[int]) -> list[tuple[int, int]]:
    """Ranges of columns with values, empty columns between them."""
    islands: list[tuple[int, int]] = []
    for column, count in enumerate(counts):
        if not count:
            continue
        if islands and islands[-1][1] == column:
            islands[-1] = (islands[-1][0], column + 1)
        else:
            islands.append((column, column + 1))
    return islands


def _is_header(sheet: Sheet, rows: list[int], first: int, last: int) -> bool:
    """Whether header rows have at least two cells in some columns, all of them text."""
    cells = [value for row in rows for value in sheet.row(row)[first:last] if value is not None and str(value).strip()]
    return len(cells) >= 2 and all(isinstance(value, str) for value in cells)


class _Detector:
    def __init__(self, run: RunContext, sheet: Sheet, rows: RowKinds, sheet_name: str) -> None:
        self.run = run
        self.sheet = sheet
        self.rows = rows
        self.sheet_name = sheet_name
        self.height = sheet.height
        self.blank_rows = sheet.blank_rows()
        self.blank = set(self.blank_rows)
        self.merge_headers = run.settings.merge_stacked_headers

    def is_blank(self, row: int) -> bool:
        return row in self.blank

    def bound(self, tables: int) -> None:
        """Refuses a sheet of more tables than the settings allow: each costs milliseconds, however small it is."""
        limit = self.run.settings.max_tables
        if tables > limit:
            place = f"'{self.run.input_file.name}', sheet '{self.sheet_name}'"
            message = f"The sheet has more tables ({tables:,}) than the limit max_tables allows ({limit:,})"
            raise InputError(f"{place}: {message}", stage=STAGE)

    def best_header(self, candidates: Iterable[int]) -> int | None:
        """The row that is most like a header: highest score, or the first that is not blank when none scores."""
        rows = [row for row in candidates if not self.is_blank(row)]
        if not rows:
            return None
        best = max(rows, key=lambda row: (self.rows.header_scores[row], -row))
        return best if self.rows.header_scores[best] > 0 else rows[0]

    def looks_like_table(self, header: int, end: int) -> bool:
        """Whether rows above the first recognised header are a table of their own: a row of at least two different
        labels with at least one row of at least two values under it, and not lines of ``label: value``."""
        labels = [value for value in self.sheet.row(header) if value is not None and str(value).strip()]
        if len(labels) < 2 or len(set(map(str, labels))) < len(labels) or not all(isinstance(v, str) for v in labels):
            return False
        body = [self.sheet.row(row) for row in range(header + 1, min(end, header + 1 + PEEKED_ROWS))]
        filled = [[v for v in values if v is not None and str(v).strip()] for values in body]
        if any(str(values[0]).rstrip().endswith(":") for values in [labels, *filled] if values):
            return False
        return any(len(values) >= 2 for values in filled)

    def say_inferred(self, header: int) -> None:
        """A finding for a header that no detector saw."""
        self.run.find(
            "header_inferred",
            f"'{self.sheet_name}': no header was recognised; row {header + 1} was taken as the header",
            severity="warning",
            sheet_name=self.sheet_name,
            row=header + 1,
        )

    def name_rows(self, rows: Iterable[int], code: str, why: str) -> None:
        """A finding for rows that are left out."""
        named = [row + 1 for row in rows if not self.is_blank(row)]
        if not named:
            return
        shown = ", ".join(map(str, named[:NAMED_ROWS])) + (", …" if len(named) > NAMED_ROWS else "")
        plural = "s" if len(named) > 1 else ""
        self.run.find(
            code,
            f"'{self.sheet_name}': {len(named)} row{plural} {why} not taken as data: {shown}",
            count=len(named),
            sheet_name=self.sheet_name,
            rows=named,
        )


class _Classic(_Detector):
    """Engine 1.9's single pass. White space is content to it."""

    def is_blank(self, row: int) -> bool:
        return self.sheet.max_width(row, row + 1) == 0

    def blocks(self) -> list[Block]:
        found: list[Block] = []
        block: Block | None = None
        for row, kind in enumerate(self.rows.kinds):
            if kind == HEADER:
                if block is None:
                    block = Block([row], row + 1, row + 1, inferred=False)
                elif block.inferred:
                    found += self._above(block.header_rows[0], row)
                    block = Block([row], row + 1, row + 1, inferred=False)
                elif self.merge_headers and row == block.first_data:
                    block.header_rows.append(row)
                    block.first_data = block.end = row + 1
                else:
                    found.append(block)
                    block = Block([row], row + 1, row + 1, inferred=False)
            elif block is not None:
                block.end = row + 1
            elif kind == DATA and row > 0:
                header = row if self.is_blank(row - 1) else row - 1
                block = Block([header], header + 1, row + 1, inferred=True)
        if block is not None:
            found.append(self._settle(block))
        elif (header := self.best_header(range(self.height))) is not None:
            found.append(self._fallback(header))
        self.bound(len(found))
        for block in found:
            last = max(block.end, block.header_rows[-1] + 1)
            block.last_column = self.sheet.max_width(block.header_rows[0], last)
        return found

    def _above(self, header: int, end: int) -> list[Block]:
        """Rows whose header was inferred and that a real header ends: a table of its own, or rows in a finding."""
        if not self.looks_like_table(header, end):
            self.name_rows(range(end), "rows_before_table", "above the table")
            return []
        self.say_inferred(header)
        return [Block([header], header + 1, end, inferred=True)]

    def _settle(self, block: Block) -> Block:
        """A table whose inferred header turned out blank has the first row with values as its header."""
        if block.inferred and self.is_blank(block.header_rows[0]):
            filled = next((row for row in range(block.header_rows[0], self.height) if not self.is_blank(row)), None)
            if filled is not None:
                return Block([filled], filled + 1, max(block.end, filled + 1), inferred=True)
        return block

    def _fallback(self, header: int) -> Block:
        rows = [header]
        while self.merge_headers and rows[-1] + 1 < self.height and self.rows.kinds[rows[-1] + 1] == HEADER:
            rows.append(rows[-1] + 1)
        return Block(rows, rows[-1] + 1, self.height, inferred=True)


class _Modern(_Detector):
    """Tables by headers, trimmed and split."""

    def __init__(self, run: RunContext, sheet: Sheet, rows: RowKinds, sheet_name: str) -> None:
        super().__init__(run, sheet, rows, sheet_name)
        self.other_rows = [row for row, kind in enumerate(rows.kinds) if kind not in (DATA, HEADER, None)]

    def blocks(self) -> list[Block]:
        bands = self._bands()
        found = []
        for band in bands:
            found += self._split(self._trim(band))
        return found

    def _bands(self) -> list[Block]:
        """Tables from header to header over whole rows; rows before the first header come first if they are a table."""
        headers = self._header_groups()
        self.bound(len(headers))
        if not headers:
            header = self.best_header(row for row in range(self.height) if self.rows.kinds[row] in (HEADER, DATA, None))
            if header is None:
                header = self.best_header(range(self.height))
            if header is None:
                return []
            self.name_rows(range(header), "rows_before_table", "above the table")
            self.say_inferred(header)
            return [self._band([header], self.height, inferred=True)]
        bands = self._above(headers[0][0])
        bands += [self._band(header, end, inferred=False) for header, end in self._believable(headers)]
        return bands

    def _believable(self, groups: list[list[int]]) -> list[tuple[list[int], int]]:
        """Headers and the ends of their tables. Header rows under each other are one header, but a header and data that
        look alike when nothing is under them or when they are many, and also right under data, unless they repeat a
        header above."""
        found: list[tuple[list[int], int]] = []
        stacks: list[list[int]] = []
        known: set[tuple[Any, ...]] = set()
        for group, following in zip(groups, [*groups[1:], [self.height]], strict=True):
            end = following[0]
            header = group[:1]
            if 1 < len(group) <= MOST_HEADER_ROWS and any(map(self._may_be_data, range(group[-1] + 1, end))):
                cells = tuple(tuple(self.sheet.row(row)) for row in group)
                if not found or not self._may_be_data(group[0] - 1) or cells in known:
                    header = group
                    stacks.append(group)
                    known.add(cells)
            found.append((header, end))
        self._name_stacks(stacks)
        return found

    def _name_stacks(self, stacks: list[list[int]]) -> None:
        """A finding for rows that became parts of headers: a detector that is wrong about them takes data away."""
        if not stacks:
            return
        rows = [row + 1 for stack in stacks for row in stack]
        shown = ", ".join(f"{stack[0] + 1}-{stack[-1] + 1}" for stack in stacks[:NAMED_ROWS])
        more = ", …" if len(stacks) > NAMED_ROWS else ""
        self.run.find(
            "headers_merged",
            f"'{self.sheet_name}': rows joined into a header: {shown}{more}",
            count=len(rows),
            sheet_name=self.sheet_name,
            rows=rows,
        )

    def _header_groups(self) -> list[list[int]]:
        groups: list[list[int]] = []
        headers = [row for row, kind in enumerate(self.rows.kinds) if kind == HEADER]
        for row in headers:
            if self.is_blank(row):
                continue
            if groups and self.merge_headers and groups[-1][-1] == row - 1:
                groups[-1].append(row)
            else:
                groups.append([row])
        return groups

    def _above(self, end: int) -> list[Block]:
        """What stands above the first header: a table without a recognised header, or rows to name."""
        header = next((row for row in range(end) if self._may_be_data(row)), None)
        if header is None or not self.looks_like_table(header, end):
            self.name_rows(range(end), "rows_before_table", "above the table")
            return []
        self.name_rows(range(header), "rows_before_table", "above the table")
        self.say_inferred(header)
        return [self._band([header], end, inferred=True)]

    def _may_be_data(self, row: int) -> bool:
        return self.rows.kinds[row] in (DATA, None) and not self.is_blank(row)

    def _band(self, header_rows: list[int], end: int, *, inferred: bool) -> Block:
        block = Block(header_rows, header_rows[-1] + 1, end, inferred=inferred)
        block.skipped.update(_between(self.blank_rows, block.first_data, end))
        notes: dict[str, list[int]] = {}
        for row in _between(self.other_rows, block.first_data, end):
            if row not in block.skipped:
                block.skipped.add(row)
                notes.setdefault(str(self.rows.kinds[row]), []).append(row)
        for kind, rows in notes.items():
            self.name_rows(rows, "rows_skipped", f"of kind '{kind}'")
        return block

    def _trim(self, block: Block) -> Block:
        """Ends a table at its last data row and at the columns that it uses."""
        while block.end > block.first_data and block.end - 1 in block.skipped:
            block.end -= 1
            block.skipped.discard(block.end)
        used = self._used_columns(block)
        block.first_column, block.last_column = (used[0][0], used[-1][1]) if used else (0, 1)
        return block

    def _rows_of(self, block: Block) -> Iterable[int]:
        yield from block.header_rows
        for start, end in block.data_ranges:
            yield from range(start, end)

    def _used_columns(self, block: Block) -> list[tuple[int, int]]:
        """Columns that hold a value in some row, as ranges with at least one empty column between them."""
        ranges = [(block.header_rows[0], block.header_rows[-1] + 1), *block.data_ranges]
        _, counts = self.sheet.count(ranges, 0, self.sheet.width)
        return _islands(counts)

    def _split(self, block: Block) -> list[Block]:
        """Tables side by side: columns parted by an empty one, each part with header cells of its own."""
        islands = self._used_columns(block)
        if not 2 <= len(islands) <= MOST_SIDE_BY_SIDE:
            return [block]
        if not all(_is_header(self.sheet, block.header_rows, *island) for island in islands):
            return [block]
        parts = []
        for first, last in islands:
            part = Block(
                block.header_rows, block.first_data, block.end, block.inferred, first, last, set(block.skipped)
            )
            for start, end in block.data_ranges:
                part.skipped.update(self.sheet.blank_rows_between(start, end, first, last))
            while part.end > part.first_data and part.end - 1 in part.skipped:
                part.end -= 1
                part.skipped.discard(part.end)
            parts.append(part)
        return parts
