"""From a corpus's table to a store's, whatever the columns are made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melgrid.datasets.dataset import Dataset, clip_table
from melgrid.errors import DatasetError
from melgrid.params import LogMel
from melgrid.preprocess.clips import clip_rows, dealt, known_bad

CLASSES = ("cat", "dog", "owl")


def corpus(tmp_path: Path, task: str, **columns: object) -> Dataset:
    names = [f"{number}.wav" for number in range(5)]
    rows = pd.DataFrame({"clip_id": names, "path": names, **columns})
    clips = clip_table(rows, root=tmp_path, classes=CLASSES, task=task)
    return Dataset("toy", tmp_path, {}, clips, CLASSES, task, {}, "", "", 1.0)


def test_classes_become_numbers_and_clips_without_one_have_none(tmp_path):
    label = pd.Series(["owl", None, "cat", "cat", "dog"], dtype=object)
    assert clip_rows(corpus(tmp_path, "single", label=label))["labels"].tolist() == [[2], [], [0], [0], [1]]
    names = pd.Series([("dog", "cat"), (), ("owl",), (), ("cat",)], dtype=object)
    assert clip_rows(corpus(tmp_path, "multi", labels=names))["labels"].tolist() == [[1, 0], [], [2], [], [0]]
    assert clip_rows(corpus(tmp_path, "none"))["labels"].tolist() == [[]] * 5


def test_a_label_that_is_no_class_is_refused(tmp_path):
    dataset = corpus(tmp_path, "single", label=["cat"] * 5)
    with pytest.raises(DatasetError, match="one of the 2 classes"):
        clip_rows(replace(dataset, classes=("dog", "owl")))


def test_what_is_known_to_be_bad_follows_the_clips_to_their_places(tmp_path):
    reasons = [None, "hum", None, None, "clipped"]
    dataset = corpus(tmp_path, "single", label=["cat"] * 5, known_bad=reasons)
    table = dealt(clip_rows(dataset), (LogMel(sr=8000),), 1.0, 1 << 20)
    assert table["clip_id"].tolist() != dataset.clips["clip_id"].tolist()
    found = dict(zip(table["clip_id"], known_bad(dataset, table), strict=True))
    assert found == {f"{number}.wav": reason for number, reason in enumerate(reasons)}
    np.testing.assert_array_equal(table["row"], np.arange(5))


def test_a_clip_that_the_corpus_does_not_have_is_an_error(tmp_path):
    dataset = corpus(tmp_path, "single", label=["cat"] * 5)
    with pytest.raises(KeyError, match="strange"):
        known_bad(dataset, pd.DataFrame({"clip_id": ["1.wav", "strange"]}))
