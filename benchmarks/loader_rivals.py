"""Other ways to serve crops: per-sample loops, tf.data, TFRecord, Keras, torch and Hugging Face datasets.

Each maker imports what it needs, prepares its form of the data, and returns a candidate that serves crops in batches
and says how many. All crops are as long and drawn from the same clips; where a form can only be read in its own order,
that order is shuffled as its documentation says. The slow ones serve fewer crops.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks.race import Candidate
from benchmarks.synthetic_store import BINS, FRAMES, write_per_clip
from melgrid.loaders import NumpyLoader
from melgrid.store import FeatureSet, open_store

__all__ = ["BATCH", "CROP", "CROPS_PER_CLIP", "Forms", "into_numpy", "into_tensorflow", "into_torch"]

CROP, BATCH = 256, 32
CROPS_PER_CLIP = 8
WINDOW = 256  # records that TFRecord's reader shuffles

Float32 = npt.NDArray[np.float32]
Cut = Callable[[int, int], Float32]
"""The crop of a clip (row) that begins at a frame."""
Makers = dict[str, Callable[[], Candidate]]


@dataclass
class Forms:
    """The same features in every form, and crops of them.

    Attributes
    ----------
    features : FeatureSet
    folder : Path
        Where further forms go.
    stack : ExitStack
        Closes what is open.
    crops_per_clip : int
    """

    features: FeatureSet
    folder: Path
    stack: ExitStack
    crops_per_clip: int = CROPS_PER_CLIP

    @cached_property
    def whole(self) -> Float32:
        """All clips in memory, end to end; writes the file of `per_clip`, too."""
        return write_per_clip(self.folder / "per-clip.h5", self.features)

    @property
    def files(self) -> list[Path]:
        """Shards of the store."""
        return [self.features.store.path / self.features.id / shard.file for shard in self.features.record.shards]

    @property
    def crops(self) -> int:
        """Crops in a pass."""
        return len(self.features) * self.crops_per_clip

    def order(self) -> tuple[list[int], list[int]]:
        """Crops as the loader draws them: every clip as often, in random order."""
        chance = np.random.default_rng(1)
        rows = chance.permutation(np.repeat(np.arange(len(self.features)), self.crops_per_clip))
        return rows.tolist(), chance.integers(0, FRAMES - CROP + 1, len(rows)).tolist()

    def in_memory(self, row: int, start: int) -> Float32:
        return self.whole[row * FRAMES + start : row * FRAMES + start + CROP]

    def sliced(self, arrays: list[Any]) -> Cut:
        """Slices of the store's shards."""
        in_shard = self.features.record.shards[0].clips  # of all shards but the last

        def cut(row: int, start: int) -> Float32:
            first = row % in_shard * FRAMES + start
            crop: Float32 = arrays[row // in_shard][first : first + CROP]
            return crop

        return cut

    @cached_property
    def by_h5py(self) -> Cut:
        # With locks HDF5 would refuse to open these files once more in this process, as melgrid does.
        opened = [self.stack.enter_context(h5py.File(file, locking=False)) for file in self.files]
        return self.sliced([file["features"] for file in opened])

    @cached_property
    def by_memmap(self) -> Cut:
        shards = self.features.record.shards
        return self.sliced(
            [
                np.memmap(file, np.float32, "r", shard.data_offset or 0, (shard.frames, BINS))
                for file, shard in zip(self.files, shards, strict=True)
            ]
        )

    @cached_property
    def by_dataset(self) -> Cut:
        assert len(self.whole)
        file = self.stack.enter_context(h5py.File(self.folder / "per-clip.h5"))

        def cut(row: int, start: int) -> Float32:
            crop: Float32 = file[str(row)][start : start + CROP]
            return crop

        return cut

    @cached_property
    def hugging_face(self) -> Any:
        """A `datasets.Dataset` of whole clips, memory-mapped from its Arrow file."""
        import datasets

        datasets.disable_progress_bars()
        shape = datasets.Features({"x": datasets.Array2D((FRAMES, BINS), "float32"), "y": datasets.Value("int64")})
        where = {"store": str(self.features.store.path), "feature": self.features.id}
        cache = str(self.folder / "hugging-face")
        return datasets.Dataset.from_generator(_clips, features=shape, gen_kwargs=where, cache_dir=cache)

    @cached_property
    def records(self) -> Path:
        """A TFRecord file of whole clips."""
        import tensorflow as tf

        path = self.folder / "clips.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row, clip in enumerate(self.features.clip_ids):
                x = tf.train.Feature(bytes_list=tf.train.BytesList(value=[self.features[clip].tobytes()]))
                y = tf.train.Feature(int64_list=tf.train.Int64List(value=[row % 2]))
                writer.write(tf.train.Example(features=tf.train.Features(feature={"x": x, "y": y})).SerializeToString())
        return path


def _clips(store: str, feature: str) -> Iterator[dict[str, Any]]:
    features = open_store(store)[feature]
    for row, clip in enumerate(features):
        yield {"x": features[clip], "y": row % 2}


def gather(forms: Forms, cut: Cut, *, fresh: bool = True) -> Candidate:
    """Copy one crop after the other into batches: of the same array again, or of new ones."""
    rows, starts = forms.order()
    kept = np.empty((BATCH, CROP, BINS), np.float32)

    def batches() -> Iterator[Float32]:
        for first in range(0, len(rows), BATCH):
            chosen = list(zip(rows[first : first + BATCH], starts[first : first + BATCH], strict=True))
            batch = np.empty((len(chosen), CROP, BINS), np.float32) if fresh else kept
            for place, (row, start) in enumerate(chosen):
                batch[place] = cut(row, start)
            yield batch[: len(chosen)]

    return lambda: sum(len(batch) for batch in batches())


def into_numpy(forms: Forms, memory: str) -> Makers:
    """Candidates that fill NumPy arrays; `memory` names the one that only copies."""
    options: dict[str, Any] = {"batch_size": BATCH, "crop_frames": CROP, "crops_per_clip": forms.crops_per_clip}

    def loader(**more: Any) -> Candidate:
        batches = NumpyLoader(forms.features.select(), **options, **more)
        return lambda: sum(len(batch["x"]) for batch in batches)

    return {
        memory: lambda: gather(forms, forms.in_memory, fresh=False),
        f"{memory}, into new arrays": lambda: gather(forms, forms.in_memory),
        "melgrid NumpyLoader, prefetch=0": lambda: loader(prefetch=0),
        "melgrid NumpyLoader": loader,
        "melgrid NumpyLoader, resident=True": lambda: loader(resident=True, prefetch=0),
        "numpy.memmap of the same files": lambda: gather(forms, forms.by_memmap),
        "h5py slices of the same files": lambda: gather(forms, forms.by_h5py),
        "h5py, one dataset for each clip": lambda: gather(forms, forms.by_dataset),
        "Hugging Face datasets": lambda: _hugging_face(forms),
    }


def _hugging_face(forms: Forms) -> Candidate:
    """Whole clips by index, a batch at a time, cropped in NumPy."""
    data = forms.hugging_face.with_format("numpy")
    rows, starts = forms.order()
    rows, starts = rows[: len(forms.features)], starts[: len(forms.features)]

    def read() -> int:
        crops = 0
        for first in range(0, len(rows), BATCH):
            clips = data[rows[first : first + BATCH]]["x"]
            chosen = starts[first : first + BATCH]
            crops += len(np.stack([clip[start : start + CROP] for clip, start in zip(clips, chosen, strict=True)]))
        return crops

    return read


def into_tensorflow(forms: Forms) -> Makers:
    """Candidates that end in tensors of TensorFlow."""
    import tensorflow as tf

    from melgrid.loaders import KerasLoader, tf_dataset

    options: dict[str, Any] = {"batch_size": BATCH, "crop_frames": CROP, "crops_per_clip": forms.crops_per_clip}

    def count(batches: Any) -> int:
        return sum(int(batch[0].shape[0]) for batch in batches)

    def melgrid() -> Candidate:
        dataset = tf_dataset(forms.features.select(), **options)
        return lambda: count(dataset)

    def memory() -> Candidate:
        rows, starts = forms.order()

        def read() -> int:
            crops = 0
            for first in range(0, len(rows), BATCH):
                chosen = zip(rows[first : first + BATCH], starts[first : first + BATCH], strict=True)
                batch = np.stack([forms.in_memory(row, start) for row, start in chosen])
                crops += int(tf.convert_to_tensor(batch[..., None]).shape[0])
            return crops

        return read

    def as_keras_reads(dataset: Any) -> Candidate:
        from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

        def read() -> int:
            adapter = PyDatasetAdapter(dataset, shuffle=False)
            adapter.on_epoch_begin()
            # An endless one, epoch after epoch
            crops = count(adapter.get_tf_dataset().take(len(dataset)))
            adapter.on_epoch_end()
            return crops

        return read

    def generator() -> Candidate:
        rows, starts = forms.order()
        rows, starts = rows[: forms.crops // 4], starts[: forms.crops // 4]

        def samples() -> Iterator[tuple[Float32, int]]:
            for row, start in zip(rows, starts, strict=True):
                yield forms.by_h5py(row, start)[..., None], row % 2

        signature = tf.TensorSpec((CROP, BINS, 1), tf.float32), tf.TensorSpec((), tf.int64)
        dataset = tf.data.Dataset.from_generator(samples, output_signature=signature).batch(BATCH).prefetch(2)
        return lambda: count(dataset)

    def records() -> Candidate:
        parts = {"x": tf.io.FixedLenFeature((), tf.string), "y": tf.io.FixedLenFeature((), tf.int64)}

        def crop(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(record, parts)
            clip = tf.reshape(tf.io.decode_raw(example["x"], tf.float32), (FRAMES, BINS, 1))
            return tf.image.random_crop(clip, (CROP, BINS, 1)), example["y"]

        dataset = tf.data.TFRecordDataset(str(forms.records)).shuffle(WINDOW).map(crop).batch(BATCH).prefetch(2)
        return lambda: count(dataset)

    return {
        "memcpy gather into tensors": memory,
        "melgrid tf_dataset": melgrid,
        "melgrid KerasLoader, as Keras reads it": lambda: as_keras_reads(
            KerasLoader(forms.features.select(), **options)
        ),
        "Keras PyDataset over h5py slices": lambda: as_keras_reads(_py_dataset(forms)),
        "tf.data.from_generator per sample, h5py": generator,
        "TFRecord of whole clips": records,
    }


def _py_dataset(forms: Forms) -> Any:
    import keras

    rows, starts = forms.order()

    class Crops(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return -(-len(rows) // BATCH)

        def __getitem__(self, index: int) -> tuple[Float32, npt.NDArray[np.int64]]:
            part = slice(index * BATCH, (index + 1) * BATCH)
            chosen = zip(rows[part], starts[part], strict=True)
            return np.stack([forms.by_h5py(row, start) for row, start in chosen])[..., None], np.array(rows[part]) % 2

    return Crops()


def into_torch(forms: Forms) -> Makers:
    """Candidates that end in tensors of PyTorch."""
    import torch

    from melgrid.loaders import TorchLoader

    def melgrid() -> Candidate:
        loader = TorchLoader(
            forms.features.select(), batch_size=BATCH, crop_frames=CROP, crops_per_clip=forms.crops_per_clip
        )
        return lambda: sum(len(x) for x, _ in loader)

    # Workers share the one core of the benchmark
    warnings.filterwarnings("ignore", "This DataLoader will create")

    def data_loader(workers: int, share: int) -> Candidate:
        loader = torch.utils.data.DataLoader(
            _Samples(forms.files, [shard.clips for shard in forms.features.record.shards], forms.crops // share),
            batch_size=BATCH,
            shuffle=True,
            num_workers=workers,
        )
        return lambda: sum(len(x) for x, _ in loader)

    def hugging_face() -> Candidate:
        chance = np.random.default_rng(2)

        def crop(batch: dict[str, Any]) -> dict[str, Any]:
            starts = chance.integers(0, FRAMES - CROP + 1, len(batch["x"]))
            clips = [torch.as_tensor(np.asarray(clip, np.float32)) for clip in batch["x"]]
            return {"x": [clip[s : s + CROP] for clip, s in zip(clips, starts, strict=True)], "y": batch["y"]}

        data = forms.hugging_face.with_format("numpy").with_transform(crop)
        loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)
        return lambda: sum(len(batch["x"]) for batch in loader)

    return {
        "melgrid TorchLoader": melgrid,
        "torch DataLoader over h5py slices": lambda: data_loader(0, 2),
        "torch DataLoader over h5py slices, 2 workers": lambda: data_loader(2, 2),
        "torch DataLoader over Hugging Face datasets": hugging_face,
    }


class _Samples:
    """A map-style dataset of crops, whose files each worker opens for itself."""

    def __init__(self, files: list[Path], clips: list[int], crops: int) -> None:
        self._files, self._clips, self._crops = files, clips, crops
        self._open: list[h5py.Dataset] | None = None
        self._chance = np.random.default_rng(3)

    def __len__(self) -> int:
        return self._crops

    def __getitem__(self, index: int) -> tuple[Float32, int]:
        if self._open is None:
            self._open = [h5py.File(file, locking=False)["features"] for file in self._files]
        row = index % sum(self._clips)
        first = row % self._clips[0] * FRAMES + int(self._chance.integers(0, FRAMES - CROP + 1))
        return self._open[row // self._clips[0]][first : first + CROP], row % 2
