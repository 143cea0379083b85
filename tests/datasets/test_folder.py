from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melgrid.datasets import load, miniature
from melgrid.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of silent files."""
    for name in ("cat/a.wav", "cat/b.WAV", "dog/sub/c.flac", "dog/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def table(root: Path, text: str, name: str = "clips.csv") -> str:
    (root / name).write_text(text)
    return name


def test_a_folder_per_class(root: Path) -> None:
    ds = load("folder", root)
    assert ds.clips["clip_id"].tolist() == ["cat/a.wav", "cat/b.WAV", "dog/sub/c.flac"]
    assert ds.clips["label"].tolist() == ["cat", "cat", "dog"]
    assert (ds.classes, ds.task, ds.splits) == (("cat", "dog"), "single", {})
    assert ds.clips["group"].isna().all()


def test_folders_named_after_splits_are_splits(root: Path) -> None:
    for folder, file in (("Train", "cat/a.wav"), ("val", "cat/b.WAV"), ("TEST", "dog/sub/c.flac")):
        os.renames(root / file, root / folder / "x" / "y.wav")
    ds = load("folder", root)
    assert ds.clips["split"].tolist() == ["test", "train", "valid"]
    assert ds.clips["label"].tolist() == ["x"] * 3
    assert ds.splits == {"split": ("train", "valid", "test")}


def test_files_in_the_root_have_no_label(root: Path) -> None:
    (root / "cat" / "a.wav").rename(root / "a.wav")
    ds = load("folder", root)
    assert ds.clips.set_index("clip_id")["label"].isna().to_dict() == {
        "a.wav": True,
        "cat/b.WAV": False,
        "dog/sub/c.flac": False,
    }


def test_a_flat_folder_has_no_task(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    ds = load("folder", tmp_path)
    assert (ds.task, ds.classes) == ("none", ())


def test_a_full_table(tmp_path: Path) -> None:
    root = miniature.folder(tmp_path, clips=24, seconds=0.2, layout="table")
    ds = load("folder", root, table="clips.csv")
    assert len(ds) == 25
    assert ds.splits == {"split": ("train", "valid", "test"), "fold": (1, 2, 3)}
    assert ds.clips.groupby("group")["split"].nunique().max() == 1
    cut = ds.clips[ds.clips["start"].notna()]
    assert cut["clip_id"].tolist() == ["audio/023.wav@0.0-0.1", "audio/023.wav@0.1-0.2"]
    assert cut["seconds"].tolist() == [0.1, 0.1]
    assert cut[["start", "end"]].to_numpy().tolist() == [[0.0, 0.1], [0.1, 0.2]]
    assert ds.nominal_seconds == pytest.approx(0.1)
    assert ds.options["table"] == "clips.csv"


def test_tables_in_three_formats_are_equal(root: Path) -> None:
    rows = pd.DataFrame(
        {"path": ["cat/a.wav", "dog/sub/c.flac"], "label": ["NA", "dog"], "fold": [1, 2], "remark": ["", "x"]}
    )
    rows.to_csv(root / "t.csv", index=False)
    rows.to_csv(root / "t.tsv", index=False, sep="\t")
    rows.to_parquet(root / "t.parquet")
    first, *others = (load("folder", root, table=f"t.{suffix}").clips for suffix in ("csv", "tsv", "parquet"))
    assert first["label"].tolist() == ["NA", "dog"]  # a text, not a missing value
    assert "remark" in first
    for other in others:
        pd.testing.assert_frame_equal(first.drop(columns="remark"), other.drop(columns="remark"))


def test_several_labels(root: Path) -> None:
    ds = load("folder", root, table=table(root, "path,labels\ncat/a.wav,big; old\ncat/b.WAV,\ndog/sub/c.flac,old\n"))
    assert (ds.task, ds.classes) == ("multi", ("big", "old"))
    assert ds.clips["labels"].tolist() == [("big", "old"), (), ("old",)]
    pd.DataFrame({"path": ["cat/a.wav", "cat/b.WAV"], "labels": [["old", "big"], []]}).to_parquet(root / "t.parquet")
    listed = load("folder", root, table="t.parquet")
    assert listed.clips["labels"].tolist() == [("big", "old"), ()]
    for labels, names in (([[2, 1], [3]], [("1", "2"), ("3",)]), ([1, 2], [("1",), ("2",)])):
        pd.DataFrame({"path": ["cat/a.wav", "cat/b.WAV"], "labels": labels}).to_parquet(root / "t.parquet")
        assert load("folder", root, table="t.parquet").clips["labels"].tolist() == names


def test_missing_cells_are_none(root: Path) -> None:
    text = "path,label,split,group,fold,seconds,known_bad\ncat/a.wav,cat,,,,,\ncat/b.WAV,,Training,g,2,1.5,hum\n"
    clips = load("folder", root, table=table(root, text)).clips
    assert clips["fold"].isna().tolist() == [True, False]
    assert clips["seconds"].tolist()[1] == 1.5
    assert clips["known_bad"].tolist() == [None, "hum"]
    assert clips["split"].tolist() == [None, "train"]
    assert clips["group"].tolist() == [None, "g"]
    assert clips["label"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    "path", ["../x.wav", "cat/../../x.wav", "/etc/x.wav", "C:/x.wav", "cat\\a.wav", "cat//a.wav", "", "cat/./a.wav"]
)
@pytest.mark.parametrize("intervals", [None, "lab"])
def test_paths_that_leave_the_root_are_refused(root: Path, path: str, intervals: str | None) -> None:
    name = table(root, f"path,group\ncat/a.wav,g\n{path},g\n")
    with pytest.raises(DatasetError, match=r"must be relative to the root|row 2 has no path|is missing"):
        load("folder", root, table=name, intervals=intervals)


def test_a_linked_folder_out_of_the_root_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "cat", outside):
        folder.mkdir(parents=True)
        (folder / "a.wav").write_bytes(b"x")
    (inside / "dog").symlink_to(outside)
    with pytest.raises(DatasetError, match=r"'dog' is a link to .*/out', which lies outside the root"):
        load("folder", inside)
    with pytest.raises(DatasetError, match="outside the root"):
        load("folder", inside, table=table(inside, "path\ndog/a.wav\n"))


def test_links_within_the_root_are_fine(root: Path) -> None:
    (root / "cat" / "link.wav").symlink_to(root / "cat" / "a.wav")
    assert "cat/link.wav" in set(load("folder", root).clips["clip_id"])


def test_a_plain_dot_in_front_is_dropped(root: Path) -> None:
    assert load("folder", root, table=table(root, "path\n./cat/a.wav\n")).clips["path"].tolist() == ["cat/a.wav"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.wav,x\n", "needs 'path'"),
        ("path,lable\na.wav,x\n", r"unknown column 'lable'. Did you mean 'label'\?"),
        ("path,Label\na.wav,x\n", r"unknown column 'Label'. Did you mean 'label'\?"),
        ("path,label,labels\na.wav,x,y\n", "at most one of 'label' and 'labels'"),
        ("path,split\na.wav,somewhere\n", "split='somewhere' must be one of train, valid, test"),
        ("path,fold\na.wav,one\n", "row 1, fold='one' is not a number"),
        ("path,fold\na.wav,1.5\n", "row 1, fold='1.5' is not a whole number"),
        ("path,start,end\na.wav,zero,1\n", "start='zero' is not a number"),
        ("path,start,end\na.wav,2,1\n", "0 <= start < end"),
        ("path,start,end\na.wav,-1,1\n", "0 <= start < end"),
        ("path\na.wav\na.wav\n", "'a.wav' stands in more than one row, of 'a.wav' and of 'a.wav'"),
        ("path,label\na.wav,x,y\n", "rows have more cells than the header"),
        ("path,start,end\na.wav,0,inf\n", "end='inf' is not a number"),
        ("path,seconds\na.wav,-3\n", r"a.wav: seconds=-3\.0 must not be negative"),
        ("path,parent\na.wav,x\n", "column 'parent': .* rename the column"),
        ("", "cannot be read as a table"),
    ],
)
def test_tables_out_of_form_are_refused(root: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load("folder", root, table=table(root, text))


def test_other_kinds_of_table_are_refused(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"table='nowhere\.csv': there is no such file"):
        load("folder", root, table="nowhere.csv")
    with pytest.raises(DatasetError, match=r"t\.parquet: cannot be read as a table"):
        load("folder", root, table=table(root, "no parquet", "t.parquet"))
    with pytest.raises(DatasetError, match=r"must be a \.csv, \.tsv or \.parquet file"):
        load("folder", root, table=table(root, "path\n", "clips.xlsx"))


def test_a_table_may_lie_in_the_home(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    table(tmp_path, "path\ncat/a.wav\n", "home.csv")
    assert len(load("folder", root, table="~/home.csv")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_tables_of_other_systems_are_read(root: Path, encoding: str) -> None:
    (root / "t.csv").write_bytes("path,label\r\ncat/a.wav,Café\r\n".encode(encoding))
    assert load("folder", root, table="t.csv").clips["label"].tolist() == ["Café"]


def test_own_ids_keep_clips_of_one_file_apart(root: Path) -> None:
    text = "clip_id,path\none,cat/a.wav\ntwo,cat/a.wav\n"
    assert load("folder", root, table=table(root, text)).clips["clip_id"].tolist() == ["one", "two"]


def test_a_row_without_its_own_id_has_that_of_its_path_and_excerpt(root: Path) -> None:
    text = "clip_id,path,start,end\none,cat/a.wav,,\n,cat/a.wav,,\n,cat/b.WAV,0,1\n"
    ids = load("folder", root, table=table(root, text)).clips["clip_id"].tolist()
    assert ids == ["cat/a.wav", "cat/b.WAV@0.0-1.0", "one"]


def test_a_table_elsewhere_leaves_only_its_name(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("tables") / "t.csv"
    elsewhere.write_text("path\ncat/a.wav\n")
    assert load("folder", root, table=elsewhere).options["table"] == "t.csv"


def test_lab_files_give_intervals(tmp_path: Path) -> None:
    root = miniature.folder(tmp_path, clips=3, seconds=0.2, layout="lab")
    ds = load("folder", root, intervals="lab")
    assert ds.task == "none"
    assert ds.classes == ("dog_bark", "pause", "siren", "street_music")
    assert ds.clips["intervals"].iloc[1] == ((0.0, 0.1, "siren"), (0.1, 0.2, "pause"))
    assert np.isnan(ds.clips["start"]).all()
    (root / "audio" / "001.lab").unlink()
    with pytest.raises(DatasetError, match=r"001\.lab is missing \(1 of 3"):
        load("folder", root, intervals="lab")


def test_labels_of_two_kinds_are_refused(tmp_path: Path) -> None:
    root = miniature.folder(tmp_path, clips=3, seconds=0.1, layout="lab")
    with pytest.raises(DatasetError, match="exclude each other"):
        load("folder", root, intervals="lab", table=table(root, "path,label\naudio/000.wav,x\n"))


def test_a_table_that_is_not_read_is_named(root: Path) -> None:
    table(root, "path,group\ncat/a.wav,1\n")
    (root / "notes.csv").write_text("what,when\nnothing,never\n")
    with pytest.warns(
        UserWarning, match="lies in .* and is not read; if it is about these clips, say table="
    ) as caught:
        assert "group" not in load("folder", root).clips.dropna(axis=1)
    assert sum("is not read" in str(warning.message) for warning in caught) == 1
