"""What holds for every adapter, checked on its look-alike."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melgrid.datasets import Dataset, clip_table, describe, load, names
from melgrid.datasets.dataset import COLUMNS, SPLITS
from melgrid.datasets.registry import adapter
from melgrid.errors import DatasetError
from melgrid.preprocess import audition

from .conftest import CORPORA

pytestmark = pytest.mark.filterwarnings("ignore:gtzan. nothing keeps")  # tested in test_gtzan.py

every = pytest.mark.parametrize("name", sorted(CORPORA))
OpenOwn = Callable[[str], Dataset]
Corpus = Callable[[str], Path]


@pytest.fixture
def dataset(name: str, pristine: Corpus) -> Dataset:
    return load(name, pristine(name), **CORPORA[name][1])


def test_every_adapter_takes_part() -> None:
    assert set(CORPORA) == set(names())


@every
def test_table_has_the_common_form(dataset: Dataset) -> None:
    clips = dataset.clips
    labels = "labels" if dataset.task == "multi" else "label"
    assert list(clips.columns[: len(COLUMNS)]) == [labels if column == "label" else column for column in COLUMNS]
    assert len(clips) > 0
    assert clips.index.equals(pd.RangeIndex(len(clips)))
    assert clips["clip_id"].is_unique
    assert clips["clip_id"].tolist() == sorted(clips["clip_id"])
    assert clips["fold"].dtype == "Int64"
    assert all(clips[column].dtype == "float64" for column in ("seconds", "start", "end"))
    for column in ("clip_id", "path", "split", "group", "known_bad"):
        assert all(value is None or type(value) is str for value in clips[column])
    assert not any(path.startswith("/") or "\\" in path for path in clips["path"])


@every
def test_labels_are_classes(dataset: Dataset) -> None:
    assert len(set(dataset.classes)) == len(dataset.classes)
    if dataset.task == "multi":
        assert all(isinstance(names, tuple) and set(names) <= set(dataset.classes) for names in dataset.clips["labels"])
        assert dataset.clips["labels"].map(len).sum() > 0
    else:
        assert tuple(dataset.clips["label"].cat.categories) == dataset.classes
        assert dataset.clips["label"].isna().all() == (dataset.task == "none")


@every
def test_splits_are_columns_and_their_values(dataset: Dataset) -> None:
    for column, values in dataset.splits.items():
        assert column in ("split", "fold")
        assert set(dataset.clips[column].dropna()) <= set(values)
    if "split" in dataset.splits:
        assert set(dataset.splits["split"]) <= set(SPLITS)
    else:
        assert dataset.clips["split"].isna().all()
    if "fold" not in dataset.splits:
        assert dataset.clips["fold"].isna().all()


@every
def test_metadata_speaks_for_itself(name: str, dataset: Dataset) -> None:
    about = describe(name)
    assert (dataset.name, dataset.citation, dataset.licence) == (name, about["citation"], about["licence"])
    assert all(about[key].strip() for key in ("summary", "description", "citation", "licence"))
    assert set(about["options"]) == set(dataset.options)
    assert 0 < dataset.nominal_seconds < 1000
    assert dataset.name in repr(dataset)
    assert len(dataset) == len(dataset.clips)


@every
def test_options_are_plain_and_hold_no_place(name: str, dataset: Dataset, pristine: Corpus) -> None:
    text = json.dumps(dataset.options)
    assert str(pristine(name)) not in text
    assert json.loads(text) == dataset.options


@every
def test_twice_the_same(name: str, dataset: Dataset, pristine: Corpus) -> None:
    again = load(name, str(pristine(name)), **CORPORA[name][1])
    pd.testing.assert_frame_equal(again.clips, dataset.clips)
    assert (again.classes, again.splits, again.options) == (dataset.classes, dataset.splits, dataset.options)


@every
def test_look_alike_is_deterministic(name: str, pristine: Corpus, tmp_path: Path) -> None:
    again = CORPORA[name][0](tmp_path / "again")
    assert _tree(again) == _tree(pristine(name))


@every
def test_usual_clips_are_on_disk_and_decode(dataset: Dataset) -> None:
    report = dataset.validate(decode=audition)
    assert report.broken == {}
    assert report.empty == ()
    assert len(report.missing) <= 1
    assert report.citation == dataset.citation


@every
def test_dot_files_are_not_seen(name: str, own: Corpus, dataset: Dataset) -> None:
    root = own(name)
    copy = load(name, root, **CORPORA[name][1])
    for path in copy.clips["path"]:
        file = copy.root / path
        if file.is_file():
            file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7")
    (copy.root / ".hidden").mkdir()
    shutil.copy(copy.root / copy.clips["path"].iloc[0], copy.root / ".hidden")
    again = load(name, root, **CORPORA[name][1])
    pd.testing.assert_frame_equal(again.clips, dataset.clips)
    assert again.validate().extra == dataset.validate().extra


@every
def test_an_id_does_not_depend_on_other_files(name: str, open_own: OpenOwn, tmp_path: Path) -> None:
    dataset = open_own(name)
    before = set(dataset.clips["clip_id"])
    present = [path for path in dataset.clips["path"] if (dataset.root / path).is_file()]
    (dataset.root / present[len(present) // 2]).unlink()
    again = load(name, tmp_path / name, **CORPORA[name][1])
    assert set(again.clips["clip_id"]) <= before


@every
def test_validate_tells_missing_empty_and_extra_apart(name: str, open_own: OpenOwn) -> None:
    dataset = open_own(name)
    before = dataset.validate()
    usable = dataset.clips[dataset.clips["known_bad"].isna()]["path"].drop_duplicates()
    gone, emptied, source = [path for path in usable if (dataset.root / path).is_file()][:3]
    (dataset.root / gone).unlink()
    (dataset.root / emptied).write_bytes(b"")
    stray = Path(source).with_name("stray-file" + Path(source).suffix)
    shutil.copy(dataset.root / source, dataset.root / stray)
    after = dataset.validate()
    assert set(after.missing) == {*before.missing, gone}
    assert after.empty == (emptied,)
    assert set(after.extra) == {*before.extra, stray.as_posix()}
    assert not after.complete
    json.dumps(after.as_dict())


@every
def test_garbage_is_undecodable_not_fatal(name: str, open_own: OpenOwn) -> None:
    dataset = open_own(name)
    usable = dataset.clips[dataset.clips["known_bad"].isna()]["path"]
    path = next(path for path in usable if (dataset.root / path).is_file())
    (dataset.root / path).write_bytes(b"garbage " * 200)
    found = dataset.validate(decode=audition).broken
    assert found is not None
    assert list(found) == [path]
    assert found[path].startswith("undecodable: ")


@every
def test_a_clip_that_is_a_link_out_of_the_root_is_refused(name: str, open_own: OpenOwn, tmp_path: Path) -> None:
    dataset = open_own(name)
    file = next(dataset.root / path for path in dataset.clips["path"] if (dataset.root / path).is_file())
    outside = tmp_path / f"outside{file.suffix}"
    file.rename(outside)
    file.symlink_to(outside)
    with pytest.raises(DatasetError, match="outside the root"):
        load(name, tmp_path / name, **CORPORA[name][1])


@every
def test_a_wrong_root_is_refused_with_what_it_holds(name: str, tmp_path: Path) -> None:
    (tmp_path / "something_else").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    options = {} if name == "folder" else CORPORA[name][1]
    with pytest.raises(DatasetError, match=r"hold.*notes\.txt, something_else/") as error:
        load(name, tmp_path, **options)
    assert name in str(error.value)


@every
def test_a_root_that_is_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        load(name, tmp_path / "nowhere")


@every
def test_groups_keep_to_official_splits_where_the_corpus_does(name: str, dataset: Dataset) -> None:
    crossing = {
        count.what: count.found for count in dataset.validate().counts if count.what.startswith("groups across")
    }
    assert set(crossing) == {f"groups across {column}" for column in dataset.splits}
    known = {"urbansound8k": {"groups across fold": 1}, "magnatagatune": {"groups across split": 1}}
    assert {what: number for what, number in crossing.items() if number} == known.get(name, {}) or name == "folder"


@every
def test_ids_paths_and_labels_agree_with_the_table_function(dataset: Dataset) -> None:
    shuffled = dataset.clips.sample(frac=1, random_state=0)
    again = clip_table(shuffled, root=dataset.root, classes=dataset.classes, task=dataset.task)
    pd.testing.assert_frame_equal(again, dataset.clips)


@every
def test_adapter_module_has_the_fixed_parts(name: str) -> None:
    module = adapter(name)
    source = Path(str(module.__file__)).read_text()
    order = [source.index(part) for part in ('"""', "\nCITATION =", "\nLICENSE =", "\ndef index(")]
    assert order == sorted(order)
    assert len(source.splitlines()) <= 260
    assert all("soundfile" not in line for line in source.splitlines() if "import" in line)


def test_importing_costs_nothing_and_loading_decodes_nothing(pristine: Corpus) -> None:
    jobs = {name: (str(pristine(name)), CORPORA[name][1]) for name in CORPORA}
    code = f"""
import sys
import melgrid.datasets
heavy = {{"numpy", "pandas", "soundfile", "librosa", "pyarrow", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
for name, (root, options) in {jobs!r}.items():
    melgrid.datasets.load(name, root, **options).validate(checksums=True)
decoders = {{"soundfile", "librosa", "audioread"}} & set(sys.modules)
assert not decoders, decoders
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _tree(root: Path) -> dict[str, str]:
    files = [file for file in sorted(root.rglob("*")) if file.is_file()]
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_table_refuses_what_is_impossible(tmp_path: Path) -> None:
    rows = pd.DataFrame({"clip_id": ["a", "b"], "path": ["a.wav", "b.wav"], "label": ["x", "y"]})
    table = clip_table(rows, root=tmp_path, classes=("x", "y"), task="single")
    assert np.isnan(table["start"]).all()
    for change, message in (
        ({"clip_id": ["a", "a"]}, "more than one row"),
        ({"label": ["x", "z"]}, "'z' is not one of the 2 classes"),
        ({"split": ["train", "dev"]}, "split 'dev'"),
        ({"start": [0.0, 2.0], "end": [1.0, 2.0]}, "0 <= start < end"),
        ({"start": [-1.0, 0.0]}, "0 <= start < end"),
        ({"path": ["a.wav", "../b.wav"]}, r"'\.\./b\.wav' must be relative"),
    ):
        with pytest.raises(DatasetError, match=message):
            clip_table(rows.assign(**change), root=tmp_path, classes=("x", "y"), task="single")


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    rows = pd.DataFrame({"clip_id": [], "path": []})
    assert len(clip_table(rows, root=tmp_path, classes=(), task="none")) == 0
