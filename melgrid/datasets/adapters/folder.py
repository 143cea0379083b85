"""Any folder of audio files: one folder per class, or a table, or ``.lab`` files with labels in time.

Without a table the first folder of a path is its class; where all first folders are split names (train, valid,
test, in any case), the second one is. Files straight in the root have no label. A table (CSV, TSV or Parquet) has a
row per clip with the columns

``path`` relative to the root; ``label``, or ``labels`` separated by ";" (lists in Parquet); ``split`` (train,
valid, test); ``fold`` (whole numbers); ``group`` (what must not be split); ``start``, ``end`` (seconds in the
file); ``seconds`` (length, if known); ``known_bad`` (why not to use it); ``clip_id`` (else path and excerpt).

Only ``path`` is needed. Other columns stay in the dataset's ``clips``; stores do without them. Splits and folds of
the table count as official.
"""

from __future__ import annotations

import difflib
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from melgrid.datasets.dataset import SPLITS, Dataset, Task, clip_table
from melgrid.datasets.files import confine, contents, scan
from melgrid.datasets.intervals import read_lab
from melgrid.datasets.tables import integers, numbers, read_table
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

CITATION = "Your own corpus: cite it as you would elsewhere."
LICENSE = "Your own corpus: its licence applies."
TEXTS = ("path", "label", "split", "group", "clip_id", "known_bad")
KNOWN = (*TEXTS, "labels", "fold", "start", "end", "seconds")
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def index(root: Path, *, table: Path | None = None, intervals: Literal["lab"] | None = None) -> Dataset:
    """List a folder, or read a table about it.

    Parameters
    ----------
    root : Path
    table : Path, optional
        ``.csv``, ``.tsv`` or ``.parquet``; a relative path is looked up in the root first.
    intervals : {"lab"}, optional
        Read the labels of each file from the ``.lab`` file beside it (lines of ``start end class``, seconds) into
        the column ``intervals``; `melgrid.datasets.frame_labels` makes labels of frames from it.

    Warns
    -----
    UserWarning
        A table lies in the root and none is asked for.

    Raises
    ------
    DatasetError
        If there is no audio, a path leaves the root, or a table or ``.lab`` file is not in form.
    """
    place = None
    if table is None:
        rows = _walk(root, by_class=intervals is None)
        _warn_of_tables(root)
    else:
        file = root / table if (root / table).is_file() else table
        rows = _read(file)
        inside = file.resolve().is_relative_to(root.resolve())
        place = file.resolve().relative_to(root.resolve()).as_posix() if inside else file.name

    task: Task = "multi" if "labels" in rows else "single"
    if intervals == "lab":
        if "labels" in rows or "label" in rows:
            raise DatasetError(f"folder: intervals=lab and a column label in {place} exclude each other")
        rows["intervals"] = _labs(root, rows["path"])
        classes = tuple(sorted({name for spans in rows["intervals"] for _, _, name in spans}))
        task = "none"
    elif task == "multi":
        classes = tuple(sorted({name for names in rows["labels"] for name in names}))
    else:
        classes = tuple(sorted(set(rows["label"].dropna()))) if "label" in rows else ()
        task = task if classes else "none"
    clips = clip_table(rows, root=root, classes=classes, task=task)
    seconds = clips["seconds"].median()
    splits: dict[str, tuple[Any, ...]] = {}
    if clips["split"].notna().any():
        splits["split"] = tuple(side for side in SPLITS if (clips["split"] == side).any())
    if clips["fold"].notna().any():
        splits["fold"] = tuple(int(fold) for fold in sorted(clips["fold"].dropna().unique()))
    return Dataset(
        name="folder",
        root=root,
        options={"table": place, "intervals": intervals},
        clips=clips,
        classes=classes,
        task=task,
        splits=splits,
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=float(seconds) if seconds > 0 else 10.0,
    )


def _walk(root: Path, *, by_class: bool) -> pd.DataFrame:
    import pandas as pd

    paths = list(scan(root))
    if not paths:
        raise DatasetError(f"folder: {root} holds no audio files; it holds {contents(root)}")
    folders = [path.split("/")[:-1] for path in paths]
    rows = pd.DataFrame({"clip_id": paths, "path": paths})
    if {parts[0].lower() if parts else "" for parts in folders} <= SPLIT_WORDS.keys():
        rows["split"] = [SPLIT_WORDS[parts[0].lower()] for parts in folders]
        folders = [parts[1:] for parts in folders]
    if by_class:
        rows["label"] = pd.Series([parts[0] if parts else None for parts in folders], dtype=object)
    return rows


def _warn_of_tables(root: Path) -> None:
    """A table that is overlooked takes its groups with it, and a random split then leaks."""
    for file in sorted(root.iterdir()):
        if (sep := SEPARATORS.get(file.suffix.lower())) and file.is_file():
            try:
                columns = read_table(file, sep=sep).columns
            except DatasetError:
                continue
            if "path" in columns:
                warnings.warn(
                    f"folder: {file.name} lies in {root} and is not read; if it is about these clips, say "
                    f"table={file.name}",
                    stacklevel=2,
                )


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    suffix = file.suffix.lower()
    if suffix not in (*SEPARATORS, ".parquet"):
        raise DatasetError(f"folder: table={str(file)!r} must be a .csv, .tsv or .parquet file")
    if not file.is_file():
        raise DatasetError(f"folder: table={str(file)!r}: there is no such file, in the root or from here")
    if suffix == ".parquet":
        try:
            rows = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise DatasetError(f"{file}: cannot be read as a table: {error}") from error
    else:
        rows = read_table(file, sep=SEPARATORS[suffix])
    for column in map(str, rows.columns):
        near = difflib.get_close_matches(column.strip().lower(), KNOWN, n=1, cutoff=0.8)
        if column not in KNOWN and near and near[0] not in rows:
            raise DatasetError(f"{file}: unknown column {column!r}. Did you mean {near[0]!r}?")
    if "path" not in rows or ("label" in rows and "labels" in rows):
        raise DatasetError(
            f"{file}: needs 'path' and at most one of 'label' and 'labels'; its columns are {', '.join(map(str, rows))}"
        )

    for column in TEXTS:
        if column in rows:
            texts = rows[column]
            if not isinstance(texts.dtype, pd.StringDtype):
                texts = texts.astype(object).map(lambda cell: None if pd.isna(cell) else str(cell))
            texts = texts.str.strip().astype(object)
            rows[column] = texts.where(texts.notna() & (texts != ""), None)
    if rows["path"].isna().any():
        raise DatasetError(f"{file}: row {int(rows['path'].isna().to_numpy().argmax()) + 1} has no path")
    rows["path"] = rows["path"].str.removeprefix("./")
    if "split" in rows:
        if unknown := sorted(set(rows["split"].dropna().str.lower()) - SPLIT_WORDS.keys()):
            raise DatasetError(f"{file}: split={unknown[0]!r} must be one of train, valid, test")
        rows["split"] = rows["split"].str.lower().map(SPLIT_WORDS)
    if "fold" in rows:
        rows["fold"] = integers(rows, "fold", file, optional=True)
    if "labels" in rows:
        rows["labels"] = [_names(cell) for cell in rows["labels"]]
    for column in ("start", "end", "seconds"):
        rows[column] = numbers(rows, column, file) if column in rows else float("nan")
    rows["seconds"] = rows["seconds"].fillna(rows["end"] - rows["start"].fillna(0.0))
    made = map(_clip_id, rows["path"], rows["start"], rows["end"])
    own = rows["clip_id"] if "clip_id" in rows else [None] * len(rows)
    rows["clip_id"] = [given or name for given, name in zip(own, made, strict=True)]
    return rows


def _names(cell: Any) -> tuple[str, ...]:
    """Labels of one cell: text with ";", a list or a single one, in sorted order."""
    import pandas as pd

    if not pd.api.types.is_list_like(cell):
        cell = () if pd.isna(cell) else str(cell).split(";")
    return tuple(sorted({str(name).strip() for name in cell} - {""}))


def _clip_id(path: str, start: float, end: float) -> str:
    """Id of an excerpt; a whole file has its path alone, so that an id depends on nothing but its own row."""
    if start != start and end != end:
        return path
    return f"{path}@{start if start == start else 0.0}-{end if end == end else ''}"


def _labs(root: Path, paths: pd.Series) -> list[Any]:
    names = [PurePosixPath(path).with_suffix(".lab").as_posix() for path in paths]
    confine(root, names)
    labs = [root / name for name in names]
    if lacking := [lab for lab in labs if not lab.is_file()]:
        raise DatasetError(f"folder: {lacking[0]} is missing ({len(lacking)} of {len(labs)} .lab files are)")
    return [read_lab(lab) for lab in labs]
