"""When will it be done? From what is left on each shard and how fast the latest half of the work went."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from melgrid.preprocess.task import ShardTask

__all__ = ["Pace"]

_EACH = 1.0  # seconds of audio that a clip costs besides its own length: opening its file, its row in every shard
_SAMPLES = 200  # of the past that are remembered


class Pace:
    """The work of some tasks, and how it goes.

    A clip weighs what its length says, where the task's table knows it, and nothing if it is known to be bad.

    Parameters
    ----------
    tasks : iterable of ShardTask
    jobs : callable -> int > 0
        Shards that are worked on at a time.
    clock : callable -> float, seconds
    """

    def __init__(self, tasks: Iterable[ShardTask], jobs: Callable[[], int], clock: Callable[[], float]) -> None:
        self._jobs, self._clock = jobs, clock
        self._weights: dict[int, npt.NDArray[np.float64]] = {}  # by shard and row; NaN: nothing to do, or done
        self._rest: dict[int, float] = {}
        self.clips = 0
        for task in tasks:
            rows = task.clips["row"].to_numpy(np.int64)
            weights = np.full(len(rows), _EACH)
            if "seconds" in task.clips:
                weights += np.nan_to_num(task.clips["seconds"].to_numpy(np.float64))
            weights[task.clips["known_bad"].notna().to_numpy()] = 0.0
            self._weights[task.index] = np.full(rows.max(initial=-1) + 1, np.nan)
            self._weights[task.index][rows] = weights
            self._rest[task.index] = float(weights.sum())
            self.clips += len(rows)
        self._begun: set[int] = set()  # shards in hand
        self._done = 0.0
        # Of the past: times, and by then the work done and the time that jobs spent on it, of all together. The first
        # clip begins it: what came before was starting up.
        self._times: list[float] = []
        self._works: list[float] = []
        self._efforts: list[float] = []
        self._effort, self._last = 0.0, 0.0
        # Publishing is neither in the work nor in the effort.
        self._ends: dict[int, float] = {}  # shards whose clips are done, and since when
        self._published, self._publishing = 0, 0.0

    def did(self, shard: int, row: int) -> bool:
        """Note that a clip is done; False where it was before."""
        weight = self._weights[shard][row]
        if np.isnan(weight):
            return False
        now = self._clock()
        if self._times:
            self._effort += (now - self._last) * self._busy()
        self._last = now
        self._weights[shard][row] = np.nan
        self._done += weight
        self._rest[shard] -= weight
        self._begun.add(shard)
        if np.isnan(self._weights[shard]).all():
            self._rest[shard] = 0.0
            self._ends[shard] = now
        if not self._times or now - self._times[-1] > (now - self._times[0]) / _SAMPLES:
            self._times.append(now)
            self._works.append(self._done)
            self._efforts.append(self._effort)
            if len(self._times) > 2 * _SAMPLES:
                del self._times[1::2], self._works[1::2], self._efforts[1::2]
        return True

    def published(self, shard: int) -> None:
        """Note that a shard is done."""
        now = self._clock()
        if shard in self._ends:
            self._effort += (now - self._last) * self._busy()
            self._last = now
            seconds = now - self._ends.pop(shard)
            self._effort -= seconds
            self._publishing += seconds
            self._published += 1
        self._begun.discard(shard)
        self._rest.pop(shard, None)

    def _busy(self) -> int:
        return min(self._jobs(), len(self._rest))

    def left(self) -> float | None:
        """Estimate how long the rest takes.

        Returns
        -------
        float or None, seconds
            None as long as nothing can be said.
        """
        if not self._rest:
            return 0.0
        if len(self._times) < 2:
            return None
        now = self._clock()
        place = max(0, bisect_left(self._times, (self._times[0] + now) / 2) - 1)
        effort = self._effort + (now - self._last) * self._busy() - self._efforts[place]
        effort -= sum(now - end for end in self._ends.values())
        work = self._done - self._works[place]
        if effort <= 0 or work <= 0:
            return None
        return self._longest(self._busy(), effort / work, now)

    def _longest(self, jobs: int, pace: float, now: float) -> float:
        """Seconds of the job that ends last, when each takes the next shard as soon as it is free."""
        publish = self._publishing / max(1, self._published)
        waiting = [rest * pace + publish for shard, rest in self._rest.items() if shard not in self._begun]
        hands = [
            max(0.0, publish - (now - self._ends[shard])) if shard in self._ends else self._rest[shard] * pace + publish
            for shard in self._begun
        ]
        if len(waiting) > 50 * jobs:
            return (sum(waiting) + sum(hands)) / jobs
        hands += [0.0] * (jobs - len(hands))
        heapq.heapify(hands)
        for rest in waiting:
            heapq.heapreplace(hands, hands[0] + rest)
        return max(hands)
