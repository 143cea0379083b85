"""Where the tasks of a run are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from melgrid.errors import ParameterError
from melgrid.preprocess.engine.share import Share
from melgrid.preprocess.engine.supervisor import Limits
from melgrid.preprocess.engine.workers import Seen, Workers
from melgrid.preprocess.outlook import processors
from melgrid.preprocess.task import ShardResult, ShardTask

__all__ = ["Engine", "Threads", "engine_for"]


class Engine(Protocol):
    """Does tasks in any order, several at a time."""

    @property
    def jobs(self) -> int:
        """How many at a time."""
        ...

    def results(self, tasks: Sequence[ShardTask], seen: Seen) -> Iterator[ShardResult]:
        """Yield what became of each task, as they end; `seen` hears of every clip meanwhile."""
        ...

    def close(self) -> None:
        """End whatever is still at work, and wait for that; a second time does nothing."""
        ...


class Threads:
    """Threads of this process, each of which supervises a worker process.

    Parameters
    ----------
    limits : Limits
    jobs : int
    claims : bool
        Hold every shard while working on it, because other processes may want the same.
    """

    def __init__(self, limits: Limits, jobs: int, *, claims: bool = False) -> None:
        self.jobs = jobs
        self._workers = Workers(limits)
        self._claims = claims

    def results(self, tasks: Sequence[ShardTask], seen: Seen) -> Iterator[ShardResult]:
        from joblib import Parallel, delayed

        def do(task: ShardTask, wait: bool) -> tuple[ShardTask, ShardResult | None]:
            if self._claims:
                return task, self._workers.do_claimed(task, seen, wait=wait)
            return task, self._workers.do(task, seen)

        for wait in (False, True):  # what others have in hand comes last: most of it will be done by then
            parallel = Parallel(n_jobs=self.jobs, backend="threading", return_as="generator_unordered", batch_size=1)
            held: list[ShardTask] = []
            for task, result in parallel(delayed(do)(task, wait) for task in tasks):
                if result is None:
                    held.append(task)
                else:
                    yield result
            if not held:
                return
            tasks = held

    def close(self) -> None:
        self._workers.close()


def engine_for(
    executor: str, scheduler: Any, share: Share | None, limits: Limits, jobs: int | None, retry: bool
) -> Engine:
    """Choose the engine that the options of a run ask for.

    Raises
    ------
    ParameterError
        They do not go together.
    """
    if executor not in ("threads", "dask"):
        raise ParameterError(f"executor={executor!r}: must be threads or dask")
    if jobs is not None and jobs < 1:
        raise ParameterError(f"jobs={jobs}: must be at least 1")
    if executor == "threads":
        if scheduler is not None:
            raise ParameterError(f"scheduler={scheduler!r}: needs executor='dask'")
        if share and retry:
            raise ParameterError(f"task='{share}': failed clips are tried again by a run of the whole store")
        return Threads(limits, jobs or processors(), claims=share is not None)
    if share:
        raise ParameterError(f"task='{share}': is for runs without an engine; leave out executor='dask'")
    if scheduler is not None and jobs is not None:
        raise ParameterError(f"jobs={jobs}: the workers of the scheduler decide how many; leave it out")
    from melgrid.preprocess.engine.cluster import Cluster

    return Cluster(limits, scheduler, jobs or processors())
