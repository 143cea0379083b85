"""Command line: measure melgrid beside its rivals and against the targets of the design.

python -m benchmarks [NAME ...] [--corpora DIR] [--clips N] [--repeats N] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

from benchmarks.machine import ENVIRONMENT, describe, quiet_folder

NAMES = ("start", "scale", "processes", "estimate", "grid", "loaders", "decoders", "kernels", "waiting")


def main() -> None:
    home = Path(tempfile.gettempdir()) / "melgrid-bench"
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure melgrid beside its rivals, in one process on one core, and against its targets.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--corpora", type=Path, default=home, metavar="DIR", help=f"where corpora are or go ({home})")
    parser.add_argument("--clips", type=int, default=100, metavar="N", help="clips of 30 s a corpus; short ones: 4 N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="rounds over all candidates (5)")
    parser.add_argument("--json", type=Path, default=home / "bench.json", metavar="FILE", help="results are added here")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"unknown benchmark {unknown[0]!r}; known: {', '.join(NAMES)}")
    if asked.clips < 4 or asked.repeats < 1:
        parser.error("--clips must be at least 4, --repeats at least 1")

    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        # Libraries read it once when they load, the allocator when the process starts.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], {**os.environ, **ENVIRONMENT})
    from benchmarks.report import Settings, measure

    machine = describe()
    for key, value in machine.items():
        print(f"{key:<12} {value if not isinstance(value, dict) else ' '.join(f'{k}={v}' for k, v in value.items())}")
    failed = []
    with tempfile.TemporaryDirectory(prefix="melgrid-bench-", dir=quiet_folder()) as scratch:
        settings = Settings(asked.corpora, Path(scratch), asked.clips, asked.repeats)
        for name in NAMES:
            if asked.names and name not in asked.names:
                continue
            # A process each: frameworks that one has loaded must not slow, or crash, the next.
            process = get_context("spawn").Process(target=measure, args=(name, settings, machine, asked.json))
            process.start()
            process.join()
            os.sync()  # nor wait for the disk until what one has written is there
            if process.exitcode:
                failed.append(name)
    print(f"\nresults: {asked.json}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
