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
    filled = rows.filled.to_list()
    text = rows.text.to_list()
    notes: list[float | None] = [None] * len(filled)
    totals: list[float | None] = [None] * len(filled)
    if not any(count >= WIDE for count in filled):
        return {}
    loose = [0 < count < WIDE and _is_prose(rows[row], text[row]) for row, count in enumerate(filled)]
    # A word by itself heads the prose right under it, after a gap or when it says so.
    for row in reversed(range(len(filled) - 1)):
        after_gap = row == 0 or filled[row - 1] == 0
        if filled[row] == text[row] == 1 and loose[row + 1] and (after_gap or _is_heading(rows[row])):
            loose[row] = True
    for start, end in _runs(loose):
        # Prose is a note when a gap or the edge of the sheet parts it from a table on one side at least.
        if start == 0 or end == len(filled) or filled[start - 1] == 0 or filled[end] == 0:
            notes[start:end] = [NOTE_SCORE] * (end - start)
    for row, count in enumerate(filled):
        # A total stands at the end of its table.
        ends = row + 1 == len(filled) or filled[row + 1] == 0 or totals[row - 1] is not None or loose[row + 1]
        if count and text[row] and ends and _is_total(rows[row]):
            totals[row] = NOTE_SCORE
    return {"note": notes, "total": totals}


def _is_prose(values, texts):
    """One or two cells that read like a sentence, a title or "label: value"."""
    cells = [value for value in values if value not in (None, "")]
    first = cells[0]
    if not texts or not isinstance(first, str):
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


def _runs(flags):
    start = None
    for row, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = row
        elif not flag and start is not None:
            yield start, row
            start = None
