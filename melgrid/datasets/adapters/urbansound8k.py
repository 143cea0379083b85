"""UrbanSound8K: 8,732 slices of field recordings, at most 4 s, ten classes of urban sound, ten official folds.

Trees: ``audio/fold1..fold10`` with ``metadata/UrbanSound8K.csv`` (original), or folds and table straight in the
root (Kaggle). The recordings come from Freesound and keep the rate, depth and channels of their upload: 8 to 192 kHz,
4 to 32 bits, mono and stereo; the shortest slice lasts 0.055 s. The columns ``start`` and ``end`` of the table are
places in the source recording, not in the slice. Evaluate by ten-fold cross-validation on the official folds. The
group is the recording (``fsID``); five lie in two folds, with two classes: 77751, 106905, 132016, 176638, 180937.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from melgrid.datasets.dataset import Dataset, clip_table
from melgrid.datasets.files import contents
from melgrid.datasets.tables import integers, numbers, read_table
from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

CITATION = (
    'J. Salamon, C. Jacoby, J. P. Bello. "A Dataset and Taxonomy for Urban Sound Research." '
    "22nd ACM International Conference on Multimedia (ACM-MM'14), Orlando, Nov 2014, pp. 1041-1044."
)
LICENSE = (
    "CC BY-NC 3.0 by the data set's own text (4.0 by soundata); attribution of each sound in FREESOUNDCREDITS.txt; "
    "non-commercial use only."
)
ARCHIVES = {"UrbanSound8K.tar.gz": ("md5:9aa69802bbf37fb986f71ec1483a196e",)}
TABLE = "UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID")
CLASS_COUNTS = {  # in the order of classID
    "air_conditioner": 1000,
    "car_horn": 429,
    "children_playing": 1000,
    "dog_bark": 1000,
    "drilling": 1000,
    "engine_idling": 1000,
    "gun_shot": 374,
    "jackhammer": 1000,
    "siren": 929,
    "street_music": 1000,
}
FOLD_COUNTS = {1: 873, 2: 888, 3: 925, 4: 990, 5: 936, 6: 823, 7: 838, 8: 806, 9: 816, 10: 837}
OFFICIAL = {
    "clips": 8732,
    "classes": 10,
    "groups": 1297,
    "groups across fold": 5,
    **{f"fold {fold}": count for fold, count in FOLD_COUNTS.items()},
    **{f"label {name}": count for name, count in CLASS_COUNTS.items()},
}


def index(root: Path) -> Dataset:
    """Read ``UrbanSound8K.csv``.

    Parameters
    ----------
    root : Path
        The folder that holds ``audio/`` and ``metadata/``, the Kaggle tree, or the folder above either.

    Raises
    ------
    DatasetError
        If the tree is another one, or the table contradicts itself.
    """
    import pandas as pd

    table, audio = _find(root)
    rows = read_table(table, needs=COLUMNS)
    kind = next((column for column in ("class", "class_name") if column in rows), None)
    if kind is None:
        raise DatasetError(
            f"{table}: column 'class' (or 'class_name') is missing; the header has {', '.join(rows.columns)}"
        )
    for column in ("fsID", "fold", "classID", "salience"):
        rows[column] = integers(rows, column, table)

    classes = tuple(CLASS_COUNTS)
    numbered = rows["classID"].map(dict(enumerate(classes)))
    _refuse(rows[numbered != rows[kind]], table, "its classID and class must be one of the ten pairs")
    _refuse(rows[~rows["fold"].between(1, 10)], table, "its fold must lie in 1..10")
    parts = rows["slice_file_name"].str.extract(r"^(\d+)-(\d+)-\d+-\d+\.wav$")
    agree = (parts[0] == rows["fsID"].astype(str)) & (parts[1] == rows["classID"].astype(str))
    _refuse(rows[~agree], table, "its name must be fsID-classID-occurrence-slice.wav and agree with the columns")

    name = rows["slice_file_name"]
    clips = pd.DataFrame(
        {
            "clip_id": name.str.removesuffix(".wav"),
            "path": "fold" + rows["fold"].astype(str) + "/" + name,
            "label": rows[kind],
            "fold": rows["fold"],
            "group": rows["fsID"].astype(str),
            "seconds": numbers(rows, "end", table) - numbers(rows, "start", table),
            "salience": rows["salience"],
        }
    )
    return Dataset(
        name="urbansound8k",
        root=audio,
        options={},
        clips=clip_table(clips, root=audio, classes=classes, task="single"),
        classes=classes,
        task="single",
        splits={"fold": tuple(FOLD_COUNTS)},
        citation=CITATION,
        licence=LICENSE,
        nominal_seconds=4.0,
        official=OFFICIAL,
    )


def _find(root: Path) -> tuple[Path, Path]:
    for base in (root, root / "UrbanSound8K"):
        table = next((file for file in (base / "metadata" / TABLE, base / TABLE) if file.is_file()), None)
        audio = next((folder for folder in (base / "audio", base) if any(folder.glob("fold*/"))), None)
        if table and audio:
            return table, audio
    raise DatasetError(
        f"urbansound8k: {root} must hold metadata/{TABLE} and audio/fold1..fold10 "
        f"(or {TABLE} and fold1..fold10); it holds {contents(root)}"
    )


def _refuse(rows: pd.DataFrame, table: Path, rule: str) -> None:
    if len(rows):
        raise DatasetError(f"{table}: row {rows.index[0] + 1}, {rows['slice_file_name'].iloc[0]!r}: {rule}")
