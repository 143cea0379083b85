"""Every promise of the loaders on every backend of Keras.

``python -m soak.backends [PYTHON]...``: interpreters with melgrid's dependencies, Keras and the frameworks to try; each
backend that one of them has is tried there, in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from melgrid import datasets, preprocess
from melgrid.datasets import miniature
from melgrid.params import LogMel
from soak.kill import ROOT

BACKENDS = ("tensorflow", "jax", "torch")  # each is the name of its package, too
FEATURES = (
    LogMel(sr=16000, n_fft=512, hop_length=256, n_mels=8),
    LogMel(sr=16000, n_fft=512, hop_length=512, n_mels=4),
)


def has(python: str, package: str) -> bool:
    """Whether an interpreter has a package."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def main(*pythons: str) -> None:
    """Try all of `soak.backend` on all backends."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        corpus = miniature.urbansound8k(Path(name) / "corpus", clips=20, faults=False)
        preprocess.run(datasets.load("urbansound8k", corpus), FEATURES, store, jobs=1, progress=False, shard_mb=1)
        tried = 0
        for python in pythons or (sys.executable,):
            for backend in BACKENDS:
                if not has(python, backend):
                    print(f"{python}: no {backend}", flush=True)
                    continue
                environment = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
                environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
                for part in ("trials", "departure", "distributed"):
                    command = [python, "-m", "soak.backend", part, str(store)]
                    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, timeout=900)
                    tried += 1
        assert tried, "no backend was found"


if __name__ == "__main__":
    main(*sys.argv[1:])
