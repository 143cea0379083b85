"""A shard that is cut while others read it: an error that names it, never a signal, and no byte that is not true."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from melgrid import datasets
from melgrid.params import Stft
from melgrid.preprocess import run
from melgrid.store import open_store
from soak.kill import ROOT

READER = """
import sys, threading
import numpy as np
from melgrid.errors import ShardError
from melgrid.store import open_store

features = open_store(sys.argv[1])[0]
rows, lengths = np.arange(len(features)), features.lengths
expected = np.load(sys.argv[2])
seen = []

def read(once=False):
    out = np.empty((len(rows), lengths.max(), *features.frame_shape), features.dtype)
    while not seen:
        try:
            features.read(rows, rows * 0, lengths, out)
        except ShardError as error:
            seen.append(str(error))
            return
        if not all(np.array_equal(out[i, :n], expected[i, :n]) for i, n in enumerate(lengths)):
            seen.append("other data")
        if once:
            return

for _ in range(3):
    read(once=True)  # opens all files; and what the cache holds might be read in another way
threads = [threading.Thread(target=read) for _ in range(3)]
for thread in threads:
    thread.start()
print("reading", flush=True)
for thread in threads:
    thread.join()
print(*seen, sep="\\n")
"""


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory):
    """Its shards are of some hundred pages, and all are read at once."""
    path = tmp_path_factory.mktemp("cut") / "store"
    run(datasets.load("folder", corpus), Stft(sr=22050, n_fft=512, hop_length=16), path, jobs=1, progress=False)
    features = open_store(path)[0]
    out = np.zeros((len(features), features.lengths.max(), *features.frame_shape), features.dtype)
    features.read(np.arange(len(features)), np.zeros(len(features), int), features.lengths, out)
    np.save(path.with_name("expected.npy"), out)
    return path


@pytest.mark.parametrize("share", [0.9999, 0.9, 0.5, 0.2, 0.0])
def test_a_shard_that_is_cut_during_reads_is_a_typed_error(store, share):
    shard = sorted(store.rglob("shard-*.h5"))[-1]
    data = shard.read_bytes()
    command = [sys.executable, "-c", READER, str(store), str(store.with_name("expected.npy"))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "reading\n"
        time.sleep(0.05 * share)
        os.truncate(shard, int(share * len(data)))
        out, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        shard.write_bytes(data)
    assert process.returncode == 0, (process.returncode, errors)
    said = out.splitlines()
    assert said
    assert all(shard.name in line and "ends inside clip" in line for line in said), said
