"""Batches as a `tf.data.Dataset`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from melgrid.loaders.batches import Batches, BatchOptions
from melgrid.loaders.departure import Gate
from melgrid.loaders.model_inputs import as_pair, for_models
from melgrid.loaders.place import State, place_of, state_of
from melgrid.loaders.whole_numbers import whole_number

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["tf_dataset"]


def tf_dataset(
    selection: Selection,
    *,
    epochs: int | None = 1,
    prefetch: int = 2,
    start: int | State = 0,
    **options: Unpack[BatchOptions],
) -> tf.data.Dataset:
    """Make a dataset of whole batches, with the shapes and types of all of them known beforehand.

    Every pass over the dataset goes on where the last one stopped counting: the epochs after those that it covers. So
    ``fit(dataset, epochs=3)`` has three orders. A distribution strategy shares out each batch among its replicas. Under
    one, and on other backends than TensorFlow, Keras begins a pass only to look at a batch, so that training begins
    with the next.

    TensorFlow reads ahead, so only the consumer knows which batches it has had. To resume, count them:
    ``dataset.state(step)`` is the place after `step` batches since epoch 0, whatever was read ahead, as a small JSON;
    ``tf_dataset(..., start=state)`` goes on there. Its first pass has the rest of that epoch only. Keras takes the
    length of an epoch from the first one that it sees: finish the broken epoch with a ``fit`` of its own.

    Parameters
    ----------
    selection : Selection
    epochs : int >= 1 or None
        Epochs in one pass; None goes on for ever (then give Keras ``steps_per_epoch``).
    prefetch : int >= 0
        Batches that TensorFlow keeps ready.
    start : int >= 0 or dict
        Batches since epoch 0 that were had before, such as ``int(model.optimizer.iterations)``; or the `state` of any
        loader of the same clips and options.
    **options
        As in `Batches`, with `axes` TFC by default and without `with_ids`.

    Returns
    -------
    tf.data.Dataset
        Of (x, y), or (x,) where there are no labels, or (x, y, y_weight) for labels of frames; x is a dict when there
        is more than one input. Its length is unknown to TensorFlow when it starts within an epoch.

    Raises
    ------
    ParameterError
        An option breaks a rule, or `start` is of other clips or options.
    """
    epochs = None if epochs is None else whole_number("epochs", epochs, 1, ", or None for ever")
    prefetch = whole_number("prefetch", prefetch)
    batches = Batches(selection, **for_models(options))
    count = len(batches)
    specs = {name: _spec(batches, name, array, options) for name, array in batches.batch(0, 0).items()}
    lock, gate = threading.Lock(), Gate()
    following = _place(batches, start)
    within = following[1] > 0

    def begin() -> NDArray[np.int64]:
        nonlocal following
        with lock:
            gate.unfinished = True
            first = following
            following = first[0] + (epochs or 1), 0
            return np.array(first, np.int64)

    def read(epoch: NDArray[np.int64], i: NDArray[np.int64]) -> list[NDArray[Any]]:
        with gate:
            batch = batches.batch(int(epoch), int(i))
            return [batch[name] for name in specs]

    def fetch(epoch: tf.Tensor, i: tf.Tensor) -> tuple[Any, ...]:
        tensors = tf.numpy_function(read, [epoch, i], [spec.dtype for spec in specs.values()])
        shaped = (tf.ensure_shape(t, spec.shape) for t, spec in zip(tensors, specs.values(), strict=True))
        return as_pair(dict(zip(specs, shaped, strict=True)))

    def chosen(first: tf.Tensor) -> tf.data.Dataset:
        after = np.iinfo(np.int64).max if epochs is None else first[0] + epochs
        numbers = tf.data.Dataset.range(first[0], after)
        return numbers.map(lambda epoch: (epoch, tf.where(epoch == first[0], first[1], 0)))

    def places(epoch: tf.Tensor, skipped: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(skipped, count).map(lambda i: (epoch, i))

    dataset = tf.data.Dataset.range(1).map(lambda _: tf.ensure_shape(tf.numpy_function(begin, [], tf.int64), (2,)))
    dataset = dataset.flat_map(chosen).flat_map(places).map(fetch)
    if epochs is None or not within:
        length = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * count
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(length))
    settings = tf.data.Options()
    settings.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = dataset.prefetch(prefetch).with_options(settings)
    dataset.state = lambda step: state_of(batches, *divmod(step, count))
    return dataset


def _place(batches: Batches, start: int | State) -> tuple[int, int]:
    if isinstance(start, dict):
        return place_of(batches, start)
    return divmod(whole_number("start", start, 0, ", or the state of a loader"), len(batches))


def _spec(batches: Batches, name: str, array: NDArray[Any], options: BatchOptions) -> tf.TensorSpec:
    shape: list[int | None] = list(array.shape)
    if not options.get("drop_last"):
        shape[0] = None
    by_frame = batches.by_frame and name in ("y", "y_weight")
    if batches.frames is None and (name.endswith("mask") or by_frame):
        shape[1] = None
    elif batches.frames is None and name not in ("y", "length"):
        shape[1 + batches.axes.index("T")] = None
    return tf.TensorSpec(shape, array.dtype)
