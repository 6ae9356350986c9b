"""Which column is which field, and why."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ade_engine.extensions.invoke import FAILURES, Bound
from ade_engine.models.errors import AdeEngineError, PipelineError
from ade_engine.pipeline.scores import checked

if TYPE_CHECKING:
    import polars as pl

    from ade_engine.models.table import TableRegion
    from ade_engine.pipeline.context import RunContext
    from ade_engine.pipeline.frames import SourceTable

STAGE = "detect_columns"
CLOSE_CALL = 0.9
"""Share of the winner's score from which on a runner-up is worth telling."""


@dataclass(frozen=True)
class Contribution:
    """What one detector gave one field of one column."""

    detector: str
    location: str | None
    field: str
    delta: float


@dataclass
class ColumnScores:
    """A column's sums, and where they come from."""

    totals: dict[str, float] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)

    def ranked(self) -> list[tuple[str, float]]:
        """Fields by score, best first; ties by name."""
        return sorted(self.totals.items(), key=lambda item: (-item[1], item[0]))

    def candidates(self) -> list[tuple[str, float]]:
        """The fields that this column could be."""
        return [(name, score) for name, score in self.ranked() if score > 0]

    def of(self, name: str) -> list[Contribution]:
        """What was given to one field."""
        return [contribution for contribution in self.contributions if contribution.field == name]


@dataclass
class Mapping:
    """The decision: a field and score for each mapped column, and columns that lost theirs."""

    scores: list[ColumnScores]
    fields: dict[int, tuple[str, float]] = field(default_factory=dict)
    duplicates: set[int] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    """What the frame calls each column once ``rename`` was there."""

    def columns(self) -> dict[str, int]:
        """Column of each mapped field."""
        return {name: index for index, (name, _) in self.fields.items()}

    def used(self) -> dict[int, tuple[str, float]]:
        """The fields as ``fields`` has them, but of the columns that rules and the output really take for them: with
        engine 1 a column that is called like a field before it is mapped keeps the name."""
        holders = {name: index for index, name in enumerate(self.names)}
        return {holders[name]: (name, self.scores[holders[name]].totals.get(name, 0.0)) for name in self.columns()}


def detect(run: RunContext, table: SourceTable, context: dict[str, Any]) -> Mapping:
    """Scores every column with every detector and decides.

    ``context`` holds the keywords of the table: region, index, sheet name and what all callables get.
    """
    provided = (
        *context,
        *("table", "column", "column_sample", "column_sample_non_empty_values"),
        *("column_name", "column_index", "column_header_original", "header_text", "field_name"),
    )
    detectors = [Bound(registration, provided) for registration in run.registry.column_detectors]
    scores = [_score(run, table, index, detectors, context) for index in range(len(table.headers))]
    mapping = Mapping(scores)
    if run.settings.mapping_tie_resolution == "leave_unmapped":
        _leave_unmapped(mapping)
    elif run.modern:
        _best_fit(mapping)
    else:
        _leftmost(mapping)
    if run.modern:
        _tell_about_close_calls(run, table, mapping, context["sheet_name"])
    if run.debugging:
        _trace_summary(run, table, mapping, context)
    return mapping


def _tell_about_close_calls(run: RunContext, table: SourceTable, mapping: Mapping, sheet_name: str) -> None:
    """Findings for columns that could as well have been another field."""
    for index, (name, score) in sorted(mapping.fields.items()):
        header = table.headers[index]
        for rival, rival_score in mapping.scores[index].candidates():
            if rival != name and rival_score >= score * CLOSE_CALL:
                taken = f"column '{header.raw}' was taken as {name} ({score:g}); {rival} scored {rival_score:g}"
                run.find(
                    "ambiguous_mapping",
                    f"'{sheet_name}': {taken}",
                    sheet_name=sheet_name,
                    header=header.raw,
                    field=name,
                    runner_up=rival,
                )
                break


def _score(
    run: RunContext, table: SourceTable, index: int, detectors: list[Bound], context: dict[str, Any]
) -> ColumnScores:
    header = table.headers[index]
    column = table.frame[header.name]
    limit = run.settings.detector_column_sample_size
    sample = [str(value).strip() for value in table.sample(index, limit)]
    keywords = {
        **context,
        "table": table.frame,
        "column": column,
        "column_sample": sample,
        "column_sample_non_empty_values": sample,
        "column_name": header.name,
        "column_index": index,
        "column_header_original": header.raw,
        "header_text": header.raw,
    }
    place = f"column {index + 1} ('{header.name}') of '{context['sheet_name']}'"
    result = ColumnScores()
    for detector in detectors:
        started = time.perf_counter()
        keywords["field_name"] = detector.registration.target
        try:
            patch = detector(keywords)
        except AdeEngineError:
            raise
        except FAILURES as error:
            raise PipelineError(f"Column detector failed on {place}: {detector.failure(error)}", stage=STAGE) from error
        for name, delta in checked(patch, detector.label, place, run.registry.fields, STAGE).items():
            result.totals[name] = result.totals.get(name, 0.0) + delta
            result.contributions.append(Contribution(detector.name, detector.location, name, delta))
        if run.debugging:
            _trace_detector(run, index, detector, patch, started, context)
    if run.debugging:
        _trace_column(run, index, header, detectors, result, context)
    return result


def _leftmost(mapping: Mapping) -> None:
    """Each column wants its best field only; the best score gets it, the leftmost of equals."""
    for name, wanting in _wanted(mapping).items():
        winner, score = max(wanting, key=lambda item: (item[1], -item[0]))
        mapping.fields[winner] = (name, score)
        mapping.duplicates.update(index for index, _ in wanting if index != winner)


def _leave_unmapped(mapping: Mapping) -> None:
    """A field that several columns want goes to none."""
    for name, wanting in _wanted(mapping).items():
        if len(wanting) == 1:
            index, score = wanting[0]
            mapping.fields[index] = (name, score)
        else:
            mapping.duplicates.update(index for index, _ in wanting)


def _wanted(mapping: Mapping) -> dict[str, list[tuple[int, float]]]:
    wanted: dict[str, list[tuple[int, float]]] = {}
    for index, scores in enumerate(mapping.scores):
        candidates = scores.candidates()
        if candidates:
            name, score = candidates[0]
            wanted.setdefault(name, []).append((index, score))
    return wanted


def _best_fit(mapping: Mapping) -> None:
    """Columns propose to their fields in order of preference and fields keep the best proposal (a stable matching): a
    column that loses its field to a better one goes on to its next."""
    queues = [scores.candidates() for scores in mapping.scores]
    held: dict[str, tuple[float, int]] = {}
    free = [index for index, queue in enumerate(queues) if queue]
    while free:
        index = free.pop(0)
        if not queues[index]:
            mapping.duplicates.add(index)
            continue
        name, score = queues[index].pop(0)
        rival = held.get(name)
        if rival is None or (score, -index) > (rival[0], -rival[1]):
            held[name] = (score, index)
            if rival is not None:
                free.append(rival[1])
        else:
            free.append(index)
    for name, (score, index) in held.items():
        mapping.fields[index] = (name, score)


def rename(run: RunContext, table: SourceTable, mapping: Mapping, sheet_name: str) -> pl.DataFrame:
    """The frame with mapped columns called by their fields."""
    headers = [header.name for header in table.headers]
    mapping.names = _cleared(run, headers, mapping, sheet_name) if run.modern else _kept(run, headers, mapping)
    renames = {old: new for old, new in zip(headers, mapping.names, strict=True) if old != new}
    return table.frame.rename(renames) if renames else table.frame


def _cleared(run: RunContext, headers: list[str], mapping: Mapping, sheet_name: str) -> list[str]:
    """Names where each field's is that of its column; another column that is called so gets a number."""
    names = [mapping.fields[index][0] if index in mapping.fields else header for index, header in enumerate(headers)]
    fields = mapping.columns()
    taken = {*headers, *names, *run.registry.fields}
    for index, name in enumerate(names):
        if index in mapping.fields or name not in fields:
            continue
        number = 2
        while f"{name}__{number}" in taken:
            number += 1
        names[index] = f"{name}__{number}"
        taken.add(names[index])
        run.find(
            "column_renamed",
            f"'{sheet_name}': column '{name}' is called '{names[index]}', because column '{headers[fields[name]]}' "
            f"was taken as {name}",
            sheet_name=sheet_name,
            header=name,
            name=names[index],
        )
    return names


def _kept(run: RunContext, headers: list[str], mapping: Mapping) -> list[str]:
    """Names as engine 1.9 gives them: one that another column has stays with it."""
    wanted = {index: name for index, (name, _) in sorted(mapping.fields.items()) if headers[index] != name}
    while True:
        staying = {header for index, header in enumerate(headers) if index not in wanted}
        refused = [index for index, name in wanted.items() if name in staying]
        if not refused:
            return [wanted.get(index, header) for index, header in enumerate(headers)]
        for index in refused:
            name = wanted.pop(index)
            run.logger.warning(
                f"Column '{headers[index]}' is mapped to '{name}', but another column is already called that",
                data={"field": name, "column": headers[index]},
            )


def _locators(region: TableRegion, context: dict[str, Any]) -> dict[str, Any]:
    return {"sheet_name": context["sheet_name"], "table_index": context["table_index"], "table_region": region.a1}


def _trace_detector(
    run: RunContext, index: int, detector: Bound, patch: Any, started: float, context: dict[str, Any]
) -> None:
    run.logger.event(
        "detector.column_result",
        level=logging.DEBUG,
        data={
            **_locators(context["table_region"], context),
            "column_index": index,
            "detector": {
                "name": detector.name,
                "scores": dict(patch or {}),
                "duration_ms": round((time.perf_counter() - started) * 1000, 3),
            },
        },
    )


def _trace_column(
    run: RunContext, index: int, header: Any, detectors: list[Bound], scores: ColumnScores, context: dict[str, Any]
) -> None:
    ranked = scores.ranked()
    best = ranked[0] if ranked and ranked[0][1] > 0 else (None, 0.0)
    place = {**_locators(context["table_region"], context), "column_index": index}
    run.logger.event(
        "column_classification",
        level=logging.DEBUG,
        data={
            **place,
            "detectors": [detector.name for detector in detectors],
            "scores": scores.totals,
            "classification": {
                "field": best[0],
                "score": best[1],
                "considered_fields": [name for name, _ in ranked],
            },
        },
    )
    run.logger.event(
        "column_detector.candidate",
        level=logging.DEBUG,
        data={
            **place,
            "column_name": header.name,
            "column_header_original": header.raw,
            "best_field": best[0],
            "best_score": best[1],
            "scores": scores.totals,
            "contributions": [{"detector": c.detector, "delta": c.delta} for c in scores.contributions],
        },
    )


def _trace_summary(run: RunContext, table: SourceTable, mapping: Mapping, context: dict[str, Any]) -> None:
    run.logger.event(
        "column_detector.summary",
        level=logging.DEBUG,
        data={
            **_locators(context["table_region"], context),
            "mapped": [
                {
                    "field": name,
                    "source_index": index,
                    "header": table.headers[index].raw,
                    "score": score,
                    "contributions": [
                        {"detector": c.detector, "delta": c.delta} for c in mapping.scores[index].of(name)
                    ],
                }
                for index, (name, score) in sorted(mapping.fields.items())
            ],
            "unmapped_indices": [index for index in range(len(table.headers)) if index not in mapping.fields],
            "total_columns": len(table.headers),
        },
    )
