"""Which rows are headers and which are data.

Every row detector scores every row; scores add up per kind and the highest sum wins, ties going to the kind that was
scored first. Batch detectors score all rows in one call; when there are no others, no row ever becomes a Python list.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ade_engine.extensions.invoke import FAILURES, Bound
from ade_engine.models.errors import AdeEngineError, PipelineError
from ade_engine.pipeline.scores import checked

if TYPE_CHECKING:
    from ade_engine._native import Sheet
    from ade_engine.pipeline.context import RunContext

STAGE = "detect_rows"
PROGRESS_EVERY_ROWS = 20_000


class RowBatch(Sequence[list[Any]]):
    """All rows of a sheet: a sequence of lists, and counts per row as polars series."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._counts: dict[str, pl.Series] | None = None

    def __len__(self) -> int:
        return self._sheet.height

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._sheet.row(row) for row in range(*index.indices(len(self)))]
        row = index + len(self) if index < 0 else index
        if not 0 <= row < len(self):
            raise IndexError("row out of range")
        return self._sheet.row(row)

    def __iter__(self) -> Iterator[list[Any]]:
        return (self._sheet.row(row) for row in range(len(self)))

    @property
    def width(self) -> pl.Series:
        """Cells up to the last value."""
        return self._count("width")

    @property
    def filled(self) -> pl.Series:
        """Cells that are not blank."""
        return self._count("filled")

    @property
    def text(self) -> pl.Series:
        """Cells that are text."""
        return self._count("text")

    @property
    def numeric(self) -> pl.Series:
        """Cells that are numbers."""
        return self._count("numeric")

    @property
    def numeric_or_digit(self) -> pl.Series:
        """Cells that are numbers, dates or texts with a digit."""
        return self._count("numeric_or_digit")

    def word_hits(self, words: set[str] | frozenset[str]) -> pl.Series:
        """How many text cells without "@" have a token that is among ``words`` (lower case)."""
        counts = {name: pl.Series(array).alias(name) for name, array in self._sheet.signals(set(words)).items()}
        hits = counts.pop("word_hits")
        self._counts = counts
        return hits

    def cell_hits(self, texts: set[str] | frozenset[str]) -> pl.Series:
        """How many text cells are one of ``texts`` (lower case, no white space around them)."""
        return pl.Series(self._sheet.cell_hits(set(texts)))

    def _count(self, name: str) -> pl.Series:
        if self._counts is None:
            self.word_hits(set())
        assert self._counts is not None
        return self._counts[name]


@dataclass(frozen=True)
class RowKinds:
    """The winning kind of each row (None: nothing scored) and its header score."""

    kinds: list[str | None]
    header_scores: list[float]


def classify(run: RunContext, sheet: Sheet, sheet_name: str, sheet_index: int) -> RowKinds:
    """The kind of every row of a sheet."""
    context = {**run.common(sheet_index), "sheet_name": sheet_name}
    detectors: list[Bound] = []
    batches: dict[int, dict[str, pl.Series]] = {}
    rows = RowBatch(sheet)
    for registration in run.registry.row_detectors:
        if registration.batch:
            bound = Bound(registration, [*context, "rows"])
            batches[len(detectors)] = _batch_scores(bound, {**context, "rows": rows}, len(rows), sheet_name)
        else:
            bound = Bound(registration, [*context, "row_index", "row_values"])
        detectors.append(bound)
    if len(batches) == len(detectors) and not run.debugging:
        return _combine(list(batches.values()), len(rows))
    return _row_by_row(run, sheet, context, detectors, batches)


def _batch_scores(detector: Bound, context: dict[str, Any], height: int, sheet_name: str) -> dict[str, pl.Series]:
    failed = f"Row detector failed on '{sheet_name}'"
    try:
        answer = detector(context)
    except AdeEngineError:
        raise
    except FAILURES as error:
        raise PipelineError(f"{failed}: {detector.failure(error)}", stage=STAGE) from error
    if not isinstance(answer, dict):
        if answer is None:
            return {}
        raise PipelineError(f"{failed}: {detector.label} must return a dict of scores", stage=STAGE)
    scores = {}
    for kind, values in answer.items():
        try:
            column = pl.Series(str(getattr(kind, "value", kind)), values).cast(pl.Float64)
        except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise PipelineError(
                f"{failed}: {detector.label}: scores of '{kind}' are not numbers: {error}", stage=STAGE
            ) from error
        if len(column) != height:
            wrong = f"{len(column)} scores of '{kind}' for {height} rows"
            raise PipelineError(f"{failed}: {detector.label}: {wrong}", stage=STAGE)
        if not column.is_finite().all():
            row = 1 + (column.is_finite() | column.is_null()).arg_min()
            wrong = f"the score of '{kind}' for row {row} is not finite"
            raise PipelineError(f"{failed}: {detector.label}: {wrong}", stage=STAGE)
        scores[column.name] = column
    return scores


def _combine(batches: list[dict[str, pl.Series]], height: int) -> RowKinds:
    totals: dict[str, pl.Series] = {}
    for scores in batches:
        for kind, column in scores.items():
            # A detector that has nothing to say about a row answers null there.
            totals[kind] = column if kind not in totals else _add(totals[kind], column)
    if not totals:
        return RowKinds([None] * height, [0.0] * height)
    frame = pl.DataFrame([column.alias(str(index)) for index, column in enumerate(totals.values())])
    best = pl.max_horizontal(pl.all())
    winner = pl.lit(None, pl.UInt32)
    for index in reversed(range(len(totals))):
        winner = pl.when(pl.col(str(index)) == best).then(pl.lit(index, pl.UInt32)).otherwise(winner)
    names = list(totals)
    indices = frame.select(winner.alias("winner"))["winner"].to_list()
    kinds = [None if index is None else names[index] for index in indices]
    header = totals.get("header")
    scores = [0.0] * height if header is None else header.fill_null(0.0).to_list()
    return RowKinds(kinds, scores)


def _add(left: pl.Series, right: pl.Series) -> pl.Series:
    both = pl.DataFrame([left.alias("l"), right.alias("r")])
    either = pl.coalesce(pl.col("l") + pl.col("r"), pl.col("l"), pl.col("r"))
    return both.select(either.alias(left.name))[left.name]


def _row_by_row(
    run: RunContext,
    sheet: Sheet,
    context: dict[str, Any],
    detectors: list[Bound],
    batches: dict[int, dict[str, pl.Series]],
) -> RowKinds:
    kinds: list[str | None] = []
    header_scores: list[float] = []
    debugging = run.debugging
    sheet_name = context["sheet_name"]
    lists = {
        position: {kind: column.to_list() for kind, column in scores.items()} for position, scores in batches.items()
    }
    for index in range(sheet.height):
        context["row_index"] = index + 1
        context["row_values"] = sheet.row(index)
        totals: dict[str, float] = {}
        for position, detector in enumerate(detectors):
            started = time.perf_counter()
            if position in lists:
                patch: Any = {kind: v[index] for kind, v in lists[position].items() if v[index] is not None}
            else:
                try:
                    patch = detector(context)
                except AdeEngineError:
                    raise
                except FAILURES as error:
                    message = f"Row detector failed on row {index + 1} of '{sheet_name}': {detector.failure(error)}"
                    raise PipelineError(message, stage=STAGE) from error
            scores = checked(patch, detector.label, f"row {index + 1} of '{sheet_name}'", None, STAGE)
            for kind, score in scores.items():
                totals[kind] = totals.get(kind, 0.0) + score
            if debugging:
                _trace_detector(run, sheet_name, index, detector, scores, started)
        kind = max(totals, key=totals.__getitem__) if totals else None
        kinds.append(kind)
        header_scores.append(totals.get("header", 0.0))
        if debugging:
            _trace_row(run, sheet_name, index, detectors, totals, kind)
        elif (index + 1) % PROGRESS_EVERY_ROWS == 0:
            run.progress(STAGE, sheet_name, index + 1, sheet.height)
    return RowKinds(kinds, header_scores)


def _trace_detector(run: RunContext, sheet_name: str, index: int, detector: Bound, scores: Any, started: float) -> None:
    run.logger.event(
        "detector.row_result",
        level=logging.DEBUG,
        data={
            "sheet_name": sheet_name,
            "row_index": index + 1,
            "detector": {
                "name": detector.name,
                "scores": dict(scores),
                "duration_ms": round((time.perf_counter() - started) * 1000, 3),
            },
        },
    )


def _trace_row(
    run: RunContext, sheet_name: str, index: int, detectors: list[Bound], totals: dict[str, float], kind: str | None
) -> None:
    run.logger.event(
        "row_classification",
        level=logging.DEBUG,
        data={
            "sheet_name": sheet_name,
            "row_index": index + 1,
            "detectors": [detector.name for detector in detectors],
            "scores": totals,
            "classification": {
                "row_kind": kind or "unknown",
                "score": totals.get(kind, 0.0) if kind else 0.0,
                "considered_row_kinds": list(totals),
            },
        },
    )
