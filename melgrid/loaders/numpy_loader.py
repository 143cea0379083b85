"""Batches as dicts of numpy arrays, for any framework."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Unpack

from melgrid.loaders.batches import Batch, Batches, BatchOptions
from melgrid.loaders.place import State, place_of, state_of
from melgrid.loaders.whole_numbers import whole_number

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["NumpyLoader"]


class NumpyLoader:
    """Iterable of batches, each a dict with ``x``, ``y`` and what was asked for; see `Batches.batch`.

    Every ``for`` goes on where the last one stopped counting: the epochs after those that it began.
    ``len(loader)`` is the number of batches in one epoch.

    Parameters
    ----------
    selection : Selection
    epochs : int >= 1 or None
        Epochs in one iteration; None goes on for ever.
    prefetch : int >= 0
        Batches that a thread keeps ready; 0 reads in the caller's thread.
    **options
        As in `Batches`.

    Raises
    ------
    ParameterError
    """

    def __init__(
        self,
        selection: Selection,
        *,
        epochs: int | None = 1,
        prefetch: int = 2,
        **options: Unpack[BatchOptions],
    ) -> None:
        self.epochs = None if epochs is None else whole_number("epochs", epochs, 1, ", or None for ever")
        self._prefetch = whole_number("prefetch", prefetch)
        self.batches = Batches(selection, **options)
        self._next_epoch = 0
        self._skipped = 0
        self._place = 0, 0

    @property
    def epoch(self) -> int:
        """The epoch that the next ``for`` begins with; may be set."""
        return self._next_epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._next_epoch = whole_number("epoch", epoch)
        self._skipped, self._place = 0, (self._next_epoch, 0)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        first, skipped = self.epoch, self._skipped
        epochs = itertools.count(first)
        chosen = epochs if self.epochs is None else itertools.islice(epochs, self.epochs)
        places = ((e, i) for e in chosen for i in range(skipped if e == first else 0, len(self)))
        for epoch, i, batch in self._read(places):
            self._next_epoch, self._skipped, self._place = epoch + 1, 0, (epoch, i + 1)
            yield batch

    def state(self) -> State:
        """Describe the place after the last batch that was handed out.

        Returns
        -------
        dict that JSON can hold
        """
        return state_of(self.batches, *self._place)

    def restore(self, state: State) -> None:
        """Go on from a place: the next ``for`` begins with the batch that would have come.

        Parameters
        ----------
        state : dict
            From `state` of a loader of the same clips and options.

        Raises
        ------
        ParameterError
            It is of other clips or options.
        """
        self._place = self._next_epoch, self._skipped = place_of(self.batches, state)

    def _read(self, places: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int, Batch]]:
        if self._prefetch:
            yield from self._read_ahead(places)
        for epoch, i in places:
            yield epoch, i, self.batches.batch(epoch, i)

    def _read_ahead(self, places: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int, Batch]]:
        process = os.getpid()
        # Leaving the block, by exhaustion, by an error or because the consumer went away, ends the thread.
        with ThreadPoolExecutor(1, thread_name_prefix="melgrid-loader") as thread:
            ready: deque[tuple[tuple[int, int], Future[Batch]]] = deque()
            try:
                for epoch, i in places:
                    ready.append(((epoch, i), thread.submit(self.batches.batch, epoch, i)))
                    if len(ready) > self._prefetch:
                        place, future = ready.popleft()
                        yield *place, future.result()
                        if os.getpid() != process:
                            break
                while ready:
                    place, future = ready.popleft()
                    # the child of a fork has an iterator, but not its thread
                    yield *place, future.result() if os.getpid() == process else self.batches.batch(*place)
            finally:
                for _, future in ready:
                    future.cancel()
