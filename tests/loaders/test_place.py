"""A run that is stopped and resumed sees the batches that it would have seen."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader
from melgrid.loaders.place import fingerprint
from melgrid.params import LogMel


def make(selection: Any, **options: Any) -> NumpyLoader:
    return NumpyLoader(selection, **{"batch_size": 3, "crop_frames": 4, "epochs": None, **options})


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("seen", [0, 1, 3, 4, 5, 9])
def test_resuming_is_exact(make_selection: Any, seen: int, prefetch: int) -> None:
    selection = make_selection([20] * 10)
    loader = make(selection, prefetch=prefetch)
    batches = iter(loader)
    for _ in range(seen):
        next(batches)
    state = json.loads(json.dumps(loader.state()))
    assert (state["epoch"], state["batch"]) == divmod(seen, len(loader))
    resumed = make(make_selection([20] * 10), prefetch=prefetch)
    resumed.restore(state)
    assert resumed.state() == state
    for _, expected, got in zip(range(7), batches, resumed, strict=False):
        np.testing.assert_array_equal(got["x"], expected["x"])
        np.testing.assert_array_equal(got["y"], expected["y"])


def test_numbers_of_numpy_are_numbers(make_selection: Any) -> None:
    selection = make_selection([20] * 10)
    options = {"labels": None, "time_masks": [1, 2], "weights": [1] * 10}
    first = make(selection, **options, seed=np.int64(3), batch_size=np.int32(2), crop_frames=np.int64(4))
    batches = iter(first)
    next(batches)
    state = first.state()
    resumed = make(selection, labels=None, time_masks=(1, 2), weights=[1] * 10, seed=3, batch_size=2)
    resumed.restore(state)
    assert resumed.state() == state
    np.testing.assert_array_equal(next(iter(resumed))["x"], next(batches)["x"])


def test_one_epoch_ends_where_it_would_have_ended(make_selection: Any) -> None:
    loader = make(make_selection([20] * 10), epochs=1)
    loader.restore({**loader.state(), "epoch": 5, "batch": 3})
    assert len(list(loader)) == 1
    assert loader.epoch == 6
    assert len(list(loader)) == 4


def test_setting_the_epoch_forgets_the_place(make_selection: Any) -> None:
    loader = make(make_selection([20] * 10), epochs=1)
    loader.restore({**loader.state(), "epoch": 5, "batch": 3})
    loader.epoch = 2
    assert (loader.state()["epoch"], loader.state()["batch"]) == (2, 0)
    assert len(list(loader)) == 4
    loader.epoch = np.int64(3)
    assert json.dumps(loader.state()) == json.dumps({**loader.state(), "epoch": 3})
    for epoch in (-1, 1.5):
        with pytest.raises(ParameterError, match=f"epoch={epoch}: must be a whole number, at least 0"):
            loader.epoch = epoch  # type: ignore[assignment]


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1}, {"batch_size": 2}, {"crop_frames": 5}, {"crop": "head"}, {"shuffle": False}, {"drop_last": True},
        {"crops_per_clip": 2}, {"shard": (0, 2)}, {"weights": "balanced"}, {"labels": "one-hot"},
        {"time_masks": (1, 2)}, {"tuples": "pairs"}, {"mixup": 0.3, "labels": "one-hot"},
    ],
    ids=str,
)  # fmt: skip
def test_states_of_other_orders_are_refused(make_selection: Any, options: dict[str, Any]) -> None:
    state = make(make_selection([20] * 10)).state()
    with pytest.raises(ParameterError, match="another order of batches"):
        make(make_selection([20] * 10), **options).restore(state)


@pytest.mark.parametrize("change", [{"lengths": [20] * 9 + [21]}, {"lengths": [20] * 9}, {"feature": LogMel(n_mels=5)}])
def test_states_of_other_clips_are_refused(make_selection: Any, change: dict[str, Any]) -> None:
    state = make(make_selection([20] * 10)).state()
    with pytest.raises(ParameterError, match="another order of batches"):
        make(make_selection(**{"lengths": [20] * 10, **change})).restore(state)


def test_a_fingerprint_is_of_options_ids_and_arrays_and_the_same_in_every_process() -> None:
    base = fingerprint((1, None), ["a", "bc"], [None, np.arange(2)])
    assert base == "746fdeb6c814efe9"
    assert base != fingerprint((1, None), ["a", "bd"], [None, np.arange(2)])
    assert base != fingerprint((1, None), ["ab", "c"], [None, np.arange(2)])


def test_what_does_not_change_the_order_does_not_matter(make_selection: Any) -> None:
    first = make(make_selection([20] * 10))
    batches = iter(first)
    next(batches)
    resumed = make(make_selection([20] * 10), with_ids=True, axes="FT", prefetch=0)
    resumed.restore(first.state())
    np.testing.assert_array_equal(next(iter(resumed))["x"].swapaxes(1, 2), next(batches)["x"])
