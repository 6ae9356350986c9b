"""From an input file to an output workbook."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ade_engine.models.extension import HookName
from ade_engine.pipeline import columns, frames, hooks, merge, provenance, regions, rows, rules
from ade_engine.pipeline.context import counted
from ade_engine.pipeline.formulas import tell_about_uncomputed
from ade_engine.pipeline.output import Handling, Originals, OutputBook
from ade_engine.pipeline.proxies import SourceBook
from ade_engine.pipeline.report import SheetRecord
from ade_engine.pipeline.source import Source
from ade_engine.pipeline.table import Table

if TYPE_CHECKING:
    import polars as pl

    from ade_engine._native import Sheet
    from ade_engine.models.run import RunRequest
    from ade_engine.pipeline.context import RunContext
    from ade_engine.pipeline.regions import Block
    from ade_engine.pipeline.source import SheetRef


def process(run: RunContext, request: RunRequest, records: list[SheetRecord]) -> None:
    """Runs the pipeline; ``records`` fills as sheets are done, so that a failed run can tell how far it came."""
    source = Source(run.input_file, run.settings)
    sheets = source.select(request.input_sheets, request.active_sheet_only)
    count = len(source.sheets)
    run.logger.event("workbook.started", counted(count, "sheet"), data={"sheet_count": count})
    book = SourceBook(source, run.logger)
    output = OutputBook(run, run.output_file, dry_run=request.dry_run)
    try:
        hooks.notify(run, HookName.ON_WORKBOOK_START, {**run.common(), "source_workbook": book.proxy})
        for ref in sheets:
            run.stage = "read"
            grid = source.read(ref, last=ref is sheets[-1])
            records.append(SheetRecord.of(ref, grid))
            sheet = _Sheet(run, book, output, ref, grid, records[-1])
            del grid
            sheet.process()
        _tell_about_text(run, source)
        hooks.notify(run, HookName.ON_WORKBOOK_BEFORE_SAVE, {**run.common(), "output_workbook": output.proxy})
        output.save()
    finally:
        output.close()
        book.close()


def _tell_about_text(run: RunContext, source: Source) -> None:
    """Findings about delimited text that needed a second look."""
    facts = source.delimited()
    if facts is None:
        return
    encoding, delimiter = facts["encoding"], facts["delimiter"]
    if encoding == "windows-1252":
        guess = "it was read as windows-1252, which is a guess: check letters with accents"
        run.find("encoding_detected", f"The text is not UTF-8; {guess}", severity="warning", encoding=encoding)
    elif encoding != "UTF-8":
        run.find("encoding_detected", f"The text was read as {encoding}", encoding=encoding)
    if delimiter != ",":
        name = {"\t": "tab", ";": "semicolon", "|": "bar"}.get(str(delimiter), str(delimiter))
        run.find("delimiter_detected", f"Fields are separated by {name}", delimiter=delimiter)
    if facts["unterminated_quote"]:
        run.find("unterminated_quote", "A quoted field never ends; the rest of the file is in it", severity="warning")
    ragged = int(facts["ragged_records"])
    if ragged:
        first = facts["first_ragged_record"]
        what = f"1 row has another number of fields than the others: row {first}"
        if ragged > 1:
            what = f"{ragged} rows have another number of fields than the others; the first is row {first}"
        run.find("ragged_rows", what, severity="warning", count=ragged, first_row=first)


class _Sheet:
    """One sheet through the pipeline."""

    def __init__(
        self, run: RunContext, book: SourceBook, output: OutputBook, ref: SheetRef, grid: Sheet, record: SheetRecord
    ) -> None:
        self.run = run
        self.output = output
        self.ref = ref
        self.grid = grid
        self.record = record
        self.common = run.common(ref.index)
        self.source = {"source_sheet": book.sheet(ref, grid), "source_workbook": book.proxy}

    def process(self) -> None:
        run, ref = self.run, self.ref
        run.logger.event(
            "sheet.started", f"Sheet '{ref.name}'", data={"sheet_name": ref.name, "sheet_index": ref.index}
        )
        self._warn_about_caps()
        tell_about_uncomputed(run, self.grid, ref.name)
        hooks.notify(run, HookName.ON_SHEET_START, {**self.common, **self.source})
        run.begin(rows.STAGE, ref.name, self.grid.height)
        blocks = regions.detect(run, self.grid, self._classify, ref.name)
        run.progress(rows.STAGE, ref.name, self.grid.height, self.grid.height)
        self._trace(blocks)
        tables = [self._build(block, index) for index, block in enumerate(blocks)]
        self.record.tables.extend(tables)
        self._let_go(tables)
        if run.settings.sort_tables_by_mapping_ratio:
            tables.sort(key=lambda table: -table.mapped_ratio)
        self._write(tables)

    def _classify(self, grid: Sheet) -> rows.RowKinds:
        return rows.classify(self.run, grid, self.ref.name, self.ref.index)

    def _let_go(self, tables: list[Table]) -> None:
        """Frees the cells before writing when nobody can ask for them any more: a large sheet takes half the memory."""
        run = self.run
        merged = run.settings.merge_tables_in_sheet and len(tables) > 1
        wanted = run.settings.write_formulas or merged or any(table.source.mixed for table in tables)
        if not wanted and not any(run.registry.hooks.values()):
            for table in tables:
                table.source = table.source.released()
            self.source = {}
            del self.grid

    def _build(self, block: Block, index: int) -> Table:
        run, total = self.run, block.region.data_row_count
        run.begin(columns.STAGE, self.ref.name, total, index)
        table = frames.build(self.grid, block, modern=run.modern)
        base = {
            **self.common,
            "sheet_name": self.ref.name,
            "table_region": block.region,
            "table_index": index,
        }
        mapping = columns.detect(run, table, base)
        run.progress(columns.STAGE, self.ref.name, total, total, index)
        ranges = [(block.header_rows[-1] + 1, block.end)]
        empty_rows, non_empty = self.grid.count(ranges, block.first_column, block.region.max_col)
        work = Table(
            sheet=self.ref,
            index=index,
            source=table,
            mapping=mapping,
            frame=columns.rename(run, table, mapping, self.ref.name),
            rows=list(table.source_rows()),
            non_empty=non_empty,
            empty_rows=empty_rows,
        )
        self._refine(HookName.ON_TABLE_MAPPED, work)
        run.begin(rules.TRANSFORM, self.ref.name, total, index)
        work.frame, work.transformed = rules.transform(run, work.frame, base, work.place)
        self._refine(HookName.ON_TABLE_TRANSFORMED, work)
        run.progress(rules.TRANSFORM, self.ref.name, total, total, index)
        run.begin(rules.VALIDATE, self.ref.name, total, index)
        work.frame = rules.validate(run, work.frame, base, work.place)
        self._refine(HookName.ON_TABLE_VALIDATED, work)
        run.progress(rules.VALIDATE, self.ref.name, total, total, index)
        work.read_derived(run.state)
        work.settle(run.registry.fields)
        return work

    def _refine(self, hook: HookName, table: Table) -> None:
        context = {**self.common, **self.source, "source_region": table.region, "table_index": table.index}
        frame = hooks.refine(self.run, hook, table.frame, context)
        # Hooks may drop and move rows; transforms and validators can't.
        table.rows = provenance.follow(table.frame, frame, table.rows)
        table.frame = frame

    def _write(self, tables: list[Table]) -> None:
        self.output.start_sheet(self.ref.name)
        if self.run.settings.merge_tables_in_sheet and len(tables) > 1:
            self._write_merged(tables)
        else:
            for table in tables:
                self._write_table(table, table.frame, [table])
        results = [table.result() for table in tables] if self._has(HookName.ON_SHEET_END) else []
        context = {**self.common, "output_sheet": self.output.sheet_proxy(), "output_workbook": self.output.proxy}
        hooks.notify(self.run, HookName.ON_SHEET_END, {**context, "tables": results})
        for table in tables:
            table.release()

    def _write_merged(self, tables: list[Table]) -> None:
        """All tables as one. Each keeps its own place in it, so that its issues find their cells."""
        merged = merge.union(tables, modern=self.run.modern)
        self._write_table(tables[0], merged, tables)
        placement = tables[0].placement
        assert placement is not None
        start = 0
        for table in tables:
            table.placement = placement.shifted(start)
            table.written_columns = tables[0].written_columns
            start += table.final_rows

    def _write_table(self, table: Table, frame: pl.DataFrame, parts: list[Table]) -> None:
        run = self.run
        written = self._columns_to_write(frame)
        transformed = set().union(*(part.transformed for part in parts))
        formulas = {i for i, name in enumerate(written.columns) if run.settings.write_formulas and name in transformed}
        plain = set().union(*(part.formula_like_source_texts() for part in parts)) if formulas else set()
        handling = Handling(formulas, plain, self._originals(written, parts) if run.modern else {})
        run.begin("write", self.ref.name, written.height, table.index)
        table.placement = self.output.write(written, handling)
        table.written_columns = written.columns
        run.progress("write", self.ref.name, written.height, written.height, table.index)
        a1 = table.placement.region.a1
        run.logger.event(
            "table.written",
            f"Table {table.index} of '{self.ref.name}' is at {a1}",
            data={"sheet_name": table.placement.title, "table_index": table.index, "output_range": a1},
        )
        if self._has(HookName.ON_TABLE_WRITTEN):
            context = {
                **self.common,
                "write_table": written,
                "output_sheet": self.output.sheet_proxy(),
                "output_workbook": self.output.proxy,
                "output_region": table.placement.region,
                "table_index": table.index,
                "table_result": table.result(),
            }
            hooks.notify(run, HookName.ON_TABLE_WRITTEN, context)

    def _originals(self, written: pl.DataFrame, parts: list[Table]) -> dict[int, Originals]:
        """Where the untouched values of mixed columns come from, part after part."""
        found: dict[int, Originals] = {}
        start = 0
        for part in parts:
            for name, (cells, places) in part.originals(written.slice(start, part.final_rows)).items():
                height = written.height
                kept = found.setdefault(written.columns.index(name), Originals(self.grid, [-1] * height, [0] * height))
                kept.rows[start : start + len(cells)] = cells
                kept.columns[start : start + len(places)] = places
            start += part.final_rows
        return found

    def _columns_to_write(self, frame: pl.DataFrame) -> pl.DataFrame:
        settings, fields = self.run.settings, self.run.registry.fields
        diagnostics = [name for name in frame.columns if name.startswith(rules.DIAGNOSTICS_PREFIX)]
        kept = [
            name
            for name in frame.columns
            if (name in diagnostics and settings.write_diagnostics_columns)
            or (name not in diagnostics and (name in fields or not settings.remove_unmapped_columns))
        ]
        return frame.select(kept)

    def _has(self, hook: HookName) -> bool:
        return bool(self.run.registry.hooks[hook.value])

    def _warn_about_caps(self) -> None:
        grid, name, settings = self.grid, self.ref.name, self.run.settings
        if grid.stopped_early:
            message = f"'{name}': reading stopped after {settings.max_empty_rows_run} empty rows in a row"
            self.run.logger.warning(message, data={"sheet_name": name, "rows_emitted": grid.height})
            self.run.find("scan_stopped_early", message, severity="warning", sheet_name=name)
        if grid.truncated_rows:
            were = "was" if grid.truncated_rows == 1 else "were"
            cut = f"{counted(grid.truncated_rows, 'row')} {were} cut at {settings.max_empty_cols_run} empty cells"
            message = f"'{name}': {cut}"
            self.run.logger.warning(message, data={"sheet_name": name, "truncated_rows": grid.truncated_rows})
            self.run.find("rows_truncated", message, severity="warning", count=grid.truncated_rows, sheet_name=name)

    def _trace(self, blocks: list[Block]) -> None:
        if not self.run.debugging:
            return
        found: list[dict[str, Any]] = []
        for index, block in enumerate(blocks):
            region = block.region
            edges = {name: getattr(region, name) for name in ("min_row", "min_col", "max_row", "max_col", "a1")}
            found.append({"table_index": index, "region": edges})
        self.run.logger.event(
            "sheet.tables_detected",
            level=logging.DEBUG,
            data={
                "sheet_name": self.ref.name,
                "sheet_index": self.ref.index,
                "input_file": str(self.run.input_file),
                "row_count": self.grid.height,
                "table_count": len(blocks),
                "tables": found,
            },
        )
