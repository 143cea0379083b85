"""Clips that stay on the device: the loader names crops, and the device gathers them.

A batch then holds two numbers for each crop, its clip's row in the feature set and its first frame. The arithmetic is
the same for every framework; `device_layer` and `jax_gather` hold the frames and do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.padding import pad
from melgrid.store.shards.encoding import decode

if TYPE_CHECKING:
    from melgrid.loaders.batches import HasBatches

__all__ = ["DeviceFrames", "free_memory"]

Ints = NDArray[np.int32]


class DeviceFrames:
    """What a device needs to make crops of some clips.

    Parameters
    ----------
    loaders : sequence of loaders
        With ``resident="device"``, of one feature set, and with crops of one length, axes and type.
    name : str
        Which input: "x" (and those of tuples), or "x2" of the second feature set.

    Attributes
    ----------
    bytes : int
        That the frames take.
    table : int32 array (clips of the feature set, 3)
        Of each clip: its first frame, how many, and the frame that stands behind its end.
    length : int
        Frames of a crop.
    crop_shape, crop_dtype
        Of the crops that come out, without the batch axis.

    Raises
    ------
    ParameterError
        The loaders do not fit together or are not for a device, or the frames are more than 2**31.
    """

    def __init__(self, loaders: Sequence[HasBatches], name: str = "x") -> None:
        sources = [loader.batches.device_source(name) for loader in loaders]
        if not sources:
            raise ParameterError("device: name at least one loader")
        source, self.length = sources[0]
        self._features, self._layout = source.feature_set, source.layout
        for other, length in sources[1:]:
            here, there = (
                (s.feature_set.feature.id, n, s.layout.axes, s.layout.dtype)
                for s, n in ((source, self.length), (other, length))
            )
            if here != there:
                raise ParameterError(
                    f"device: the loaders differ in feature, crop length, axes or dtype: {here}, {there}"
                )
        self._rows = np.unique(np.concatenate([s.rows for s, _ in sources]))
        lengths = np.asarray(self._features.lengths, np.int64)
        count = lengths[self._rows]
        self._short = np.flatnonzero(count < self.length)
        self._frames = int(count.sum())
        self._total = self._frames + len(self._short) + 1  # the last one stands for clips that are not here
        if self._total >= 1 << 31:
            raise ParameterError(f"device: {self._total} frames are more than 2**31; select fewer clips")
        self.table: Ints = np.zeros((len(lengths), 3), np.int32)
        self.table[:, 2] = self._total - 1
        self.table[self._rows, 0] = np.cumsum(count) - count
        self.table[self._rows, 1] = count
        self.table[self._rows[self._short], 2] = self._frames + np.arange(len(self._short))
        self.shape = self._total, *self._features.frame_shape
        self.dtype = self._features.dtype
        sizes = {"T": self.length, "F": self.shape[1], "C": self._layout.channels}
        self.crop_shape = tuple(sizes[axis] for axis in self._layout.axes)
        self.crop_dtype = self.dtype.name if self._layout.dtype == "stored" else "float32"
        self.bytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def check_room(self, device: str, free: int | None) -> None:
        """Refuse what does not fit.

        Parameters
        ----------
        device : str
            Its name.
        free : int or None, bytes
            None where nobody knows.

        Raises
        ------
        ParameterError
        """
        if free is not None and self.bytes > free:
            raise ParameterError(
                f"resident='device': the frames of {len(self._rows)} clips of {self._features.feature.id} take "
                f"{self.bytes:,} bytes, and {device} has {free:,} free; select fewer clips, store a smaller dtype, or "
                "say resident=True to keep them in main memory"
            )

    def load(self) -> NDArray[Any]:
        """Read the clips, one after the other, then a frame for each that is shorter than a crop, then one of NaN.

        Returns
        -------
        array of `shape` and `dtype`
        """
        frames = np.zeros(self.shape, self.dtype)
        self._features.read_clips(self._rows, frames[: self._frames])
        for i, row in enumerate(self._rows[self._short]):
            first, count, _ = self.table[row].tolist()
            padded = np.concatenate([frames[first : first + count], frames[-1:]])[None]
            pad(self._features.feature, padded, np.array([count]))
            frames[self._frames + i] = padded[0, -1]
        if self.dtype.kind == "f":
            frames[-1] = np.nan
        return frames

    def crops(self, xp: Any, cast: Any, frames: Any, table: Any, places: Any) -> Any:
        """Make crops.

        Parameters
        ----------
        xp : module
            ``keras.ops`` or ``jax.numpy``.
        cast : callable (array, dtype)
        frames, table : arrays of the framework
            As from `load`, and `table`.
        places : int32 array (examples, 2) of the framework

        Returns
        -------
        array (examples, *axes)
            As another loader gives it. Clips that are not here are NaN (0 for ``dtype="stored"`` of uint8).
        """
        own = xp.take(table, places[:, 0], axis=0)
        steps = xp.arange(self.length, dtype="int32")[None, :] + places[:, 1:2]
        x = xp.take(frames, xp.where(steps < own[:, 1:2], own[:, :1] + steps, own[:, 2:3]), axis=0)
        layout = self._layout
        x = xp.reshape(x, (-1, self.length, self.shape[1], layout.channels))
        x = xp.transpose(x, (0, *("TFC".index(axis) + 1 for axis in (*layout.axes, *("C" * ("C" not in layout.axes))))))
        if "C" not in layout.axes:
            x = x[..., 0]
        if layout.dtype == "stored":
            return x
        if self.dtype != np.uint8:
            return cast(x, "float32")
        values = decode(np.arange(256, dtype=np.uint8), self._features.feature)
        known = xp.reshape(own[:, 1] > 0, (-1, *[1] * (len(layout.axes))))
        return xp.where(known, xp.take(xp.asarray(values), cast(x, "int32"), axis=0), np.float32(np.nan))


def free_memory() -> int | None:
    """Bytes of main memory that programs may still take; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
