"""What clips are like: lengths, formats, balance."""

import numpy as np
import pytest

from melgrid.store.views.corpus import balances, durations, formats, label_counts


def test_lengths_are_of_the_clip_and_not_of_its_file(make_toy):
    # files are of 200 frames at 44,100 Hz; clips 0 to 4 say where they begin or end in them
    start = [0.001, np.nan, 0.002, 0.0, np.nan] + [np.nan] * 15
    end = [np.nan, 0.003, 0.004, 9.0, np.nan] + [np.nan] * 15
    store = make_toy(columns={"start": start, "end": end}, failing=("clip-9",)).store
    whole = 200 / 44100
    expected = [whole - 0.001, 0.003, 0.002, *[whole] * 16]  # of the clip that failed nothing is known
    np.testing.assert_allclose(sorted(durations(store)), sorted(expected))


def test_a_store_that_was_not_filled_knows_no_lengths(make_toy):
    store = make_toy(features=[]).store
    assert len(durations(store)) == 0
    assert formats(store) == []


def test_formats_are_counted(make_toy):
    assert formats(make_toy().store) == [(44100, 2, 20)]


def test_balance_counts_clips_and_their_classes(make_toy):
    store = make_toy(splits={"fold": (1, 2, 3, 4), "split": ("train", "valid", "test")}).store
    clips = store.clips
    for balance in balances(store):
        for part, count, row in zip(balance.parts, balance.clips, balance.counts, strict=True):
            own = clips[clips[balance.column].astype(str) == part]
            assert count == len(own)
            assert row.tolist() == [int((own["label"] == name).sum()) for name in store.about.classes]
    assert [balance.column for balance in balances(store)] == ["fold", "split"]
    assert label_counts(store).tolist() == [7, 7, 6]


def test_a_clip_with_several_labels_counts_for_each(make_toy):
    store = make_toy(task="multi").store
    (balance,) = balances(store)
    assert balance.clips.sum() == 20
    assert balance.counts.sum() == 20  # two labels on every other clip
    assert label_counts(store).tolist() == [10, 0, 10]


@pytest.mark.parametrize("splits", [{}, {"split": ("a", "b")}])
def test_no_official_split_no_balance(make_toy, splits):
    assert balances(make_toy(splits=splits).store) == []
