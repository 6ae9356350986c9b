"""How hostile and odd inputs end, how long that takes and how much memory: the items of ``tests/hardening.py``.

    make bench-engine

Each is processed in a process of its own with the config that ``ade-engine config init`` makes, compiled as a build
compiles it; making the file is not counted, starting Python is. What must come of each is checked by
``tests/test_hardening.py``.
"""

from __future__ import annotations

import argparse
import compileall
import sys
import tempfile
from pathlib import Path

from ade_engine.scaffold import scaffold

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hardening import ITEMS, Measured, run

QUIET = {"fields_not_detected", "no_fields_detected", "validation_warnings_present"}
"""Findings that say nothing about the file."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of hostile and odd inputs")
    parser.add_argument("--python", default=sys.executable, help="the Python whose engine is measured")
    parser.add_argument("names", nargs="*", default=list(ITEMS), metavar="ITEM", help="which (all)")
    options = parser.parse_args()
    slowest = ("", 0.0)
    print("| input | ends as | wall s | CPU s | MiB | cap MiB |")
    print("|---|---|---|---|---|---|")
    for name in options.names:
        item = ITEMS[name]
        with tempfile.TemporaryDirectory(prefix="ade-bench-") as folder:
            root = Path(folder)
            scaffold(root / "config", layout="src", package_name="ade_config", force=False)
            compileall.compile_dir(root / "config", quiet=1)
            measured = run(item, item.make(root), root / "config", root / "out", options.python)
        numbers = f"{measured.seconds:.2f} | {measured.cpu_seconds:.2f} | {measured.mebibytes:.0f} | {item.memory_mib}"
        print(f"| {name} | {_end(measured)} | {numbers} |", flush=True)
        slowest = max(slowest, (name, measured.seconds), key=lambda one: one[1])
    print(f"\n{len(options.names)} inputs; the slowest took {slowest[1]:.2f} s ({slowest[0]}).")


def _end(measured: Measured) -> str:
    """The error's code, or the findings of a run that succeeded."""
    failure = measured.outcome.completed["execution"]["failure"]
    if failure is not None:
        return f"`{failure['code']}` ({failure['stage']})"
    findings = sorted(measured.outcome.finding_codes - QUIET)
    return ", ".join(["output", *(f"`{code}`" for code in findings)])


if __name__ == "__main__":
    main()
