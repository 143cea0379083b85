"""Flip every byte of every file of a small store, one at a time; a deep verify must find each and name the file.

``python -m soak.flips [STRIDE]``: only every STRIDE-th byte, for a quick look.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from melgrid import datasets
from melgrid.params import LogMel
from melgrid.preprocess import run
from melgrid.store.checks.faults import find_faults


def make_store(folder: Path) -> Path:
    """Three clips, one of them not audio, of one small feature."""
    corpus = folder / "corpus" / "a"
    corpus.mkdir(parents=True)
    for number in range(2):
        soundfile.write(corpus / f"{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(900), 8000)
    (corpus / "words.wav").write_text("no audio")
    run(
        datasets.load("folder", folder / "corpus"),
        LogMel(sr=8000, n_fft=64, n_mels=4),
        folder / "store",
        jobs=1,
        progress=False,
    )
    return folder / "store"


def main() -> None:
    """Flip, verify, flip back."""
    stride = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    start, flips, missed = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder))
        files = [p for p in sorted(store.rglob("*")) if p.is_file() and "runs" not in p.parts]
        for path in files:
            data = path.read_bytes()
            name = str(path.relative_to(store))
            for place in range(0, len(data), stride):
                flipped = bytearray(data)
                flipped[place] ^= 1 << (place % 8)
                path.write_bytes(flipped)
                flips += 1
                if name not in {fault.file for fault in find_faults(store, deep=True)}:
                    missed.append((name, place))
            path.write_bytes(data)
        if find_faults(store, deep=True):
            raise AssertionError("the store is not what it was")
    print(f"{flips} bytes of {len(files)} files flipped in {time.monotonic() - start:.0f} s, {len(missed)} not found")
    if missed:
        raise AssertionError(f"not found: {missed[:20]}")


if __name__ == "__main__":
    main()
