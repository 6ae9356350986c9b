"""Recognising columns by the words in their headers."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+")


def words(header: str) -> set[str]:
    """The words of a header, lower case."""
    return {word.lower() for word in _WORD.findall(header)}


def contains_any(header: str, word_sets: list[set[str]]) -> bool:
    """Whether all words of one of the sets are in the header."""
    found = words(header)
    return any(word_set <= found for word_set in word_sets)
