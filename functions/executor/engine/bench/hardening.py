"""How hostile and odd inputs end, how long that takes and how much memory: the items of ``tests/hardening.py``.

    make bench-engine

Each is processed in a process of its own with the config that ``ade-engine config init`` makes; making the file is not
counted, starting Python is. What must come of each is checked by ``tests/test_hardening.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ade_engine.scaffold import scaffold

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hardening import ITEMS, Measured, run

QUIET = {"fields_not_detected", "no_fields_detected", "validation_warnings_present"}
"""Findings that say nothing about the file."""


def main() -> None:
    names = sys.argv[1:] or list(ITEMS)
    slowest = ("", 0.0)
    print("| input | ends as | wall s | CPU s | MiB | cap MiB |")
    print("|---|---|---|---|---|---|")
    for name in names:
        item = ITEMS[name]
        with tempfile.TemporaryDirectory(prefix="ade-bench-") as folder:
            root = Path(folder)
            scaffold(root / "config", layout="src", package_name="ade_config", force=False)
            measured = run(item, item.make(root), root / "config", root / "out")
        numbers = f"{measured.seconds:.2f} | {measured.cpu_seconds:.2f} | {measured.mebibytes:.0f} | {item.memory_mib}"
        print(f"| {name} | {_end(measured)} | {numbers} |", flush=True)
        slowest = max(slowest, (name, measured.seconds), key=lambda one: one[1])
    print(f"\n{len(names)} inputs; the slowest took {slowest[1]:.2f} s ({slowest[0]}).")


def _end(measured: Measured) -> str:
    """The error's code, or the findings of a run that succeeded."""
    failure = measured.outcome.completed["execution"]["failure"]
    if failure is not None:
        return f"`{failure['code']}` ({failure['stage']})"
    findings = sorted(measured.outcome.finding_codes - QUIET)
    return ", ".join(["output", *(f"`{code}`" for code in findings)])


if __name__ == "__main__":
    main()
