"""Header rows.

A header stands where a block of rows starts: at the top of the sheet, under a blank row, or under a line of one cell. A
row there is a header by its words, or when it is labels with numbers under it. Among the rows of a block only what
repeats a header is one: data has words like "State Street" in it too.
"""

from __future__ import annotations

import re

import polars as pl

WORDS = frozenset(
    "name first last middle full given surname email mail phone address street city state province postal zip hours "
    "wages gross net rate dues pension job classification status start end date id".split()
)
TOKEN = re.compile(r"[^\W_]{2,}")
SURE = 0.6
ENOUGH_WORDS = 2
"""Cells with one of the words from which on a row reads like a header."""
NEAR_TOP = 20
"""Rows of a block among which its header may be, under label and value lines for example."""


def register(registry):
    registry.register_row_detector(detect_header_rows, row_kind="header", priority=50, batch=True)


def detect_header_rows(*, rows, **_):
    facts = _facts(rows)
    found = _found(rows, facts)
    by_text = 0.4 * pl.col("text") / pl.col("width")
    by_words = by_text + 0.6 * pl.min_horizontal(pl.lit(1.0), pl.col("hits") / ENOUGH_WORDS)
    sure = pl.when("labels").then(pl.max_horizontal(by_words, SURE)).otherwise(by_words)
    score = pl.when(pl.col("text") == 0).then(0.0).when("header").then(sure).otherwise(by_text)
    scores = facts.with_columns(header=pl.col("row").is_in(found)).with_columns(score=score)
    return scores.select(
        header=pl.when("blank").then(0.0).otherwise("score"),
        data=pl.when("blank").then(None).when(pl.col("text") == 0).then(0.2).otherwise(pl.col("score") * -0.3),
    ).to_dict()


def _facts(rows):
    """Counts of every row, what they say of it, and some of its neighbours'."""
    counts = {"hits": rows.word_hits(WORDS), "filled": rows.filled, "text": rows.text, "width": rows.width}
    counts = {name: column.cast(pl.Int64) for name, column in {**counts, "numeric": rows.numeric}.items()}
    digits = rows.numeric_or_digit
    facts = pl.DataFrame(counts).with_row_index("row")
    filled, below = pl.col("filled"), pl.col("filled").shift(-1, fill_value=0)
    facts = facts.with_columns(
        blank=filled == 0,
        labels=(filled > 0) & (pl.col("text") == filled) & (digits == 0),
        numbers=pl.col("numeric").cum_sum(),
        number_below=pl.col("numeric").shift(-1, fill_value=0) > 0,
        digits_below=digits.shift(-1, fill_value=0) > 0,
        # The first row has nothing above. A lone cell is a title unless what is under it is as narrow.
        top=pl.when(filled == 1)
        .then((filled.shift(1, fill_value=0) == 0) & (below <= 1))
        .otherwise((filled > 1) & (filled.shift(1, fill_value=0) <= 1)),
    )
    return facts.with_columns(start=pl.when("top").then("row").forward_fill())


def _found(rows, facts):
    """Numbers of the rows that are headers."""
    hits, filled, labels = pl.col("hits"), pl.col("filled"), pl.col("labels")
    tops = pl.col("top") & ((labels & ((hits > 0) | (pl.col("digits_below") & (filled > 1)))) | (hits >= ENOUGH_WORDS))
    depth = pl.col("row") - pl.col("start")
    lower = (depth > 0) & (depth < NEAR_TOP) & labels & (hits >= ENOUGH_WORDS) & (hits * 2 >= filled)
    headers = _Headers(rows, facts)
    for row in facts.filter(tops | lower).iter_rows(named=True):
        headers.consider(row)
    may_repeat = labels & (filled > 1)
    if not headers.rows or facts.filter(may_repeat).height <= len(headers.rows):
        return headers.rows
    same = rows.cell_hits(headers.texts).cast(pl.Int64)
    repeats = (same == filled) | ((hits == filled) & (same * 2 >= filled))
    return sorted({*headers.rows, *facts.filter(may_repeat & repeats)["row"].to_list()})


class _Headers:
    """The headers found so far, from the top down."""

    def __init__(self, rows, facts):
        self.sheet = rows
        self.facts = facts
        self.rows = []
        self.known = set()
        """Texts of whole headers."""
        self.texts = set()
        """Texts of their cells."""
        self.last = None

    def consider(self, row):
        number = row["row"]
        # What costs least is asked first: a sheet may have a million rows like this.
        if (self.rows and number <= self.rows[-1]) or self._goes_on(row):
            return
        if not (row["top"] or self._heads_its_block(row)):
            return
        values = self._values(number)
        if _texts(values) in self.known or self._is_label_and_value(number, values):
            return
        if self._is_grouped(row):
            self._add(number - 1, self._values(number - 1))
        self._add(number, values)
        self.last = row
        if self._is_stacked(number + 1, row):
            self._add(number + 1, self._values(number + 1))

    def _goes_on(self, row):
        """Whether what starts here looks like more rows of the table above rather than another table."""
        last = self.last
        if last is None:
            return False
        other_shape = row["width"] > last["width"] or row["filled"] * 2 <= last["filled"]
        other_values = row["number_below"] != (row["numbers"] - row["numeric"] > last["numbers"])
        return not (other_shape or other_values or self._is_all_words(row))

    def _heads_its_block(self, row):
        """Whether a row under the top is its block's header: wider than all above it, or in words under one line."""
        number, start = row["row"], row["start"]
        if self.last is not None and self.last["row"] >= start and self.last["hits"]:
            return False
        wider = row["filled"] > self.facts["filled"].slice(start, number - start).max()
        return wider or (number == start + 1 and self._is_all_words(row))

    def _is_grouped(self, header):
        """Whether the row right above a header groups its columns: all rows from the top of the block down to it are
        labels with gaps, or there is one row of labels that is not a label with its value."""
        above = self.facts.slice(header["start"], header["row"] - header["start"])
        if not above.height or not above["labels"].all() or not above["filled"].is_between(2, header["filled"]).all():
            return False
        gaps = (above["width"] > above["filled"]).all()
        return gaps or (above.height == 1 and (above["filled"][0] > 2 or above["hits"][0] > 0))

    def _is_stacked(self, number, header):
        """Whether a row goes on with the header above it: it fills gaps with labels, or repeats some ("Name, Name")."""
        if number >= self.facts.height:
            return False
        row = self.facts.row(number, named=True)
        if not row["labels"] or row["filled"] < 2:
            return False
        if row["filled"] > header["filled"]:
            return row["hits"] * 4 >= row["filled"] * 3
        texts = _texts(self._values(number))
        repeats = any(texts.count(text) > 1 and _is_words(text) for text in texts)
        return row["filled"] == header["filled"] and repeats and row["hits"] * 2 >= row["filled"]

    def _is_label_and_value(self, number, values):
        """Whether a row is a line like "Name: | Ann", or one of several like "Name | Ann" and "Email | ann@x.org"."""
        texts = _texts(values)
        if texts[0].endswith(":"):
            return not all(text.endswith(":") for text in texts)
        if len(values) != 2 or not _is_words(values[0]) or _has_word(values[1]):
            return False
        below = self._values(number + 1) if number + 1 < self.facts.height else []
        return len(below) == 2 and _is_words(below[0]) and not _has_word(below[1])

    def _is_all_words(self, row):
        return row["hits"] == row["filled"] and all(map(_is_words, self._values(row["row"])))

    def _add(self, number, values):
        texts = _texts(values)
        self.rows.append(number)
        self.known.add(texts)
        self.texts.update(texts)

    def _values(self, number):
        return [value for value in self.sheet[number] if value is not None and str(value).strip()]


def _texts(values):
    return tuple(str(value).strip().lower() for value in values)


def _is_words(value):
    tokens = TOKEN.findall(value.lower()) if isinstance(value, str) else []
    return bool(tokens) and WORDS.issuperset(tokens)


def _has_word(value):
    return isinstance(value, str) and not WORDS.isdisjoint(TOKEN.findall(value.lower()))
