"""Class-balanced and weighted sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader
from melgrid.loaders.sampling import weighted


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=30).filter(lambda w: max(w) > 1e-3),
    st.integers(1, 100),
    st.integers(0, 2**32),
)
def test_every_clip_gets_its_share_rounded(weights: list[float], count: int, epoch: int) -> None:
    array = np.array(weights)
    clips, numbers = weighted(array, None, count, 7, epoch)
    counts = np.bincount(clips, minlength=len(weights))
    assert counts.sum() == count
    assert (np.abs(counts - count * array / array.sum()) < 1 + 1e-9).all()
    assert (counts[array == 0] == 0).all()
    assert len(set(zip(clips.tolist(), numbers.tolist(), strict=True))) == count
    assert numbers.max() < counts.max()


def test_on_average_every_clip_gets_its_share() -> None:
    weights, seeds = np.array([1.0, 3.0, 2.0, 2.0, 4.0]), 3000
    drawn = np.concatenate([weighted(weights, None, 5, seed, 0)[0] for seed in range(seeds)])
    share = np.bincount(drawn, minlength=5) / seeds
    # each count is rounded up or down, so its deviation is at most 1/2: five of those of the mean
    np.testing.assert_allclose(share, 5 * weights / weights.sum(), atol=5 * 0.5 / np.sqrt(seeds))


def test_balanced_classes(make_selection: Any) -> None:
    labels = [0] * 60 + [1] * 9 + [2] * 6
    selection = make_selection([50] * 75, labels=labels)
    loader = NumpyLoader(selection, crop_frames=4, batch_size=10, weights="balanced", with_ids=True)
    orders = []
    for _ in range(3):
        batches = list(loader)
        assert np.bincount(np.concatenate([b["y"] for b in batches])).tolist() == [25, 25, 25]
        orders.append([str(c) for b in batches for c in b["clip_id"]])
    assert len({tuple(order) for order in orders}) == 3
    assert len(set(orders[0]) | set(orders[1]) | set(orders[2])) > 45  # clips of the large class take turns


def test_repeated_clips_give_other_crops(make_selection: Any) -> None:
    selection = make_selection([10_000] * 4)
    (batch,) = NumpyLoader(selection, crop_frames=2, batch_size=4, weights=[1, 0, 0, 0])
    assert (batch["x"][:, 0, 0] < 10_000 / 16).all()
    assert len(set(batch["x"][:, 0, 0].tolist())) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "equal"}, "weights='equal'"),
        ({"weights": [1, 2]}, "shape"),
        ({"weights": [1, -2, 1]}, "none below 0"),
        ({"weights": [0, 0, 0]}, "some above"),
        ({"weights": "balanced", "shuffle": False}, "shuffle=True"),
        ({"weights": "balanced", "crop": "tile"}, "tile"),
    ],
)
def test_what_makes_no_sense_is_refused(make_selection: Any, options: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        NumpyLoader(make_selection([9] * 3), crop_frames=4, **options)
