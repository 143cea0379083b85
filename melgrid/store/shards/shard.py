"""Write one shard: frames first, header last, published whole or not at all.

A shard is an HDF5 file ``shard-00000.h5`` with ``/features`` (frames, bins[, channels][, part]), clips one after the
other on the frame axis, and one row per clip in the arrays under ``/clip``. It understands itself: parameters and
what the store says about the dataset are inside, dates, hosts and paths of this machine are not.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ShardError
from melgrid.params import Feature, canonical_json
from melgrid.store.about import About
from melgrid.store.disk import publish_new, temporary, write_all
from melgrid.store.shards.clip_arrays import (
    CLIP_ARRAYS,
    INTERVALS,
    NATIVE,
    PARENT,
    STATUS,
    known_columns,
    outcome_rows,
    reasons_as_text,
)
from melgrid.store.shards.encoding import EncodingReport, encode_with_moments, item_shape, stored_dtype, uint8_scale
from melgrid.store.shards.header import Header
from melgrid.store.shards.shard_info import (
    BLOCK,
    FORMAT,
    FORMAT_VERSION,
    ShardInfo,
    file_digest,
    shard_name,
)

__all__ = ["ShardWriter"]


class ShardWriter:
    """Write the clips of one shard for one feature, in row order.

    Memory holds one clip at a time. Leaving the context without `publish` discards the shard.

    Parameters
    ----------
    folder : Path
        Of the feature; made when it does not exist.
    index : int
        Number of the shard.
    feature : Feature
    about : About
    clips : DataFrame or mapping of sequences
        The shard's rows of the clip table in row order; of its columns clip_id is needed, and path, labels, split,
        fold, group, start, end, parent and intervals are stored when there.
    generation : int
        Above 0 when failed clips are tried again: a published file is never replaced.

    Raises
    ------
    ShardError
        A clip id or path is not valid UTF-8.
    OSError
        The disk is full, or the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        index: int,
        feature: Feature,
        about: About,
        clips: Mapping[str, Sequence[Any]] | Any,
        generation: int = 0,
    ) -> None:
        self.path = folder / shard_name(index, generation)
        self._index, self._feature, self._about = index, feature, about
        try:
            self._columns = known_columns(clips)
        except ValueError as error:
            raise ShardError(f"{self.path}: {error}") from None
        self._clips = len(self._columns["id"])
        self._row = 0
        self._frames = [0]
        self._rows = outcome_rows(self._clips, item_shape(feature))
        self._reasons = [""] * self._clips
        self._report = EncodingReport()
        self._checksum = 0
        self._offset = self._position = self._written = self._header().data_offset()
        self._pending = bytearray()
        folder.mkdir(parents=True, exist_ok=True)
        self._fd, self._temp = temporary(folder, self.path.name)

    def append(
        self,
        values: NDArray[Any] | None,
        *,
        num_samples: int = 0,
        status: Literal["ok", "failed"] = "ok",
        reason: str | None = None,
        source_sha256: str | None = None,
        native_sr: int | None = None,
        native_channels: int | None = None,
        native_frames: int | None = None,
    ) -> None:
        """Add the next clip.

        Parameters
        ----------
        values : ndarray, shape (frames, bins[, channels]), float32 or complex64, or None
            In the physical unit; None exactly when the clip failed.
        num_samples : int
            Samples after resampling.
        status, reason : str
            "failed" comes with a reason, "CODE: words".
        source_sha256 : str or None, 64 hex digits
        native_sr, native_channels, native_frames : int or None
            Of the source file.

        Raises
        ------
        ValueError
            More clips than rows, or values and status do not fit together.
        OSError
            The disk is full.
        """
        if self._row == self._clips:
            raise ValueError(f"{self.path}: has only {self._clips} clips")
        if (values is None) != (status == "failed") or (reason is None) == (status == "failed"):
            raise ValueError(f"status={status!r}: a failed clip has a reason and no values, an ok one the reverse")
        row = self._row
        frames = 0
        if values is not None:
            stored, report, mean, m2 = encode_with_moments(values, self._feature)
            frames = len(stored)
            self._write(stored)
            self._report = self._report.merged(report)
            self._rows["mean"][row], self._rows["m2"][row] = mean, m2
        self._frames.append(self._frames[-1] + frames)
        self._rows["num_samples"][row] = num_samples
        if source_sha256 is not None:
            self._rows["source_sha256"][row] = np.frombuffer(bytes.fromhex(source_sha256), np.uint8)
        self._rows["status"][row] = STATUS[status]
        self._reasons[row] = reason or ""
        for name, number in zip(NATIVE, (native_sr, native_channels, native_frames), strict=True):
            self._rows[name][row] = -1 if number is None else number
        self._row += 1

    def publish(self) -> ShardInfo:
        """Write the header, sync, and give the file its name.

        Returns
        -------
        ShardInfo

        Raises
        ------
        ValueError
            Clips are missing.
        ShardError
            A file of that name exists and has other bytes.
        OSError
            The disk is full.
        """
        if self._row != self._clips:
            raise ValueError(f"{self.path}: {self._row} of {self._clips} clips were appended")
        try:
            header = self._header().build(self._frames[-1])
            if self._frames[-1] and len(header) != self._offset:
                raise ShardError(f"{self.path}: header has {len(header)} bytes where {self._offset} were left for it")
            self._flush(self._position)
            write_all(self._fd, header, 0)
            size = self._position if self._frames[-1] else len(header)
            os.ftruncate(self._fd, size)
            info = self._info(size, file_digest(self._fd))
            os.fsync(self._fd)
            self._name()
        except BaseException:
            self.discard()
            raise
        self._close()
        return info

    def discard(self) -> None:
        """Remove the unfinished file; does nothing after `publish`."""
        if self._fd >= 0:
            self._temp.unlink(missing_ok=True)
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def __del__(self) -> None:
        with suppress(Exception):
            self.discard()

    def _write(self, stored: NDArray[Any]) -> None:
        if not stored.size:
            return
        data = stored.data.cast("B")
        self._checksum = zlib.crc32(data, self._checksum)
        self._position += len(data)
        self._pending += data
        self._flush(self._position // BLOCK * BLOCK)

    def _flush(self, until: int) -> None:
        """Write what is pending up to a position of the file.

        In large aligned pieces: Linux keeps such in large pages, out of which crops are read a quarter faster.
        """
        size = until - self._written
        if size > 0:
            piece, self._pending = memoryview(self._pending)[:size], self._pending[size:]
            write_all(self._fd, piece, self._written)
            self._written = until

    def _header(self) -> Header:
        from melgrid.transforms import frequencies

        feature = self._feature
        report = self._report
        clips = {**self._columns, **self._rows}
        clips["frame_offset"] = np.zeros(self._clips + 1, "<i8")
        clips["frame_offset"][: len(self._frames)] = self._frames
        clips["reason"] = reasons_as_text(self._reasons)
        scale: dict[str, float] = {}
        if feature.range_db is not None:
            low, step = uint8_scale(feature)
            scale = {"scale_factor": float(step), "add_offset": float(low)}
        return Header(
            attributes={
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "feature": feature.id,
                "parameters": canonical_json(feature.canonical()),
                "shard_index": self._index,
                "num_clips": self._clips,
                "num_failed": int(self._rows["status"].sum()),
                "num_frames": self._frames[-1],
                "sample_rate": feature.sr,
                "hop_length": feature.hop_samples,
                "hop_seconds": float(feature.hop_seconds),
                "worst_error": report.worst_error,
                "mean_error": self._mean_error(),
                "non_finite": report.non_finite,
                "saturated": report.saturated,
                "features_crc32": self._checksum,
            },
            about=canonical_json(self._about.canonical()),
            clips={name: clips[name] for name in (*CLIP_ARRAYS, PARENT, *INTERVALS) if name in clips},
            frequencies=np.asarray(frequencies(feature), np.float64),
            item_shape=item_shape(feature),
            is_complex=feature.is_complex,
            dtype=stored_dtype(feature),
            feature_attributes={"units": feature.unit, **scale},
        )

    def _mean_error(self) -> float:
        values = self._frames[-1] * math.prod(item_shape(self._feature))
        return self._report.error_sum / values if values else 0.0

    def _info(self, size: int, sha256: str) -> ShardInfo:
        return ShardInfo(
            index=self._index,
            file=self.path.name,
            bytes=size,
            data_offset=self._offset if self._frames[-1] else None,
            frames=self._frames[-1],
            clips=self._clips,
            failed=int(self._rows["status"].sum()),
            sha256=sha256,
            worst_error=self._report.worst_error,
            mean_error=self._mean_error(),
            non_finite=self._report.non_finite,
            saturated=self._report.saturated,
        )

    def _name(self) -> None:
        try:
            publish_new(self._temp, self.path)
        except FileExistsError:
            # Tasks may run twice. Equal bytes are then no conflict.
            with self.path.open("rb") as file:
                if file_digest(file.fileno()) != file_digest(self._fd):
                    raise ShardError(f"{self.path}: exists with other contents and is never replaced") from None
            self._temp.unlink()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1
