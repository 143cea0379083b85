"""FMA, the Free Music Archive dump: 106,574 tracks with genres; 30 s clips in three nested subsets, or full tracks.

Trees: ``fma_metadata/`` (``tracks.csv``, ``genres.csv``) beside ``fma_small/``, ``fma_medium/``, ``fma_large/`` or
``fma_full/`` with ``000/000002.mp3``. small lies in medium, medium in large; clips of one track are the same bytes
in all three, so a larger folder serves a smaller subset. ``tracks.csv`` has three header lines and cells with line
ends. The official split is per artist; the group is the artist. ``genre_top`` is empty for half of large and full.
Some clips are silent or far too short since the archive had wrong lengths; they are known bad (not in full, which
was never cut).
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from melgrid.datasets.dataset import Dataset, clip_table
from melgrid.datasets.files import contents
from melgrid.datasets.tables import integers, numbers, read_table
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

CITATION = (
    'M. Defferrard, K. Benzi, P. Vandergheynst, X. Bresson. "FMA: A Dataset for Music Analysis." '
    "18th International Society for Music Information Retrieval Conference (ISMIR), 2017. arXiv:1612.01840."
)
LICENSE = "Metadata CC BY 4.0; the audio under each artist's licence (column 'license'); research use."
ARCHIVES = {
    "fma_metadata.zip": ("sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733",),
    "fma_small.zip": ("sha1:ade154f733639d52e35e32f5593efe5be76c6d70",),
    "fma_medium.zip": ("sha1:c67b69ea232021025fca9231fc1c7c1a063ab50b",),
    "fma_large.zip": ("sha1:497109f4dd721066b5ce5e5f250ec604dc78939e",),
    "fma_full.zip": ("sha1:0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",),
}
SUBSETS = ("small", "medium", "large")
SPLITS = {"training": "train", "validation": "valid", "test": "test"}
NEEDED = {  # our name -> the two header lines
    "artist": ("artist", "id"),
    "album": ("album", "id"),
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "duration": ("track", "duration"),
    "genre_top": ("track", "genre_top"),
    "genres_all": ("track", "genres_all"),
    "license": ("track", "license"),
}
SILENT = (99134, 108925, 133297)
SHORT = (
    *(1486, 5574, 65753, 80391, 98558, 98559, 98560, 98565, 98566, 98567, 98568, 98569, 98571),
    *(105247, 108924, 126981, 127336, 143992),
)
SIDES = {  # train, valid, test; full as large
    "small": (6400, 800, 800),
    "medium": (19922, 2505, 2573),
    "large": (84353, 10958, 11263),
}
GENRE_COUNTS = {
    "small": dict.fromkeys(
        ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock"), 1000
    ),
    "medium": {
        **{"Rock": 7103, "Electronic": 6314, "Experimental": 2251, "Hip-Hop": 2201, "Folk": 1519, "Instrumental": 1350},
        **{"Pop": 1186, "International": 1018, "Classical": 619, "Old-Time / Historic": 510, "Jazz": 384},
        **{"Country": 178, "Soul-RnB": 154, "Spoken": 118, "Blues": 74, "Easy Listening": 21},
    },
}
BARE = {"genre_top": 56976, "genres_all": 2231}  # tracks of large and full without that label


def index(
    root: Path,
    *,
    subset: Literal["small", "medium", "large", "full"] = "small",
    labels: Literal["genre_top", "genres_all"] = "genre_top",
    unlabelled: Literal["drop", "keep"] | None = None,
) -> Dataset:
    """Read ``tracks.csv`` and ``genres.csv``.

    Parameters
    ----------
    root : Path
        The folder that holds ``fma_metadata/`` and ``fma_small/`` (or a larger one), or the audio folder beside
        ``fma_metadata/``.
    subset : {"small", "medium", "large", "full"}
    labels : {"genre_top", "genres_all"}
        One root genre a track, or all its genres with their ancestors.
    unlabelled : {"drop", "keep"}, optional
        What happens to tracks without ``genre_top``; must be said where there are any. With genres_all they are
        kept unless dropped.

    Raises
    ------
    DatasetError
        If the tree is another one, a table is not in form, or ``unlabelled`` has to be chosen.
    """
    metadata, audio = _find(root, subset)
    tracks = _read_tracks(metadata / "tracks.csv")
    rank = {name: place for place, name in enumerate(SUBSETS)}
    inside = tracks["subset"].map(rank) <= rank.get(subset, rank["large"])
    excluded = dict.fromkeys(tracks.loc[~inside, "path"], f"not in subset {subset}")
    clips = tracks[inside].reset_index(drop=True)

    if labels == "genre_top":
        clips["label"] = clips["genre_top"].where(clips["genre_top"] != "", None)
        bare = clips["label"].isna()
        classes = tuple(sorted(set(clips["label"].dropna())))
        if bare.any() and unlabelled is None:
            raise DatasetError(
                f"fma: {bare.sum()} of {len(clips)} tracks of subset {subset} have no genre_top; "
                "say unlabelled=drop or unlabelled=keep, or use labels=genres_all"
            )
    else:
        clips["labels"], classes = _genres(clips["genres_all"], metadata / "genres.csv")
        bare = clips["labels"].map(len) == 0
    if unlabelled == "drop":
        excluded |= dict.fromkeys(clips.loc[bare, "path"], f"no {labels}")
        clips = clips[~bare]

    if subset != "full":
        faults = {**dict.fromkeys(SHORT, "clip far shorter than 30 s"), **dict.fromkeys(SILENT, "file without audio")}
        clips = clips.assign(known_bad=clips["track"].map(faults), seconds=float("nan"))
    task: Literal["single", "multi"] = "single" if labels == "genre_top" else "multi"
    clips = clips.drop(columns=["track", "genre_top", "genres_all"]).rename(columns={"artist": "group"})
    return Dataset(
        name="fma",
        root=audio,
        options={"subset": subset, "labels": labels, "unlabelled": unlabelled or "keep"},
        clips=clip_table(clips, root=audio, classes=classes, task=task),
        classes=classes,
        task=task,
        splits={"split": tuple(SPLITS.values())},
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=270.0 if subset == "full" else 30.0,
        official=_official(subset, labels, unlabelled),
        excluded=excluded,
    )


def _find(root: Path, subset: str) -> tuple[Path, Path]:
    larger = ("full",) if subset == "full" else SUBSETS[SUBSETS.index(subset) :]
    places = [root / f"fma_{name}" for name in larger]
    if root.name in {place.name for place in places} or not (root.name.startswith("fma_") or any(root.glob("fma_*/"))):
        places.append(root)
    audio = next((place for place in places if any(place.glob("[0-9][0-9][0-9]/"))), None)
    metadata = next(
        (f for f in (root / "fma_metadata", root.parent / "fma_metadata", root) if (f / "tracks.csv").is_file()), None
    )
    if audio is None or metadata is None:
        lacking = "fma_metadata/tracks.csv" if metadata is None else " or ".join(f"fma_{name}/000" for name in larger)
        raise DatasetError(f"fma: {root} must hold {lacking} (subset {subset}); it holds {contents(root)}")
    return metadata, audio


def _read_tracks(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        header = [row for row, _ in zip(csv.reader(lines), range(3), strict=False)]
    if len(header) < 3 or header[2][:1] != ["track_id"] or any(header[2][1:]):
        raise DatasetError(
            f"{path}: must begin with three header lines, the third one 'track_id' (is it raw_tracks.csv, or re-saved?)"
        )
    places = {pair: place for place, pair in enumerate(zip(header[0], header[1], strict=False))}
    if lacking := [pair for pair in NEEDED.values() if pair not in places]:
        raise DatasetError(f"{path}: column {'.'.join(lacking[0])!r} is missing from the header")
    wanted = {0: "track_id", **{places[pair]: name for name, pair in NEEDED.items()}}
    tracks = read_table(path, header=None, skiprows=3, usecols=list(wanted)).rename(columns=wanted)

    tracks["track"] = integers(tracks, "track_id", path)
    tracks["clip_id"] = tracks["track"].map("{:06d}".format)
    tracks["path"] = tracks["clip_id"].str[:3] + "/" + tracks["clip_id"] + ".mp3"
    for column, known in (("split", SPLITS), ("subset", dict.fromkeys(SUBSETS))):
        if unknown := sorted(set(tracks[column]) - set(known)):
            raise DatasetError(f"{path}: set.{column}={unknown[0]!r} is not one of {', '.join(known)}")
    tracks["split"] = tracks["split"].map(SPLITS)
    for column in ("artist", "album"):
        tracks[column] = tracks[column].where(~tracks[column].isin(("", "-1")), None)
    tracks["seconds"] = numbers(tracks, "duration", path).replace(0.0, float("nan"))
    return tracks.drop(columns=["track_id", "duration"])


def _genres(lists: pd.Series, path: Path) -> tuple[pd.Series, tuple[str, ...]]:
    table = read_table(path, needs=("genre_id", "title", "parent"))
    titles = dict(zip(integers(table, "genre_id", path), table["title"], strict=True))
    parsed: dict[str, tuple[str, ...]] = {}
    for text in set(lists):
        try:
            parsed[text] = tuple(sorted(titles[number] for number in json.loads(text)))
        except (ValueError, TypeError, KeyError) as error:
            raise DatasetError(
                f"{path.parent / 'tracks.csv'}: track.genres_all={text!r}: {error!r} is no genre of {path.name}"
            ) from error
    return lists.map(parsed), tuple(sorted({title for names in parsed.values() for title in names}))


def _official(subset: str, labels: str, unlabelled: str | None) -> dict[str, int]:
    sides = SIDES.get(subset, SIDES["large"])
    counts = {"groups across split": 0}
    if subset in GENRE_COUNTS:
        genres = GENRE_COUNTS[subset] if labels == "genre_top" else {}
        counts |= {"unlabelled": 0, **{f"label {genre}": count for genre, count in genres.items()}}
    elif unlabelled == "drop":
        return counts | {"clips": sum(sides) - BARE[labels], "unlabelled": 0}
    else:
        counts |= {"groups": 16341, "unlabelled": BARE[labels]}
    return counts | {"clips": sum(sides), **dict(zip(("split train", "split valid", "split test"), sides, strict=True))}
