"""A corpus as a table: what every adapter returns.

The table has one row per clip, sorted by ``clip_id``, with the columns of `COLUMNS` first and the adapter's own
after them. ``label`` (task "single" and "none") and ``labels`` (task "multi") exclude each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from melgrid.datasets.files import confine
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from melgrid.datasets.validation import Decode, Report

__all__ = ["COLUMNS", "SPLITS", "Dataset", "Task", "clip_table"]

Task = Literal["single", "multi", "none"]
SPLITS = ("train", "valid", "test")
COLUMNS = ("clip_id", "path", "label", "split", "fold", "group", "known_bad", "seconds", "start", "end")


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """One corpus on disk, seen through its adapter.

    Attributes
    ----------
    name : str
        The adapter's name.
    root : Path
        Folder that the paths of the clips are relative to. It may lie below the one given to `load`.
    options : dict
        The adapter's own options, resolved and JSON-able. Folders with split lists stand here as digests of their
        contents, so that no machine path gets into a store.
    clips : DataFrame
        See `clip_table`.
    classes : tuple of str
        In the order of the class numbers.
    task : {"single", "multi", "none"}
    splits : dict of str to tuple
        Official split columns of `clips` and their values; empty where the corpus has none.
    citation, licence : str
    nominal_seconds : float, s
        Length of a usual clip, for planning.
    official : dict of str to int
        Published counts for these options, by the names that `validate` uses.
    excluded : dict of str to str
        Files that the metadata knows but that are no clips under these options: path -> reason.
    """

    name: str
    root: Path
    options: dict[str, Any]
    clips: pd.DataFrame
    classes: tuple[str, ...]
    task: Task
    splits: dict[str, tuple[Any, ...]]
    citation: str
    licence: str
    nominal_seconds: float
    official: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    def __repr__(self) -> str:
        splits = ", ".join(f"{column} {values[0]}..{values[-1]}" for column, values in self.splits.items() if values)
        return (
            f"Dataset({self.name!r}, {len(self.clips)} clips, {len(self.classes)} classes ({self.task}), "
            f"{splits or 'no official split'}, root={str(self.root)!r})"
        )

    def validate(self, decode: Decode | None = None, checksums: bool = False) -> Report:
        """Compare the metadata with the disk and with the published counts; see `melgrid.datasets.validate`."""
        from melgrid.datasets.validation import validate

        return validate(self, decode=decode, checksums=checksums)


def clip_table(rows: pd.DataFrame, *, root: Path, classes: Sequence[str], task: Task) -> pd.DataFrame:
    """Bring an adapter's rows into the form that all clip tables share.

    Parameters
    ----------
    rows : DataFrame
        Needs ``clip_id`` and ``path``; the other columns of `COLUMNS` are filled with "unknown" where absent.
        Task "multi" needs ``labels`` with tuples of class names. Further columns are kept, after the common ones.
    root : Path
        Folder that ``path`` is relative to.
    classes : sequence of str
    task : {"single", "multi", "none"}

    Returns
    -------
    DataFrame
        Columns ``clip_id path label|labels split fold group known_bad seconds start end ...``; missing texts are
        None, ``fold`` is Int64, times are float64 seconds (NaN = unknown, and for start and end: the whole file).

    Raises
    ------
    DatasetError
        If ids repeat, a path leaves the root, a label, split, length or excerpt is not a possible one, or there is a
        column ``parent``, which stores have for variants of clips.
    """
    import pandas as pd

    if "parent" in rows:
        raise DatasetError("column 'parent': stores keep the clip of a variant under this name; rename the column")
    rows = rows.reset_index(drop=True)
    absent = pd.Series([None] * len(rows), dtype=object)
    clips = pd.DataFrame({"clip_id": rows["clip_id"].astype(object), "path": rows["path"].astype(object)})
    if len(repeated := clips[clips["clip_id"].duplicated()]):
        clip_id, path = repeated.iloc[0]
        first = clips["path"][clips["clip_id"] == clip_id].iloc[0]
        raise DatasetError(
            f"clip id {clip_id!r} stands in more than one row, of {first!r} and of {path!r} "
            f"({len(repeated)} such rows in all); ids are unique"
        )
    confine(root, clips["path"])

    label = rows.get("label", absent)
    used = {name for names in rows["labels"] for name in names} if task == "multi" else set(label.dropna())
    if unknown := sorted(used - set(classes)):
        raise DatasetError(f"label {unknown[0]!r} is not one of the {len(classes)} classes: {', '.join(classes)}")
    if task == "multi":
        clips["labels"] = rows["labels"].astype(object)
    else:
        clips["label"] = pd.Categorical(label, categories=list(classes))

    for column in ("split", "group", "known_bad"):
        clips[column] = _texts(rows.get(column, absent))
    if wrong := sorted(set(clips["split"].dropna()) - set(SPLITS)):
        raise DatasetError(f"split {wrong[0]!r} is not one of {', '.join(SPLITS)}")
    clips.insert(4, "fold", rows.get("fold", absent).astype("Int64"))
    for column in ("seconds", "start", "end"):
        clips[column] = rows.get(column, absent).astype("float64")
    start = clips["start"].fillna(0.0)
    wrong_excerpt = (start < 0) | (clips["end"] <= start)
    if wrong_excerpt.any():
        row = clips[wrong_excerpt].iloc[0]
        raise DatasetError(f"{row.clip_id}: start={row.start}, end={row.end} must fulfil 0 <= start < end (seconds)")
    if (negative := clips["seconds"] < 0).any():
        row = clips[negative].iloc[0]
        raise DatasetError(f"{row.clip_id}: seconds={row.seconds} must not be negative")

    for column in rows.columns:
        if column not in clips and column not in COLUMNS:
            clips[column] = _texts(rows[column]) if pd.api.types.is_string_dtype(rows[column]) else rows[column]
    return clips.sort_values("clip_id", ignore_index=True)


def _texts(column: pd.Series) -> pd.Series:
    """Plain strings, and None for what is missing, whatever the version of pandas."""
    column = column.astype(object)
    return column.where(column.notna(), None)
