"""Eight processes read a store as fast as they can while runs add feature sets: no error, and exact data.

``python -m soak.readers [FEATURES] [READERS]``.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from melgrid import datasets
from melgrid.params import Stft
from melgrid.preprocess import run
from melgrid.store import open_store, verify
from soak.kill import ROOT, make_corpus


def digests(store: Path) -> dict[str, str]:
    """SHA-256 of every clip's values, by feature id and clip id."""
    return {
        f"{features.id} {clip_id}": hashlib.sha256(features[clip_id].tobytes()).hexdigest()
        for features in open_store(store)
        for clip_id in features.clip_ids
    }


def read_until_told(store: Path, stop: Path) -> None:
    """Open and read everything again and again; print what was read and how often."""
    known: dict[str, str] = {}
    passes = 0
    while passes == 0 or not stop.exists():
        found = digests(store)
        changed = [name for name, digest in known.items() if found.get(name) != digest]
        if changed:
            sys.exit(f"changed or gone: {changed[:3]}")
        known, passes = found, passes + 1
    print(json.dumps({"passes": passes, "digests": known}))


def hammer(folder: Path, features: int, readers: int) -> int:
    """Add feature sets one run at a time while others read; return how often the store was read whole."""
    dataset = datasets.load("folder", make_corpus(folder / "corpus"))
    store, stop = folder / "store", folder / "stop"

    def add(number: int) -> None:
        run(dataset, Stft(sr=8000, n_fft=64 + 2 * number), store, jobs=1, shard_mb=1, progress=False)

    add(0)
    command = [sys.executable, "-m", "soak.readers", "read", str(store), str(stop)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(readers)]
    try:
        for number in range(1, features):
            add(number)
    finally:
        stop.touch()
        said = [process.communicate(timeout=300) for process in processes]
    expected = digests(store)
    assert not verify(store, deep=True)
    passes = 0
    for process, (out, err) in zip(processes, said, strict=True):
        assert process.returncode == 0, err.decode()
        found = json.loads(out)
        assert found["digests"].items() <= expected.items(), "a reader saw other data"
        passes += found["passes"]
    return passes


def main(features: int = 12, readers: int = 8) -> None:
    """Hammer."""
    with tempfile.TemporaryDirectory() as name:
        passes = hammer(Path(name), features, readers)
    print(f"{readers} readers read the store {passes} times while {features - 1} feature sets were added: 0 errors")


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        read_until_told(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
