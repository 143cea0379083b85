from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from melgrid.datasets import describe, load, names
from melgrid.errors import DatasetError

Corpus = Callable[[str], Path]

ADAPTER = '''
"""Beeps: a corpus of another package."""

from pathlib import Path
from melgrid.datasets import Dataset, clip_table
import pandas as pd

CITATION = "Nobody, Beeps, 2020."
LICENSE = "CC0."

def index(root: Path, *, loud: bool = False, level: int = 3) -> Dataset:
    rows = pd.DataFrame({"clip_id": ["a"], "path": ["a.wav"], "label": ["beep"]})
    clips = clip_table(rows, root=root, classes=("beep",), task="single")
    return Dataset(name="beeps", root=root, options={"loud": loud, "level": level}, clips=clips, classes=("beep",),
                   task="single", splits={}, citation=CITATION, licence=LICENSE, nominal_seconds=1.0)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with three entry points."""
    site = tmp_path / "site"
    (site / "beeps-1.0.dist-info").mkdir(parents=True)
    (site / "beeps-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: beeps\nVersion: 1.0\n")
    points = "[melgrid.datasets]\nbeeps = beeps_adapter\nhollow = json\nfma = json\nodd = odd_adapter\n"
    (site / "beeps-1.0.dist-info" / "entry_points.txt").write_text(points)
    (site / "beeps_adapter.py").write_text(ADAPTER)
    (site / "odd_adapter.py").write_text('CITATION = LICENSE = "x"\ndef index(root):\n    return []\n')
    monkeypatch.syspath_prepend(str(site))
    return tmp_path


def test_another_package_adds_a_corpus(package: Path) -> None:
    assert "beeps" in names()
    ds = load("beeps", package, loud="true", level="7")
    assert ds.options == {"loud": True, "level": 7}
    assert ds.validate(checksums=True).missing == ("a.wav",)
    assert describe("beeps")["options"] == {
        "loud": {"type": "bool", "default": False},
        "level": {"type": "int", "default": 3},
    }
    with pytest.raises(DatasetError, match="beeps: level='many' must be int"):
        load("beeps", package, level="many")


def test_an_entry_point_must_name_an_adapter(package: Path) -> None:
    with pytest.raises(DatasetError, match="entry point 'hollow' = 'json' lacks CITATION, LICENSE, index"):
        load("hollow", package)
    with pytest.raises(DatasetError, match="adapter 'odd' must return a Dataset"):
        load("odd", package)


def test_a_built_in_adapter_wins(package: Path) -> None:
    assert names().count("fma") == 1
    assert "Free Music Archive" in describe("fma")["summary"]


def test_names_are_sorted_and_known() -> None:
    assert names() == tuple(sorted(names()))
    assert set(names()) >= {"fma", "folder", "gtzan", "gtzan_music_speech", "jamendo", "magnatagatune", "urbansound8k"}


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"unknown dataset 'gtzn'; known: .*fma, .*Did you mean 'gtzan'\?"):
        load("gtzn", tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "fma",
            {"subsett": "small"},
            r"fma: unknown option 'subsett'; it has subset, labels, unlabelled. Did you mean 'subset'\?",
        ),
        (
            "fma",
            {"subset": "smal"},
            r"fma: subset='smal' must be small \| medium \| large \| full. Did you mean 'small'\?",
        ),
        ("fma", {"unlabelled": "dropp"}, r"must be drop \| keep. Did you mean 'drop'\?"),
        ("fma", {"labels": "genres"}, r"must be genre_top \| genres_all. Did you mean 'genres_all'\?"),
        ("urbansound8k", {"fold": 1}, "urbansound8k: unknown option 'fold'; it has none"),
        ("magnatagatune", {"tags": 50}, "tags=50 must be a text"),
    ],
)
def test_unknown_options_and_values_get_the_nearest(
    pristine: Corpus, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        load(name, pristine(name), **options)


def test_describe_shows_options() -> None:
    assert describe("gtzan")["options"] == {
        "splits_dir": {"type": "a path", "default": None},
        "artists": {"type": "a path", "default": None},
        "split": {"type": "stratified", "default": None},
    }
