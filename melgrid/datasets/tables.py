"""Metadata tables: read as text, converted with an eye on the row at fault."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["integers", "numbers", "read_table", "read_text"]


def read_text(path: Path) -> str:
    """Read a text file of a corpus.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a mark in front, or Latin-1 where that fails.

    Raises
    ------
    DatasetError
        If it is neither: there are zero bytes in it, as in UTF-16.
    """
    data = path.read_bytes()
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise DatasetError(
            f"{path}, line {line}: is no UTF-8 text, for it has zero bytes (UTF-16?); save it as UTF-8, e.g. with "
            "iconv -f UTF-16 -t UTF-8"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_table(path: Path, *, sep: str = ",", needs: Collection[str] = (), **how: Any) -> pd.DataFrame:
    """Read a delimited text file; all cells are texts, empty ones "".

    Parameters
    ----------
    path : Path
        UTF-8, or Latin-1 where that fails.
    sep : str
    needs : collection of str
        Columns that must be there.
    **how
        Further arguments of `pandas.read_csv`.

    Raises
    ------
    DatasetError
        If the file cannot be parsed, has other separators, rows that are longer than its header, or lacks a column.
    """
    import pandas as pd

    # Without index_col pandas makes an index of the first column where rows are longer than the header: all would
    # shift by one.
    how = {"sep": sep, "dtype": str, "keep_default_na": False, "na_filter": False, "index_col": False, **how}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                table: pd.DataFrame = pd.read_csv(path, encoding="utf-8", **how)
            except UnicodeDecodeError:
                read_text(path)  # refuses what is no text
                table = pd.read_csv(path, encoding="latin-1", **how)
    except pd.errors.ParserWarning:
        raise DatasetError(f"{path}: rows have more cells than the header; does a separator end them?") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as a table: {error}") from error
    header = table.columns[0] if len(table.columns) == 1 else ""
    if other := next((mark for mark in ";,\t|" if mark != sep and mark in header), None):
        raise DatasetError(f"{path}: cells are separated by {other!r}; separate them by {sep!r}")
    if lacking := [column for column in needs if column not in table.columns]:
        have = ", ".join(map(str, table.columns[:12]))
        raise DatasetError(f"{path}: column {lacking[0]!r} is missing; the header has {have}")
    return table


def numbers(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """Give one column as float64; empty cells become NaN.

    Raises
    ------
    DatasetError
        If a cell is no finite number; names the row (the first after the header is 1).
    """
    import numpy as np
    import pandas as pd

    texts = table[column]
    values = pd.to_numeric(texts, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    wrong = values.isna() & texts.notna() & (texts.astype(str).str.strip() != "")
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DatasetError(f"{path}: row {row + 1}, {column}={texts.iloc[row]!r} is not a number")
    return values


def integers(table: pd.DataFrame, column: str, path: Path, *, optional: bool = False) -> pd.Series:
    """Give one column as int64, or as Int64 where cells may be empty.

    Raises
    ------
    DatasetError
        If a cell is no whole number, or is empty and not optional.
    """
    values = numbers(table, column, path)
    wrong = ~((values % 1 == 0) | (values.isna() & optional))
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DatasetError(f"{path}: row {row + 1}, {column}={table[column].iloc[row]!r} is not a whole number")
    return values.astype("Int64" if optional else "int64")
