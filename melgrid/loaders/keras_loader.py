"""Batches for ``model.fit``, ``evaluate`` and ``predict`` of Keras 3."""

from __future__ import annotations

import atexit
import gc
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import keras

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batches, BatchOptions
from melgrid.loaders.passes import Passes

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["KerasLoader"]


class KerasLoader(keras.utils.PyDataset):  # type: ignore[misc]
    """A `keras.utils.PyDataset` of crops: ``model.fit(loader, shuffle=False)``.

    Each epoch has its own order, also in later calls of ``fit``. Give ``callbacks=loader.callbacks`` to number epochs
    as Keras does, so that ``fit(initial_epoch=5)`` draws what an uninterrupted run would have drawn. With
    ``steps_per_epoch`` one pass over the clips goes on through several of Keras's epochs.

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
        if options.get("with_ids"):
            raise ParameterError("with_ids=True: a model takes no ids; use predict_clips or NumpyLoader(with_ids=True)")
        if options.get("axes") is None:
            options["axes"] = "TFC"
        self.batches = Batches(selection, **options)
        # Keras fixes every axis on which the two batches that it peeks at agree: these never agree on time
        self.batches.staggered = True
        self._passes = Passes(len(self.batches))
        self._warned = False
        self._idle = threading.Condition()
        self._reading = 0
        self._closed = False
        _LOADERS.add(self)

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks for ``fit`` that number this loader's epochs as Keras does."""
        return [_EpochCallback(self._passes)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Read one batch of the running epoch.

        Parameters
        ----------
        index : int in [0, len)

        Returns
        -------
        (x, y), or (x,) where the dataset has no labels
            With `mask` (whole clips) or `length` (asked for), x is a dict of ``x`` and these: the inputs of a
            functional model, by name.

        Raises
        ------
        IndexError
            There is no such batch.
        ShardError
            A file is shorter than the manifest says.
        """
        with self._idle:
            if self._closed:
                raise IndexError("the process is ending")
            self._reading += 1
        try:
            return self._pair(index)
        finally:
            with self._idle:
                self._reading -= 1
                self._idle.notify_all()

    def _pair(self, index: int) -> tuple[Any, ...]:
        batch = self.batches.batch(self._passes.epoch_of(index), index)
        if not (self._passes.in_order or self._warned or self.workers > 1):
            self._warned = True
            warnings.warn(
                "fit(shuffle=True), Keras's default, shuffles the batches of a KerasLoader once more, and not "
                "reproducibly; say fit(..., shuffle=False): the loader shuffles by itself",
                stacklevel=2,
            )
        y = batch.pop("y", None)
        inputs = batch["x"] if len(batch) == 1 else batch
        return (inputs,) if y is None else (inputs, y)

    def _close(self) -> None:
        """Refuse further batches and wait for the one that is being read."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._reading == 0, timeout=10)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        self.on_epoch_begin()
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_begin(self) -> None:
        """Keras calls it."""
        self._passes.begin()

    def on_epoch_end(self) -> None:
        """Keras calls it, at times for an epoch that never began."""
        self._passes.end()


class _EpochCallback(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, passes: Passes) -> None:
        super().__init__()
        self._passes = passes

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._passes.announce(epoch)


_LOADERS: weakref.WeakSet[KerasLoader] = weakref.WeakSet()


@atexit.register
def _let_readers_finish() -> None:
    """Stop what TensorFlow reads ahead while its threads can still run Python.

    A fit that is left within an epoch, by Ctrl-C, an error or ``stop_training``, leaves a thread that goes on reading.
    If it does so when the interpreter ends, it is lost, and TensorFlow waits for it for ever (2.21, any PyDataset).
    """
    unfinished = [loader for loader in _LOADERS if loader._passes.unfinished]
    for loader in unfinished:
        loader._close()
    if unfinished:
        gc.collect()  # iterators that are garbage end here, in order
        time.sleep(0.1)  # the thread of one that is still referred to finds its loader closed
