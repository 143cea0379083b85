"""Ten shares at once on an empty folder, some killed, all run again: every byte must be that of one plain run.

``python -m soak.shares [ROUNDS] [SEED]``
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from melgrid import datasets
from melgrid.params import Grid
from melgrid.preprocess import run
from melgrid.store import verify
from soak.kill import ROOT, make_corpus

STARTERS = 10
GRID = Grid.product("logmel", sr=8000, n_fft=256, hop_length=[64, 128], n_mels=16)


def main(rounds: int = 5, seed: int = 0) -> None:
    """Play some rounds; the first difference ends them."""
    draw = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="melgrid-shares-"))
    corpus = make_corpus(folder / "corpus", clips=100)
    one_share(corpus, folder / "reference", None)
    expected = shards_and_manifest(folder / "reference")
    for number in range(rounds):
        store = folder / f"round{number}"
        tasks = [f"{draw.randint(1, 4)}/4" for _ in range(STARTERS)]
        processes = [start(corpus, store, task) for task in tasks]
        killed = draw.sample(range(STARTERS), 4)
        for victim in killed:
            time.sleep(draw.uniform(0.2, 1.5))
            processes[victim].kill()
        for index, process in enumerate(processes):
            if process.wait(timeout=600) and index not in killed:
                raise AssertionError(f"round {number}: share {tasks[index]} failed")
        again = [start(corpus, store, f"{share}/4") for share in (1, 2, 3, 4)]
        if any(process.wait(timeout=600) for process in again):
            raise AssertionError(f"round {number}: a share failed when run again")
        if faults := verify(store, repair=True):
            raise AssertionError(f"round {number}: {faults[0]}")
        if shards_and_manifest(store) != expected:
            raise AssertionError(
                f"round {number}: the bytes differ from those of a plain run, or something is left over"
            )
        print(f"round {number}: {STARTERS} at once, {len(killed)} killed, equal", flush=True)
    shutil.rmtree(folder)


def one_share(corpus: Path, store: Path, task: str | None) -> None:
    """Do a share, or all."""
    run(datasets.load("folder", corpus), GRID, store, jobs=1, progress=False, task=task)


def start(corpus: Path, store: Path, task: str) -> subprocess.Popen[bytes]:
    """Do a share in a process of its own."""
    places = f"Path({str(corpus)!r}), Path({str(store)!r})"
    code = f"from pathlib import Path; from soak.shares import *; one_share({places}, {task!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


def shards_and_manifest(store: Path) -> dict[str, bytes]:
    """Return all files but logs, and all.h5, in which HDF5 leaves heap bytes."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.parent.name != "runs" and path.name != "all.h5"
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
