"""``process batch``: which files of a directory are processed, and what is written for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ade_engine.infrastructure.settings import Settings

LOCK_PREFIX = "~$"
"""What Excel calls the file that says that another one is open."""


@dataclass(frozen=True)
class Item:
    """A file to process, and what the names of its output, log and artifact start with, below their directories."""

    input: Path
    name: Path

    def output(self, directory: Path) -> Path:
        """Its output below the directory of outputs."""
        return _suffixed(directory / self.name, "_normalized.xlsx")

    def log(self, directory: Path, name: str) -> Path:
        """Its log or artifact below the directory of logs."""
        return _suffixed(directory / self.name, f"_{name}")


def find(root: Path, output_dir: Path, settings: Settings, include: list[str], exclude: list[str]) -> list[Item]:
    """The files of ``root`` and of what is in it, in order of their paths.

    With engine 1 all outputs go into one directory, where the last of those that are called alike stays. From 2 on each
    has a name of its own in the directory that it has in ``root``, and no output is an input.
    """
    paths = sorted(_matching(root, settings, include, exclude))
    if settings.engine < 2:
        return [Item(path, Path(path.stem)) for path in paths]
    paths = [path for path in paths if not _is_output_of(output_dir, root, path)]
    items = _named(paths, root)
    outputs = {item.output(output_dir.resolve()) for item in items}
    return _named([path for path in paths if path.resolve() not in outputs], root)


def _matching(root: Path, settings: Settings, include: list[str], exclude: list[str]) -> Iterator[Path]:
    def matches(path: Path, globs: list[str]) -> bool:
        relative = path.relative_to(root).as_posix()
        return any(fnmatch(relative, glob) or fnmatch(path.name, glob) for glob in globs)

    for path in root.rglob("*"):
        if (
            path.suffix.lower() in settings.supported_file_extensions
            and not path.name.startswith(LOCK_PREFIX)
            and path.is_file()
            and (not include or matches(path, include))
            and not matches(path, exclude)
        ):
            yield path


def _is_output_of(output_dir: Path, root: Path, path: Path) -> bool:
    """Whether a file is in the directory of outputs, when that is one within the directory of inputs."""
    inside, around = output_dir.resolve(), root.resolve()
    return inside != around and inside.is_relative_to(around) and path.resolve().is_relative_to(inside)


def _named(paths: list[Path], root: Path) -> list[Item]:
    """Names by stem; by the whole name where another file of the directory has the same stem. Names differ by more than
    the case of letters, which not every file system tells apart."""
    stems = Counter(_folded(path.with_suffix("")) for path in paths)
    taken = {stem for stem, count in stems.items() if count == 1}
    items = []
    for path in paths:
        wanted = path.with_suffix("")
        if stems[_folded(wanted)] > 1:
            wanted, number = path, 1
            while _folded(wanted) in taken:
                number += 1
                wanted = _suffixed(path, f" ({number})")
            taken.add(_folded(wanted))
        items.append(Item(path, wanted.relative_to(root)))
    return items


def _folded(path: Path) -> str:
    return str(path).casefold()


def _suffixed(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")
