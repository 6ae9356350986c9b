"""Writes a wheel of an engine that prints lines on demand, and says where it is.

Usage: make_engine.py DIRECTORY

The engine reads the run's metadata: `exec` replaces it by another program; with `stubborn` it does not end when it is told to; otherwise it prints `lines` lines, each the
current time in nanoseconds, `pause` seconds apart.
"""

import sys
import zipfile
from pathlib import Path

MAIN = '''
import json, os, signal, sys, time

if sys.argv[1:2] == ["process"]:
    wanted = json.loads(os.environ.get("ADE_RUN_METADATA", "{}"))
    if "stubborn" in wanted:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("working", flush=True)
        time.sleep(60)
    if "exec" in wanted:
        os.execv(wanted["exec"][0], wanted["exec"])
    for _ in range(wanted.get("lines", 0)):
        print(time.time_ns(), flush=True)
        time.sleep(wanted.get("pause", 0))
'''

NAME = "ade_engine-99.0"
METADATA = "Metadata-Version: 2.1\nName: ade-engine\nVersion: 99.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: ade-bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{NAME}-py3-none-any.whl"
    files = {
        "ade_engine/__init__.py": "__version__ = '99.0'\n",
        "ade_engine/__main__.py": MAIN,
        f"{NAME}.dist-info/METADATA": METADATA,
        f"{NAME}.dist-info/WHEEL": WHEEL,
    }
    record = "".join(f"{name},,\n" for name in files) + f"{NAME}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{NAME}.dist-info/RECORD", record)
    print(path)


main()
