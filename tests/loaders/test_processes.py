"""Loaders in forked and spawned processes, and with few descriptors. In processes without TensorFlow's threads."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melgrid.params import LogMel

PRELUDE = """
import hashlib, itertools, multiprocessing, os, resource, sys, threading
from melgrid import open_store
from melgrid.loaders import NumpyLoader

OPTIONS = dict(batch_size=3, crop_frames=5, seed=3, epochs=None)

def digest(batches, count=40):
    found = hashlib.sha256()
    for batch in itertools.islice(batches, count):
        found.update(batch["x"].tobytes() + batch["y"].tobytes())
    return found.hexdigest()

def answer(loader, queue):
    queue.put(digest(loader))

def main():
    selection = open_store(sys.argv[1])[0].select()
"""


@pytest.fixture
def store(make_store: Any) -> Path:
    rng = np.random.default_rng(0)
    names = [f"clip-{i}" for i in range(120)]
    fs = make_store(
        {name: rng.normal(-30, 5, (9, 8)).astype(np.float32) for name in names},
        LogMel(n_mels=8, n_fft=512),
        labels={name: [i % 2] for i, name in enumerate(names)},
    )
    assert len(fs.record.shards) == 30
    path: Path = fs.store.path
    return path


def run(code: str, store: Path, folder: Path) -> str:
    script = folder / "script.py"  # spawned processes import it
    script.write_text(PRELUDE + code + '\nif __name__ == "__main__":\n    main()\n')
    done = subprocess.run(
        [sys.executable, script, store], capture_output=True, text=True, timeout=100, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fork_while_a_thread_reads_ahead(store: Path, tmp_path: Path) -> None:
    code = """
    expected = digest(iter(NumpyLoader(selection, prefetch=0, **OPTIONS)))
    for _ in range(20):
        batches = iter(NumpyLoader(selection, prefetch=4, **OPTIONS))
        first = [next(batches) for _ in range(3)]
        child = os.fork()
        # both go on with the same iterator, and both may begin another one
        same = digest(itertools.chain(first, batches)) == expected
        same &= digest(iter(NumpyLoader(selection, **OPTIONS))) == expected
        if child == 0:
            os._exit(not same)
        assert same
        assert os.waitpid(child, 0)[1] == 0
    print("same")
"""
    assert run(code, store, tmp_path) == "same\n"


def test_spawned_and_forked_workers_read_the_same(store: Path, tmp_path: Path) -> None:
    code = """
    loader = NumpyLoader(selection, **OPTIONS)
    expected = digest(loader)
    loader.epoch = 0
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        workers = [context.Process(target=answer, args=(loader, queue)) for _ in range(3)]
        for worker in workers:
            worker.start()
        assert [queue.get(timeout=60) for _ in workers] == [expected] * 3
        for worker in workers:
            worker.join()
    print("same")
"""
    assert run(code, store, tmp_path) == "same\n"


def test_a_keras_loader_can_be_pickled(make_store: Any) -> None:
    from melgrid.loaders import KerasLoader

    fs = make_store({f"clip-{i}": np.full((9, 8), -30.0, np.float32) for i in range(4)}, LogMel(n_mels=8, n_fft=512))
    loader = KerasLoader(fs.select(), crop_frames=5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loader))[0][0], loader[0][0])


def test_more_shards_than_descriptors_and_several_threads(store: Path, tmp_path: Path) -> None:
    code = """
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(30)]
    expected = digest(iter(NumpyLoader(selection, resident=True, **OPTIONS)))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(digest(iter(NumpyLoader(selection, prefetch=3, **OPTIONS)))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4, found
    print("same", len(os.listdir("/proc/self/fd")) < 64)
"""
    assert run(code, store, tmp_path) == "same True\n"


def test_a_process_ends_while_iterators_are_left(store: Path, tmp_path: Path) -> None:
    code = """
    held = [iter(NumpyLoader(selection, prefetch=4, **OPTIONS)) for _ in range(3)]
    print([len(next(batches)["x"]) for batches in held])
    sys.modules["held"] = held  # still referred to when the interpreter ends
"""
    assert run(code, store, tmp_path) == "[3, 3, 3]\n"
