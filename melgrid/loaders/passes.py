"""Which epoch a request for a batch belongs to, when the framework does not say.

Keras reads up to two batches to infer shapes, announces ends of epochs that never began, resumes a pass where
``steps_per_epoch`` left it, and reads ahead in another thread. What it does reliably (3.5 to 3.15, TensorFlow) is to
announce a beginning before the first request of a pass.
"""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Passes"]


class Passes:
    """Count passes over batches by watching which are asked for.

    A pass begins with the first request after an announced beginning that is not a continuation, that is, for a
    batch which the running pass has served already. Other requests for such batches are peeks: they change nothing.

    Parameters
    ----------
    batches : int >= 1
        In a whole pass.

    Attributes
    ----------
    in_order : bool
        True until a pass asks for batches in another order than 0, 1, 2...
    """

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self.in_order = True
        self._lock = threading.Lock()
        self._epoch = -1
        self._announced: int | None = None
        self._running = False
        self._may_start = False
        self._served: set[int] = set()

    @property
    def unfinished(self) -> bool:
        """Whether an epoch has begun and not ended, or a pass has not served every batch."""
        return self._running or 0 < len(self._served) < self._batches

    def begin(self) -> None:
        """Note that the framework begins an epoch."""
        with self._lock:
            self._running = self._may_start = True

    def end(self) -> None:
        """Note that the framework ends an epoch, perhaps one that never began."""
        with self._lock:
            self._running = self._may_start = False

    def announce(self, epoch: int) -> None:
        """Say which epoch the next pass is; without it they are counted.

        Parameters
        ----------
        epoch : int >= 0
        """
        with self._lock:
            self._announced = epoch

    def epoch_of(self, index: int) -> int:
        """Return the epoch that a request belongs to, and take note of the request.

        Parameters
        ----------
        index : int
            Which batch is asked for.

        Returns
        -------
        int >= 0
        """
        with self._lock:
            if self._may_start and (not self._served or index in self._served):
                looked = self._served == {0} and self._batches > 1
                self._epoch = self._epoch + (not looked) if self._announced is None else self._announced
                self._announced = None
                self._may_start = False
                self._served.clear()
            # what a pass is read ahead between epochs counts, a look at any other batch does not
            continues = index == len(self._served) > 0
            if index not in self._served and (self._running or continues):
                self.in_order &= index == len(self._served)
                self._served.add(index)
            return max(self._epoch, 0)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
