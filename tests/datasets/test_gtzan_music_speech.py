from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from melgrid.datasets import load

Corpus = Callable[[str], Path]


def test_two_classes_and_no_split(pristine: Corpus) -> None:
    ds = load("gtzan_music_speech", pristine("gtzan_music_speech"))
    assert (ds.classes, ds.splits) == (("music", "speech"), {})
    assert ds.clips["label"].value_counts().to_dict() == {"music": 4, "speech": 4}
    assert ds.clips["clip_id"].iloc[0] == "music/music00"


@pytest.mark.parametrize("place", ["music_speech", ""])
@pytest.mark.parametrize("ending", ["_wav", ""])
def test_trees_that_circulate(own: Corpus, place: str, ending: str) -> None:
    root = own("gtzan_music_speech")
    ids = load("gtzan_music_speech", root).clips["clip_id"].tolist()
    for name in ("music", "speech"):
        folder = root / "music_speech" / f"{name}_wav"
        folder.rename(folder.with_name(f"{name}{ending}"))
    assert load("gtzan_music_speech", root / place).clips["clip_id"].tolist() == ids
