from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from melgrid.datasets import Dataset, load, miniature

# adapter -> how its look-alike is made, how it is opened
CORPORA: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "fma": (lambda root: miniature.fma(root, clips=40, seconds=0.3), {"subset": "medium"}),
    "folder": (lambda root: miniature.folder(root, seconds=0.3, layout="table"), {"table": "clips.csv"}),
    "gtzan": (lambda root: miniature.gtzan(root, seconds=0.3), {}),
    "gtzan_music_speech": (lambda root: miniature.gtzan_music_speech(root, seconds=0.3), {}),
    "jamendo": (lambda root: miniature.jamendo(root, seconds=2.0), {}),
    "magnatagatune": (lambda root: miniature.magnatagatune(root, seconds=0.3), {}),
    "urbansound8k": (lambda root: miniature.urbansound8k(root, clips=20, seconds=0.6), {}),
}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Path of a corpus that no test may change; made once a session."""
    made: dict[str, Path] = {}

    def corpus(name: str) -> Path:
        if name not in made:
            made[name] = CORPORA[name][0](tmp_path_factory.mktemp("corpora") / name)
        return made[name]

    return corpus


@pytest.fixture
def own(pristine: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Path of a fresh copy that the test may spoil."""

    def corpus(name: str) -> Path:
        return Path(shutil.copytree(pristine(name), tmp_path / name, dirs_exist_ok=True))

    return corpus


@pytest.fixture
def open_own(own: Callable[[str], Path]) -> Callable[[str], Dataset]:
    return lambda name: load(name, own(name), **CORPORA[name][1])
