"""Groups stay whole and parts are as fair as scikit-learn's, at any size."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from melgrid.store.fair_parts import fair_parts


def corpus(clips: int, groups: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(clips + groups)
    group = chance.integers(0, groups, clips)
    return group, np.where(chance.random(clips) < 0.7, group % classes, chance.integers(0, classes, clips))


def spread(part: np.ndarray, kind: np.ndarray, parts: int) -> float:
    """Mean over the classes of the deviation of the parts' shares."""
    counts = np.zeros((parts, kind.max() + 1))
    np.add.at(counts, (part, kind), 1)
    return float((counts / counts.sum(axis=0)).std(axis=0).mean())


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize(
    ("clips", "groups", "classes", "parts"), [(200, 50, 3, 20), (1000, 1000, 10, 20), (900, 80, 30, 7)]
)
def test_parts_are_as_even_as_those_of_scikit_learn(clips, groups, classes, parts):
    group, kind = corpus(clips, groups, classes)
    theirs = np.empty(clips, int)
    for number, (_, held_out) in enumerate(
        StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(group, kind, group)
    ):
        theirs[held_out] = number
    ours = fair_parts(group, kind, parts, 0)
    assert spread(ours, kind, parts) <= 1.05 * spread(theirs, kind, parts)
    assert np.bincount(ours, minlength=parts).std() <= 1.5 * np.bincount(theirs, minlength=parts).std() + 1


def test_groups_stay_whole_and_every_part_is_used():
    group, kind = corpus(500, 60, 4)
    part = fair_parts(group, kind, 10, 1)
    assert all(len(np.unique(part[group == one])) == 1 for one in np.unique(group))
    assert set(part) == set(range(10))


def test_clips_alone_and_of_one_class_are_dealt_evenly():
    part = fair_parts(np.arange(1003), np.zeros(1003, int), 20, 5)
    assert set(np.bincount(part)) == {50, 51}


def test_numbers_of_groups_and_classes_do_not_matter():
    group, kind = corpus(300, 40, 5)
    np.testing.assert_array_equal(fair_parts(group, kind, 6, 2), fair_parts(group * 1000 - 7, kind * 3 - 1, 6, 2))


def test_the_seed_decides_and_no_clip_is_no_error():
    group, kind = corpus(300, 40, 5)
    assert (fair_parts(group, kind, 6, 2) == fair_parts(group, kind, 6, 2)).all()
    assert (fair_parts(group, kind, 6, 2) != fair_parts(group, kind, 6, 3)).any()
    assert fair_parts(np.zeros(0, int), np.zeros(0, int), 3, 0).shape == (0,)


def test_parts_are_the_same_for_ever():
    # squares modulo 13 are seven groups of unequal sizes
    number = np.arange(26)
    part = fair_parts(number * number % 13, number * 5 % 11 % 3, 4, 0)
    assert part.tolist() == [3, 0, 2, 2, 3, 0, 1, 1, 0, 3, 2, 2, 0, 3, 0, 2, 2, 3, 0, 1, 1, 0, 3, 2, 2, 0]
