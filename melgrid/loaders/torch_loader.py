"""Batches as tensors of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import torch

from melgrid.loaders.batches import Batch, BatchOptions
from melgrid.loaders.model_inputs import as_pair, for_models
from melgrid.loaders.numpy_loader import NumpyLoader
from melgrid.loaders.passes import Passes
from melgrid.loaders.place import State

if TYPE_CHECKING:
    from melgrid.loaders.batches import Batches
    from melgrid.store import Selection

__all__ = ["TorchLoader"]


class TorchLoader:
    """Iterable of (x, y), tensors that share memory with the batches as they were read.

    It needs no `DataLoader`, which only adds time. ``DataLoader(loader, batch_size=None)`` works too, with a new order
    for each pass; its worker processes start as copies, so with them set `epoch` before each pass.

    Parameters
    ----------
    selection : Selection
    epochs : int >= 1 or None
        Epochs in one iteration; None goes on for ever.
    prefetch : int >= 0
        Batches that a thread keeps ready; 0 reads in the caller's thread.
    **options
        As in `Batches`, with `axes` TFC by default and without `with_ids`.

    Raises
    ------
    ParameterError
    """

    def __init__(
        self, selection: Selection, *, epochs: int | None = 1, prefetch: int = 2, **options: Unpack[BatchOptions]
    ) -> None:
        self._loader = NumpyLoader(selection, epochs=epochs, prefetch=prefetch, **for_models(options))
        self._passes = Passes(len(self._loader))

    @property
    def batches(self) -> Batches:
        """The core."""
        return self._loader.batches

    @property
    def epoch(self) -> int:
        """The next epoch; may be set."""
        return self._loader.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._loader.epoch = epoch
        self._passes.announce(self._loader.epoch)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self._loader:
            yield _tensors(batch)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Read one batch, as a `DataLoader` asks for it: one that this pass has had begins the next pass.

        Parameters
        ----------
        index : int in [0, len)

        Returns
        -------
        (x, y), or (x,) where there are no labels

        Raises
        ------
        IndexError
            There is no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        self._passes.begin()
        return _tensors(self.batches.batch(self._passes.epoch_of(index), index))

    def state(self) -> State:
        """Describe the place after the last batch of an iteration; see `NumpyLoader.state`."""
        return self._loader.state()

    def restore(self, state: State) -> None:
        """Go on from a place; see `NumpyLoader.restore`."""
        self._loader.restore(state)


def _tensors(batch: Batch) -> tuple[Any, ...]:
    return as_pair({name: torch.from_numpy(array) for name, array in batch.items()})
