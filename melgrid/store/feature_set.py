"""One feature's clips in a store: arrays by clip id, and batches of crops by position."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ClipError, ShardError, StoreError
from melgrid.params import Feature
from melgrid.params.messages import nearest
from melgrid.store.feature_record import FeatureRecord
from melgrid.store.shards.encoding import decode, encode, item_shape, stored_dtype
from melgrid.store.shards.reader import ShardFiles
from melgrid.store.shards.shard_info import read_arrays

if TYPE_CHECKING:
    from melgrid.store.selection import Selection
    from melgrid.store.store import Store

__all__ = ["FeatureSet"]

Ints = NDArray[np.int64]


class FeatureSet:
    """Feature arrays of a store's clips.

    Made by `Store`. May be used by any number of threads, after a fork, and pickled: a copy opens the store anew.
    Clips without features, for a reason that `store.clips` gives, are not in it.

    Attributes
    ----------
    store : Store
    feature : Feature
    record : FeatureRecord
        Shard table and what the cast cost.
    dtype : dtype
        Stored type.
    frame_shape : tuple of int
        Stored shape of one frame: (bins[, channels][, 2]).
    """

    def __init__(self, store: Store, record: FeatureRecord) -> None:
        self.store = store
        self.record = record
        self.feature: Feature = record.feature
        self.dtype = stored_dtype(self.feature)
        self.frame_shape = item_shape(self.feature)
        self._frame_bytes = int(np.prod(self.frame_shape)) * self.dtype.itemsize

    @property
    def id(self) -> str:
        """Id of the feature, and name of its folder."""
        return self.feature.id

    @cached_property
    def _places(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Of every ok clip: place in the clip table, number in the shard table, first frame, frames."""
        tables = []
        for number, shard in enumerate(self.record.shards):
            offsets, status = read_arrays(self.store.path / self.id / shard.file, "frame_offset", "status")
            first, after = np.searchsorted(self.store.table.shard, [shard.index, shard.index + 1])
            if len(status) != after - first:
                raise StoreError(
                    f"{self.id}/{shard.file}: has {len(status)} clips where clips.parquet has {after - first}. "
                    "melgrid verify --repair rebuilds it"
                )
            frames = np.diff(offsets)
            size = int(offsets[-1]) * self._frame_bytes + (shard.data_offset or 0)
            if (
                offsets[0]
                or offsets[-1] != shard.frames
                or frames.min(initial=0) < 0
                or (shard.frames and size != shard.bytes)
            ):
                raise ShardError(
                    f"{self.id}/{shard.file}: its clips do not fill it: {offsets[-1]} frames, {shard.bytes} bytes. "
                    "melgrid verify --deep finds the damage"
                )
            ok = np.flatnonzero(status == 0)
            tables.append((first + ok, np.full(len(ok), number), offsets[:-1][ok], frames[ok]))
        if not tables:
            empty = np.zeros(0, np.int64)
            return empty, empty, empty, empty
        columns = [np.concatenate(column).astype(np.int64) for column in zip(*tables, strict=True)]
        return columns[0], columns[1], columns[2], columns[3]

    @cached_property
    def _files(self) -> ShardFiles:
        folder = self.store.path / self.id
        self.record.check_sizes(folder)
        return ShardFiles(folder, self.record.shards)

    @cached_property
    def _row_of_clip(self) -> Ints:
        """Of every clip in the table: its row here, or -1."""
        rows = np.full(len(self.store.table), -1, np.int64)
        rows[self._places[0]] = np.arange(len(self))
        return rows

    @cached_property
    def clip_ids(self) -> NDArray[np.object_]:
        """Ids of the clips that have features, in store order; shape (n,)."""
        return self.store.table.ids[self._places[0]]

    @property
    def clip_rows(self) -> Ints:
        """Place of each clip in ``store.clips``; shape (n,), ascending."""
        return self._places[0]

    @property
    def lengths(self) -> Ints:
        """Frames of each clip; shape (n,), int64."""
        return self._places[3]

    @cached_property
    def num_samples(self) -> Ints:
        """Samples of each clip at the feature's rate, before any excerpt is taken; shape (n,), int64."""
        counts = np.zeros(len(self.store.table), np.int64)
        for shard in self.record.shards:
            first, after = np.searchsorted(self.store.table.shard, [shard.index, shard.index + 1])
            counts[first:after] = read_arrays(self.store.path / self.id / shard.file, "num_samples")[0]
        return counts[self.clip_rows]

    def __len__(self) -> int:
        return len(self._places[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self.clip_ids)

    def __contains__(self, clip_id: object) -> bool:
        position = self.store.table.position
        return clip_id in position and bool(self._row_of_clip[position.get_loc(clip_id)] >= 0)

    def row(self, clip_id: str) -> int:
        """Row of a clip among `clip_ids`.

        Raises
        ------
        StoreError
            The store has no such clip.
        ClipError
            The clip has no features; carries the reason.
        """
        if not isinstance(clip_id, str):
            example = f", such as {self.clip_ids[0]!r}" if len(self) else ""
            raise StoreError(f"{self.id}[{clip_id!r}]: a clip is taken by its id{example}; clip_ids has all")
        try:
            place: Any = self.store.table.position.get_loc(clip_id)
        except KeyError:
            hint = nearest(clip_id, self.store.table.ids) if len(self.store.table) < 10_000 else ""
            raise StoreError(f"{self.store.path}: has no clip {clip_id!r}.{hint}") from None
        row = int(self._row_of_clip[place])
        if row < 0:
            code, words = self._reason(place)
            raise ClipError(code, f"{words} (clip {clip_id!r} has no features in {self.id})")
        return row

    def _reason(self, place: int) -> tuple[Any, str]:
        index, row = self.store.table.shard[place], self.store.table.row[place]
        for shard in self.record.shards:
            if shard.index == index:
                (reasons,) = read_arrays(self.store.path / self.id / shard.file, "reason")
                code, _, words = reasons[row].decode().partition(": ")
                return code, words
        return "missing", "added to the store after this feature set was made"

    def __getitem__(self, clip_id: str) -> NDArray[Any]:
        """Return a clip's values in the physical unit: (frames, bins[, channels]), float32 or complex64."""
        row = self.row(clip_id)
        stored = np.empty((int(self.lengths[row]), *self.frame_shape), self.dtype)
        self.read_clips(np.array([row]), stored)
        return decode(stored, self.feature)

    def cast(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return computed values as they would come back from the store.

        Parameters
        ----------
        values : ndarray, shape (frames, bins[, channels]), float32 or complex64

        Returns
        -------
        ndarray of the same shape and type
        """
        return decode(encode(np.array(values), self.feature)[0], self.feature)

    def decode(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Turn stored numbers, whose last axes are `frame_shape`, into values in the physical unit."""
        return decode(stored, self.feature)

    def read(self, rows: Ints, starts: Ints, counts: Ints, out: NDArray[Any]) -> bool:
        """Read one run of frames from each of several clips.

        Parameters
        ----------
        rows : ndarray, shape (n,), int64
            Into `clip_ids`.
        starts, counts : ndarray, shape (n,), int64, frames
        out : ndarray, shape (n, longest) + frame_shape, type `dtype`, C-contiguous
            ``out[i, :counts[i]]`` is filled, the rest left as it is.

        Returns
        -------
        bool
            Whether anything had to come from the disk, so that `advise` pays.

        Raises
        ------
        ValueError
            A run leaves its clip, or `out` has the wrong shape, type or layout.
        ShardError
            A shard file is damaged; names file and clip.
        """
        rows, starts, counts = (np.asarray(a, np.int64) for a in (rows, starts, counts))
        if out.ndim < 2 or len(out) < len(rows) or (len(counts) and counts.max() > out.shape[1]):
            raise ValueError(f"out of shape {out.shape} cannot take {len(rows)} runs of up to {counts.max()} frames")
        places = np.arange(len(rows), dtype=np.int64) * (out.shape[1] * self._frame_bytes)
        return self._read(rows, starts, counts, out, out.shape[2:], places)

    def read_clips(self, rows: Ints, out: NDArray[Any]) -> None:
        """Read whole clips, one after the other.

        Parameters
        ----------
        rows : ndarray, shape (n,), int64
            Into `clip_ids`.
        out : ndarray, shape (lengths[rows].sum(),) + frame_shape, type `dtype`, C-contiguous

        Raises
        ------
        ValueError
            `out` has the wrong shape, type or layout.
        ShardError
            A shard file is damaged; names file and clip.
        """
        rows = np.asarray(rows, np.int64)
        counts = self.lengths[rows]
        ends = np.cumsum(counts)
        if len(out) != (ends[-1] if len(ends) else 0):
            raise ValueError(f"out of shape {out.shape} is not for {int(counts.sum())} frames")
        self._read(rows, np.zeros_like(rows), counts, out, out.shape[1:], (ends - counts) * self._frame_bytes)

    def advise(self, rows: Ints, starts: Ints, counts: Ints) -> None:
        """Ask the system to fetch runs that `read` will want soon; arguments as there."""
        rows, starts, counts = (np.asarray(a, np.int64) for a in (rows, starts, counts))
        _, shards, first, _ = self._places
        positions = (first[rows] + starts) * self._frame_bytes
        self._files.advise(shards[rows], positions, counts * self._frame_bytes)

    def _read(
        self, rows: Ints, starts: Ints, counts: Ints, out: NDArray[Any], tail: tuple[int, ...], places: Ints
    ) -> bool:
        if tail != self.frame_shape or out.dtype != self.dtype or not out.flags.c_contiguous:
            raise ValueError(
                f"out {out.shape} {out.dtype} must be C-contiguous {self.dtype} of frames {self.frame_shape}"
            )
        _, shards, first, lengths = self._places
        if not len(rows):
            return False
        least = counts.min()
        if least < 0 or starts.min() < 0 or (starts + counts > lengths[rows]).any():
            bad = int(np.argmax((starts < 0) | (counts < 0) | (starts + counts > lengths[rows])))
            raise ValueError(
                f"frames {starts[bad]} to {starts[bad] + counts[bad]} leave clip {self.clip_ids[rows[bad]]!r}, "
                f"which has {lengths[rows[bad]]}"
            )
        if least == 0:
            some = np.flatnonzero(counts)
            rows, starts, counts, places = rows[some], starts[some], counts[some], places[some]
        return self._files.read(
            shards[rows],
            (first[rows] + starts) * self._frame_bytes,
            counts * self._frame_bytes,
            out.data.cast("B") if out.size else memoryview(b""),
            places,
            lambda span: str(self.clip_ids[rows[span]]),
        )

    def select(self, *, variants: bool = False, **columns: Any) -> Selection:
        """Return the clips whose columns have given values, unguarded against leaks.

        Parameters
        ----------
        variants : bool
            Also altered copies of clips, which `preprocess` makes when asked to augment; those that `clip_id` names
            always count.
        **columns : value, list or range
            Of clip_id, label, split, fold or group; a clip must match all. Several labels mean any of them.

        Returns
        -------
        Selection

        Raises
        ------
        ParameterError
            A column or value is unknown, or no clip matches.
        """
        from melgrid.store.split import select

        return select(self, columns, variants)

    def split(
        self,
        *,
        allow_leaks: bool = False,
        seed: int = 0,
        variants: Collection[str] | None = None,
        **sides: dict[str, Any] | float,
    ) -> tuple[Selection, ...]:
        """Return several selections that share no clip, no group and no copy of a clip.

        A clip without a group is of that of its file. Copies are of the same bytes under other names.

        Parameters
        ----------
        allow_leaks : bool
            Do not check.
        seed : int
            Of sides that are drawn.
        variants : collection of str, optional
            Sides that get altered copies of their clips as well; by default the one called train.
        **sides : dict or float
            Name of the side, and columns as for `select`; or shares of all clips, such as ``train=0.8, test=0.2``,
            which are drawn so that groups stay whole and classes keep their proportions as far as that allows.
            Without sides, the dataset's official split.

        Returns
        -------
        tuple of Selection, in the order of `sides`

        Raises
        ------
        LeakError
            A clip, a clip and a variant or copy of it, or a group stands on two sides.
        ParameterError
            A column or value is unknown, a side is empty, or there is no official split.

        Warns
        -----
        LeakWarning
            Sides made of official columns only put a group, or copies of a clip, on two sides.
        """
        from melgrid.store.split import split

        return split(self, sides, allow_leaks, seed, variants)

    def _repr_html_(self) -> str:
        from melgrid.store.views.notebook import feature_set_html

        return feature_set_html(self)

    def __repr__(self) -> str:
        shape = ", ".join(["frames", *map(str, self.frame_shape)])
        clips = sum(shard.clips - shard.failed for shard in self.record.shards)
        return f"<FeatureSet {self.id}: {clips} clips ({shape}) {self.dtype.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (str(self.store.path), self.id, self.record)


def _reopen(path: str, feature_id: str, record: FeatureRecord) -> FeatureSet:
    from melgrid.store.store import open_store

    found = open_store(path)[feature_id]
    if found.record != record:
        raise StoreError(f"{path}: {feature_id} has been made anew since this was pickled; open the store again")
    return found
