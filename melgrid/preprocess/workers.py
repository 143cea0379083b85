"""The worker processes of a run, and what is done when a clip kills one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from melgrid.errors import MelgridError, Reason
from melgrid.preprocess.supervisor import Child, ChildDied, Limits
from melgrid.preprocess.task import ClipDone, ShardResult, ShardTask

__all__ = ["Workers"]


class Workers:
    """The child processes of a run, lent to whichever thread has a task.

    Parameters
    ----------
    limits : Limits
        What one clip may cost.
    preamble : str
        Python that each process runs first; tests use it to plant a decoder that crashes.
    """

    def __init__(self, limits: Limits, preamble: str = "") -> None:
        self._limits, self._preamble = limits, preamble
        self._guard = threading.Lock()
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._closed = False

    def do(self, task: ShardTask, seen: Callable[[int, ClipDone], None]) -> ShardResult:
        """Do a task, whatever its clips do to the process.

        A clip that kills its process is tried once more, alone; if that kills another, the task is done without it.
        A process that dies with no clip in hand is replaced once.

        Parameters
        ----------
        task : ShardTask
        seen : callable(shard, ClipDone)
            Called for every clip as it is finished; more than once when the task starts again.

        Returns
        -------
        ShardResult

        Raises
        ------
        MelgridError
            The task failed for another reason than a clip.
        """
        suspects: set[int] = set()
        replaced = False
        while True:
            try:
                return self._once(task, partial(seen, task.index))
            except ChildDied as death:
                if death.row is None and not replaced:
                    replaced = True
                    continue
                if death.row is None:
                    raise MelgridError(
                        f"a worker process ended with no clip in hand (shard {task.index}): {death.words}; "
                        "run the same command again to resume"
                    ) from None
                if death.row in suspects or not self._survives(task, death.row):
                    verdict: tuple[Reason, str] = (death.reason, death.words)
                    task = replace(task, skip={**task.skip, death.row: verdict})
                suspects.add(death.row)

    def _survives(self, task: ShardTask, row: int) -> bool:
        """Try the clip that was in hand once more, alone."""
        alone = replace(task, clips=task.clips[task.clips["row"] == row], probe=True)
        try:
            self._once(alone, lambda clip: None)
        except ChildDied:
            return False
        return True

    def _once(self, task: ShardTask, done: Callable[[ClipDone], None]) -> ShardResult:
        child = self._take()
        try:
            result = child.run(task, done)
        except BaseException:
            with self._guard:
                self._all.discard(child)
            child.close()
            raise
        with self._guard:
            self._idle.append(child)
        return result

    def _take(self) -> Child:
        with self._guard:
            if self._closed:
                raise MelgridError("the run is ending")
            if self._idle:
                return self._idle.pop()
            child = Child(self._limits, self._preamble)
            self._all.add(child)
            return child

    def close(self) -> None:
        """End all processes, also those at work."""
        with self._guard:
            self._closed = True
            children, self._all = self._all, set()
        for child in children:
            child.close()
