"""Values as cells of openpyxl, and titles that Excel takes.

The native writer (``native/src/writer.rs``) makes the same of every value, which ``tests/test_writers.py`` sees to.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

MAX_TITLE_LENGTH = 31
INVALID_IN_TITLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
RESERVED_TITLES = {"history"}
MAX_TEXT_UNITS = 32_767
"""UTF-16 units in a cell."""
MAX_FORMULA_UNITS = 8192
MAX_EXACT_INT = 1 << 53
FIRST_DAY = dt.date(1900, 1, 1)
"""Excel's calendar goes no further back."""
ESCAPE_LIKE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
UNSAYABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
"""What XML can't say, and the carriage return, which it says as a line feed."""


def valid_title(wanted: str, taken: dict[str, int]) -> str:
    """A title that Excel takes and no other sheet has. ``taken`` remembers titles, and the last number that was tried
    to tell one from others."""
    title = INVALID_IN_TITLE.sub("_", wanted).strip().strip("'")[:MAX_TITLE_LENGTH].strip().strip("'") or "Sheet"
    if title.lower() in RESERVED_TITLES:
        title = f"{title}_"
    unique, number = title, taken.get(title.lower(), 1)
    while unique.lower() in taken:
        number += 1
        suffix = f" ({number})"
        unique = f"{title[: MAX_TITLE_LENGTH - len(suffix)].rstrip()}{suffix}"
    taken[title.lower()] = number
    taken[unique.lower()] = taken.get(unique.lower(), 1)
    return unique


def put(cell: Any, value: Any) -> bool:
    """Sets a cell that takes a value as it is: whole numbers that Excel's can't hold and moments before its calendar
    as texts. Whether a text had to be cut."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if type(value) is int and abs(value) > MAX_EXACT_INT:
        value = str(value)
    elif isinstance(value, dt.datetime) and value.date() < FIRST_DAY:
        value = value.isoformat(" ")
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime) and value < FIRST_DAY:
        value = f"{value} 00:00:00"
    if isinstance(value, str):
        return put_text(cell, value)
    cell.value = value
    return False


def put_text(cell: Any, text: str) -> bool:
    """Sets text as text; whether it had to be cut. openpyxl would take a leading "=" for a formula."""
    units = text.encode("utf-16-le")
    cut = len(units) > 2 * MAX_TEXT_UNITS
    if cut:
        text = units[: 2 * MAX_TEXT_UNITS].decode("utf-16-le", "ignore")
    cell.value = escaped(ESCAPE_LIKE.sub("_x005F_", text), UNSAYABLE)
    cell.data_type = "s"
    return cut


def escaped(text: str, characters: re.Pattern[str]) -> str:
    """The text with Excel's escape in the place of some characters."""
    return characters.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def is_formula(text: str, plain: set[str]) -> bool:
    """Whether a text that may be a formula is one; ``plain`` are those that are not."""
    if len(text) < 2 or not text.startswith("=") or text.strip() in plain:
        return False
    return len(text.encode("utf-16-le")) <= 2 * MAX_FORMULA_UNITS
