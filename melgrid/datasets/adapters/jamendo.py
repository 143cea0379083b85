"""Jamendo voice detection: 93 songs of the Jamendo label archive with marks of singing, 6 hours, MP3 and Ogg.

Trees: ``train/``, ``valid/`` and ``test/`` beside ``jamendo_lab/*.lab`` (the archives as published), or ``audio/``,
``labels/`` and ``filelists/{train,valid,test}``. Each ``.lab`` file has lines of ``start end sing|nosing``. The
published split has 61, 16 and 16 songs. A clip is a whole song; its column ``intervals`` has the marks, which
`melgrid.datasets.frame_labels` turns into labels of frames. File names hold dots and blanks: the stem ends at the
last dot.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from melgrid.datasets.dataset import SPLITS, Dataset, clip_table
from melgrid.datasets.files import AUDIO_SUFFIXES, contents, scan
from melgrid.datasets.intervals import read_lab
from melgrid.datasets.split_lists import by_entry, read_split_lists
from melgrid.errors import DatasetError

CITATION = (
    'M. Ramona, G. Richard, B. David. "Vocal detection in music with support vector machines." '
    "IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2008, pp. 1885-1888."
)
LICENSE = "Creative Commons, per song, as published on Jamendo; research use."
CLASSES = ("nosing", "sing")
LABEL_FOLDERS = ("jamendo_lab", "labels")
LISTS = (("", "jam_{}_list.txt"), ("filelists", "{}"), ("filelists", "{}.txt"))
OFFICIAL = {"clips": 93, "classes": 2, "split train": 61, "split valid": 16, "split test": 16}


def index(root: Path) -> Dataset:
    """List the songs and read their marks.

    Parameters
    ----------
    root : Path

    Raises
    ------
    DatasetError
        If the tree is another one, a list or a ``.lab`` file is not in form.
    """
    import pandas as pd

    labels = next((root / folder for folder in LABEL_FOLDERS if (root / folder).is_dir()), None)
    paths = list(scan(root))
    if labels is None or not paths:
        raise DatasetError(
            f"jamendo: {root} must hold jamendo_lab/ and the songs in train/, valid/, test/; it holds {contents(root)}"
        )
    songs = [PurePosixPath(path).stem for path in paths]
    sides = _sides(root, dict(zip(songs, paths, strict=True)))
    absent = sorted(sides.keys() - set(songs))  # listed but not on disk: a missing file, not a missing row
    clips = pd.DataFrame({"clip_id": songs + absent, "path": paths + [f"{sides[song]}/{song}.mp3" for song in absent]})
    clips["split"] = clips["clip_id"].map(sides)
    files = [labels / f"{song}.lab" for song in clips["clip_id"]]
    clips["intervals"] = pd.Series([read_lab(file) if file.is_file() else () for file in files], dtype=object)
    clips["known_bad"] = [None if file.is_file() else "no .lab file" for file in files]
    for file, intervals in zip(files, clips["intervals"], strict=True):
        if unknown := {name for _, _, name in intervals} - set(CLASSES):
            raise DatasetError(f"{file}: class {min(unknown)!r} is not one of {', '.join(CLASSES)}")
    clips["seconds"] = [max((end for _, end, _ in intervals), default=float("nan")) for intervals in clips["intervals"]]
    return Dataset(
        name="jamendo",
        root=root,
        options={},
        clips=clip_table(clips, root=root, classes=CLASSES, task="none"),
        classes=CLASSES,
        task="none",
        splits={"split": SPLITS},
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=240.0,
        official=OFFICIAL,
    )


def _sides(root: Path, songs: dict[str, str]) -> dict[str, str]:
    """Song -> split, by the published lists where they are there, else by the folder."""
    for folder, name in LISTS:
        if all((root / folder / name.format(split)).is_file() for split in SPLITS):
            lists, _ = read_split_lists(root / folder, {split: name.format(split) for split in SPLITS})
            return {_song(entry): split for entry, split in by_entry(lists, root / folder).items()}
    by_folder = {song: path.split("/")[0] for song, path in songs.items() if path.split("/")[0] in SPLITS}
    if not by_folder:
        raise DatasetError(f"jamendo: {root} has neither train/, valid/, test/ nor lists; it holds {contents(root)}")
    return by_folder


def _song(entry: str) -> str:
    """Name without its suffix; the published lists say ``.trs``, others the audio's, some none."""
    path = PurePosixPath(entry)
    return path.stem if path.suffix.lower() in {".trs", ".lab", *AUDIO_SUFFIXES} else path.name
