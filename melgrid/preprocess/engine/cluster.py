"""Tasks on dask.distributed: each worker of the cluster supervises worker processes of its own, as one machine does.

A task may run twice, here or on another machine: a shard is held while it is worked on, and what has been published of
it is taken over.
"""

from __future__ import annotations

import hashlib
import importlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from melgrid.errors import MelgridError, MismatchError, ParameterError, StoreError
from melgrid.preprocess.engine.failure import failure, revive
from melgrid.preprocess.engine.supervisor import Limits
from melgrid.preprocess.engine.workers import Seen, Workers
from melgrid.preprocess.task import ClipDone, ShardResult, ShardTask
from melgrid.preprocess.versions import versions_in_force

__all__ = ["Cluster"]

_QUEUED = 4  # tasks known to the scheduler for each that can run; all of a large run would fill its memory
_FLUSH_SECONDS = 0.5
_IDLE_SECONDS = 60.0


class Cluster:
    """The workers of a dask scheduler.

    Parameters
    ----------
    limits : Limits
        What one clip may cost.
    scheduler : str, distributed.Client, cluster or None
        Address or file of a scheduler, or an object of dask's; None makes a cluster of this machine alone.
    jobs : int
        Tasks at a time on this machine, where no scheduler is named.

    Attributes
    ----------
    jobs : int
        Tasks that the workers could do at a time when last asked.

    Raises
    ------
    ParameterError
        dask.distributed is not installed.
    MelgridError
        No scheduler answers.
    """

    def __init__(self, limits: Limits, scheduler: Any, jobs: int) -> None:
        distributed = _distributed()
        self._limits, self._run = limits, uuid.uuid4().hex[:12]
        self._local: Any = None
        place = {"address": scheduler}
        self._store: str | None = None
        self.jobs = jobs
        self._keeps = isinstance(scheduler, distributed.Client)
        if scheduler is None:
            # Threads are enough: each has a process of its own for the work.
            self._local = place["address"] = distributed.LocalCluster(
                n_workers=1,
                threads_per_worker=jobs,
                processes=False,
                dashboard_address="127.0.0.1:0",
                memory_limit=None,
            )
        elif isinstance(scheduler, str) and "://" not in scheduler and Path(scheduler).is_file():
            place = {"scheduler_file": scheduler}
        try:
            self._client: Any = scheduler if self._keeps else distributed.Client(**place)
        except (OSError, ValueError) as error:
            raise MelgridError(f"{scheduler}: no dask scheduler answers there ({error})") from None

    def results(self, tasks: Sequence[ShardTask], seen: Seen) -> Iterator[ShardResult]:
        """See `melgrid.preprocess.engine.engine.Engine`.

        Raises
        ------
        MelgridError
            Of a task; or a worker sees another folder or has other libraries, or the scheduler is lost.
        """
        distributed = _distributed()
        self._store = tasks[0].store
        self._client.run(_close, self._store, self._run, on_error="ignore")  # what a lost client has left at work
        view = View.of(tasks)

        def hear(event: tuple[float, Sequence[tuple[int, Any]]]) -> None:
            for index, clip in event[1]:
                seen(index, ClipDone(*clip))

        name = f"melgrid-{uuid.uuid4().hex[:12]}"

        def submit(count: int) -> list[Any]:
            return [
                self._client.submit(_do, task, self._limits, self._run, view, key=f"{name}-{task.index}")
                for task in islice(waiting, count)
            ]

        waiting = iter(tasks)
        self.jobs = self._threads()
        self._client.subscribe_topic(self._run, hear)
        try:
            submitted = distributed.as_completed(submit(_QUEUED * self.jobs))
            for future in submitted:
                answer = future.result()
                if isinstance(answer, dict):
                    raise revive(answer)
                result, clips = answer
                hear((0.0, [(result.index, clip) for clip in clips]))  # all, should a message come late
                yield result
                self.jobs = self._threads()
                for another in submit(_QUEUED * self.jobs - submitted.count()):
                    submitted.add(another)
        except distributed.KilledWorker as error:
            raise MelgridError(
                f"several workers of the cluster ended over one task ({error}); look at their logs, then run the same "
                "command again to resume"
            ) from None
        except (CancelledError, ConnectionError) as error:
            raise MelgridError(
                f"the scheduler or its workers were lost ({type(error).__name__}: {error}); finished shards are safe: "
                "run the same command again to resume"
            ) from None
        except ModuleNotFoundError as error:
            raise MelgridError(f"a worker lacks a library ({error}): install the same melgrid on all") from None
        finally:
            self._client.unsubscribe_topic(self._run)

    def _threads(self) -> int:
        """Tasks that the present workers can do at a time; at least 1, since some may come."""
        return max(1, sum(map(int, self._client.nthreads().values())))

    def close(self) -> None:
        with suppress(OSError, TimeoutError, CancelledError):
            if self._store is not None:
                store, self._store = self._store, None
                self._client.run(_close, store, None, on_error="ignore")
        if not self._keeps:
            self._client.close()
        if self._local is not None:
            self._local.close()


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise ParameterError(
            "executor='dask' needs dask.distributed: pip install 'melgrid[dask]', here and on every worker"
        ) from None


@dataclass(frozen=True)
class View:
    """What every worker must see, so that an empty or another folder of the same name is noticed.

    Attributes
    ----------
    clip : str or None
        A file of the corpus; None where stored waveforms stand for it.
    size : int, bytes
    store_sha256 : str
        Of ``store.json``, which a run does not change before its end.
    """

    clip: str | None
    size: int
    store_sha256: str

    @classmethod
    def of(cls, tasks: Sequence[ShardTask]) -> View:
        """Note what this machine sees."""
        digest = _digest(Path(tasks[0].store))
        if not tasks[0].waveforms:
            paths = (path for task in tasks for path in task.clips["path"])
            for path in islice(paths, 100):
                with suppress(OSError):
                    return cls(path, (Path(tasks[0].root) / path).stat().st_size, digest)
        return cls(None, 0, digest)

    def check(self, task: ShardTask) -> None:
        """Compare with what this worker sees.

        Raises
        ------
        StoreError
            It does not see the same.
        MismatchError
            It has other libraries than the run.
        """
        here = f"the worker on {socket.gethostname()}"
        same = "must be one shared folder under one path on all machines; mount it there, or leave this worker out"
        try:
            seen = _digest(Path(task.store))
        except OSError as error:
            raise StoreError(f"{here} cannot see the store {task.store} ({error.strerror}): it {same}") from None
        if seen != self.store_sha256:
            raise StoreError(f"{here} sees another store at {task.store}: it {same}")
        if self.clip is not None:
            file = Path(task.root) / self.clip
            size = file.stat().st_size if file.exists() else None
            if size != self.size:
                found = "cannot see" if size is None else f"sees {size} bytes, not {self.size}, in"
                raise StoreError(f"{here} {found} {self.clip} of the corpus in {task.root}: it {same}")
        mine = versions_in_force(task.about.options)
        for name, version in task.about.versions.items():
            if name != "melgrid" and mine.get(name) != version:
                raise MismatchError(
                    f"{here} has {name} {mine.get(name)!r}, the run {version!r}: install the same on all machines"
                )


def _digest(store: Path) -> str:
    return hashlib.sha256((store / "store.json").read_bytes()).hexdigest()


# What follows runs in the workers of the cluster.


class _Pool:
    """The worker processes that a worker of the cluster keeps for a run."""

    def __init__(self, run: str, limits: Limits) -> None:
        self.run = run
        self.workers = Workers(limits)
        self._guard = threading.Lock()
        self._users = 0
        self._leaving: threading.Timer | None = None

    def __enter__(self) -> Workers:
        with self._guard:
            self._users += 1
            if self._leaving is not None:
                self._leaving.cancel()
        return self.workers

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._users -= 1
            if not self._users:  # should the client be lost, nobody else ends them
                self._leaving = threading.Timer(_IDLE_SECONDS, self._expire)
                self._leaving.daemon = True
                self._leaving.start()

    def _expire(self) -> None:
        with self._guard:
            if not self._users:
                self.workers.close_idle()


_pools: dict[str, _Pool] = {}  # by store
_guard = threading.Lock()


def _pool(store: str, run: str, limits: Limits) -> _Pool:
    with _guard:
        if store not in _pools or _pools[store].run != run:
            if store in _pools:
                _pools[store].workers.close()
            _pools[store] = _Pool(run, limits)
        return _pools[store]


def _close(store: str, but: str | None) -> None:
    """End the processes of runs on a store, except for one run's: its client has the store's lock."""
    with _guard:
        if store in _pools and _pools[store].run != but:
            _pools.pop(store).workers.close()


def _do(task: ShardTask, limits: Limits, run: str, view: View) -> tuple[ShardResult, list[Any]] | dict[str, Any]:
    """Do a task; say what it gave and what became of each clip, or how it failed."""
    try:
        return _done(task, limits, run, view)
    except Exception as error:
        return failure(error)


def _done(task: ShardTask, limits: Limits, run: str, view: View) -> tuple[ShardResult, list[Any]]:
    """Do a task; tell the client about clips on the way, and of all of them again at the end."""
    view.check(task)
    worker = _distributed().get_worker()
    clips: list[Any] = []
    told, last = 0, time.monotonic()

    def seen(index: int, clip: ClipDone) -> None:
        nonlocal told, last
        clips.append(astuple(clip))
        if time.monotonic() - last > _FLUSH_SECONDS:
            worker.log_event(run, [(index, clip) for clip in clips[told:]])
            told, last = len(clips), time.monotonic()

    with _pool(task.store, run, limits) as workers:
        result = workers.do_claimed(task, seen, wait=True)
    assert result is not None  # it has waited
    return result, clips
