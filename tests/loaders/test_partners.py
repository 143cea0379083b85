from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batches
from melgrid.loaders.partners import Partners


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30).filter(lambda c: len(set(c)) > 1), st.floats(0, 1 - 2**-53))
def test_partners_are_of_the_class_that_is_asked_for(classes: list[int], chance: float) -> None:
    array = np.array(classes)
    partners, clips = Partners(array), np.arange(len(classes))
    same, other = (draw(clips, np.full(len(classes), chance)) for draw in (partners.same, partners.other))
    assert (array[same] == array).all()
    assert (array[other] != array).all()
    alone = np.bincount(array)[array] == 1
    assert ((same == clips) == alone).all()


def test_every_partner_is_as_likely() -> None:
    partners = Partners(np.array([0, 1, 0, 2, 0, 1, 0]))
    chance = (np.arange(300) + 0.5) / 300
    clip = np.full(300, 2)
    assert np.bincount(partners.same(clip, chance), minlength=7).tolist() == [100, 0, 0, 0, 100, 0, 100]
    assert np.bincount(partners.other(clip, chance), minlength=7).tolist() == [0, 100, 0, 100, 0, 100, 0]


def test_partners_are_counted_in_the_order_of_the_clips() -> None:
    clips = np.arange(998)
    np.testing.assert_array_equal(Partners(np.arange(1000) % 2).same(clips, np.zeros(998)), clips + 2)


def clip_of(x: Any) -> Any:
    return x[:, 0, 0].astype(int)


def test_pairs(make_selection: Any) -> None:
    batches = Batches(make_selection([15] * 600), batch_size=600, crop_frames=4, tuples="pairs", seed=3)
    batch = batches.batch(1, 0)
    assert sorted(batch) == ["other", "x", "y"]
    one, other = clip_of(batch["x"]), clip_of(batch["other"])
    assert batch["y"].dtype == np.float32
    np.testing.assert_array_equal(one % 3 == other % 3, batch["y"] == 1)
    assert (one != other).all()
    assert 240 < batch["y"].sum() < 360
    np.testing.assert_array_equal(batches.batch(1, 0)["other"], batch["other"])
    assert (clip_of(batches.batch(2, 0)["other"]) != other).any()


def test_triplets_of_whole_clips(make_selection: Any) -> None:
    batch = Batches(make_selection([4, 5, 6] * 3), batch_size=9, tuples="triplets", with_ids=True).batch(0, 0)
    names = ["clip_id", "mask", "negative", "negative_mask", "positive", "positive_mask", "x", "y"]
    assert sorted(batch) == names
    classes = {name: clip_of(batch[name]) % 3 for name in ("x", "positive", "negative")}
    np.testing.assert_array_equal(classes["x"], batch["y"])
    np.testing.assert_array_equal(classes["positive"], batch["y"])
    assert (classes["negative"] != batch["y"]).all()
    assert batch["negative_mask"].sum(axis=1).tolist() == (4 + classes["negative"]).tolist()


def test_a_clip_that_is_alone_gives_another_crop_of_itself(make_selection: Any) -> None:
    batches = Batches(make_selection([2000, 2000]), batch_size=2, crop_frames=4, tuples="triplets")
    batch = batches.batch(0, 0)
    np.testing.assert_array_equal(clip_of(batch["x"]) // 1000, clip_of(batch["positive"]) // 1000)
    assert (batch["x"] != batch["positive"]).any()


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({}, [0, 0, 0], "two classes"),
        ({"tuples": "quads"}, [0, 1, 2], "quads"),
        ({"mixup": 0.2, "labels": "one-hot"}, [0, 1, 2], "not with"),
        ({"crop": "tile", "shuffle": False}, [0, 1, 2], "not with"),
        ({}, [0, -1, 2], "have no label"),
        ({}, [[0, 1, 0]] * 3, "one class for each clip"),
    ],
)
def test_contradictions_are_refused(make_selection: Any, options: Any, labels: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Batches(
            make_selection([9] * 3, labels=labels), **{"crop_frames": 4, "tuples": "pairs", "labels": None, **options}
        )
