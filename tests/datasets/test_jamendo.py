from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from melgrid.datasets import frame_labels, load
from melgrid.datasets.adapters.jamendo import OFFICIAL
from melgrid.errors import DatasetError

Corpus = Callable[[str], Path]
SONG = "02 - Vol. 1, a song"


def test_published_counts_agree_with_each_other() -> None:
    assert OFFICIAL["clips"] == sum(OFFICIAL[f"split {side}"] for side in ("train", "valid", "test")) == 93


def test_songs_with_marks_and_the_published_split(pristine: Corpus) -> None:
    ds = load("jamendo", pristine("jamendo"))
    clips = ds.clips.set_index("clip_id")
    assert clips["split"].tolist() == ["train", "valid", "test", "train", "train", "train"]
    assert clips["path"][SONG] == f"valid/{SONG}.ogg"  # the stem ends at the last dot
    assert {name for intervals in clips["intervals"] for _, _, name in intervals} == {"sing", "nosing"}
    assert ds.splits == {"split": ("train", "valid", "test")}
    assert clips["seconds"].tolist() == [2.0] * 6
    lengths = [soundfile.info(ds.root / path).duration for path in clips["path"]]
    assert lengths == pytest.approx(clips["seconds"].tolist(), abs=0.1)


def test_marks_become_labels_of_frames(pristine: Corpus) -> None:
    ds = load("jamendo", pristine("jamendo"))
    intervals = ds.clips["intervals"].iloc[0]
    labels = frame_labels(intervals, ds.classes, num_frames=200, hop_seconds=0.01)
    assert (labels.sum(axis=1) == 1).all()
    sung = sum(end - start for start, end, name in intervals if name == "sing")
    assert labels[:, 1].sum() * 0.01 == pytest.approx(sung, abs=0.03)


def test_without_lists_the_folders_are_the_split(own: Corpus) -> None:
    root = own("jamendo")
    expected = load("jamendo", root).clips
    for file in root.glob("jam_*.txt"):
        file.unlink()
    assert load("jamendo", root).clips.equals(expected)


def test_the_tree_of_one_audio_folder(own: Corpus) -> None:
    root = own("jamendo")
    expected = load("jamendo", root).clips
    (root / "audio").mkdir()
    (root / "filelists").mkdir()
    (root / "jamendo_lab").rename(root / "labels")
    for side in ("train", "valid", "test"):
        files = sorted(file for file in (root / side).iterdir())
        (root / "filelists" / side).write_text("".join(f"{file.name}\n" for file in files))
        for file in files:
            file.rename(root / "audio" / file.name)
        (root / f"jam_{side}_list.txt").unlink()
    clips = load("jamendo", root).clips
    assert clips["clip_id"].tolist() == expected["clip_id"].tolist()
    assert clips["split"].tolist() == expected["split"].tolist()
    assert clips["path"].str.startswith("audio/").all()


def test_a_song_without_marks_is_known_bad(own: Corpus) -> None:
    root = own("jamendo")
    (root / "jamendo_lab" / f"{SONG}.lab").unlink()
    clips = load("jamendo", root).clips.set_index("clip_id")
    assert clips["known_bad"].dropna().to_dict() == {SONG: "no .lab file"}
    assert clips["intervals"][SONG] == ()


def test_a_listed_song_without_file_is_missing(own: Corpus) -> None:
    root = own("jamendo")
    (root / "valid" / f"{SONG}.ogg").unlink()
    assert load("jamendo", root).validate().missing == (f"valid/{SONG}.mp3",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 1 hum", r"class 'hum' is not one of nosing, sing"),
        ("0 1", r"line 1: '0 1' is not 'start end class'"),
        ("0,5 1 sing", "is not 'start end class'"),
        ("2 1 sing", "0 <= start <= end"),
        ("0 nan sing", "0 <= start <= end"),
    ],
)
def test_marks_out_of_form_are_refused(own: Corpus, line: str, message: str) -> None:
    root = own("jamendo")
    (root / "jamendo_lab" / f"{SONG}.lab").write_text(line + "\n")
    with pytest.raises(DatasetError, match=message) as error:
        load("jamendo", root)
    assert f"{SONG}.lab" in str(error.value)


def test_two_files_of_one_song_are_refused(own: Corpus) -> None:
    root = own("jamendo")
    (root / "train" / f"{SONG}.mp3").write_bytes(b"x")
    with pytest.raises(DatasetError, match="more than one row"):
        load("jamendo", root)


def test_neither_folders_nor_lists(own: Corpus) -> None:
    root = own("jamendo")
    for side in ("train", "valid", "test"):
        (root / side).rename(root / f"songs_{side}")
        (root / f"jam_{side}_list.txt").unlink()
    with pytest.raises(DatasetError, match="neither train/, valid/, test/ nor lists"):
        load("jamendo", root)
