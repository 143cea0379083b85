"""Stop what TensorFlow reads ahead while its threads can still run Python.

A dataset that is left within a pass, by Ctrl-C, an error or ``stop_training``, leaves a thread that goes on reading.
If it does so when the interpreter ends, it is lost, and TensorFlow waits for it for ever (2.21, any Python source).
"""

from __future__ import annotations

import atexit
import gc
import threading
import time
import weakref
from types import TracebackType

__all__ = ["Gate"]


class Gate:
    """Readers pass it, ``with gate:``, until the process ends.

    Attributes
    ----------
    unfinished : bool
        Whether a thread may be reading ahead. Kept by the owner.
    """

    def __init__(self) -> None:
        self.unfinished = False
        self._idle = threading.Condition()
        self._reading = 0
        self._closed = False
        _GATES.add(self)

    def __enter__(self) -> None:
        with self._idle:
            if self._closed:
                raise IndexError("the process is ending")
            self._reading += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._idle:
            self._reading -= 1
            self._idle.notify_all()

    def close(self) -> None:
        """Let nobody in any more, and wait for those inside."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._reading == 0, timeout=10)

    def __reduce__(self) -> tuple[type[Gate], tuple[()]]:
        return Gate, ()


_GATES: weakref.WeakSet[Gate] = weakref.WeakSet()


@atexit.register
def _let_readers_finish() -> None:
    unfinished = [gate for gate in _GATES if gate.unfinished]
    for gate in unfinished:
        gate.close()
    if unfinished:
        gc.collect()  # iterators that are garbage end here, in order
        time.sleep(0.1)  # the thread of one that is still referred to finds its gate closed
