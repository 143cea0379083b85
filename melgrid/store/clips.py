"""The clip table of a store: one row per clip in (shard, row) order, kept in ``clips.parquet``."""

from __future__ import annotations

import io
from collections.abc import Container
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from melgrid.errors import StoreError
from melgrid.store.about import About
from melgrid.store.intervals import Intervals
from melgrid.store.plain import label_lists, objects

__all__ = ["COLUMNS", "ClipTable", "check_labels", "table_to_bytes", "with_all_columns"]

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("path", pa.string()),
        ("labels", pa.list_(pa.int32())),
        ("split", pa.string()),
        ("fold", pa.int64()),
        ("group", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("source_sha256", pa.string()),
        ("native_sr", pa.int64()),
        ("native_channels", pa.int64()),
        ("native_frames", pa.int64()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
COLUMNS = tuple(SCHEMA.names)
SPAN = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("class", pa.int32())])
SPAN_NAMES = tuple(field.name for field in SPAN)
FURTHER = {
    "parent": pa.field("parent", pa.string()),  # of stores with variants of clips
    "intervals": pa.field("intervals", pa.list_(SPAN)),  # of datasets with labels in time
}
_DIGITS = 64  # of a SHA-256
MOST = 1000  # times, that a table may be larger than its file
REPAIR = "melgrid verify --repair rebuilds it"
DAMAGE = (OSError, pa.ArrowException, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError)
REQUIRED = ("clip_id", "shard", "row")


def with_all_columns(clips: pd.DataFrame) -> pd.DataFrame:
    """Put a clip table into its final form: every column, (shard, row) order, empty text as none.

    Parameters
    ----------
    clips : DataFrame
        At least clip_id, shard and row; columns of other names are refused, but for `parent`: id of the clip that a
        variant was made of; and `intervals`: (start, end, class number) of labels in time, seconds in the source file.

    Returns
    -------
    DataFrame with columns `COLUMNS`, those of the further ones that `clips` has, and a RangeIndex

    Raises
    ------
    StoreError
        A column is missing or unknown, an id is empty or occurs twice, or rows of a shard have gaps.
    """
    missing = [name for name in REQUIRED if name not in clips]
    unknown = [name for name in clips if name not in COLUMNS and name not in FURTHER]
    if missing or unknown:
        raise StoreError(f"clip table: columns {missing} are missing, {unknown} are unknown; known: {list(COLUMNS)}")
    clips = clips.sort_values(["shard", "row"], kind="stable", ignore_index=True)
    if clips["clip_id"].isna().any() or (clips["clip_id"] == "").any():
        raise StoreError("clip table: a clip has no id")
    twice = clips["clip_id"][clips["clip_id"].duplicated()]
    if len(twice):
        raise StoreError(f"clip table: id {twice.iloc[0]!r} occurs twice")
    if (clips["row"] != clips.groupby("shard").cumcount()).any():
        raise StoreError("clip table: the rows of a shard must be 0, 1, 2, ... without gaps")
    columns = {}
    schema = _schema(clips)
    for name in schema.names:
        column = clips[name] if name in clips else pd.Series([None] * len(clips), dtype=object)
        if name in ("labels", "intervals"):
            rows = [v if type(v) is list else [] if v is None else list(v) for v in objects(column)]
            column = pd.Series(rows, dtype=object)
        elif pa.types.is_string(schema.field(name).type):
            texts = objects(column)
            texts[texts == ""] = None
            column = pd.Series(texts, dtype=object)
        columns[name] = column
    return pd.DataFrame(columns)


def check_labels(clips: pd.DataFrame, about: About) -> None:
    """Check labels against the classes.

    Raises
    ------
    StoreError
        A label is no class, or a clip of task single has several.
    """
    count = clips["labels"].map(len).to_numpy(np.int64)
    numbers = np.fromiter(chain.from_iterable(clips["labels"]), np.int64, int(count.sum()))
    unknown = np.flatnonzero((numbers < 0) | (numbers >= len(about.classes)))
    if len(unknown):
        clip = clips.iloc[int(np.searchsorted(np.cumsum(count), unknown[0], side="right"))]
        raise StoreError(
            f"clip {clip['clip_id']!r}: labels {clip['labels']} are not among {len(about.classes)} classes"
        )
    if about.task != "multi" and count.max(initial=0) > 1:
        clip = clips.iloc[int(count.argmax())]
        raise StoreError(f"clip {clip['clip_id']!r}: has {count.max()} labels, but the task is {about.task}")


def table_to_bytes(clips: pd.DataFrame) -> bytes:
    """Parquet file of a clip table with all columns; equal tables give equal bytes with equal pyarrow versions."""
    schema = _schema(clips)
    columns: dict[str, Any] = {name: clips[name] for name in schema.names}
    if "intervals" in columns:
        columns["intervals"] = [[dict(zip(SPAN_NAMES, s, strict=True)) for s in row] for row in columns["intervals"]]
    arrays = [pa.array(columns[field.name], type=field.type, from_pandas=True) for field in schema]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


class ClipTable:
    """A clip table as arrays, so that selecting among many clips makes no Python object per clip.

    Parameters
    ----------
    data : bytes
        Of ``clips.parquet``.
    about : About

    Attributes
    ----------
    shard, row : ndarray, shape (n,), int32
    label_values : ndarray, shape (total labels,), int32
        Class indices of all clips, one clip after the other.
    label_offset : ndarray, shape (n + 1,), int64
    intervals : Intervals or None
        Labels in time, where the dataset has some.
    """

    def __init__(self, data: bytes, about: About) -> None:
        try:
            table = _read(data)
            self.intervals = _intervals(table["intervals"]) if "intervals" in table.column_names else None
        except DAMAGE as error:
            raise StoreError(f"clips.parquet is damaged: {error}. {REPAIR}") from error
        self._table = table
        self._about = about
        self.shard: NDArray[np.int32] = table["shard"].to_numpy()
        self.row: NDArray[np.int32] = table["row"].to_numpy()
        lengths = pc.list_value_length(table["labels"]).fill_null(0).to_numpy()
        self.label_values: NDArray[np.int32] = table["labels"].combine_chunks().flatten().to_numpy()
        self.label_offset: NDArray[np.int64] = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        labels = self.label_values if self.intervals is None else np.append(self.label_values, self.intervals.classes)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(about.classes):
            raise StoreError(f"clips.parquet has labels beyond its {len(about.classes)} classes. {REPAIR}")
        if about.task != "multi" and len(lengths) and lengths.max() > 1:
            raise StoreError(f"clips.parquet has several labels for a clip, but the task is {about.task}. {REPAIR}")

    def __len__(self) -> int:
        return len(self.shard)

    @cached_property
    def ids(self) -> NDArray[np.object_]:
        """Clip ids, shape (n,)."""
        return np.asarray(self._table["clip_id"].to_numpy(zero_copy_only=False), dtype=object)

    @cached_property
    def position(self) -> pd.Index[str]:
        """Index from clip id to place in the table."""
        return pd.Index(self.ids)

    @cached_property
    def stored(self) -> pd.DataFrame:
        """The table as it is stored, labels as lists of class indices."""
        columns: dict[str, pd.Series[Any]] = {}
        for name in COLUMNS:
            if name == "labels":
                columns[name] = pd.Series(label_lists(self.label_values, self.label_offset), dtype=object)
            elif pa.types.is_string(SCHEMA.field(name).type):
                columns[name] = pd.Series(_texts(self._table[name]), dtype=object)
            else:
                columns[name] = self.column(name)
        if "parent" in self._table.column_names:
            columns["parent"] = pd.Series(_texts(self._table["parent"]), dtype=object)
        if self.intervals is not None:
            columns["intervals"] = pd.Series(self.intervals.rows(), dtype=object)
        return pd.DataFrame(columns)

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The table as users see it: `label` (categorical), or for task multi `labels` (tuples of class names)."""
        frame = _pandas(self._table.select([name for name in COLUMNS if name != "labels"]))
        place = COLUMNS.index("labels")
        if self._about.task == "multi":
            names = np.array(self._about.classes, dtype=object)[self.label_values].tolist()
            bounds = self.label_offset.tolist()
            tuples = pd.Series([tuple(names[a:b]) for a, b in pairwise(bounds)], dtype=object)
            frame.insert(place, "labels", tuples)
        else:
            classes = pd.Index(list(self._about.classes), dtype=object)
            frame.insert(place, "label", pd.Series(pd.Categorical.from_codes(self.single_labels(), classes)))
        frame["parent"] = self.column("parent")
        if self.intervals is not None:
            named = [tuple((a, b, self._about.classes[c]) for a, b, c in row) for row in self.intervals.rows()]
            frame["intervals"] = pd.Series(named, dtype=object)
        return frame

    def single_labels(self) -> NDArray[np.int64]:
        """Return the class index of each clip, -1 for none; shape (n,)."""
        labels = np.full(len(self), -1, np.int64)
        has = np.diff(self.label_offset) > 0
        labels[has] = self.label_values[self.label_offset[:-1][has]]
        return labels

    def multi_hot(self) -> NDArray[np.uint8]:
        """Return ones where a clip has a class; shape (n, classes)."""
        hot = np.zeros((len(self), len(self._about.classes)), np.uint8)
        hot[np.repeat(np.arange(len(self)), np.diff(self.label_offset)), self.label_values] = 1
        return hot

    @cached_property
    def roots(self) -> NDArray[np.int64]:
        """Place of the clip that each clip was made of, its own where it is no variant; shape (n,)."""
        own = np.arange(len(self))
        if "parent" not in self._table.column_names:
            return own
        found = self.position.get_indexer(pd.Index(_texts(self._table["parent"])))
        return np.where(found < 0, own, found)

    def column(self, name: str) -> pd.Series[Any]:
        """Return one column other than labels, as users see it."""
        if name == "parent" and name not in self._table.column_names:
            return pd.Series([None] * len(self), dtype="str")
        return _pandas(self._table.select([name]))[name]

    def _whole(self, name: str) -> pa.Array:
        column = self._table[name]
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which copies

    def codes(self, name: str) -> tuple[NDArray[np.int64], pa.Array]:
        """Number the texts of a column, -1 where there is none; what a million Python strings would take memory for.

        Parameters
        ----------
        name : str

        Returns
        -------
        codes : ndarray of int64, shape (n,)
        texts : array of str, each once
        """
        encoded = self._whole(name).dictionary_encode()
        return encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary

    def digest_endings(self) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Tell which clips have a digest of their source, and its last eight digits as a number.

        Digests of a million clips as texts, or in a hash table, take 200 MB; two that differ here do differ.

        Returns
        -------
        known : ndarray, shape (n,)
        endings : ndarray, shape (n,); 0 where there is no digest
        """
        column = self._whole("source_sha256")
        column = column.fill_null("") if column.null_count else column  # which copies
        _, offsets, digits = (np.frombuffer(buffer or b"", np.uint8) for buffer in column.buffers())
        starts = offsets.view(np.int32)[column.offset : column.offset + len(column) + 1]
        known = np.diff(starts) == _DIGITS
        endings = np.zeros(len(column), np.uint64)
        places = starts[1:][known][:, None] + np.arange(-8, 0, dtype=np.int32)
        endings[known] = digits[places].view(np.uint64)[:, 0]
        return known, endings


def _read(data: bytes) -> pa.Table:
    """Read a table as `table_to_bytes` writes it: not the answer to everything that Parquet can be."""
    with pq.ParquetFile(io.BytesIO(data), thrift_string_size_limit=len(data), thrift_container_size_limit=MOST) as file:
        metadata = file.metadata
        schema = file.schema_arrow.remove_metadata()
        further = [name for name in schema.names if name in FURTHER]
        if schema != _schema(further):
            raise ValueError(f"has columns {file.schema_arrow.names}, not {SCHEMA.names}")
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        # Ids and digests hardly shrink: nothing honest unpacks to much more, or to fewer bytes a clip.
        if not 0 <= metadata.num_rows <= MOST * len(data) or not 0 <= unpacked <= MOST * len(data):
            raise ValueError(f"claims {metadata.num_rows} clips and {unpacked} bytes in {len(data)}")
        table = file.read(use_threads=False).cast(schema).combine_chunks()
    table.validate(full=True)
    ordered = table["clip_id"].null_count == table["shard"].null_count == table["row"].null_count == 0
    shard, row = table["shard"].to_numpy(), table["row"].to_numpy()
    step = np.diff(shard, prepend=-1)
    first = np.flatnonzero(step)
    counted = np.arange(len(shard)) - np.repeat(first, np.diff(np.append(first, len(shard))))
    if not ordered or (step < 0).any() or (shard < 0).any() or (row != counted).any():
        raise ValueError("its clips are not in the order of shards and rows")
    return table


def _schema(clips: Container[str]) -> pa.Schema:
    """Types of a table's columns; of the further ones it has those that are in `clips`."""
    return pa.schema([*SCHEMA, *(column for name, column in FURTHER.items() if name in clips)])


def _intervals(column: pa.ChunkedArray) -> Intervals:
    rows = column.combine_chunks()
    spans = rows.flatten()
    start, end, classes = (spans.field(name) for name in SPAN_NAMES)
    if rows.null_count or spans.null_count or start.null_count or end.null_count or classes.null_count:
        raise ValueError("an interval is incomplete")
    offset = np.concatenate([[0], np.cumsum(pc.list_value_length(rows).to_numpy(), dtype=np.int64)])
    seconds = np.stack([start.to_numpy(), end.to_numpy()], axis=1)
    if not (np.isfinite(seconds).all() and (seconds[:, 0] <= seconds[:, 1]).all()):
        raise ValueError("an interval ends before it starts")
    return Intervals(offset, seconds, classes.to_numpy())


def _pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Texts as Python objects, equal ones as one object, None for none."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = np.append(encoded.dictionary.to_numpy(zero_copy_only=False), [None])
    found: NDArray[np.object_] = texts[encoded.indices.fill_null(len(texts) - 1).to_numpy()]
    return found
