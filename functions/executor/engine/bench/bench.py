"""CPU and memory of the engine beside a bare copy of the same workbook, in one run; and a small file's wall time.

    make bench-engine

The copy reads with calamine and writes with rust_xlsxwriter and does nothing in between: the floor. Every figure is the
best of ``--runs`` and counts user and system time of the process with all its threads. The engine is called as a run
calls it, with a config that is compiled as a build compiles it.
"""

from __future__ import annotations

import argparse
import compileall
import datetime as dt
import multiprocessing
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ade_engine.scaffold import scaffold

if TYPE_CHECKING:
    import polars as pl

SMALL_ROWS = 100
SMALL_RUNS = 30
NAMES = ("Ann", "Bob", "Cyd", "Dan", "Eve", "Flo", "Gus")


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu: float
    wall: float
    megabytes: float


def frame(rows: int) -> pl.DataFrame:
    """20 columns as they are found in real files: names, dates, amounts, counts, notes."""
    import polars as pl

    rng = random.Random(1)
    first_day = dt.datetime(2020, 1, 1)
    columns: dict[str, list[object]] = {
        "First Name": [rng.choice(NAMES) for _ in range(rows)],
        "Last Name": [f"Smith{rng.randrange(100_000)}" for _ in range(rows)],
        "Email": [f"user{row}@example.org" for row in range(rows)],
        "Start Date": [first_day + dt.timedelta(days=row % 2000) for row in range(rows)],
    }
    for number in range(8):
        columns[f"Amount {number}"] = [round(rng.random() * 1000, 2) for _ in range(rows)]
    for number in range(4):
        columns[f"Count {number}"] = [rng.randrange(10_000) for _ in range(rows)]
        columns[f"Note {number}"] = [f"some note text {rng.randrange(50)}" for _ in range(rows)]
    return pl.DataFrame(columns)


def write(rows: int, folder: Path) -> None:
    """Writes the same table as xlsx and as csv."""
    from ade_engine._native import Writer

    table = frame(rows)
    table.write_csv(folder / f"{rows}.csv")
    writer = Writer(folder)
    writer.start_sheet("Data")
    writer.write_header(0, table.columns)
    writer.write_rows(1, table, set(), set(), {})
    writer.save(folder / f"{rows}.xlsx")


def measure(command: list[str]) -> Cost:
    """Runs a command; its output is thrown away, a failure ends the benchmark."""
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def best(command: list[str], runs: int) -> Cost:
    """The cheapest of several runs."""
    return min((measure(command) for _ in range(runs)), key=lambda cost: cost.cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark of the engine")
    parser.add_argument("--copy", type=Path, required=True, help="the example `copy` of ade-workbook")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 500_000])
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    print("| file | engine CPU s | copy CPU s | ratio | engine MiB | copy MiB | engine wall s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="ade-bench-") as folder:
        root = Path(folder)
        scaffold(root / "config", layout="src", package_name="ade_config", force=False)
        compileall.compile_dir(root / "config", quiet=1)
        for rows in options.rows:
            _make(rows, root)
            source = root / f"{rows}.xlsx"
            copy = best([str(options.copy), str(source), str(root / "copy.xlsx")], options.runs)
            for suffix in (".xlsx", ".csv"):
                path = root / f"{rows}{suffix}"
                engine = best(_engine(path, root), options.runs)
                print(
                    f"| {rows:,} x 20 {suffix[1:]} | {engine.cpu:.2f} | {copy.cpu:.2f} | {engine.cpu / copy.cpu:.2f} "
                    f"| {engine.megabytes:.0f} | {copy.megabytes:.0f} | {engine.wall:.2f} |",
                    flush=True,
                )


        _make(SMALL_ROWS, root)
        small = [measure(_engine(root / f"{SMALL_ROWS}.xlsx", root)) for _ in range(SMALL_RUNS)]
        wall, cpu = min(cost.wall for cost in small), min(cost.cpu for cost in small)
        print(f"\nA file of {SMALL_ROWS} x 20, process from start to end: {wall:.3f} s wall, {cpu:.3f} s CPU.")


def _make(rows: int, folder: Path) -> None:
    """Writes the files in a process of its own: a child's peak memory counts from what its parent had at its start."""
    maker = multiprocessing.get_context("spawn").Process(target=write, args=(rows, folder))
    maker.start()
    maker.join()


def _engine(path: Path, root: Path) -> list[str]:
    options = ["--input", str(path), "--output-dir", str(root / "out"), "--logs-dir", str(root / "logs")]
    config = ["--config-package", str(root / "config"), "--log-format", "ndjson"]
    return [sys.executable, "-I", "-B", "-m", "ade_engine", "process", "file", *options, *config]


if __name__ == "__main__":
    main()
