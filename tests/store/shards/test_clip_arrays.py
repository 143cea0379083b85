"""Rows of a clip table as arrays."""

import pytest

from melgrid.store.shards.clip_arrays import known_columns


def test_parents_and_intervals_are_there_where_a_dataset_has_them():
    intervals = [[(0.0, 1.5, 2), (1.0, 2.0, 0)], None, [(0.5, 0.75, 1)]]
    columns = known_columns({"clip_id": ["a", "a#1", "b"], "parent": [None, "a", None], "intervals": intervals})
    assert columns["parent"].tolist() == [b"", b"a", b""]
    assert columns["interval_seconds"].tolist() == [[0.0, 1.5], [1.0, 2.0], [0.5, 0.75]]
    assert columns["interval_class"].tolist() == [2, 0, 1]
    assert columns["interval_offset"].tolist() == [0, 2, 2, 3]
    plain = known_columns({"clip_id": ["a"]})
    assert columns.keys() - plain.keys() == {"parent", "interval_seconds", "interval_class", "interval_offset"}


def test_a_negative_fold_is_refused():
    with pytest.raises(ValueError, match="fold=-2: folds are numbers from 0 up"):
        known_columns({"clip_id": ["a", "b"], "fold": [0, -2]})
