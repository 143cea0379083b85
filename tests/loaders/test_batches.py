from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders.batches import Batches
from melgrid.params import LogMel
from melgrid.store.shards.encoding import decode

# `make_selection` builds values and keeps no state
stateless = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def epoch(batches: Batches, number: int = 0) -> list[dict[str, Any]]:
    return [batches.batch(number, i) for i in range(len(batches))]


def ids(batches: Batches, number: int = 0) -> list[str]:
    return [str(c) for b in epoch(batches, number) for c in b["clip_id"]]


@stateless
@given(st.data())
def test_every_clip_comes_exactly_as_often_as_asked(make_selection: Any, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=20))
    batch_size, per_clip = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 3))
    batches = Batches(
        make_selection(lengths),
        batch_size=batch_size,
        crop_frames=data.draw(st.integers(1, 12)),
        crop="random",
        crops_per_clip=per_clip,
        shuffle=data.draw(st.booleans()),
        seed=data.draw(st.integers(0, 2**64 - 1)),
        with_ids=True,
    )
    got = epoch(batches, data.draw(st.integers(0, 2**32)))
    counts = Counter(str(c) for b in got for c in b["clip_id"])
    assert counts == {f"clip-{i}": per_clip for i in range(len(lengths))}
    assert [len(b["x"]) for b in got[:-1]] == [batch_size] * (len(got) - 1)


@stateless
@given(st.integers(1, 20), st.integers(1, 25), st.integers(0, 5))
def test_drop_last_leaves_out_only_what_fills_no_batch(
    make_selection: Any, clips: int, batch_size: int, number: int
) -> None:
    options: dict[str, Any] = {"batch_size": batch_size, "crop_frames": 3, "with_ids": True}
    whole = ids(Batches(make_selection([5] * clips), **options), number)
    if clips < batch_size:
        with pytest.raises(ParameterError, match="no batch"):
            Batches(make_selection([5] * clips), drop_last=True, **options)
        return
    batches = Batches(make_selection([5] * clips), drop_last=True, **options)
    assert len(batches) == clips // batch_size
    assert ids(batches, number) == whole[: clips // batch_size * batch_size]


@stateless
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 15), st.integers(1, 15), st.integers(0, 9))
def test_batch_size_changes_no_crop(make_selection: Any, lengths: list[int], one: int, other: int, number: int) -> None:
    selection = make_selection(lengths)
    streams = []
    for size in (one, other):
        batches = epoch(Batches(selection, batch_size=size, crop_frames=7, crops_per_clip=2, seed=3), number)
        streams.append(np.concatenate([b["x"] for b in batches]))
    np.testing.assert_array_equal(streams[0], streams[1])


def test_any_batch_can_be_asked_for_at_any_time_from_any_thread(make_selection: Any) -> None:
    batches = Batches(make_selection([30] * 50), batch_size=4, crop_frames=7)
    places = [(e, i) for e in range(4) for i in range(len(batches))]
    expected = {p: batches.batch(*p)["x"] for p in places}
    mixed = np.random.default_rng(0).permutation(places * 3)
    with ThreadPoolExecutor(8) as pool:
        for place, batch in zip(mixed, pool.map(lambda p: batches.batch(*p), mixed), strict=True):
            np.testing.assert_array_equal(batch["x"], expected[tuple(place)])


def test_epochs_and_seeds_differ_in_order_and_crops(make_selection: Any) -> None:
    selection = make_selection([200] * 30)
    by_seed = {s: Batches(selection, batch_size=30, crop_frames=5, seed=s, with_ids=True) for s in (0, 1)}
    seen = [(b.batch(e, 0)["clip_id"].tolist(), b.batch(e, 0)["x"]) for b in by_seed.values() for e in (0, 1)]
    orders = {tuple(order) for order, _ in seen}
    assert len(orders) == 4
    crops = {tuple(x[np.argsort(order), 0, 0]) for order, x in seen}
    assert len(crops) == 4


def test_a_crop_does_not_depend_on_what_else_is_selected(make_selection: Any) -> None:
    some, more = make_selection([100] * 5), make_selection([100] * 9)
    found = []
    for selection in (some, more):
        batch = Batches(selection, batch_size=9, crop_frames=5, shuffle=False, crop="random").batch(7, 0)
        found.append(batch["x"][:5])
    np.testing.assert_array_equal(found[0], found[1])


def test_crops_are_runs_of_frames_of_their_clip(make_selection: Any) -> None:
    batches = Batches(make_selection([100, 37, 8, 9]), batch_size=3, crop_frames=8, with_ids=True, crops_per_clip=20)
    for batch in epoch(batches):
        clip = np.array([int(c.split("-")[1]) for c in batch["clip_id"]])
        starts = (batch["x"][:, 0, 0] - clip) * 16
        lengths = np.array([100, 37, 8, 9])[clip]
        assert (starts >= 0).all()
        assert (starts + 8 <= lengths).all()
        np.testing.assert_array_equal(
            batch["x"],
            np.broadcast_to((clip + starts / 16)[:, None, None] + np.arange(8)[:, None] / 16, (len(clip), 8, 4)),
        )


FLAGS = ("shuffle", "drop_last", "with_ids", "with_lengths", "with_mask")


@pytest.mark.parametrize(("crop", "first"), [("center", 3), ("head", 0)])
def test_fixed_crops(make_selection: Any, crop: Any, first: int) -> None:
    x = Batches(make_selection([10]), crop_frames=4, crop=crop).batch(5, 0)["x"]
    np.testing.assert_array_equal(x[0, :, 0], (first + np.arange(4)) / 16)


def test_without_shuffling_crops_are_central_and_in_store_order(make_selection: Any) -> None:
    batches = Batches(make_selection([11, 4, 9]), crop_frames=3, shuffle=False, with_ids=True)
    assert ids(batches, 0) == ids(batches, 8) == ["clip-0", "clip-1", "clip-2"]
    np.testing.assert_array_equal(batches.batch(0, 0)["x"][:, 0, 0], [4 / 16, 1, 2 + 3 / 16])


@stateless
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 15), st.integers(1, 9), st.booleans())
def test_tiles_cover_every_frame_of_every_clip(
    make_selection: Any, lengths: list[int], frames: int, batch_size: int, shuffle: bool
) -> None:
    batches = Batches(
        make_selection(lengths), crop_frames=frames, crop="tile", batch_size=batch_size, shuffle=shuffle,
        with_ids=True, with_lengths=True,
    )  # fmt: skip
    seen: dict[str, set[float]] = {}
    tiles = 0
    for i, batch in enumerate(epoch(batches)):
        assert [f"clip-{c}" for c in batches.clips_of(0, i)] == batch["clip_id"].tolist()
        for name, x, length in zip(batch["clip_id"], batch["x"], batch["length"], strict=True):
            seen.setdefault(str(name), set()).update(x[:length, 0].tolist())
            tiles += 1
    assert tiles == sum(max(1, -(-n // frames)) for n in lengths)
    for i, n in enumerate(lengths):
        assert seen[f"clip-{i}"] == {i + k / 16 for k in range(n)}


def test_short_clips_are_padded_with_their_own_floor(make_selection: Any) -> None:
    batch = Batches(make_selection([3, 9]), crop_frames=5, crop="head", shuffle=False, with_lengths=True).batch(0, 0)
    assert batch["length"].tolist() == [3, 5]
    np.testing.assert_array_equal(batch["x"][0, 3:], np.float32(2 / 16 - 80))
    np.testing.assert_array_equal(batch["x"][1, :, 0], 1 + np.arange(5) / 16)
    assert "mask" not in batch


def test_whole_clips_are_padded_to_the_longest_of_their_batch(make_selection: Any) -> None:
    batches = Batches(make_selection([3, 5, 2, 1]), batch_size=2, shuffle=False, with_lengths=True)
    first, second = epoch(batches)
    assert first["x"].shape == (2, 5, 4)
    assert second["x"].shape == (2, 2, 4)
    assert first["mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert second["length"].tolist() == [2, 1]
    np.testing.assert_array_equal(first["x"][0, 3:], np.float32(2 / 16 - 80))


@stateless
@given(st.lists(st.integers(0, 9), min_size=2, max_size=12), st.integers(1, 5))
def test_staggered_neighbours_differ_in_length(make_selection: Any, lengths: list[int], batch_size: int) -> None:
    batches = Batches(make_selection(lengths), batch_size=batch_size, shuffle=False)
    plain = epoch(batches)
    batches.staggered = True
    for i, (batch, before) in enumerate(zip(epoch(batches), plain, strict=True)):
        frames = batch["x"].shape[1]
        assert frames % 2 == i % 2
        assert frames - before["x"].shape[1] in (0, 1)
        assert batch["mask"].shape == (len(batch["x"]), frames)
        assert batch["mask"].sum() == before["mask"].sum()


def test_class_indices_and_multi_hot_labels(make_selection: Any) -> None:
    single = Batches(make_selection([4] * 5), batch_size=5, crop_frames=2, shuffle=False).batch(0, 0)["y"]
    assert single.dtype == np.int64
    assert single.tolist() == [0, 1, 2, 0, 1]
    hot = np.eye(3, dtype=np.uint8)[[2, 0, 1]]
    hot[2] = 0  # no tag is a label too
    multi = Batches(make_selection([4] * 3, labels=hot), crop_frames=2, with_ids=True).batch(4, 0)
    assert multi["y"].dtype == np.float32
    np.testing.assert_array_equal(multi["y"], hot[[int(c[-1]) for c in multi["clip_id"]]])


def test_a_dataset_without_classes_has_no_labels(make_selection: Any) -> None:
    assert "y" not in Batches(make_selection([4], classes=()), crop_frames=2).batch(0, 0)


def test_clips_that_are_all_unlabelled_have_no_labels(make_selection: Any) -> None:
    assert "y" not in Batches(make_selection([4, 4], labels=[-1, -1]), crop_frames=2).batch(0, 0)


def test_some_unlabelled_clips_are_refused_by_name(make_selection: Any) -> None:
    selection = make_selection([4] * 6, labels=[0, -1, -1, 1, -1, -1])
    with pytest.raises(ParameterError, match=r"4 of 6 .*clip-1, clip-2, clip-4, \.\.\..*select\(label"):
        Batches(selection, crop_frames=2)
    assert "y" not in Batches(selection, crop_frames=2, labels=None).batch(0, 0)


@pytest.mark.parametrize(("seconds", "frames"), [(3.0, 129), (0.001, 1), (0.5, 22)])
def test_seconds_are_rounded_to_frames(make_selection: Any, seconds: float, frames: int) -> None:
    # 22050 / 512 = 43.066 frames per second
    assert Batches(make_selection([4]), crop_seconds=seconds).frames == frames


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        *(({name: "no"}, f"{name}='no': must be True or False") for name in FLAGS),
        ({"crops_per_clip": 0}, "crops_per_clip=0"),
        ({"seed": -1}, "seed=-1"),
        ({"crop_frames": 0}, "crop_frames=0"),
        ({"crop_seconds": 0.0}, "crop_seconds=0.0"),
        ({"crop_frames": 3, "crop_seconds": 1.0}, "give one of them"),
        ({"axes": "FC"}, "axes='FC'"),
    ],
)
def test_values_out_of_range_are_refused(make_selection: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Batches(make_selection([4]), **options)


def test_an_empty_selection_is_refused(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match="no batch: 0 crops"):
        Batches(make_selection([], labels=[]), crop_frames=2)


def test_a_batch_that_is_not_there(make_selection: Any) -> None:
    batches = Batches(make_selection([4]), crop_frames=2)
    for i in (-1, 1):
        with pytest.raises(IndexError, match=f"batch {i} of 1"):
            batches.batch(0, i)


def test_stored_codes_decode_to_the_same_values(make_selection: Any) -> None:
    feature = LogMel(n_mels=4, dtype="uint8", range_db=(-80.0, 10.0))
    selection = make_selection([9, 2], feature)
    codes = Batches(selection, crop_frames=4, dtype="stored", axes="TF").batch(0, 0)["x"]
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(decode(codes, feature), Batches(selection, crop_frames=4, axes="TF").batch(0, 0)["x"])


def test_no_batch_shares_memory_with_another(make_selection: Any) -> None:
    batches = Batches(make_selection([9] * 4), batch_size=2, crop_frames=4)
    first, again = batches.batch(0, 0), batches.batch(0, 0)
    first["x"][:] = 0
    first["y"][:] = 7
    np.testing.assert_array_equal(again["x"], batches.batch(0, 0)["x"])
    np.testing.assert_array_equal(again["y"], batches.batch(0, 0)["y"])


def test_crops_have_a_mask_when_asked_for(make_selection: Any) -> None:
    options: Any = {"crop_frames": 5, "crop": "head", "shuffle": False}
    batch = Batches(make_selection([3, 9]), with_mask=True, **options).batch(0, 0)
    assert batch["mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert "mask" not in Batches(make_selection([3, 9]), **options).batch(0, 0)


def test_what_is_no_selection_or_no_such_word_is_refused(make_selection: Any) -> None:
    selection = make_selection([9])
    with pytest.raises(ParameterError, match=r"take a selection, from features\.split"):
        Batches(selection.feature_set)
    with pytest.raises(ParameterError, match="resident='gpu'"):
        Batches(selection, crop_frames=4, resident="gpu")  # type: ignore[arg-type]
