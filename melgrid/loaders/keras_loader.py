"""Batches for ``model.fit``, ``evaluate`` and ``predict`` of Keras 3."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import keras

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batches, BatchOptions
from melgrid.loaders.departure import Gate
from melgrid.loaders.keras_callback import EpochCallback
from melgrid.loaders.model_inputs import as_pair, for_models
from melgrid.loaders.passes import Passes
from melgrid.loaders.place import State, place_of, state_of

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["KerasLoader"]


class KerasLoader(keras.utils.PyDataset):  # type: ignore[misc]
    """A `keras.utils.PyDataset` of crops: ``model.fit(loader, shuffle=False)``.

    Each epoch has its own order, also in later calls of ``fit``. Give ``callbacks=loader.callbacks`` to number epochs
    as Keras does, so that ``fit(initial_epoch=5)`` draws what an uninterrupted run would have drawn; under a
    distribution strategy Keras begins a pass only to look at a batch, which counts as an epoch without them. With
    ``steps_per_epoch`` one pass over the clips goes on through several of Keras's epochs; it should divide the number
    of batches, since Keras ends an epoch early in which a pass ends (`tf_dataset` with ``epochs=None`` has no end).
    ``predict`` gives the order of the loader: say ``shuffle=False``, or use `predict_clips`.

    Batches are read in the thread in which Keras asks for them; TensorFlow reads ahead by itself. `workers` stays 1:
    more cost more than they give (they are measured slower), and processes may hang.

    Parameters
    ----------
    selection : Selection
    **options
        As in `Batches`, with `axes` TFC by default and without `with_ids`.

    Raises
    ------
    ParameterError
    """

    def __init__(self, selection: Selection, **options: Unpack[BatchOptions]) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batches = Batches(selection, **for_models(options))
        # Keras fixes every axis on which the two batches that it peeks at agree: these never agree on time
        self.batches.staggered = True
        self._passes = Passes(len(self.batches))
        self._warned = False
        self._gate = Gate()
        self._place = 0, 0
        self._resume: tuple[int, int] | None = None
        self._skipped = 0

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks for ``fit`` that number this loader's epochs as Keras does, and keep `state`."""
        return [EpochCallback(self)]

    def __len__(self) -> int:
        return len(self.batches) - self._skipped

    @property
    def num_batches(self) -> int:
        """Keras asks for it."""
        return _Count(self)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Read one batch of the running epoch.

        Parameters
        ----------
        index : int in [0, len)

        Returns
        -------
        (x, y), or (x,) where the dataset has no labels, or (x, y, y_weight) for labels of frames
            With `mask` (whole clips) or `length` (asked for), x is a dict of ``x`` and these: the inputs of a
            functional model, by name.

        Raises
        ------
        IndexError
            There is no such batch.
        ShardError
            A file is shorter than the manifest says.
        """
        with self._gate:
            pair = self._pair(index)
        self._gate.unfinished = self._passes.unfinished
        return pair

    def _pair(self, index: int) -> tuple[Any, ...]:
        batch = self.batches.batch(self._passes.epoch_of(index), index + self._skipped)
        if not (self._passes.in_order or self._warned or self.workers > 1):
            self._warned = True
            warnings.warn(
                "fit(shuffle=True), Keras's default, shuffles the batches of a KerasLoader once more, and not "
                "reproducibly; say fit(..., shuffle=False): the loader shuffles by itself",
                stacklevel=2,
            )
        return as_pair(batch)

    def state(self) -> State:
        """Describe the place after the last batch that the model has learned from.

        Needs ``callbacks=loader.callbacks``, and whole epochs: not `steps_per_epoch`.

        Returns
        -------
        dict that JSON can hold
        """
        return state_of(self.batches, *self._place)

    def restore(self, state: State) -> None:
        """Go on from a place in the next ``fit``.

        That must be ``fit(initial_epoch=state["epoch"], callbacks=loader.callbacks)``; its first epoch has the
        remaining batches only.

        Parameters
        ----------
        state : dict
            From `state` of a loader of the same clips and options.

        Raises
        ------
        ParameterError
            It is of other clips or options.
        """
        self._place = self._resume = place_of(self.batches, state)
        self._skipped = 0  # which a fit that was interrupted in a resumed epoch leaves

    def begin_epoch(self, epoch: int) -> None:
        """Take note of Keras's number of the epoch that begins; callbacks call it.

        Parameters
        ----------
        epoch : int >= 0

        Raises
        ------
        ParameterError
            Another epoch was restored.
        """
        first, skipped = self._resume or (epoch, 0)
        if first != epoch:
            raise ParameterError(f"initial_epoch={epoch}: the restored state is in epoch {first}; start there")
        self._resume, self._skipped = None, skipped
        self._passes.announce(epoch)

    def trained(self, epoch: int, count: int) -> None:
        """Take note that the model has learned from the first `count` batches of an epoch; callbacks call it.

        Parameters
        ----------
        epoch, count : int >= 0
        """
        self._place = epoch, self._skipped + count

    def end_training(self) -> None:
        """Have all batches again, also when the last epoch was a resumed one; callbacks call it."""
        self._skipped = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self.on_epoch_begin()
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_begin(self) -> None:
        """Keras calls it."""
        self._passes.begin()
        self._gate.unfinished = True

    def on_epoch_end(self) -> None:
        """Keras calls it, at times for an epoch that never began."""
        self._passes.end()
        self._gate.unfinished = self._passes.unfinished


class _Count(int):
    """The number of batches, which Keras asks for once per ``fit`` though a resumed epoch has fewer.

    Before each batch Keras (to 3.15) compares what it has seen with this. If it went on instead until there are no
    batches, TensorFlow would count one step too many in the optimizer.
    """

    _loader: KerasLoader

    def __new__(cls, loader: KerasLoader) -> _Count:
        count = super().__new__(cls, len(loader))
        count._loader = loader
        return count

    def __le__(self, seen: int) -> bool:
        return len(self._loader) <= seen
