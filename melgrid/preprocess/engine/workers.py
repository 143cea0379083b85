"""The worker processes of a run, and what is done when a clip kills one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from melgrid.errors import MelgridError, Reason, StoreError
from melgrid.preprocess.engine.supervisor import Child, ChildDied, Limits
from melgrid.preprocess.resume import remaining
from melgrid.preprocess.task import ClipDone, ShardResult, ShardTask
from melgrid.store import lock

__all__ = ["Seen", "Workers"]

Seen = Callable[[int, ClipDone], None]
"""Told the number of the shard and what became of a clip."""

_PATIENCE = 0.2  # seconds between two tries to get a shard


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

    def do(self, task: ShardTask, seen: Seen) -> ShardResult:
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

    def do_claimed(self, task: ShardTask, seen: Seen, *, wait: bool) -> ShardResult | None:
        """Do what is left of a task while holding its shard: another machine may do, or have done, the same.

        Parameters
        ----------
        task : ShardTask
        seen : callable(shard, ClipDone)
            As for `do`.
        wait : bool
            Until nobody else holds the shard.

        Returns
        -------
        ShardResult or None
            None where another process holds the shard.

        Raises
        ------
        MelgridError
            As for `do`.
        """
        with ExitStack() as held:
            try:
                held.enter_context(lock(Path(task.store), task.index, wait=self._pause if wait else None))
            except StoreError:
                return None
            left, infos = remaining(task)
            if left.features:
                result = self.do(left, seen)
            else:
                result = ShardResult(task.index)
                for row in task.clips["row"]:
                    seen(task.index, ClipDone(int(row), 0.0, None))
            result.infos |= infos
            return result

    def _pause(self) -> None:
        if self._closed:
            raise MelgridError("the run is ending")
        time.sleep(_PATIENCE)

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

    def close_idle(self) -> None:
        """End the processes without a task; others are started when they are needed."""
        with self._guard:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for child in idle:
            child.close()

    def close(self) -> None:
        """End all processes, also those at work."""
        with self._guard:
            self._closed = True
            children, self._all = self._all, set()
        for child in children:
            child.close()
