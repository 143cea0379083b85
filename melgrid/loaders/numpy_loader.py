"""Batches as dicts of numpy arrays, for any framework."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Unpack

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batch, Batches, BatchOptions

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["NumpyLoader"]


class NumpyLoader:
    """Iterable of batches, each a dict with ``x``, ``y`` and what was asked for; see `Batches.batch`.

    Every ``for`` goes on where the last one stopped counting: the epochs after those that it began. `epoch` holds
    the next one and may be set. ``len(loader)`` is the number of batches in one epoch.

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
        if epochs is not None and epochs < 1:
            raise ParameterError(f"epochs={epochs}: must be at least 1, or None for ever")
        if prefetch < 0:
            raise ParameterError(f"prefetch={prefetch}: must be at least 0")
        self.batches = Batches(selection, **options)
        self.epochs = epochs
        self.epoch = 0
        self._prefetch = prefetch

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        epochs = itertools.count(self.epoch)
        chosen = epochs if self.epochs is None else itertools.islice(epochs, self.epochs)
        places = ((epoch, i) for epoch in chosen for i in range(len(self)))
        for epoch, batch in self._read(places):
            self.epoch = epoch + 1
            yield batch

    def _read(self, places: Iterator[tuple[int, int]]) -> Iterator[tuple[int, Batch]]:
        if self._prefetch == 0:
            for epoch, i in places:
                yield epoch, self.batches.batch(epoch, i)
            return
        # Leaving the block, by exhaustion, by an error or because the consumer went away, ends the thread.
        with ThreadPoolExecutor(1, thread_name_prefix="melgrid-loader") as thread:
            ready: deque[tuple[int, Future[Batch]]] = deque()
            try:
                for epoch, i in places:
                    ready.append((epoch, thread.submit(self.batches.batch, epoch, i)))
                    if len(ready) > self._prefetch:
                        first, future = ready.popleft()
                        yield first, future.result()
                while ready:
                    first, future = ready.popleft()
                    yield first, future.result()
            finally:
                for _, future in ready:
                    future.cancel()
