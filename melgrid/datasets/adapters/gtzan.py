"""GTZAN: 1,000 excerpts of 30 s in ten genres, 22,050 Hz mono, as ``.au`` or ``.wav``.

Trees: ``genres/<genre>/<genre>.NNNNN.au`` (or ``.wav``), and Kaggle's ``Data/genres_original/<genre>/*.wav``.
Lengths vary by some frames. Faults: exact duplicates, other excerpts of one recording, mislabelled items, few
artists (35 of the reggae items are Bob Marley); ``jazz.00054.wav`` of the Kaggle tree is no sound file. There is no
official split. The fault-filtered lists of Kereliuk, Sturm and Larsen (443/197/290) keep artists apart and leave 70
items out (split None); random splits inflate accuracy by many points. The group is the artist when Sturm's index is
given, else the file.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from melgrid.datasets.dataset import SPLITS, Dataset, clip_table
from melgrid.datasets.files import contents, digest, scan
from melgrid.datasets.split_lists import by_entry, read_split_lists
from melgrid.datasets.tables import read_text
from melgrid.errors import DatasetError, DatasetWarning

CITATION = (
    'G. Tzanetakis, P. Cook. "Musical genre classification of audio signals." '
    "IEEE Trans. Speech and Audio Processing 10(5), 293-302, 2002. "
    'Faults: B. L. Sturm, "The GTZAN dataset: its contents, its faults, their effects on evaluation, and its future '
    'use", arXiv:1306.1461 (2013). '
    'Filtered lists: C. Kereliuk, B. L. Sturm, J. Larsen, "Deep Learning and Music Adversaries", '
    "IEEE Trans. Multimedia 2015, arXiv:1507.04761."
)
LICENSE = "None stated; commercial recordings; research use only; do not redistribute."
ARCHIVES = {
    "genres.tar.gz": (
        "md5:5b3d6dddb579ab49814ab86dba69e7c7",
        "sha256:24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
    )
}
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
FOLDERS = ("", "genres", "genres_original", "Data/genres_original", "Data")
ITEM = re.compile(rf"({'|'.join(GENRES)})/(\1\.\d{{5}})\.(?i:au|wav)")
FOLDS = tuple(range(1, 11))
OFFICIAL = {"clips": 1000, "classes": 10, **{f"label {genre}": 100 for genre in GENRES}}
FILTERED = {"split train": 443, "split valid": 197, "split test": 290, "filtered out": 70}


def index(
    root: Path,
    *,
    splits_dir: Path | None = None,
    artists: Path | None = None,
    split: Literal["stratified"] | None = None,
) -> Dataset:
    """List the genre folders.

    Parameters
    ----------
    root : Path
        The folder of the genre folders, or one above it.
    splits_dir : Path, optional
        Folder with ``train_filtered.txt``, ``valid_filtered.txt`` and ``test_filtered.txt``; they become the
        official split.
    artists : Path, optional
        Sturm's ``GTZANindex.txt`` (``blues.00002.wav ::: Artist ::: Title``): groups become artists.
    split : {"stratified"}, optional
        Make ten folds of equal genre shares; for comparison with older work only. With ``artists`` they keep
        artists together.

    Raises
    ------
    DatasetError
        If the tree is another one, or a list or the index is not in form.

    Warns
    -----
    DatasetWarning
        If one item is there as .au and as .wav, the index has no artists, or there are neither artists nor lists, so
        that no split but one by hand keeps artists apart.
    """
    import pandas as pd

    if splits_dir and split:
        raise DatasetError("gtzan: splits_dir and split=stratified exclude each other")
    base = next(
        (root / folder for folder in FOLDERS if all((root / folder / genre).is_dir() for genre in GENRES)), None
    )
    if base is None:
        raise DatasetError(
            f"gtzan: {root} or genres/ in it must hold the folders {' '.join(GENRES)}; it holds {contents(root)}"
        )

    paths, excluded = _items(base)
    side: dict[str, str] = {}
    options: dict[str, Any] = {"splits_dir": None, "artists": None, "split": split}
    if splits_dir:
        lists, options["splits_dir"] = read_split_lists(splits_dir, {name: f"{name}_filtered.txt" for name in SPLITS})
        side = {_stem(line, splits_dir): name for line, name in by_entry(lists, splits_dir).items()}
        for stem in side.keys() - paths.keys():  # listed but not on disk: a missing file, not a missing row
            paths[stem] = f"{stem.partition('.')[0]}/{stem}.wav"
    names: dict[str, str] = {}
    if artists:
        names, options["artists"] = _read_artists(artists), digest(artists)

    if not (splits_dir or names):
        warnings.warn(
            "gtzan: nothing keeps the pieces of an artist and duplicates on one side: splits that are drawn or "
            "stratified inflate accuracy by many points; give the fault-filtered lists (splits_dir=...) or Sturm's "
            "index (artists=...)",
            DatasetWarning,
            stacklevel=3,
        )

    clips = pd.DataFrame({"clip_id": sorted(paths)})
    clips["path"] = clips["clip_id"].map(paths)
    clips["label"] = [stem.partition(".")[0] for stem in clips["clip_id"]]
    clips["split"] = clips["clip_id"].map(side)
    clips["group"] = [names.get(stem) or stem for stem in clips["clip_id"]]
    clips["known_bad"] = [_fault(base / path) for path in clips["path"]]
    splits: dict[str, tuple[Any, ...]] = {"split": SPLITS} if splits_dir else {}
    if split == "stratified":
        clips["fold"] = _stratified(clips["clip_id"], clips["label"], clips["group"])
        splits = {"fold": FOLDS}
    return Dataset(
        name="gtzan",
        root=base,
        options=options,
        clips=clip_table(clips, root=base, classes=GENRES, task="single"),
        classes=GENRES,
        task="single",
        splits=splits,
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=30.0,
        official=OFFICIAL | (FILTERED if splits_dir else {}),
        excluded=excluded,
    )


def _items(base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Stem -> path, and the second file of stems that have two."""
    paths: dict[str, str] = {}
    twins = {}
    for path in scan(base, (".au", ".wav")):  # sorted: .au comes before .wav
        if item := ITEM.fullmatch(path):
            if item[2] in paths:
                twins[path] = f"second file of {item[2]}"
            else:
                paths[item[2]] = path
    if twins:
        warnings.warn(
            f"gtzan: {len(twins)} items are there as .au and as .wav (first: {min(twins)}); the .au files are used",
            DatasetWarning,
            stacklevel=4,
        )
    return paths, twins


def _stem(line: str, folder: Path) -> str:
    item = ITEM.fullmatch(line)
    if item is None:
        raise DatasetError(f"{folder}: {line!r} is not of the form genre/genre.NNNNN.wav")
    return item[2]


def _read_artists(path: Path) -> dict[str, str]:
    """Stem -> artist, lower case with single blanks; only where one is given."""
    if not path.is_file():
        raise DatasetError(f"gtzan: artists={str(path)!r} must be Sturm's GTZANindex.txt; there is no such file")
    artists = {}
    for line in read_text(path).splitlines():
        fields = [" ".join(field.split()) for field in line.split(":::")]
        if len(fields) >= 2 and fields[1]:
            artists[fields[0].removesuffix(".wav").removesuffix(".au")] = fields[1].casefold()
    if len(set(artists.values())) < 2:
        warnings.warn(
            f"gtzan: {path} names no artists (a placeholder copy?); groups stay single files",
            DatasetWarning,
            stacklevel=4,
        )
        return {}
    return artists


def _fault(file: Path) -> str | None:
    if file.suffix.lower() == ".wav" and file.is_file():
        with file.open("rb") as start:
            if start.read(4) not in (b"RIFF", b"RIFX", b"RF64"):
                return "not a RIFF file"
    return None


def _stratified(stems: Any, genres: Any, groups: Any) -> list[int]:
    """Deal groups, largest first, to the fold with the fewest items of their genre; ties by a hash, not by chance."""
    rows = list(zip(stems, genres, groups, strict=True))
    size = Counter(group for _, _, group in rows)
    genre = {group: genre for _, genre, group in reversed(rows)}
    load: Counter[Any] = Counter()
    fold = {}
    for group in sorted(size, key=lambda name: (-size[name], sha256(name.encode()).digest())):
        fold[group] = min(FOLDS, key=lambda number: (load[number, genre[group]], load[number], number))
        load[fold[group], genre[group]] += size[group]
        load[fold[group]] += size[group]
    return [fold[group] for _, _, group in rows]
