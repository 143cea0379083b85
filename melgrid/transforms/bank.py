"""Matrices from FFT bins to bands, most of whose entries are zero."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from melgrid.transforms import kernels

__all__ = ["Bank"]

Float32 = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

_UNROLL = 4  # of kernels.project


@dataclass(frozen=True)
class Bank:
    """A matrix of which each row is kept from its first to its last entry that is not zero.

    Two banks are equal when their keys, the parameters that they were made from, are.

    Attributes
    ----------
    key : hashable
    first, last : int
        Bins outside ``[first, last)`` have no weight in any band.
    starts, offsets, weights : ndarray
        The rows, each padded to a multiple of four weights; see `kernels.project`.
    """

    key: Hashable
    first: int = field(compare=False)
    last: int = field(compare=False)
    starts: Index = field(compare=False, repr=False)
    offsets: Index = field(compare=False, repr=False)
    weights: Float32 = field(compare=False, repr=False)

    # Rows that the block of columns needs behind the last bin, because bands are padded.
    SLACK: ClassVar[int] = _UNROLL - 1

    @classmethod
    def from_dense(cls, matrix: npt.NDArray[np.floating], key: Hashable) -> Self:
        """Find the bands of a matrix.

        Parameters
        ----------
        matrix : ndarray, shape (bands, bins)
        key : hashable
            Whatever determines the matrix.

        Returns
        -------
        Bank
        """
        filled = matrix != 0
        starts = np.argmax(filled, axis=1)
        stops = np.where(filled.any(axis=1), matrix.shape[1] - np.argmax(filled[:, ::-1], axis=1), starts)
        lengths = -(-(stops - starts) // _UNROLL) * _UNROLL
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        weights = np.zeros(offsets[-1], np.float32)
        for row, start, stop, offset in zip(matrix, starts, stops, offsets[:-1], strict=True):
            weights[offset : offset + stop - start] = row[start:stop]
        occupied = stops > starts
        first = int(starts[occupied].min()) if occupied.any() else 0
        return cls(key, first, int(stops.max()), starts, offsets, weights)

    @property
    def bands(self) -> int:
        """Number of rows."""
        return self.starts.size

    def to_dense(self, bins: int) -> Float32:
        """Make the matrix again, to multiply values of shape (..., bins) by.

        Parameters
        ----------
        bins : int

        Returns
        -------
        ndarray, float32, shape (bins, bands)
        """
        matrix = np.zeros((bins + self.SLACK, self.bands), np.float32)
        for band, (start, first, after) in enumerate(zip(self.starts, self.offsets, self.offsets[1:], strict=False)):
            matrix[start : start + after - first, band] = self.weights[first:after]
        return matrix[:bins]

    def apply(self, columns: Float32, out: Float32) -> None:
        """Multiply a block whose second axis is time.

        Parameters
        ----------
        columns : ndarray, shape (bins + SLACK, rows)
            Values behind the last bin must be finite.
        out : ndarray, shape (bands, rows), overwritten
        """
        kernels.project(self.starts, self.offsets, self.weights, columns, out)
