"""The clip table's file, as somebody may have made it."""

import numpy as np
import pandas as pd
import pytest

from melgrid.errors import StoreError
from melgrid.store import About
from melgrid.store.clips import ClipTable, table_to_bytes, with_all_columns

ABOUT = About(dataset="x", classes=("k", "l"), task="single")
TABLE = with_all_columns(pd.DataFrame({"clip_id": ["a", "b", "c"], "shard": [0, 0, 2], "row": [0, 1, 0]}))


@pytest.mark.parametrize(
    "change",
    [
        {"row": [1, 0, 0]},
        {"row": [0, 2, 0]},
        {"row": [0, 1, 2]},
        {"shard": [2, 2, 0]},
        {"shard": [-1, -1, 0]},
        {"clip_id": ["a", None, "c"]},
        {"row": [0, 1, None]},
        {"shard": [0, 0, None]},
    ],
)
def test_clips_out_of_their_places_are_refused(change):
    table = ClipTable(table_to_bytes(TABLE), ABOUT)
    assert (table.shard.tolist(), table.row.tolist()) == ([0, 0, 2], [0, 1, 0])
    with pytest.raises(StoreError, match=r"clips\.parquet is damaged: .*--repair"):
        ClipTable(table_to_bytes(TABLE.assign(**change)), ABOUT)


@pytest.mark.parametrize("labels", [[[2], [], []], [[-1], [], []], [[0, 1], [], []]])
def test_labels_that_no_clip_can_have_are_refused(labels):
    broken = TABLE.assign(labels=pd.Series(labels, dtype=object))
    with pytest.raises(StoreError, match=r"clips\.parquet has (labels beyond its 2 classes|several labels)"):
        ClipTable(table_to_bytes(broken), ABOUT)


@pytest.mark.parametrize(
    "span", [(1.0, 0.5, 0), (0.0, np.inf, 0), (0.0, None, 0), (None, 1.0, 0), (0.0, 1.0, None), (0.0, 1.0, 2)]
)
def test_intervals_that_cannot_be_are_refused(span):
    table = TABLE.assign(intervals=pd.Series([[(0.0, 1.0, 1)], [(0.5, 0.5, 0)], []], dtype=object))
    good = ClipTable(table_to_bytes(table), ABOUT)
    assert good.stored["intervals"].tolist() == table["intervals"].tolist()
    table.at[0, "intervals"] = [span]
    with pytest.raises(StoreError, match=r"clips\.parquet (is damaged: .*interval|has labels beyond)"):
        ClipTable(table_to_bytes(table), ABOUT)
