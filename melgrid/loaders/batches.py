"""Batches of crops as a pure function of epoch and number: the core that every adapter shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.crops import Crop, check_crop
from melgrid.loaders.layout import Axes, Dtype, Layout
from melgrid.loaders.padding import pad
from melgrid.loaders.schedule import Schedule

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["Batch", "BatchOptions", "Batches"]

Batch = dict[str, NDArray[Any]]


class BatchOptions(TypedDict, total=False):
    """Arguments of `Batches`, which every adapter takes."""

    batch_size: int
    crop_frames: int | None
    crop_seconds: float | None
    crops_per_clip: int
    crop: Crop | None
    shuffle: bool
    seed: int
    drop_last: bool
    axes: Axes | None
    dtype: Dtype
    with_ids: bool
    with_lengths: bool
    with_labels: bool


class Batches:
    """Batches of a selection: ``batch(epoch, i)`` gives the same arrays whenever, wherever and in whatever order asked.

    See `Schedule` for what an epoch holds.

    Parameters
    ----------
    selection : Selection
    batch_size : int >= 1
        Crops in a batch; the last may hold fewer.
    crop_frames : int >= 1 or None
    crop_seconds : float > 0 or None
        Length of a crop, in frames or seconds (rounded to whole frames); neither: whole clips.
    crops_per_clip : int >= 1
        Crops that a clip gives per epoch; above 1 with crop="random" only.
    crop : str or None
        "auto" (random when shuffling, else center), "random", "center", "head", "tile" (back-to-back crops that
        cover the clip, the last one aligned to its end), or None for whole clips, each batch padded to its longest.
    shuffle : bool
        A new order each epoch; else store order.
    seed : int in [0, 2**64)
    drop_last : bool
        Leave out a last batch that is not full.
    axes : str or None
        TF, FT, TFC, FTC, CTF or CFT behind the batch axis; None: TF for one channel, else TFC. The parts of complex
        values count as channels.
    dtype : str
        "float32" in the feature's unit, or "stored" for the codes of the file, to be cast on the device.
    with_ids, with_lengths : bool
        Add `clip_id` (str) and `length` (int64, frames before padding) to every batch.
    with_labels : bool
        False leaves `y` out.

    Attributes
    ----------
    frames : int or None
        Length of a crop.
    staggered : bool
        Whether whole clips are padded to an even number of frames in even batches and to an odd one in odd batches,
        so that two neighbours always differ. False unless an adapter sets it.

    Raises
    ------
    ParameterError
        A value breaks a rule, some clips have labels and some have none, or there would be no batch.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        batch_size: int = 32,
        crop_frames: int | None = None,
        crop_seconds: float | None = None,
        crops_per_clip: int = 1,
        crop: Crop | None = "auto",
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        axes: Axes | None = None,
        dtype: Dtype = "float32",
        with_ids: bool = False,
        with_lengths: bool = False,
        with_labels: bool = True,
    ) -> None:
        self._options: BatchOptions = {
            "batch_size": batch_size, "crop_frames": crop_frames, "crop_seconds": crop_seconds, "axes": axes,
            "dtype": dtype, "with_lengths": with_lengths,
        }  # fmt: skip
        self.selection = selection
        self.feature = selection.feature_set.feature
        self.frames = _crop_length(crop_frames, crop_seconds, self.feature.hop_seconds)
        self.crop = check_crop(crop, self.frames, crops_per_clip, shuffle)
        self.layout = Layout(self.feature, axes, dtype)
        self.staggered = False
        self._with_ids, self._with_lengths = with_ids, with_lengths
        self._rows = np.asarray(selection.rows, np.int64)
        self._lengths = np.asarray(selection.lengths, np.int64)
        self._ids = np.asarray(selection.clip_ids, np.str_)
        self._labels = _labels(selection) if with_labels else None
        self._schedule = Schedule(
            selection.clip_ids,
            self._lengths,
            frames=self.frames,
            crop=self.crop,
            crops_per_clip=crops_per_clip,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
        )

    def __len__(self) -> int:
        return len(self._schedule)

    def batch(self, epoch: int, i: int) -> Batch:
        """Gather one batch.

        Parameters
        ----------
        epoch : int >= 0
        i : int in [0, len)

        Returns
        -------
        dict of C-contiguous arrays, whose memory is not used again while anything refers to it
            ``x`` (examples, *axes); ``y`` int64 (examples,) class indices or float32 (examples, classes) multi-hot,
            where the dataset has labels; ``mask`` bool (examples, frames), true before the padding, for whole
            clips; ``clip_id`` and ``length`` when asked for.

        Raises
        ------
        IndexError
            There is no batch `i`.
        ShardError
            A file is shorter than the manifest says.
        """
        clips, starts = self._schedule.part(epoch, i)
        lengths = self._lengths[clips]
        frames = self.frames if self.frames is not None else int(lengths.max())
        if self.crop is None and self.staggered:
            frames += (frames - i) % 2
        counts = np.minimum(lengths, frames)
        stored = self.layout.empty(len(clips), frames)
        self.selection.feature_set.read(self._rows[clips], starts, counts, stored)
        pad(self.feature, stored, counts)
        batch: Batch = {"x": self.layout.arrange(stored)}
        if self._labels is not None:
            labels = self._labels[clips]
            batch["y"] = labels.astype(np.float32 if labels.ndim == 2 else np.int64)
        if self.crop is None:
            batch["mask"] = np.arange(frames) < counts[:, None]
        if self._with_ids:
            batch["clip_id"] = self._ids[clips]
        if self._with_lengths:
            batch["length"] = counts
        return batch

    def tiled(self) -> Batches:
        """Return batches of the same length, axes and type that cover every clip once, in store order, unlabelled.

        Returns
        -------
        Batches
        """
        options: BatchOptions = {
            **self._options,
            "crop": None if self.frames is None else "tile",
            "shuffle": False,
            "with_labels": False,
        }
        return Batches(self.selection, **options)

    def clips_of(self, epoch: int, i: int) -> NDArray[np.int64]:
        """Say which clips a batch holds.

        Parameters
        ----------
        epoch : int >= 0
        i : int in [0, len)

        Returns
        -------
        int64 array (examples,), positions in the selection
        """
        return self._schedule.part(epoch, i)[0]


def _crop_length(frames: int | None, seconds: float | None, hop_seconds: float) -> int | None:
    if frames is not None and seconds is not None:
        raise ParameterError(f"crop_frames={frames}, crop_seconds={seconds}: give one of them")
    if seconds is not None:
        if not seconds > 0:
            raise ParameterError(f"crop_seconds={seconds}: must be above 0")
        return max(1, round(seconds / hop_seconds))
    if frames is not None and frames < 1:
        raise ParameterError(f"crop_frames={frames}: must be at least 1")
    return frames


def _labels(selection: Selection) -> NDArray[Any] | None:
    labels = np.asarray(selection.labels)
    if not len(selection.classes):
        return None
    if labels.ndim == 2:
        return labels
    missing = np.flatnonzero(labels < 0)
    if len(missing) == len(labels):
        return None
    if len(missing):
        named = ", ".join(str(selection.clip_ids[i]) for i in missing[:3])
        raise ParameterError(
            f"{len(missing)} of {len(labels)} clips have no label ({named}{', ...' if len(missing) > 3 else ''}): "
            "select labelled clips only, with select(label=[...]), or say with_labels=False"
        )
    return labels
