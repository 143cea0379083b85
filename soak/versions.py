"""The same bytes whatever the hash seed, the locale, the number of jobs and the version of HDF5.

``python -m soak.versions [PYTHON]...``: other interpreters, each with melgrid's dependencies and its own h5py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from soak.kill import ROOT, contents, make_corpus

SETTINGS = [
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "4711"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
]


def store_of(corpus: Path, store: Path, python: str = sys.executable, **environment: str) -> dict[str, bytes]:
    """Make a store in a process of its own; return its files."""
    command = [python, "-m", "soak.victim", str(corpus), str(store)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)
    return contents(store)


def main(*pythons: str) -> None:
    """Compare stores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = make_corpus(folder / "corpus")
        expected = store_of(corpus, folder / "reference")
        for number, environment in enumerate(SETTINGS):
            assert store_of(corpus, folder / f"setting-{number}", **environment) == expected, environment
            print(f"{environment}: same bytes")
        for number, python in enumerate(pythons):
            version = [
                python,
                "-c",
                "import h5py; print('h5py', h5py.version.version, 'HDF5', h5py.version.hdf5_version)",
            ]
            words = subprocess.run(version, capture_output=True, text=True, check=True).stdout.strip()
            assert store_of(corpus, folder / f"python-{number}", python) == expected, words
            print(f"{words}: same bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
