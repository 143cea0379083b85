from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders.crops import Crop, check_crop, crop_length, tiles


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 25))
def test_tiles_cover_every_frame_and_stay_inside(lengths: list[int], frames: int) -> None:
    clips, starts = tiles(np.array(lengths, np.int64), frames)
    assert (np.diff(clips) >= 0).all()
    for clip, length in enumerate(lengths):
        mine = starts[clips == clip]
        assert len(mine) == max(1, -(-length // frames))
        covered = np.unique((mine[:, None] + np.arange(frames)).ravel())
        assert set(range(length)) <= set(covered.tolist())
        if length >= frames:
            assert mine[-1] + frames == length
        else:
            assert mine.tolist() == [0]


def test_tiles_are_back_to_back_when_the_length_divides() -> None:
    clips, starts = tiles(np.array([12, 5]), 4)
    assert clips.tolist() == [0, 0, 0, 1, 1]
    assert starts.tolist() == [0, 4, 8, 0, 1]


@pytest.mark.parametrize(
    ("crop", "frames", "shuffle", "resolved"),
    [
        ("auto", 4, True, "random"),
        ("auto", 4, False, "center"),
        ("auto", None, True, None),
        (None, None, True, None),
        ("head", 4, True, "head"),
        ("tile", 4, True, "tile"),
        ("random", 4, False, "random"),
    ],
)
def test_auto_follows_shuffle(crop: Crop | None, frames: int | None, shuffle: bool, resolved: Crop | None) -> None:
    assert check_crop(crop, frames, 1, shuffle) == resolved


def test_random_crops_may_be_many_of_a_clip() -> None:
    assert check_crop("auto", 4, 3, True) == "random"


@pytest.mark.parametrize(
    ("crop", "frames", "per_clip", "message"),
    [
        ("middle", 4, 1, "'middle'.*center"),
        (None, 4, 1, "leave crop_frames"),
        ("head", None, 1, "needs crop_frames or crop_seconds"),
        ("head", 4, 2, "only crop='random'"),
        ("tile", 4, 2, "only crop='random'"),
        ("auto", None, 2, "only crop='random'"),
    ],
)
def test_contradictions_are_refused(crop: Crop | None, frames: int | None, per_clip: int, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check_crop(crop, frames, per_clip, True)


@pytest.mark.parametrize(
    ("frames", "seconds", "length"),
    [(None, None, None), (7, None, 7), (1, None, 1), (None, 1.0, 10), (None, 0.26, 3), (None, 0.001, 1)],
)
def test_a_length_is_given_in_frames_or_seconds(frames: int | None, seconds: float | None, length: int | None) -> None:
    assert crop_length(frames, seconds, 0.1) == length


@pytest.mark.parametrize(
    ("frames", "seconds", "message"),
    [
        (None, float("inf"), "crop_seconds=inf"),
        (None, float("nan"), "crop_seconds=nan"),
        (None, 0.0, "crop_seconds=0"),
        (None, "1", "crop_seconds='1': must be above 0"),
        (0, None, "crop_frames=0"),
        (2.5, None, "crop_frames=2.5: must be a whole number"),
        (2, 1.0, "give one of them"),
    ],
)
def test_lengths_that_are_none_are_refused(frames: int | None, seconds: float | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        crop_length(frames, seconds, 0.1)
