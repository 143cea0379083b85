"""Columns as plain objects equal what a loop over the rows would make of them."""

import numpy as np
import pandas as pd
import pytest

from melgrid.store.plain import hex_digests, label_lists, objects


@pytest.mark.parametrize("rows", [[[2], [], [0], [2]], [[1, 0], [], [3]], [[], []], []])
def test_label_lists_are_the_rows(rows):
    values = np.array([number for row in rows for number in row], np.int32)
    offset = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    assert label_lists(values, offset).tolist() == rows


def test_missing_values_are_none_whatever_the_column_calls_them():
    columns = [
        pd.Series(["a", None, np.nan], dtype=object),
        pd.Series([1, pd.NA, 3], dtype="Int64"),
        pd.Series([0.5, np.nan], dtype=float),
        pd.Series(["x", None]),
    ]
    assert [objects(column).tolist() for column in columns] == [
        ["a", None, None],
        [1, None, 3],
        [0.5, None],
        ["x", None],
    ]


def test_digests_are_written_as_hashlib_does():
    raw = np.zeros((3, 32), np.uint8)
    raw[0], raw[2] = np.arange(32), 255
    assert hex_digests(raw) == [bytes(range(32)).hex(), None, "ff" * 32]
    assert hex_digests(raw[:0]) == []
