"""From stored frames to the axes and the type that a model takes."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.buffers import Buffers
from melgrid.params import Feature
from melgrid.store.shards.encoding import decode, item_shape, stored_dtype
from melgrid.store.shards.half import widen

__all__ = ["Axes", "Dtype", "Layout"]

Axes = Literal["TF", "FT", "TFC", "FTC", "CTF", "CFT"]
Dtype = Literal["float32", "stored"]


class Layout:
    """Axes and type of the batches of one feature.

    Channels follow each other on C, and so do the real and the imaginary part of complex features, so that
    C counts ``channels * 2`` for those.

    Parameters
    ----------
    feature : Feature
    axes : str or None
        Order of time, frequency and channel behind the batch axis. None: TF for one channel, else TFC.
    dtype : str
        "float32" for values in the feature's unit; "stored" for the codes as they stand in the file.

    Attributes
    ----------
    frame_bytes : int
        Of one stored frame.

    Raises
    ------
    ParameterError
        The names are unknown, or the axes leave out channels that the feature has.
    """

    def __init__(self, feature: Feature, axes: Axes | None, dtype: Dtype) -> None:
        self.feature = feature
        self._stored, self._arranged = Buffers(), Buffers()
        self._frame_shape, self._codes = item_shape(feature), stored_dtype(feature)
        self.frame_bytes = math.prod(self._frame_shape) * self._codes.itemsize
        self.dtype = dtype
        self.channels = (feature.channels or 1) * (2 if feature.is_complex else 1)
        self.axes: Axes = axes if axes is not None else ("TF" if self.channels == 1 else "TFC")
        if self.axes not in get_args(Axes):
            raise ParameterError(f"axes={axes!r}: must be one of {', '.join(get_args(Axes))}")
        self._order = (0, *("TFC".index(axis) + 1 for axis in self.axes))
        if dtype not in get_args(Dtype):
            raise ParameterError(f"dtype={dtype!r}: must be one of {', '.join(get_args(Dtype))}")
        if "C" not in self.axes and self.channels > 1:
            raise ParameterError(
                f"axes={axes!r}: {feature.id} has {self.channels} channels (real and imaginary parts count "
                f"as two); use axes={f'{axes}C'!r} or another order with C"
            )

    def empty(self, examples: int, frames: int) -> NDArray[Any]:
        """Make room for stored frames.

        Parameters
        ----------
        examples, frames : int >= 0

        Returns
        -------
        array (examples, frames, bins[, channels][, 2]) of the stored type, not initialised
        """
        return self._stored.empty((examples, frames, *self._frame_shape), self._codes)

    def arrange(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Order the axes and convert the type, in at most one copy and in none where nothing changes.

        Parameters
        ----------
        stored : array
            As from `empty`, filled.

        Returns
        -------
        C-contiguous array (examples, *axes)
        """
        examples, frames, bins = stored.shape[:3]
        named = stored.reshape(examples, frames, bins, self.channels)
        if "C" not in self.axes:
            named = named[..., 0]
        turned = named.transpose(self._order)
        plain = self.dtype == "stored" or stored.dtype == np.float32
        if plain and turned.flags.c_contiguous:
            return turned
        if not plain and stored.dtype == np.uint8:
            return decode(turned, self.feature)
        x = self._arranged.empty(turned.shape, stored.dtype if plain else np.float32)
        if plain:
            np.copyto(x, turned)
        else:
            widen(turned, x)
        return x

    def named(self, x: NDArray[Any]) -> NDArray[Any]:
        """View arranged values in the order time, frequency, channel.

        Parameters
        ----------
        x : array (examples, *axes)

        Returns
        -------
        view (examples, frames, bins, channels)
        """
        full = x if "C" in self.axes else x[..., None]
        axes = self.axes if "C" in self.axes else self.axes + "C"
        return full.transpose(0, *(1 + axes.index(axis) for axis in "TFC"))
