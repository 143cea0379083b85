from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from melgrid.datasets import load, miniature
from melgrid.datasets.adapters.urbansound8k import CLASS_COUNTS, FOLD_COUNTS, OFFICIAL
from melgrid.errors import DatasetError
from melgrid.preprocess import audition

Corpus = Callable[[str], Path]


def edit(root: Path, old: str, new: str) -> None:
    table = root / "metadata" / "UrbanSound8K.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))


def test_published_counts_agree_with_each_other() -> None:
    assert sum(CLASS_COUNTS.values()) == sum(FOLD_COUNTS.values()) == OFFICIAL["clips"] == 8732
    assert list(CLASS_COUNTS) == sorted(CLASS_COUNTS)  # classID is the alphabetical place
    assert OFFICIAL["groups across fold"] == 5


def test_both_trees_and_both_spellings_give_the_same_clips(tmp_path: Path) -> None:
    original = load("urbansound8k", miniature.urbansound8k(tmp_path / "a" / "UrbanSound8K", clips=20, seconds=0.1))
    kaggle = load("urbansound8k", miniature.urbansound8k(tmp_path / "b", clips=20, seconds=0.1, layout="kaggle"))
    above = load("urbansound8k", tmp_path / "a")
    assert "class_name" in (tmp_path / "b" / "UrbanSound8K.csv").read_text().splitlines()[0]
    pd.testing.assert_frame_equal(original.clips, kaggle.clips)
    pd.testing.assert_frame_equal(original.clips, above.clips)


def test_splits_are_ten_folds_and_the_folder_is_the_fold(pristine: Corpus) -> None:
    ds = load("urbansound8k", pristine("urbansound8k"))
    assert ds.splits == {"fold": tuple(range(1, 11))}
    assert all(row.path.startswith(f"fold{row.fold}/") for row in ds.clips.itertuples())


def test_places_in_the_source_recording_are_no_excerpts(pristine: Corpus) -> None:
    clips = load("urbansound8k", pristine("urbansound8k")).clips
    assert clips["start"].isna().all()
    assert clips["end"].isna().all()
    seconds = clips.set_index("clip_id")["seconds"]
    assert seconds.min() == seconds["910002-1-0-117"] == pytest.approx(0.055)
    assert seconds.max() == seconds["910003-4-0-0"] == 4.0


def test_the_group_is_the_recording_and_one_in_two_folds_does_not_fail(pristine: Corpus) -> None:
    ds = load("urbansound8k", pristine("urbansound8k"))
    folds = ds.clips.groupby("group")["fold"].nunique()
    assert folds[folds > 1].index.tolist() == ["910001"]
    assert ds.clips.groupby(["group", "label"], observed=True)["fold"].nunique().max() == 1
    assert {count.what: count.found for count in ds.validate().counts}["groups across fold"] == 1


def test_a_row_without_file_and_a_file_without_row_are_told_apart(pristine: Corpus) -> None:
    report = load("urbansound8k", pristine("urbansound8k")).validate()
    assert report.missing == ("fold10/910003-4-0-0.wav",)
    assert report.extra == ("fold2/910004-0-0-0.wav",)


def test_all_wav_flavours_are_there(tmp_path: Path) -> None:
    root = miniature.urbansound8k(tmp_path, clips=20, seconds=0.1)
    infos = [soundfile.info(file) for file in root.rglob("[0-9]*.wav")]
    assert {(info.format, info.subtype) for info in infos} >= {
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "PCM_32"),
        ("WAV", "FLOAT"),
        ("WAV", "MS_ADPCM"),
        ("WAV", "IMA_ADPCM"),
        ("WAVEX", "PCM_16"),
    }
    assert {info.samplerate for info in infos} >= {8000, 11024, 22050, 44100, 48000, 96000, 192000}
    assert {info.channels for info in infos} == {1, 2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0,air_conditioner", "0,siren", "classID and class"),
        ("0,air_conditioner", "0,aircon", "classID and class"),
        ("0,air_conditioner", "x,air_conditioner", "classID='x' is not a number"),
        ("0,air_conditioner", ",air_conditioner", "classID='' is not a whole number"),
        (",1,0,air_conditioner", ",11,0,air_conditioner", "fold must lie in 1..10"),
        ("900000-0-0-0.wav,900000", "900000-0-0-0.wav,900001", "agree with the columns"),
        ("900000-0-0-0.wav,900000", "900000-0-0.wav,900000", "agree with the columns"),
        ("900000-0-0-0.wav,900000", "../900000-0-0-0.wav,900000", "agree with the columns"),
        ("fold,", "folds,", "column 'fold' is missing"),
        (",class\n", ",klass\n", r"column 'class' \(or 'class_name'\) is missing"),
        ("900000-0-1-1.wav", "900000-0-0-0.wav", "more than one row"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(own: Corpus, old: str, new: str, message: str) -> None:
    root = own("urbansound8k")
    edit(root, old, new)
    with pytest.raises(DatasetError, match=message):
        load("urbansound8k", root)


def test_an_empty_table_is_refused_by_name(own: Corpus) -> None:
    root = own("urbansound8k")
    (root / "metadata" / "UrbanSound8K.csv").write_text("")
    with pytest.raises(DatasetError, match=r"UrbanSound8K\.csv: cannot be read as a table"):
        load("urbansound8k", root)


def test_without_faults_nothing_is_wrong(tmp_path: Path) -> None:
    root = miniature.urbansound8k(tmp_path, clips=40, seconds=0.1, faults=False)
    report = load("urbansound8k", root).validate(decode=audition)
    found = (report.missing, report.extra, report.empty, report.broken, report.too_short)
    assert found == ((), (), (), {}, {})
    counts = {count.what: count.found for count in report.counts}
    assert counts["clips"] == 40
    assert {counts[f"label {name}"] for name in CLASS_COUNTS} == {4}
    assert all(counts[f"fold {fold}"] for fold in range(1, 11))
    assert counts["groups across fold"] == 0
    assert counts["groups"] == 20
