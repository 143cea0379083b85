"""MagnaTagATune: 25,863 clips of 29 s from Magnatune albums, 188 tags from the TagATune game, 16 kHz mono MP3.

Tree: ``annotations_final.csv`` (tab-separated despite its name) and, if there, ``clip_info_final.csv``, beside or
above the folder of the sixteen folders ``0``..``9``, ``a``..``f``; that folder is the root of the clips. Three
files are empty or missing in every copy. Official split by folder: 0-b train, c validation, d-f test. No album and
no track crosses it, but 56 of 230 artists do. A missing tag is no judgement that the tag does not fit. Clips
without any of the chosen tags (296 of the validation and 997 of the test side for the top 50) are kept unless
dropped; published results differ in this.
"""

from __future__ import annotations

from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from melgrid.datasets.dataset import SPLITS, Dataset, clip_table
from melgrid.datasets.files import contents
from melgrid.datasets.split_lists import by_entry, read_split_lists
from melgrid.datasets.tables import integers, read_table
from melgrid.datasets.tags import TAGS, choose
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

CITATION = (
    "E. Law, K. West, M. Mandel, M. Bay, J. S. Downie. "
    '"Evaluation of Algorithms Using Games: The Case of Music Tagging." '
    "10th International Society for Music Information Retrieval Conference (ISMIR), 2009, pp. 387-392."
)
LICENSE = "Annotations CC BY-NC-SA 3.0 Unported; the audio, by Magnatune, CC BY-NC-SA 1.0."
ARCHIVES = {
    "mp3.zip.001": ("sha256:f857fe185968773058cc71662c2ef5d8f2d4b7338e3c122cfd52f82dcb9760b9",),
    "mp3.zip.002": ("sha256:fc2e1ec441755556ed1398b1808f1b08b6034372f8bc27394510c0c58cdb52ce",),
    "mp3.zip.003": ("sha256:83a689824c17e82f6eb81cdbc4e4ca239a4cfc1fb41f1a5c80b861caec90450f",),
}
ANNOTATIONS = "annotations_final.csv"
CLIP_INFO = "clip_info_final.csv"
SIDES = {**dict.fromkeys("0123456789ab", "train"), "c": "valid", **dict.fromkeys("def", "test")}
KNOWN_BAD = (  # clips 35644, 55753, 57881
    "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
    "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre_couperin-88-117.mp3",
)
PATH = r"^([0-9a-f])/([a-z0-9_]+)-([a-z0-9_]+)-(\d\d)-([a-z0-9_]+)-(\d+)-(\d+)\.mp3$"
COMPILERS = ("magnatune_compilation", "various_artists", "magnatune", "magnatune_remixed")
ARTISTS = {"groups": 230, "groups across split": 56}
ALL_ROWS = {"clips": 25863, "split train": 18709, "split valid": 1825, "split test": 5329}
TOP50_ROWS = {"clips": 21108, "split train": 15247, "split valid": 1529, "split test": 4332}


def index(
    root: Path,
    *,
    tags: str = "top50",
    merge: Literal["none", "published", "completed"] = "none",
    untagged: Literal["keep", "drop"] = "keep",
    group: Literal["artist", "album", "track", "strict"] = "artist",
    splits_dir: Path | None = None,
) -> Dataset:
    """Read ``annotations_final.csv``, and ``clip_info_final.csv`` where there is one.

    Parameters
    ----------
    root : Path
        The folder with the annotations, or the folder of the sixteen folders below it.
    tags : str
        ``top50`` in the published order, ``all``, or names separated by commas (case and blanks do not matter).
    merge : {"none", "published", "completed"}
        Unite synonyms by the published groups; ``completed`` adds ``female vocal``, which they forgot. The top 50
        are then counted anew, over all rows, ties in the order of the header.
    untagged : {"keep", "drop"}
        Clips that have none of the chosen tags.
    group : {"artist", "album", "track", "strict"}
        What the group is; ``strict`` is the artist, and tracks of label compilations go to the artist whose track
        they repeat.
    splits_dir : Path, optional
        Folder with one list each whose names begin with ``train``, ``val`` and ``test`` instead of the rule by
        folder. An entry is a path (``.npy`` for ``.mp3`` is understood) or a clip id; further fields after a tab do
        not matter.

    Raises
    ------
    DatasetError
        If the tree is another one, a table or list is not in form, or a tag is unknown.
    """
    import pandas as pd

    annotations, audio = _find(root)
    rows = _read_annotations(annotations)
    parts = rows["mp3_path"].str.extract(PATH)
    if parts[0].isna().any():
        wrong = rows["mp3_path"][parts[0].isna()].iloc[0]
        raise DatasetError(f"{annotations}: mp3_path={wrong!r} is not folder/artist-album-NN-title-start-end.mp3")
    matrix, vocabulary = choose(rows[list(TAGS)].to_numpy(dtype=bool), tags, merge)

    clips = pd.DataFrame({"clip_id": rows["clip_id"].astype(str), "path": rows["mp3_path"]})
    clips["labels"] = pd.Series([tuple(compress(vocabulary, row)) for row in matrix], dtype=object)
    clips["split"] = parts[0].map(SIDES)
    clips["group"] = _groups(parts, group)
    clips["known_bad"] = clips["path"].map(dict.fromkeys(KNOWN_BAD, "empty or missing in every copy"))
    clips["tagged"] = pd.Series(matrix.any(axis=1))
    clips[["artist", "album"]] = _clip_info(annotations.with_name(CLIP_INFO), rows["clip_id"], parts)
    lists = None
    if splits_dir:
        clips["split"], lists = _listed(splits_dir, clips)
    excluded = {}
    if untagged == "drop":
        excluded = dict.fromkeys(clips.loc[~clips["tagged"], "path"], "no tag of the chosen ones")
        clips = clips[clips["tagged"]]

    official = {"classes": len(vocabulary)}
    if not splits_dir and untagged == "keep":
        official |= ALL_ROWS | (ARTISTS if group == "artist" else {})
    elif not splits_dir and (tags, merge) == ("top50", "none"):
        official |= TOP50_ROWS
    return Dataset(
        name="magnatagatune",
        root=audio,
        options={"tags": tags, "merge": merge, "untagged": untagged, "group": group, "splits_dir": lists},
        clips=clip_table(clips, root=audio, classes=vocabulary, task="multi"),
        classes=vocabulary,
        task="multi",
        splits={"split": SPLITS},
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=29.12,
        official=official,
        excluded=excluded,
    )


def _find(root: Path) -> tuple[Path, Path]:
    annotations = next((f for f in (root / ANNOTATIONS, root.parent / ANNOTATIONS) if f.is_file()), None)
    places = [root, *sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))]
    audio = next((place for place in places if all((place / shard).is_dir() for shard in SIDES)), None)
    if annotations is None or audio is None:
        lacking = ANNOTATIONS if annotations is None else "a folder with the sixteen folders 0..9, a..f"
        raise DatasetError(f"magnatagatune: {root} must hold {lacking}; it holds {contents(root)}")
    return annotations, audio


def _read_annotations(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline()
    if "\t" not in header:
        raise DatasetError(
            f"{path}: the header has no tabs; this file is tab-separated despite its name (was it re-saved?)"
        )
    columns = [name.strip().strip('"') for name in header.split("\t")]
    if set(columns) - {""} != {"clip_id", "mp3_path", *TAGS}:
        odd = sorted({"clip_id", "mp3_path", *TAGS} ^ (set(columns) - {""}))
        raise DatasetError(
            f"{path}: must have clip_id, 188 tags and mp3_path; differs in {', '.join(odd[:5])} ({len(odd)} columns)"
        )
    rows = read_table(path, sep="\t")
    rows["clip_id"] = integers(rows, "clip_id", path)
    marks = rows[list(TAGS)]
    if not (wrong := ~marks.isin(("0", "1"))).to_numpy().any():
        rows[list(TAGS)] = marks == "1"
        return rows
    row, column = (int(place[0]) for place in wrong.to_numpy().nonzero())
    raise DatasetError(f"{path}: row {row + 1}, {TAGS[column]!r} is {marks.iloc[row, column]!r}, not 0 or 1")


def _groups(parts: pd.DataFrame, kind: str) -> pd.Series:
    """Group keys from the file name; its slugs exist for every clip and are never finer than clip_info's names."""
    artist, album, track, title = parts[1], parts[2], parts[3], parts[4]
    if kind == "album":
        return artist + "/" + album
    if kind == "track":
        return artist + "/" + album + "/" + track + "/" + title
    if kind == "strict":
        compiled = artist.isin(COMPILERS) | album.str.contains("compilation")
        own = {f"{a}_{t}": a for a, t in zip(artist[~compiled], title[~compiled], strict=True)}
        return title.map(own).where(compiled).fillna(artist)
    return artist


def _clip_info(path: Path, clip_ids: pd.Series, parts: pd.DataFrame) -> pd.DataFrame:
    """Artist and album as written in clip_info, else the slugs."""
    slugs = parts[[1, 2]].set_axis(["artist", "album"], axis=1)
    if not path.is_file():
        return slugs
    wanted = ("clip_id", "artist", "album")
    info = read_table(path, sep="\t", needs=wanted, usecols=lambda name: name in wanted)
    info = info.set_index(integers(info, "clip_id", path))[["artist", "album"]]
    named = info[~info.index.duplicated()].reindex(clip_ids).reset_index(drop=True)
    return named.where(named.notna() & (named != ""), slugs)


def _listed(folder: Path, clips: pd.DataFrame) -> tuple[list[str | None], str]:
    lists, made_of = read_split_lists(folder, {"train": "train*", "valid": "val*", "test": "test*"})
    by_path = dict(zip(clips["path"], clips["clip_id"], strict=True))
    known = set(clips["clip_id"])
    for entries in lists.values():
        for place, entry in enumerate(entries):
            fields = [field.strip() for field in entry.split("\t")]
            path = next((field for field in fields if field.endswith((".mp3", ".npy"))), None)
            clip = fields[0] if path is None else by_path.get(path.removesuffix(".npy").removesuffix(".mp3") + ".mp3")
            if clip not in known:
                raise DatasetError(f"{folder}: {entry!r} is no clip of {ANNOTATIONS}")
            entries[place] = str(clip)
    side = by_entry(lists, folder)
    return [side.get(clip) for clip in clips["clip_id"]], made_of
