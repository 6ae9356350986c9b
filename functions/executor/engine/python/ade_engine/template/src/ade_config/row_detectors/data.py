"""Data rows: full of values, and of values with digits."""

from __future__ import annotations

import polars as pl


def register(registry):
    registry.register_row_detector(detect_data_rows, row_kind="data", priority=40, batch=True)


def detect_data_rows(*, rows, **_):
    filled, width, digits = (column.cast(pl.Float64) for column in (rows.filled, rows.width, rows.numeric_or_digit))
    counts = pl.DataFrame({"filled": filled, "width": width, "digits": digits})
    score = pl.min_horizontal(
        pl.lit(1.0), 0.5 * pl.col("filled") / pl.col("width") + 0.5 * pl.col("digits") / pl.col("filled")
    )
    scores = counts.select(
        data=pl.when(pl.col("filled") > 0).then(score),
        header=pl.when(pl.col("filled") > 0).then(score * -0.2),
    )
    return {"data": scores["data"], "header": scores["header"]}
