"""Header rows.

The score of a row is what its words and the share of its text cells say. Three things about its surroundings refine it:
a row of labels that starts a block with numbers under it is a header whatever its words; a row of text right above a
header belongs to it (stacked headers); a row in the midst of data is a header only when its cells are mostly labels.
"""

from __future__ import annotations

import polars as pl

WORDS = frozenset(
    "name first last middle email phone address street city state province postal zip hours wages gross net rate dues "
    "pension job classification status start end".split()
)
SURE = 0.6


def register(registry):
    registry.register_row_detector(detect_header_rows, row_kind="header", priority=50, batch=True)


def detect_header_rows(*, rows, **_):
    counts = pl.DataFrame(
        {
            "hits": rows.word_hits(WORDS),
            "text": rows.text,
            "filled": rows.filled,
            "width": rows.width,
            "digits": rows.numeric_or_digit,
        }
    )
    hits, text, filled, width, digits = (
        pl.col(name).cast(pl.Float64) for name in ("hits", "text", "filled", "width", "digits")
    )
    by_words = pl.min_horizontal(pl.lit(1.0), hits / 4 * 0.6 + text / width * 0.4)
    blank = filled == 0
    # The first and the last row have nothing above and below.
    after_gap = (filled <= 1).shift(1, fill_value=True)
    data_below = (digits > 0).shift(-1, fill_value=False)
    data_above = (digits > 0).shift(1, fill_value=False)
    labels = (filled >= 2) & (text == filled) & (digits == 0)
    starts_block = labels & after_gap & data_below
    amid_data = data_above & data_below & (hits * 2 < filled)

    base = pl.when(blank | (text == 0)).then(0.0).otherwise(by_words)
    scored = counts.select(
        pl.when(amid_data)
        .then(0.0)
        .when(starts_block)
        .then(pl.max_horizontal(base, SURE))
        .otherwise(base)
        .alias("score"),
        labels.alias("labels"),
        (text == 0).alias("no_text"),
        blank.alias("blank"),
    )
    below = pl.col("score").shift(-1, fill_value=0.0)
    stacked = pl.col("labels") & (below >= SURE)
    score = pl.when(stacked).then(pl.max_horizontal(pl.col("score"), SURE)).otherwise(pl.col("score"))
    scored = scored.with_columns(score.alias("score"))
    scores = scored.select(
        header=pl.col("score"),
        data=pl.when("blank").then(None).when("no_text").then(0.2).otherwise(pl.col("score") * -0.3),
    )
    return {"header": scores["header"], "data": scores["data"]}
