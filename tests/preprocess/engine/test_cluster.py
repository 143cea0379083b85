"""A run on a real dask cluster of processes on this machine, which lose workers, gain some, and lose their client."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import dask
import distributed
import pytest

from melgrid import datasets
from melgrid.errors import MelgridError, MismatchError, ParameterError, StoreError
from melgrid.params import Grid
from melgrid.preprocess import run
from melgrid.preprocess.engine import cluster

GRID = Grid.product("logmel", sr=16000, n_fft=512, hop_length=[128, 256], n_mels=32)
SLOW = """
import time, melgrid.preprocess.engine.cluster as c
c.View.check = lambda *which, real=c.View.check: (time.sleep(0.3), real(*which))  # twice: dask reads this twice
"""


def contents(store):
    """Every file; there is nothing left over when they equal those of another run."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and "runs" not in path.parts and path.name != "all.h5"  # HDF5 leaves heap bytes in it
    }


class Processes:
    """A scheduler and workers, each a process."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "scheduler.json"
        self.workers, self.clients, self._all = [], [], []
        self._start("scheduler", "--port", "0", "--scheduler-file", str(self.file), "--no-dashboard", "--no-show")
        self.wait(self.file.exists)

    def _start(self, kind, *options):
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + kind, "--host", "127.0.0.1", *options],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._all.append(process)
        return process

    def add_worker(self, preload=""):
        """Start a worker of one thread; `preload` is Python that it runs first."""
        options = ["--scheduler-file", str(self.file), "--no-nanny", "--nthreads", "1", "--no-dashboard"]
        script = self.folder / f"preload{len(self._all)}.py"
        script.write_text(preload)
        self.workers.append(self._start("worker", *options, "--preload", str(script)))
        return self.workers[-1]

    def wait(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            assert all(process.poll() is None for process in self._all if process not in self.workers)
            time.sleep(0.02)

    def close(self):
        for process in [*self.clients, *self._all]:
            process.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path):
    folder = tmp_path / "dask"
    folder.mkdir()
    started = Processes(folder)
    yield started
    started.close()


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "store"
    summary = run(datasets.load("folder", corpus), GRID, path, jobs=1, progress=False, shard_mb=1)
    return contents(path), summary


def client(corpus, store, processes):
    """A process that runs on the cluster."""
    code = textwrap.dedent(
        f"""
        from melgrid import datasets
        from melgrid.params import Grid
        from melgrid.preprocess import run
        grid = Grid.product('logmel', sr=16000, n_fft=512, hop_length=[128, 256], n_mels=32)
        run(datasets.load('folder', {str(corpus)!r}), grid, {str(store)!r}, shard_mb=1, progress=False,
            executor='dask', scheduler={str(processes.file)!r})
        """
    )
    processes.clients.append(subprocess.Popen([sys.executable, "-c", code]))
    return processes.clients[-1]


def test_a_cluster_of_this_machine(dataset, reference, tmp_path, capfd):
    summary = run(dataset, GRID, tmp_path / "store", jobs=2, shard_mb=1, executor="dask")
    expected, alone = reference
    assert contents(tmp_path / "store") == expected
    assert (summary.failed, summary.reasons, summary.jobs) == (alone.failed, alone.reasons, 2)
    assert summary.audio_seconds == pytest.approx(alone.audio_seconds)
    assert summary.stage_seconds["decode"] > 0
    bar = capfd.readouterr().err
    assert "24" in bar
    assert "2 failed" in bar
    assert run(dataset, GRID, tmp_path / "store", jobs=2, shard_mb=1, executor="dask", progress=False).features == []


def test_a_worker_is_killed_and_another_one_joins(corpus, reference, processes, tmp_path):
    store = tmp_path / "store"
    first = processes.add_worker(SLOW)
    process = client(corpus, store, processes)
    processes.wait(lambda: list(store.rglob(".shard*")) or process.poll() is not None)
    first.send_signal(signal.SIGKILL)  # with a shard in hand, and nobody to take it
    processes.add_worker()
    assert process.wait(timeout=120) == 0
    assert contents(store) == reference[0]


def test_a_lost_client_is_succeeded_by_the_next_run(corpus, dataset, reference, processes, tmp_path):
    store = tmp_path / "store"
    processes.add_worker(SLOW)
    process = client(corpus, store, processes)
    processes.wait(lambda: list(store.rglob("shard-*.h5")) or process.poll() is not None)
    process.kill()
    process.wait()
    assert contents(store) != reference[0]
    summary = run(dataset, GRID, store, shard_mb=1, progress=False, executor="dask", scheduler=str(processes.file))
    assert contents(store) == reference[0]
    assert summary.jobs == 1
    pid = processes.workers[0].pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if children.exists():
        assert not children.read_text().split()  # the processes of both runs have ended; the worker lives on
    with distributed.Client(scheduler_file=str(processes.file)) as again:
        assert len(again.nthreads()) == 1


def test_a_shard_that_another_holds_is_waited_for_and_taken_over(dataset, reference, tmp_path):
    """As when a worker is thought to be dead but is not."""
    import shutil
    import threading

    from melgrid.store import lock

    store, made = tmp_path / "store", tmp_path / "made"
    run(dataset, GRID, made, jobs=2, shard_mb=1, progress=False)
    summary = run(dataset, GRID, store, jobs=1, shard_mb=1, progress=False, task="1/3")
    assert summary.shards == 1

    def late():
        with lock(store, 1):
            held.set()
            time.sleep(1)
            for path in made.glob("*/shard-00001.h5"):
                shutil.copy(path, store / path.parent.name)

    held = threading.Event()
    other = threading.Thread(target=late)
    other.start()
    held.wait()
    run(dataset, GRID, store, jobs=1, shard_mb=1, progress=False, executor="dask")
    other.join()
    assert contents(store) == reference[0]


def test_workers_that_see_something_else_say_so(dataset, processes, tmp_path):
    pretend = "import melgrid.preprocess.engine.cluster as c\n"
    blind = pretend + "import pathlib\nreal = pathlib.Path.exists\n"
    blind += "pathlib.Path.exists = lambda self, *, real=real: self.suffix != '.wav' and real(self)"
    other = pretend + "c.versions_in_force = lambda _: {'decoder': 'libsndfile 0.9'}"
    absent = pretend + "def gone(store): raise FileNotFoundError(2, 'No such file or directory')\nc._digest = gone"
    namesake = pretend + "c._digest = lambda store: '0'"
    for preload, kind, words in [
        (blind, StoreError, r"the worker on \S+ cannot see .*\.wav of the corpus in /.*one shared folder"),
        (other, MismatchError, r"has decoder 'libsndfile 0\.9', the run 'libsndfile 1.*install the same"),
        (absent, StoreError, r"cannot see the store /.* \(No such file or directory\): it must be one shared folder"),
        (namesake, StoreError, r"sees another store at /"),
    ]:
        worker = processes.add_worker(preload)
        store = tmp_path / "store"
        with pytest.raises(kind, match=words):
            run(dataset, GRID, store, shard_mb=1, progress=False, executor="dask", scheduler=str(processes.file))
        assert not [path for path in store.rglob("*") if ".tmp" in path.name or "shard" in path.name]
        worker.kill()
        worker.wait()


def test_what_cannot_be_is_refused_before_anything_happens(dataset, tmp_path, monkeypatch):
    store = tmp_path / "store"
    soon = dask.config.set({"distributed.comm.timeouts.connect": "200ms"})
    with soon, pytest.raises(MelgridError, match=r"tcp://127\.0\.0\.1:9: no dask scheduler answers there"):
        run(dataset, GRID, store, executor="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ParameterError, match=r"executor='ray': must be threads or dask"):
        run(dataset, GRID, store, executor="ray")
    with pytest.raises(ParameterError, match=r"needs executor='dask'"):
        run(dataset, GRID, store, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ParameterError, match=r"jobs=3: the workers of the scheduler decide"):
        run(dataset, GRID, store, executor="dask", scheduler="tcp://127.0.0.1:9", jobs=3)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ParameterError, match=r"pip install 'melgrid\[dask\]'"):
        run(dataset, GRID, store, executor="dask")
    assert not store.exists()


def test_processes_of_a_lost_client_end_when_nobody_uses_them(monkeypatch):
    monkeypatch.setattr(cluster, "_IDLE_SECONDS", 0.05)
    pool = cluster._Pool("run", cluster.Limits())
    with pool as workers:
        child = workers._take()
        workers._idle.append(child)
    child._process.wait(timeout=30)
    with pool as workers:
        assert workers._idle == []
