"""The per-clip arrays of a shard: what each is called, and how the rows of a clip table become arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgrid.store.shards.header import text

__all__ = ["CLIP_ARRAYS", "INTERVALS", "NATIVE", "PARENT", "STATUS", "known_columns", "outcome_rows", "reasons_as_text"]

NATIVE = ("native_sr", "native_channels", "native_frames")
CLIP_ARRAYS = (
    "id", "path", "frame_offset", "num_samples", "source_sha256", "status", "reason", "labels", "label_offset",
    "split", "fold", "group", "start", "end", *NATIVE, "mean", "m2",
)  # fmt: skip
INTERVALS = ("interval_seconds", "interval_class", "interval_offset")
"""Further arrays, only where the dataset has labels in time."""
PARENT = "parent"
"""A further array, only in stores with variants of clips."""
STATUS = {"ok": 0, "failed": 1}
REASON_BYTES = 160


def known_columns(clips: Mapping[str, Sequence[Any]] | Any) -> dict[str, NDArray[Any]]:
    """Arrays of what is known of the clips before their audio is read.

    Parameters
    ----------
    clips : DataFrame or mapping of sequences
        Columns clip_id and, when there, path, labels, split, fold, group, start, end, parent and intervals.

    Returns
    -------
    dict of ndarray
        Missing text is empty, a missing fold -1, a missing time NaN; labels of all clips follow each other, those of
        clip i are ``labels[label_offset[i]:label_offset[i + 1]]``. Intervals are in three arrays in the same way.

    Raises
    ------
    ValueError
        A text cannot be stored, or a fold is negative.
    """
    count = len(clips["clip_id"])
    labels = [[] if value is None else list(value) for value in _values(clips, "labels", count)]
    folds = [-1 if value is None else int(value) for value in _values(clips, "fold", count)]
    if any(fold < -1 for fold in folds):
        raise ValueError(f"fold={min(folds)}: folds are numbers from 0 up")
    columns: dict[str, NDArray[Any]] = {
        name: text([value or "" for value in _values(clips, column, count)])
        for name, column in (("id", "clip_id"), ("path", "path"), ("split", "split"), ("group", "group"))
    }
    columns["labels"] = np.array([label for row in labels for label in row], "<i4")
    columns["label_offset"] = np.concatenate([[0], np.cumsum([len(row) for row in labels])]).astype("<i8")
    columns["fold"] = np.array(folds, "<i8")
    for name in ("start", "end"):
        seconds = [np.nan if value is None else float(value) for value in _values(clips, name, count)]
        columns[name] = np.array(seconds, "<f8")
    if "parent" in clips:
        columns["parent"] = text([value or "" for value in _values(clips, "parent", count)])
    if "intervals" in clips:
        rows = [[] if value is None else list(value) for value in _values(clips, "intervals", count)]
        spans = [span for row in rows for span in row]
        columns["interval_seconds"] = np.array([span[:2] for span in spans], "<f8").reshape(-1, 2)
        columns["interval_class"] = np.array([span[2] for span in spans], "<i4")
        columns["interval_offset"] = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype("<i8")
    return columns


def outcome_rows(clips: int, item_shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Arrays that are filled clip by clip; -1 and zeros mean unknown.

    Parameters
    ----------
    clips : int
    item_shape : tuple of int
        Shape of one stored frame, and so of a clip's mean.

    Returns
    -------
    dict of ndarray
    """
    return {
        "num_samples": np.zeros(clips, "<i8"),
        "source_sha256": np.zeros((clips, 32), "u1"),
        "status": np.zeros(clips, "u1"),
        **{name: np.full(clips, -1, "<i8") for name in NATIVE},
        "mean": np.zeros((clips, *item_shape), "<f8"),
        "m2": np.zeros((clips, *item_shape), "<f8"),
    }


def reasons_as_text(reasons: list[str]) -> NDArray[np.bytes_]:
    """Reasons at a fixed width, so that a header's size does not depend on them; long ones end in an ellipsis."""
    return text([_shortened(reason) for reason in reasons], REASON_BYTES)


def _shortened(reason: str) -> str:
    encoded = "".join(c if c.isprintable() else " " for c in reason).encode(errors="replace")
    if len(encoded) > REASON_BYTES:
        encoded = encoded[: REASON_BYTES - len("…".encode())].decode(errors="ignore").encode() + "…".encode()
    return encoded.decode()


def _values(clips: Mapping[str, Sequence[Any]] | Any, column: str, count: int) -> list[Any]:
    if column not in clips:
        return [None] * count
    values: Any = clips[column]
    if hasattr(values, "notna"):  # a pandas column: NaN and NA mean none
        return list(values.astype(object).where(values.notna(), None))
    return list(values)
