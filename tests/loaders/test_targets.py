from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batches


def y(selection: Any, **options: Any) -> Any:
    return Batches(selection, crop_frames=2, shuffle=False, **options).batch(0, 0).get("y")


def test_indices_and_one_hot(make_selection: Any) -> None:
    selection = make_selection([4] * 4)
    assert y(selection).tolist() == [0, 1, 2, 0]
    hot = y(selection, labels="one-hot")
    assert hot.dtype == np.float32
    assert hot.argmax(axis=1).tolist() == [0, 1, 2, 0]
    assert hot.sum(axis=1).tolist() == [1.0] * 4
    assert y(selection, labels=None) is None


def test_multi_hot_stays(make_selection: Any) -> None:
    selection = make_selection([4] * 2, labels=np.array([[1, 1, 0], [0, 0, 0]], np.uint8))
    for labels in ("auto", "one-hot"):
        assert y(selection, labels=labels).tolist() == [[1, 1, 0], [0, 0, 0]]


def test_numbers_of_ones_own(make_selection: Any) -> None:
    selection = make_selection([4] * 3, classes=())
    assert y(selection) is None
    got = y(selection, labels=[1.5, -2, 0.25])
    assert (got.tolist(), got.dtype) == ([1.5, -2, 0.25], np.float32)
    assert y(selection, labels=np.eye(3)).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1.0, 2.0], "shape"),
        (3.0, "shape"),
        ([1.0, np.nan, 2.0], "not finite"),
        (["cat", "dog", "cat"], "must be numbers"),
        ("hot", "labels='hot'"),
        ("frames-multihot", "labels='frames-multihot': must be"),
        ("one-hot", "one class"),
    ],
)
def test_labels_that_do_not_fit_are_refused(make_selection: Any, labels: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        y(make_selection([4] * 3, classes=()), labels=labels)
