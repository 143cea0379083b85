from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from melgrid.datasets import load, miniature
from melgrid.datasets.adapters.gtzan import FILTERED, GENRES
from melgrid.errors import DatasetError, DatasetWarning
from melgrid.preprocess import audition

pytestmark = pytest.mark.filterwarnings("ignore:gtzan. nothing keeps")

Corpus = Callable[[str], Path]


def test_published_counts_agree_with_each_other() -> None:
    assert FILTERED == {"split train": 443, "split valid": 197, "split test": 290, "filtered out": 1000 - 930}


@pytest.mark.parametrize("layout", ["wav", "kaggle"])
def test_au_and_wav_trees_give_the_same_clips(pristine: Corpus, tmp_path: Path, layout: str) -> None:
    au = load("gtzan", pristine("gtzan")).clips
    wav = load("gtzan", miniature.gtzan(tmp_path, seconds=0.1, layout=layout)).clips
    assert au["clip_id"].tolist() == wav["clip_id"].tolist()
    assert au["label"].tolist() == wav["label"].tolist()
    assert {Path(path).suffix for path in au["path"]} == {".au"}
    assert wav["path"].tolist() == [path.replace(".au", ".wav") for path in au["path"]]


def test_roots_above_and_below_are_accepted(tmp_path: Path) -> None:
    root = miniature.gtzan(tmp_path, seconds=0.05, layout="kaggle")
    for place in (root, root / "Data", root / "Data" / "genres_original"):
        assert load("gtzan", place).root == root / "Data" / "genres_original"


def test_ids_are_stems_not_the_text_before_the_first_dot(pristine: Corpus) -> None:
    clips = load("gtzan", pristine("gtzan")).clips
    assert clips["clip_id"].str.fullmatch(rf"({'|'.join(GENRES)})\.\d{{5}}").all()
    assert (clips["group"] == clips["clip_id"]).all()


def test_both_forms_of_one_item_warn_and_one_is_used(own: Corpus) -> None:
    root = own("gtzan")
    shutil.copy(root / "genres/pop/pop.00001.au", root / "genres/pop/pop.00001.wav")
    with pytest.warns(DatasetWarning, match=r"1 items are there as \.au and as \.wav \(first: pop/pop\.00001\.wav\)"):
        ds = load("gtzan", root)
    assert ds.clips["clip_id"].is_unique
    assert "pop/pop.00001.au" in set(ds.clips["path"])
    assert ds.validate().excluded == {"second file of pop.00001": 1}
    assert ds.validate().extra == ()


def test_jazz_54_is_known_bad_where_it_is_no_riff_file(pristine: Corpus, tmp_path: Path) -> None:
    assert load("gtzan", pristine("gtzan")).clips["known_bad"].isna().all()
    kaggle = load("gtzan", miniature.gtzan(tmp_path, seconds=0.1, layout="kaggle"))
    bad = kaggle.clips.set_index("clip_id")["known_bad"].dropna()
    assert bad.to_dict() == {"jazz.00054": "not a RIFF file"}
    assert kaggle.validate(decode=audition).broken == {}  # listed as known bad instead


def test_feature_tables_are_no_truth_about_items(tmp_path: Path) -> None:
    root = miniature.gtzan(tmp_path, seconds=0.05, layout="kaggle")
    assert len((root / "Data" / "features_30_sec.csv").read_text().splitlines()) == 2
    assert len(load("gtzan", root)) == 63


def test_files_of_other_names_are_no_items(own: Corpus) -> None:
    root = own("gtzan")
    for name in ("blues/jazz.00001.au", "blues/blues.1.au", "blues/copy of blues.00001.au"):
        shutil.copy(root / "genres/blues/blues.00001.au", root / "genres" / name)
    ds = load("gtzan", root)
    assert len(ds) == len(load("gtzan", own("gtzan"))) == 63
    assert len(ds.validate().extra) == 3


def test_endings_may_be_upper_case(own: Corpus) -> None:
    root = own("gtzan")
    for file in (root / "genres").rglob("*.au"):
        file.rename(file.with_suffix(".AU"))
    assert len(load("gtzan", root)) == 63


def test_folders_without_items_are_no_clips(own: Corpus) -> None:
    root = own("gtzan")
    for file in (root / "genres").rglob("*.au"):
        file.unlink()
    ds = load("gtzan", root)
    assert (len(ds), ds.validate().complete) == (0, False)


def test_an_index_that_is_not_there_is_refused(pristine: Corpus) -> None:
    with pytest.raises(DatasetError, match=r"artists='nowhere\.txt' must be Sturm's"):
        load("gtzan", pristine("gtzan"), artists="nowhere.txt")


def test_there_is_no_default_split(pristine: Corpus) -> None:
    assert load("gtzan", pristine("gtzan")).splits == {}


def test_filtered_lists_become_the_split_and_leave_items_out(pristine: Corpus) -> None:
    root = pristine("gtzan")
    ds = load("gtzan", root, splits_dir=str(root / "lists"))
    assert ds.splits == {"split": ("train", "valid", "test")}
    left_out = ds.clips[ds.clips["split"].isna()]["clip_id"].tolist()
    assert left_out == ["metal.00098", "rock.00099"]  # copies; filtered out, not missing
    report = ds.validate()
    assert report.missing == ()
    assert {count.what: count.found for count in report.counts}["filtered out"] == 2
    assert ds.options["splits_dir"].startswith("sha256:")


def test_a_listed_item_without_file_is_missing_not_forgotten(own: Corpus) -> None:
    root = own("gtzan")
    (root / "genres/rock/rock.00002.au").unlink()
    report = load("gtzan", root, splits_dir=root / "lists").validate()
    assert report.missing == ("rock/rock.00002.wav",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rock/rock.1.wav", "not of the form genre/genre.NNNNN.wav"),
        ("jazz/rock.00001.wav", "not of the form"),
        ("blues/blues.00000.wav", "stands in the train list and in the test list"),
    ],
)
def test_lists_out_of_form_are_refused(own: Corpus, line: str, message: str) -> None:
    root = own("gtzan")
    with (root / "lists/test_filtered.txt").open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(DatasetError, match=message):
        load("gtzan", root, splits_dir=root / "lists")


def test_a_missing_list_is_named(own: Corpus) -> None:
    root = own("gtzan")
    (root / "lists/valid_filtered.txt").unlink()
    with pytest.raises(
        DatasetError, match=r"needs one file 'valid_filtered\.txt'.*test_filtered\.txt, train_filtered\.txt"
    ):
        load("gtzan", root, splits_dir=root / "lists")


@pytest.mark.filterwarnings("error")
def test_without_artists_and_lists_any_split_is_warned_of(pristine: Corpus) -> None:
    root = pristine("gtzan")
    with pytest.warns(DatasetWarning, match=r"nothing keeps .* inflate accuracy .*splits_dir=.*artists="):
        load("gtzan", root)
    load("gtzan", root, splits_dir=root / "lists")
    load("gtzan", root, artists=root / "GTZANindex.txt")


def test_stratified_folds_must_be_asked_for_and_warn(pristine: Corpus) -> None:
    with pytest.warns(DatasetWarning, match="nothing keeps"):
        ds = load("gtzan", pristine("gtzan"), split="stratified")
    assert ds.splits == {"fold": tuple(range(1, 11))}
    per_genre = ds.clips.groupby(["label", "fold"], observed=True).size()
    assert per_genre.max() == 1
    assert ds.clips["fold"].value_counts().between(5, 8).all()
    with pytest.warns(DatasetWarning):
        again = load("gtzan", pristine("gtzan"), split="stratified")
    assert again.clips["fold"].equals(ds.clips["fold"])


def test_stratified_folds_keep_known_artists_together(pristine: Corpus) -> None:
    root = pristine("gtzan")
    ds = load("gtzan", root, split="stratified", artists=root / "GTZANindex.txt")
    known = ds.clips[ds.clips["group"].str.contains("artist")]
    assert len(known) >= 60
    assert known.groupby("group").size().max() == 2
    assert known.groupby("group")["fold"].nunique().max() == 1
    assert known.groupby(["label", "fold"], observed=True).size().max() == 2


def test_the_index_gives_artists_and_blanks_and_case_do_not_matter(own: Corpus) -> None:
    root = own("gtzan")
    index = root / "GTZANindex.txt"
    index.write_text(
        "blues.00000.wav :::  John Lee  Hooker::: Boogie\nblues.00001.wav :::john lee hooker ::: Other\n"
        "blues.00002.wav :::  ::: No artist\nblues.00003.wav ::: Someone\nnonsense\n"
    )
    groups = load("gtzan", root, artists=index).clips.set_index("clip_id")["group"]
    assert groups["blues.00000"] == groups["blues.00001"] == "john lee hooker"
    assert groups["blues.00002"] == "blues.00002"
    assert groups["blues.00003"] == "someone"


def test_a_placeholder_index_warns(own: Corpus) -> None:
    root = own("gtzan")
    index = root / "GTZANindex.txt"
    index.write_text("".join(f"blues.0000{k}.wav ::: Unknown ::: x\n" for k in range(5)))
    with pytest.warns(DatasetWarning, match="names no artists"):
        ds = load("gtzan", root, artists=index)
    assert (ds.clips["group"] == ds.clips["clip_id"]).all()


def test_lists_and_stratified_folds_exclude_each_other(pristine: Corpus) -> None:
    root = pristine("gtzan")
    with pytest.raises(DatasetError, match="exclude each other"):
        load("gtzan", root, splits_dir=root / "lists", split="stratified")


def test_exact_copies_are_found_by_decoding(pristine: Corpus) -> None:
    report = load("gtzan", pristine("gtzan")).validate(decode=audition)
    assert report.duplicates == (("metal/metal.00000.au", "metal/metal.00098.au", "rock/rock.00099.au"),)


def test_lengths_differ_as_in_real_items(pristine: Corpus) -> None:
    frames = {soundfile.info(file).frames for file in (pristine("gtzan") / "genres").rglob("*.au")}
    assert frames == {round(length * 0.3 / 30) for length in (660000, 661504, 661794, 675808)}
    headers = [file.read_bytes()[8:12] for file in (pristine("gtzan") / "genres").rglob("*.au")]
    assert 0 < headers.count(b"\xff" * 4) < len(headers)
