from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melgrid.datasets.split_lists import by_entry, read_split_lists
from melgrid.errors import DatasetError


def test_lists_lose_blanks_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\n\n b \r\n", encoding="utf-8-sig")
    np.save(tmp_path / "test.npy", np.array(["c"]))
    lists, _ = read_split_lists(tmp_path, {"train": "train*", "test": "test*"})
    assert lists == {"train": ["a", "b"], "test": ["c"]}
    assert by_entry(lists, tmp_path) == {"a": "train", "b": "train", "c": "test"}


def test_lists_may_be_latin_1(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes("café\n".encode("latin-1"))
    assert read_split_lists(tmp_path, {"train": "train*"})[0] == {"train": ["café"]}
    (tmp_path / "train.txt").write_text("café\n", encoding="utf-16")
    with pytest.raises(DatasetError, match=r"train\.txt, line 1: is no UTF-8 text"):
        read_split_lists(tmp_path, {"train": "train*"})


def test_the_digest_follows_the_contents_not_the_place(tmp_path: Path) -> None:
    digests = []
    for name, text in (("one", "a\n"), ("two", "a\n"), ("three", "b\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.txt").write_text(text)
        digests.append(read_split_lists(tmp_path / name, {"train": "train*"})[1])
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("files", [[], ["train.jpg"], ["train.txt", "train_2.txt"]])
def test_there_must_be_one_file_a_side(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("a\n")
    with pytest.raises(DatasetError, match=r"needs one file 'train\*' \(train list\), found"):
        read_split_lists(tmp_path, {"train": "train*"})


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere' is not a folder; it must hold train\*"):
        read_split_lists(tmp_path / "nowhere", {"train": "train*"})


def test_an_entry_stands_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'a' stands in the train list and in the test list"):
        by_entry({"train": ["a"], "test": ["a"]}, tmp_path)
