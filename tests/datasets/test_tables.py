from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melgrid.datasets.tables import integers, numbers, read_table
from melgrid.errors import DatasetError

PATH = Path("table.csv")


def test_cells_stay_texts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n01,NA\n,"x\ny"\n')
    table = read_table(tmp_path / "t.csv")
    assert table["a"].tolist() == ["01", ""]
    assert table["b"].tolist() == ["NA", "x\ny"]


def test_latin_1_is_read_where_utf_8_fails(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a\nCafé\n".encode("latin-1"))
    assert read_table(tmp_path / "t.csv")["a"].tolist() == ["Café"]


def test_utf_16_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\na.wav,Café\n", encoding="utf-16")
    with pytest.raises(DatasetError, match=r"t\.csv, line 1: is no UTF-8 text, .*UTF-16.*; save it as UTF-8"):
        read_table(tmp_path / "t.csv")


def test_rows_longer_than_the_header_are_refused_not_shifted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2,9\n3,4,9\n")
    with pytest.raises(DatasetError, match=r"t\.csv: rows have more cells than the header"):
        read_table(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv", usecols=["a"])["a"].tolist() == ["1", "3"]


@pytest.mark.parametrize("text", ["", 'a,b\n"open', "a,b\n1,2,3\n1\n1,2,3,4\n"])
def test_what_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"t\.csv: cannot be read as a table"):
        read_table(tmp_path / "t.csv")


def test_a_missing_column_is_named_with_those_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="column 'c' is missing; the header has a, b"):
        read_table(tmp_path / "t.csv", needs=("a", "c"))


@pytest.mark.parametrize(("mark", "sep"), [(";", ","), ("\t", ","), (",", "\t"), ("|", ",")])
def test_other_separators_are_named(tmp_path: Path, mark: str, sep: str) -> None:
    (tmp_path / "t.csv").write_text(f"path{mark}label\na.wav{mark}dog\n")
    with pytest.raises(DatasetError, match=re.escape(f"separated by {mark!r}; separate them by {sep!r}")):
        read_table(tmp_path / "t.csv", sep=sep)
    assert read_table(tmp_path / "t.csv", sep=mark).columns.tolist() == ["path", "label"]


def test_a_quoted_name_may_hold_the_separator(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('"path, from here"\na.wav\n')
    assert read_table(tmp_path / "t.csv").columns.tolist() == ["path, from here"]


def test_numbers_know_empty_cells() -> None:
    table = pd.DataFrame({"x": ["1.5", "", " ", "-2e3"], "y": ["1", "2", "3.0", "4"]})
    np.testing.assert_array_equal(numbers(table, "x", PATH), [1.5, np.nan, np.nan, -2000.0])
    assert integers(table, "y", PATH).tolist() == [1, 2, 3, 4]
    gaps = integers(pd.DataFrame({"z": ["1", ""]}), "z", PATH, optional=True)
    assert gaps.dtype == "Int64"
    assert gaps.isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("cell", "rule"),
    [("x", "is not a number"), ("inf", "is not a number"), ("", "is not a whole number"), ("2.5", "is not a whole")],
)
def test_the_row_at_fault_is_named(cell: str, rule: str) -> None:
    with pytest.raises(DatasetError, match=f"table.csv: row 2, x='{cell}' {rule}"):
        integers(pd.DataFrame({"x": ["1", cell, "3"]}), "x", PATH)
