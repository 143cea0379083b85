"""Command line: build one look-alike corpus."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.corpora import fma, gtzan, magnatagatune, speechmusic, urbansound8k
from benchmarks.corpora.corpus import build
from melgrid.errors import MelgridError

PLANS = {
    "fma": fma.plan,
    "urbansound8k": urbansound8k.plan,
    "gtzan": gtzan.plan,
    "magnatagatune": magnatagatune.plan,
    "speechmusic": speechmusic.plan,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpora", description="Build a look-alike corpus from real audio of Debian packages."
    )
    parser.add_argument("kind", choices=PLANS)
    parser.add_argument("root", type=Path, help="folder to build in; files that exist are kept")
    parser.add_argument("--clips", type=int, required=True, metavar="N", help="how many (bad files come on top)")
    parser.add_argument("--jobs", type=int, default=2, metavar="J")
    asked = parser.parse_args()
    if asked.clips < 1 or asked.jobs < 1:
        parser.error("--clips and --jobs must be at least 1")
    begin = time.perf_counter()
    try:
        made = build(PLANS[asked.kind](asked.clips), asked.root, jobs=asked.jobs)
    except MelgridError as error:
        sys.exit(f"{asked.kind}: {error}")
    print(f"{asked.kind}: {made} files made in {time.perf_counter() - begin:.0f} s under {asked.root}")


if __name__ == "__main__":
    main()
