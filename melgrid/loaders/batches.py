"""Batches of crops as a pure function of epoch and number: the core that every adapter shares."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgrid.errors import ParameterError
from melgrid.loaders.augmentation import Augmentation, Masks, mix
from melgrid.loaders.crops import Crop, check_crop, crop_length
from melgrid.loaders.frame_labels import FrameLabels
from melgrid.loaders.layout import Axes, Dtype
from melgrid.loaders.partners import Partners, Tuples
from melgrid.loaders.place import fingerprint
from melgrid.loaders.schedule import Schedule
from melgrid.loaders.source import STEPS_AHEAD, Resident, Source
from melgrid.loaders.targets import Labels, class_indices, clip_weights, targets
from melgrid.loaders.whole_numbers import flag

if TYPE_CHECKING:
    from melgrid.store import FeatureSet, Selection

__all__ = ["Batch", "BatchOptions", "Batches", "HasBatches"]

Batch = dict[str, NDArray[Any]]
Ints = NDArray[np.int64]


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
    with_mask: bool
    labels: Labels
    weights: ArrayLike | None
    tuples: Tuples | None
    second: FeatureSet | None
    mixup: float | None
    time_masks: Masks | None
    frequency_masks: Masks | None
    shard: tuple[int, int]
    resident: Resident


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
    with_ids, with_lengths, with_mask : bool
        Add `clip_id` (str), `length` (int64, frames before padding) and `mask` (bool (examples, frames), true before
        the padding; batches of whole clips have it anyway) to every batch.
    labels : str, array or None
        "auto" (class indices, or multi-hot), "one-hot", numbers of your own for each of ``selection.clip_ids`` (as for
        regression), or None for no `y`. "frames" and "frames-multi-hot": those of every frame, as in `FrameLabels`.
    weights : "balanced", array (clips,) or None
        Draw clips with replacement in proportion; "balanced" gives every class the same number of crops. The number
        of crops in an epoch stays.
    tuples : str or None
        "pairs": every example comes with an ``other``, by equal chances of the same class (`y` is 1) or of another
        (`y` is 0). "triplets": it comes with a ``positive`` of its own class and a ``negative`` of another one.
    second : FeatureSet or None
        Another feature set of the store; ``x2`` holds the same stretches of time from it, for models of two inputs.
    mixup, time_masks, frequency_masks
        As in `Augmentation`. mixup needs `labels` that are not indices.
    shard : (int, int)
        (index, count): only one of `count` equal shares without common crops, as process `index` of `count` needs.
        `batch_size` counts within the share.
    resident : bool or "device"
        Keep the clips in memory, read once in one go. "device": on the device of the model, see `device_layer` and
        `jax_gather`; `x` is then int32 (examples, 2), which names crops for these.

    Attributes
    ----------
    frames : int or None
        Length of a crop.
    by_frame : bool
        Whether every frame has labels.
    staggered : bool
        Whether whole clips are padded to an even number of frames in even batches and to an odd one in odd batches,
        so that two neighbours always differ. False unless an adapter sets it.

    Raises
    ------
    ParameterError
        A value breaks a rule, options contradict each other, some clips have labels and some have none, or there
        would be no batch.
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
        with_mask: bool = False,
        labels: Labels = "auto",
        weights: ArrayLike | None = None,
        tuples: Tuples | None = None,
        second: FeatureSet | None = None,
        mixup: float | None = None,
        time_masks: Masks | None = None,
        frequency_masks: Masks | None = None,
        shard: tuple[int, int] = (0, 1),
        resident: Resident = False,
    ) -> None:
        self._options: BatchOptions = {
            "batch_size": batch_size, "crop_frames": crop_frames, "crop_seconds": crop_seconds, "axes": axes,
            "dtype": dtype, "with_lengths": with_lengths, "with_mask": with_mask, "second": second,
            "resident": resident,
        }  # fmt: skip
        if not hasattr(selection, "feature_set"):
            raise ParameterError(
                f"{selection!r}: loaders take a selection, from features.split(...) or features.select()"
            )
        self.selection = selection
        self.feature = selection.feature_set.feature
        self.frames = crop_length(crop_frames, crop_seconds, self.feature.hop_seconds)
        self.crop = check_crop(crop, self.frames, crops_per_clip, shuffle)
        self.staggered = False
        self._with_ids, self._with_lengths = flag("with_ids", with_ids), flag("with_lengths", with_lengths)
        self._with_mask = flag("with_mask", with_mask)
        self._ids = np.asarray(selection.clip_ids, object)
        lengths = np.asarray(selection.lengths, np.int64)
        rows = np.asarray(selection.rows, np.int64)
        self._source = Source(selection.feature_set, rows, lengths, axes, dtype, resident)
        self._second = None if second is None else _matching(selection, second, self.frames, axes, dtype, resident)
        self._augmentation = Augmentation(mixup, time_masks, frequency_masks, dtype)
        if resident == "device" and (self.frames is None or self._augmentation.hides or mixup is not None):
            raise ParameterError(
                "resident='device': only crops of one length are gathered on the device; give crop_frames or "
                "crop_seconds, and leave mixup and masks to layers of the model"
            )
        self.by_frame = isinstance(labels, str) and labels in ("frames", "frames-multi-hot")
        self._frame_labels = FrameLabels(selection, str(labels)) if self.by_frame else None
        self._targets = None if self.by_frame else targets(selection, labels)
        self._tuples, self._partners = tuples, None
        if tuples not in (None, "pairs", "triplets"):
            raise ParameterError(f"tuples={tuples!r}: must be 'pairs', 'triplets' or None")
        if tuples is not None:
            if self.crop == "tile" or second is not None or mixup is not None:
                raise ParameterError(f"tuples={tuples!r}: not with crop='tile', second or mixup")
            self._partners = Partners(class_indices(selection, f"tuples={tuples!r}"))
        if mixup is not None and (
            (self._targets is not None and self._targets.dtype != np.float32) or (self.by_frame and labels == "frames")
        ):
            hot = "frames-multi-hot" if self.by_frame else "one-hot"
            raise ParameterError(f"mixup={mixup}: labels must be numbers to mix; say labels={hot!r}")
        chances, strata = clip_weights(selection, weights)
        self._schedule = Schedule(
            selection.clip_ids,
            lengths,
            frames=self.frames,
            crop=self.crop,
            crops_per_clip=crops_per_clip,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_last=drop_last,
            shard=shard,
            weights=chances,
            strata=strata,
        )
        order = (
            self.feature.id, "" if second is None else second.id, batch_size, self.frames, self.crop, crops_per_clip,
            shuffle, seed, drop_last, shard, tuples, mixup, time_masks, frequency_masks,
            labels if self.by_frame else None,
        )  # fmt: skip
        by_time = self._frame_labels.arrays if self._frame_labels is not None else ()
        self.fingerprint = fingerprint(order, self._ids, (lengths, self._targets, chances, *by_time))

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
            ``x`` (examples, *axes); ``x2``, or ``other``, or ``positive`` and ``negative`` when asked for; ``y`` int64
            (examples,) class indices or float32 (examples, ...), where there are labels; for labels of frames with
            another axis of frames behind the first, and ``y_weight`` float32 (examples, frames), 1 where `y` counts;
            ``mask`` for whole clips and when asked for, ``x2_mask`` and so on;
            ``clip_id`` and ``length`` when asked for.

        Raises
        ------
        IndexError
            There is no batch `i`.
        ShardError
            A file is shorter than the manifest says.
        """
        clips, numbers, starts = self._schedule.part(epoch, i)
        self._hint(epoch, i)
        chance = partial(self._schedule.chance, epoch, clips, numbers)
        odd = i % 2 if self.crop is None and self.staggered else None
        batch: Batch = {}
        counts = self._put(batch, "x", self._source, clips, starts, self.frames, odd, chance)
        y = None if self._targets is None else self._targets[clips]
        if self._frame_labels is not None:
            frames = self.frames or batch["mask"].shape[1]
            y, batch["y_weight"] = self._frame_labels.crops(clips, starts, counts, frames)
        if self._second is not None:
            source, ratio, frames = self._second
            also = np.rint(starts * ratio).astype(np.int64)
            if frames is not None:
                also = np.minimum(also, np.maximum(0, source.lengths[clips] - frames))
            self._put(batch, "x2", source, clips, also, frames, odd, chance)
        for role, (name, partners) in enumerate(self._draw_partners(clips, chance)):
            their = numbers + ((role + 1) << 24)  # crops of their own, also where a clip is its own partner
            drawn = partial(self._schedule.chance, epoch, partners, their)
            begin = self._schedule.starts(epoch, partners, their)
            self._put(batch, name, self._source, partners, begin, self.frames, odd, drawn)
        if self._tuples == "pairs":
            y = (chance(_SAME) < 0.5).astype(np.float32)
        if self._augmentation.mixup is not None:
            shares = self._augmentation.shares(chance(_SHARE))
            for name in ("x", "x2"):
                if name in batch:
                    batch[name] = mix(batch[name], shares)
            for name in batch.keys() & {"mask", "x2_mask"}:
                batch[name] |= np.roll(batch[name], -1, axis=0)
            y = None if y is None else mix(y, shares)
            if "y_weight" in batch:
                batch["y_weight"] = np.maximum(batch["y_weight"], np.roll(batch["y_weight"], -1, axis=0))
        if y is not None:
            batch["y"] = y
        if self._with_ids:
            batch["clip_id"] = self._ids[clips].astype(np.str_)
        if self._with_lengths:
            batch["length"] = counts
        return batch

    def _put(
        self, batch: Batch, name: str, source: Source, clips: Ints, starts: Ints, frames: int | None, odd: int | None,
        chance: partial[NDArray[np.float64]],
    ) -> Ints:  # fmt: skip
        masked = frames is None or self._with_mask
        if frames is None:
            frames = int(source.lengths[clips].max())
            frames += 0 if odd is None else (frames - odd) % 2
        batch[name], counts = source.crops(clips, starts, frames)
        if self._augmentation.hides:
            self._augmentation.mask(source.layout.named(batch[name]), counts, chance)
        if masked:
            batch["mask" if name == "x" else f"{name}_mask"] = np.arange(frames) < counts[:, None]
        return counts

    def _draw_partners(self, clips: Ints, chance: partial[NDArray[np.float64]]) -> list[tuple[str, Ints]]:
        if self._partners is None:
            return []
        same, other = self._partners.same(clips, chance(_POSITIVE)), self._partners.other(clips, chance(_NEGATIVE))
        if self._tuples == "triplets":
            return [("positive", same), ("negative", other)]
        return [("other", np.where(chance(_SAME) < 0.5, same, other))]

    def _hint(self, epoch: int, i: int) -> None:
        """Have the system fetch what comes soon, while the disk is needed at all."""
        if self._source.wants_hints and i + STEPS_AHEAD < len(self) and self.frames is not None:
            clips, _, starts = self._schedule.part(epoch, i + STEPS_AHEAD)
            self._source.hint(clips, starts, self.frames)

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
            "labels": None,
        }
        made = Batches(self.selection, **options)
        made._source, made._second = self._source, self._second  # with what is in memory
        return made

    @property
    def axes(self) -> Axes:
        """Order of the axes behind the batch axis."""
        return self._source.layout.axes

    def device_source(self, name: str = "x") -> tuple[Source, int]:
        """Return where the crops of an input come from, and their length, for a device that makes them.

        Parameters
        ----------
        name : str
            "x" or "x2".

        Returns
        -------
        Source, int

        Raises
        ------
        ParameterError
            There is no such input, or the device does not make crops.
        """
        source, frames = (self._source, self.frames) if name == "x" else (None, None)
        if name == "x2" and self._second is not None:
            source, _, frames = self._second
        if source is None or frames is None or source.resident != "device":
            raise ParameterError(f"device: the loader must have resident='device', and an input {name!r}")
        return source, frames

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


class HasBatches(Protocol):
    """Any of the adapters."""

    @property
    def batches(self) -> Batches: ...


def _matching(
    selection: Selection, second: FeatureSet, frames: int | None, axes: Axes | None, dtype: Dtype, resident: Resident
) -> tuple[Source, float, int | None]:
    """Return the source of the second input, its frames per frame of the first, and the length of its crops."""
    if not hasattr(second, "clip_rows"):
        raise ParameterError(f"second={second!r}: must be a feature set, such as store.find(kind='cqt')")
    missing = [str(clip) for clip in selection.clip_ids if clip not in second]
    if missing:
        named = ", ".join(missing[:3])
        raise ParameterError(f"second: {second.id} lacks {len(missing)} clips of the selection ({named})")
    rows = np.array([second.row(str(clip)) for clip in selection.clip_ids], np.int64)
    ratio = selection.feature_set.feature.hop_seconds / second.feature.hop_seconds
    source = Source(second, rows, second.lengths[rows], axes, dtype, resident)
    return source, ratio, None if frames is None else max(1, round(frames * ratio))


_SAME, _POSITIVE, _NEGATIVE, _SHARE = range(1 << 20, (1 << 20) + 4)  # purposes of random numbers; masks use those below
