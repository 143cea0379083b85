from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, kstest

from melgrid.errors import ParameterError
from melgrid.loaders.augmentation import Augmentation, mix
from melgrid.loaders.batches import Batches


def make(selection: Any, **options: Any) -> Batches:
    return Batches(selection, **{"batch_size": 8, "crop_frames": 16, "labels": "one-hot", **options})


def test_mixing_takes_the_rest_from_the_next() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], np.float32)
    mixed = mix(values, np.array([1.0, 0.25, 0.5], np.float32))
    np.testing.assert_allclose(mixed, [[1, 10], [0.25 * 2 + 0.75 * 4, 35], [0.5 * 4 + 0.5, 25]])
    assert values[0, 0] == 1


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha: float) -> None:
    chance = (np.arange(2000) + 0.5) / 2000
    shares = Augmentation(alpha, None, None, "float32").shares(chance)
    assert kstest(shares, beta(alpha, alpha).cdf).statistic < 0.05  # float32 has no numbers just below 1


def test_examples_and_labels_are_mixed_alike(make_selection: Any) -> None:
    selection = make_selection([40] * 8)
    plain, mixed = (make(selection, mixup=m).batch(2, 0) for m in (None, 0.5))
    rolled = {name: np.roll(plain[name], -1, axis=0) for name in ("x", "y")}
    change = (plain["x"] - rolled["x"]).reshape(8, -1)
    share = ((mixed["x"] - rolled["x"]).reshape(8, -1) * change).sum(axis=1) / (change**2).sum(axis=1)
    assert ((share >= -1e-5) & (share <= 1 + 1e-5)).all()
    assert len(np.unique(share.round(4))) == 8
    np.testing.assert_allclose(mixed["y"], share[:, None] * plain["y"] + (1 - share[:, None]) * rolled["y"], atol=1e-4)


def test_masks_of_mixed_whole_clips_cover_both(make_selection: Any) -> None:
    batch = Batches(make_selection([3, 9, 5]), shuffle=False, mixup=1.0, labels="one-hot").batch(0, 0)
    assert batch["mask"].sum(axis=1).tolist() == [9, 9, 5]


@pytest.mark.parametrize("axes", ["TF", "CFT"])
def test_stretches_are_hidden_by_the_mean(make_selection: Any, axes: Any) -> None:
    from melgrid.params import LogMel

    rng = np.random.default_rng(0)
    feature = LogMel(n_mels=12, dtype="float32")
    selection = make_selection([40] * 64, feature, values=list(rng.normal(size=(64, 40, 12)).astype(np.float32)))
    options: Any = {"batch_size": 64, "axes": axes}
    plain = make(selection, **options).batch(0, 0)["x"]
    hidden = make(selection, time_masks=(2, 5), frequency_masks=(1, 4), **options).batch(0, 0)["x"]
    if axes == "CFT":
        plain, hidden = plain[:, 0].transpose(0, 2, 1), hidden[:, 0].transpose(0, 2, 1)
    changed = plain != hidden
    times, bins = changed.all(axis=2).sum(axis=1), changed.all(axis=1).sum(axis=1)
    assert set(bins.tolist()) == {0, 1, 2, 3, 4}
    assert times.max() <= 10
    assert len(set(times.tolist())) > 5
    for before, after, change in zip(plain, hidden, changed, strict=True):
        np.testing.assert_allclose(after[change], before.mean(), rtol=1e-4, atol=1e-6)
        rows, columns = change.all(axis=1), change.all(axis=0)
        np.testing.assert_array_equal(change, rows[:, None] | columns[None, :])


def test_padding_is_not_masked(make_selection: Any) -> None:
    batches = make(make_selection([0, 1, 3]), crop_frames=30, time_masks=(3, 30), frequency_masks=(3, 4), shuffle=False)
    plain = make(make_selection([0, 1, 3]), crop_frames=30, shuffle=False)
    for epoch in range(5):
        x, expected = batches.batch(epoch, 0)["x"], plain.batch(epoch, 0)["x"]
        for i, length in enumerate([0, 1, 3]):
            np.testing.assert_array_equal(x[i, length:], expected[i, length:])


def test_a_batch_does_not_depend_on_others(make_selection: Any) -> None:
    options: Any = {"mixup": 0.3, "time_masks": (1, 5), "batch_size": 2}
    batches = make(make_selection([40] * 8), **options)
    first = batches.batch(3, 1)["x"].copy()
    batches.batch(0, 0)
    np.testing.assert_array_equal(batches.batch(3, 1)["x"], first)
    assert (make(make_selection([40] * 8), **options, seed=1).batch(3, 1)["x"] != first).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixup": 0.0}, "mixup=0"),
        ({"mixup": 0.2, "labels": "auto"}, "one-hot"),
        ({"mixup": 0.2, "dtype": "stored"}, "dtype='stored'"),
        ({"time_masks": (1, 5), "dtype": "stored"}, "dtype='stored'"),
        ({"time_masks": (0, 5)}, r"time_masks\[0\]=0"),
        ({"frequency_masks": (1, 2.5)}, r"frequency_masks\[1\]=2\.5"),
        ({"frequency_masks": (1,)}, "frequency_masks"),
        ({"time_masks": 3}, r"time_masks=3: must be how many and the greatest width, such as \(2, 10\)"),
    ],
)
def test_values_out_of_range_are_refused(make_selection: Any, options: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make(make_selection([40] * 4), **options)
