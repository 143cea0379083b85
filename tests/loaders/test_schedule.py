from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders.schedule import Schedule

DEFAULTS: dict[str, Any] = {
    "frames": 4, "crop": "random", "crops_per_clip": 1, "batch_size": 3, "shuffle": True, "seed": 0, "drop_last": False,
}  # fmt: skip


def make(lengths: list[int], **options: Any) -> Schedule:
    ids = [str(i) for i in range(len(lengths))]
    return Schedule(ids, np.array(lengths, np.int64), **{**DEFAULTS, **options})


def joined(schedule: Schedule, epoch: int) -> tuple[list[int], list[int]]:
    parts = [schedule.part(epoch, i) for i in range(len(schedule))]
    return [c for clips, _, _ in parts for c in clips.tolist()], [s for _, _, starts in parts for s in starts.tolist()]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=20),
    st.integers(1, 30),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 2**40),
)
def test_parts_make_up_the_epoch(lengths: list[int], batch_size: int, per_clip: int, shuffle: bool, epoch: int) -> None:
    schedule = make(lengths, batch_size=batch_size, crops_per_clip=per_clip, shuffle=shuffle)
    clips, starts = joined(schedule, epoch)
    assert sorted(clips) == sorted(list(range(len(lengths))) * per_clip)
    for clip, start in zip(clips, starts, strict=True):
        assert 0 <= start <= max(0, lengths[clip] - 4)
    assert all(len(schedule.part(epoch, i)[0]) == batch_size for i in range(len(schedule) - 1))
    numbered = [pair for i in range(len(schedule)) for pair in zip(*schedule.part(epoch, i)[:2], strict=True)]
    assert sorted(numbered) == [(clip, number) for clip in range(len(lengths)) for number in range(per_clip)]


def test_the_crops_of_a_clip_differ() -> None:
    clips, starts = joined(make([10_000] * 5, crops_per_clip=4), 0)
    for clip in range(5):
        assert len({s for c, s in zip(clips, starts, strict=True) if c == clip}) == 4


def test_shuffling_moves_crops_and_changes_none() -> None:
    shuffled, plain = (joined(make([1000] * 30, shuffle=s), 6) for s in (True, False))
    assert shuffled != plain
    assert sorted(zip(*shuffled, strict=True)) == sorted(zip(*plain, strict=True))


def test_without_chance_all_epochs_are_equal() -> None:
    schedule = make([9, 4, 7, 2], crop="center", shuffle=False)
    assert joined(schedule, 0) == joined(schedule, 5) == ([0, 1, 2, 3], [2, 0, 1, 0])


def test_out_of_range() -> None:
    for i in (-1, 1):
        with pytest.raises(IndexError, match=f"batch {i} of 1"):
            make([9]).part(0, i)
    with pytest.raises(ParameterError, match="no batch: 0 crops"):
        make([])
    with pytest.raises(ParameterError, match="seed=-1"):
        make([9], seed=-1)
    with pytest.raises(ParameterError, match="seed=18446744073709551616: must lie in"):
        make([9], seed=1 << 64)
    with pytest.raises(ParameterError, match=r"seed=1\.5: must be a whole number"):
        make([9], seed=1.5)
    with pytest.raises(ParameterError, match="shard="):
        make([9], shard=(0, 1, 2))


def test_every_clip_comes_once_in_an_epoch_of_very_many() -> None:
    count = 50_000
    schedule = Schedule(
        (f"clip-{number}" for number in range(count)),
        np.full(count, 7, np.int64),
        frames=3,
        crop="random",
        crops_per_clip=1,
        batch_size=999,
        shuffle=True,
        seed=3,
        drop_last=False,
    )
    orders = []
    for epoch in (0, 1):
        parts = [schedule.part(epoch, i) for i in range(len(schedule))]
        clips, starts = np.concatenate([part[0] for part in parts]), np.concatenate([part[2] for part in parts])
        assert np.array_equal(np.bincount(clips, minlength=count), np.ones(count))
        assert set(starts) == {0, 1, 2, 3, 4}
        orders.append(clips)
    assert not np.array_equal(*orders)
