from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader


def loader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("melgrid-loader")]


def order(batches: Any) -> list[str]:
    return [str(c) for b in batches for c in b["clip_id"]]


def make(selection: Any, **options: Any) -> NumpyLoader:
    return NumpyLoader(selection, **{"batch_size": 3, "crop_frames": 4, "with_ids": True, **options})


@pytest.mark.parametrize("prefetch", [0, 1, 2, 50])
def test_prefetching_changes_nothing(make_selection: Any, prefetch: int) -> None:
    selection = make_selection([20] * 10)
    expected = make(selection, prefetch=0, epochs=3)
    loader = make(selection, prefetch=prefetch, epochs=3)
    got = list(loader)
    assert len(got) == 3 * len(loader) == 12
    for a, b in zip(got, expected, strict=True):
        for name in ("x", "y", "clip_id"):
            np.testing.assert_array_equal(a[name], b[name])
    assert not loader_threads()


def test_every_for_is_a_new_epoch(make_selection: Any) -> None:
    loader = make(make_selection([20] * 10))
    orders = [order(loader) for _ in range(3)]
    assert len({tuple(o) for o in orders}) == 3
    assert orders == [order(make(make_selection([20] * 10), epochs=3))[k : k + 10] for k in (0, 10, 20)]


def test_epoch_can_be_set(make_selection: Any) -> None:
    loader = make(make_selection([20] * 10))
    first = order(loader)
    assert loader.epoch == 1
    loader.epoch = 0
    assert order(loader) == first


def test_for_ever(make_selection: Any) -> None:
    loader = make(make_selection([20] * 10), epochs=None)
    assert len(loader) == 4
    got = list(itertools.islice(loader, 9))
    assert sorted(order(got[:4])) == sorted(order(got[4:8]))
    assert order(got[:4]) != order(got[4:8])
    assert loader.epoch == 3


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_abandoned_epoch_is_not_repeated(make_selection: Any, prefetch: int) -> None:
    loader = make(make_selection([20] * 10), prefetch=prefetch)
    for _ in loader:
        break
    assert loader.epoch == 1
    assert not loader_threads()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_errors_reach_the_consumer_with_their_type(make_selection: Any, prefetch: int) -> None:
    selection = make_selection([20] * 10)
    selection.feature_set.fail_at = 7
    loader = make(selection, prefetch=prefetch, shuffle=False)
    got: list[Any] = []
    with pytest.raises(OSError, match="row 7 is gone"):
        got.extend(iter(loader))  # fills before it fails
    assert len(got) == 2
    assert not loader_threads()


def test_prefetching_is_bounded(make_selection: Any) -> None:
    selection = make_selection([20] * 30)
    read, reads = selection.feature_set.read, []

    def spy(*arguments: Any) -> None:
        reads.append(arguments)
        read(*arguments)

    selection.feature_set.read = spy
    batches = iter(make(selection, prefetch=2))
    next(batches)
    for thread in loader_threads():
        thread.join(0.2)
    assert len(reads) <= 3


def test_the_process_ends_while_an_iterator_is_open() -> None:
    code = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np
from conftest import MemoryFeatureSet, MemorySelection
from melgrid.loaders import NumpyLoader
from melgrid.params import LogMel
stored = [np.zeros((9, 4), np.float32)] * 50
selection = MemorySelection(MemoryFeatureSet(LogMel(n_mels=4, dtype="float32"), stored), np.zeros(50, int), ("a",))
batches = iter(NumpyLoader(selection, batch_size=2, crop_frames=3, epochs=None))
print(next(batches)["x"].shape)
"""
    folder = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(2, 3, 4)\n", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0: .* at least 1, or None"),
        ({"epochs": 1.5}, r"epochs=1\.5: must be a whole number"),
        ({"prefetch": -1}, "prefetch=-1"),
    ],
)
def test_values_out_of_range_are_refused(make_selection: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make(make_selection([9]), **options)


def test_an_unknown_option_is_named(make_selection: Any) -> None:
    with pytest.raises(TypeError, match="batchsize"):
        NumpyLoader(make_selection([9]), batchsize=3)  # type: ignore[call-arg]
