"""GTZAN music/speech: 64 excerpts of music and 64 of speech, 30 s each, 22,050 Hz mono WAV.

Tree: ``music_speech/music_wav`` and ``music_speech/speech_wav`` (some copies: ``music`` and ``speech``). There is
no official split and nothing is known of recordings that the excerpts share; the group is the file. (Collection of
1999; some catalogues count 60.)
"""

from __future__ import annotations

from pathlib import Path

from melgrid.datasets.dataset import Dataset, clip_table
from melgrid.datasets.files import contents, scan
from melgrid.errors import DatasetError

CITATION = 'G. Tzanetakis. "GTZAN Music/Speech Collection." 1999. http://marsyas.info'
LICENSE = "None stated; research use only; do not redistribute."
ARCHIVES = {"music_speech.tar.gz": ("md5:b063639094c169062940becacd3108a0",)}
CLASSES = ("music", "speech")
OFFICIAL = {"clips": 128, "classes": 2, "label music": 64, "label speech": 64}


def index(root: Path) -> Dataset:
    """List the two folders.

    Parameters
    ----------
    root : Path
        The folder of the two folders, or the one above it.

    Raises
    ------
    DatasetError
        If the tree is another one.
    """
    import pandas as pd

    choices = [
        {name: base / f"{name}{ending}" for name in CLASSES}
        for base in (root, root / "music_speech")
        for ending in ("_wav", "")
    ]
    folders = next((choice for choice in choices if all(folder.is_dir() for folder in choice.values())), None)
    if folders is None:
        raise DatasetError(
            f"gtzan_music_speech: {root} must hold music_wav/ and speech_wav/; it holds {contents(root)}"
        )
    base = folders["music"].parent
    clips = pd.DataFrame(
        [
            {"clip_id": f"{name}/{path.rpartition('.')[0]}", "path": f"{folder.name}/{path}", "label": name}
            for name, folder in folders.items()
            for path in scan(folder, (".wav", ".au"))
        ],
        columns=["clip_id", "path", "label"],
    )
    clips["group"] = clips["clip_id"]
    return Dataset(
        name="gtzan_music_speech",
        root=base,
        options={},
        clips=clip_table(clips, root=base, classes=CLASSES, task="single"),
        classes=CLASSES,
        task="single",
        splits={},
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=30.0,
        official=OFFICIAL,
    )
