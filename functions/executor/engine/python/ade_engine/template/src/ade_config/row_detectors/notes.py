"""Rows that are neither headers nor data: titles, notes, and totals under a table.

What is left out is named in the run's findings.
"""

from __future__ import annotations

import re

TOTAL = re.compile(r"^(grand |sub[ -]?)?totals?:?$|^sum:?$", re.IGNORECASE)
HEADING = re.compile(r"^(foot)?notes?$|^(remarks|comments|legend|sources?|disclaimer)$", re.IGNORECASE)
NOTE_SCORE = 2.0
WIDE = 3
"""Cells from which on a row is surely part of a table."""


def register(registry):
    registry.register_row_detector(detect_notes, row_kind="note", priority=30, batch=True)


def detect_notes(*, rows, **_):
    """Looks into few rows only: a sheet may have a million of them."""
    filled, text, height = rows.filled, rows.text, len(rows)
    if not (filled >= WIDE).any():
        return {}
    gap_above = filled.shift(1, fill_value=0) == 0
    gap_below = filled.shift(-1, fill_value=0) == 0

    narrow = ((filled > 0) & (filled < WIDE) & (text > 0)).arg_true()
    prose = {row for row in narrow.to_list() if _is_prose(rows[row])}
    # A word by itself heads the prose right under it, after a gap or when it says so.
    words = ((filled == 1) & (text == 1)).arg_true()
    for row in reversed(words.to_list()):
        if row + 1 in prose and (gap_above[row] or _is_heading(rows[row])):
            prose.add(row)
    # Prose is a note when a gap or the edge of the sheet parts it from a table on one side at least.
    runs = _runs(sorted(prose))
    notes = [row for start, end in runs if gap_above[start] or gap_below[end - 1] for row in range(start, end)]

    # A total stands at the end of its table, and may have others under it.
    ends = (gap_below & (text > 0)).arg_true()
    totals = set()
    for end in sorted({*ends.to_list(), *(row - 1 for row in prose if row)}):
        row = end
        while row < height and row not in totals and text[row] and _is_total(rows[row]):
            totals.add(row)
            row += 1
    return {kind: _scores(found, height) for kind, found in (("note", notes), ("total", totals)) if found}


def _scores(found, height):
    scores = [None] * height
    for row in found:
        scores[row] = NOTE_SCORE
    return scores


def _is_prose(values):
    """One or two cells that read like a sentence, a title or "label: value"."""
    cells = [value for value in values if value not in (None, "")]
    first = cells[0]
    if not isinstance(first, str):
        return False
    return first.rstrip().endswith(":") or (len(cells) == 1 and (" " in first.strip() or first.startswith("*")))


def _is_total(values):
    return TOTAL.match(_first_text(values)) is not None


def _is_heading(values):
    return HEADING.match(_first_text(values)) is not None


def _first_text(values):
    """The first cell that is not blank, if it is text."""
    first = next((value for value in values if value not in (None, "")), None)
    return first.strip() if isinstance(first, str) else ""


def _runs(rows):
    """Ranges, ends exclusive, of rows that follow each other."""
    start = end = None
    for row in rows:
        if row != end:
            if start is not None:
                yield start, end
            start = row
        end = row + 1
    if start is not None:
        yield start, end
