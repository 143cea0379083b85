from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melgrid.datasets import load
from melgrid.datasets.adapters.magnatagatune import ALL_ROWS, KNOWN_BAD, SIDES, TOP50_ROWS
from melgrid.datasets.tags import SYNONYMS, TAGS, TOP50, normal
from melgrid.errors import DatasetError
from melgrid.preprocess import audition

Corpus = Callable[[str], Path]
ANNOTATIONS = "annotations_final.csv"


def mark(root: Path, clip: int, *tags: str) -> None:
    """Give a clip further tags in the annotations."""
    lines = (root / ANNOTATIONS).read_text().splitlines()
    for place, line in enumerate(lines):
        cells = line.split("\t")
        if cells[0] == f'"{clip}"':
            for tag in tags:
                cells[1 + TAGS.index(tag)] = '"1"'
            lines[place] = "\t".join(cells)
    (root / ANNOTATIONS).write_text("\n".join(lines) + "\n")


def test_the_vocabulary_is_the_published_one() -> None:
    assert len(TAGS) == len(set(TAGS)) == 188
    assert len(TOP50) == len(set(TOP50)) == 50
    assert set(TOP50) <= set(TAGS)
    assert (TAGS[0], TAGS[9], TAGS[61], TAGS[-1]) == ("no voice", "clasical", "harpsicord", "english")
    assert (TOP50[0], TOP50[47], TOP50[48]) == ("guitar", "metal", "female voice")
    merged = [name for names in SYNONYMS.values() for name in names]
    assert len(merged) == len(set(merged))
    assert set(merged) | set(SYNONYMS) <= set(TAGS)
    assert not set(merged) & set(SYNONYMS)
    assert len({normal(tag) for tag in TAGS}) == 188


def test_published_counts_agree_with_each_other() -> None:
    for counts in (ALL_ROWS, TOP50_ROWS):
        assert counts["clips"] == sum(counts[f"split {side}"] for side in ("train", "valid", "test"))
    assert ALL_ROWS["split valid"] - TOP50_ROWS["split valid"] == 296
    assert ALL_ROWS["split test"] - TOP50_ROWS["split test"] == 997


def test_top_50_in_the_published_order(pristine: Corpus) -> None:
    ds = load("magnatagatune", pristine("magnatagatune"))
    assert ds.classes == TOP50
    assert all(names == tuple(tag for tag in TOP50 if tag in names) for names in ds.clips["labels"])


def test_folders_make_the_split(pristine: Corpus) -> None:
    clips = load("magnatagatune", pristine("magnatagatune")).clips
    assert "".join(SIDES) == "0123456789abcdef"
    assert clips["split"].tolist() == [SIDES[path[0]] for path in clips["path"]]
    assert {shard: SIDES[shard] for shard in "0bcdf"} == {
        "0": "train",
        "b": "train",
        "c": "valid",
        "d": "test",
        "f": "test",
    }


def test_the_folder_of_folders_will_do_as_root_and_its_name_is_free(own: Corpus) -> None:
    root = own("magnatagatune")
    (root / "mp3").rename(root / "audio files")
    above, below = load("magnatagatune", root), load("magnatagatune", root / "audio files")
    assert above.root == below.root == root / "audio files"
    assert above.clips.equals(below.clips)


def test_known_bad_and_untagged_clips_stay_with_a_column_that_says_so(pristine: Corpus) -> None:
    ds = load("magnatagatune", pristine("magnatagatune"))
    assert set(ds.clips.loc[ds.clips["known_bad"].notna(), "path"]) == set(KNOWN_BAD)
    assert ds.clips.loc[~ds.clips["tagged"], "clip_id"].tolist() == ["40001", "40002"]
    assert ds.validate(decode=audition).complete is False
    assert ds.validate(decode=audition).broken == {}


def test_untagged_clips_are_dropped_by_choice_and_counted(pristine: Corpus) -> None:
    ds = load("magnatagatune", pristine("magnatagatune"), untagged="drop")
    assert ds.clips["tagged"].all()
    assert ds.validate().excluded == {"no tag of the chosen ones": 2}
    assert ds.validate().extra == ()
    everything = load("magnatagatune", pristine("magnatagatune"), untagged="drop", tags="all")
    assert everything.classes == TAGS
    assert len(everything) == len(ds) + 1  # monks is a tag, if not a frequent one


def test_a_pinned_list_of_tags_goes_by_normal_names(pristine: Corpus) -> None:
    ds = load("magnatagatune", pristine("magnatagatune"), tags="noVocals,Guitar, female voice")
    assert ds.classes == ("no vocals", "guitar", "female voice")
    assert ds.clips["labels"].map(len).max() >= 1
    with pytest.raises(DatasetError, match=r"unknown tag 'gitar'. Did you mean 'guitar'\?"):
        load("magnatagatune", pristine("magnatagatune"), tags="gitar")


def test_merging_unites_synonyms_and_counts_anew(own: Corpus) -> None:
    root = own("magnatagatune")
    mark(root, 40001, "women", "beats", "female vocal")
    plain = load("magnatagatune", root, tags="all")
    merged = load("magnatagatune", root, tags="all", merge="published")
    completed = load("magnatagatune", root, tags="all", merge="completed")
    gone = {name for names in SYNONYMS.values() for name in names}
    assert merged.classes == tuple(tag for tag in TAGS if tag not in gone)
    assert completed.classes == tuple(tag for tag in merged.classes if tag != "female vocal")
    labels = {
        ds.options["merge"]: ds.clips.set_index("clip_id")["labels"]["40001"] for ds in (plain, merged, completed)
    }
    assert set(labels["none"]) == {"women", "beats", "female vocal", "monks"}
    assert set(labels["published"]) == {"female", "beat", "female vocal", "monks"}
    assert set(labels["completed"]) == {"female", "beat", "monks"}


def test_the_merged_top_50_breaks_ties_in_header_order(pristine: Corpus) -> None:
    merged = load("magnatagatune", pristine("magnatagatune"), tags="all", merge="published")
    top = load("magnatagatune", pristine("magnatagatune"), merge="published")
    tally = dict.fromkeys(merged.classes, 0)
    for names in merged.clips["labels"]:
        for name in names:
            tally[name] += 1
    assert len({tally[name] for name in top.classes}) < 50  # there are ties
    assert top.classes == tuple(sorted(tally, key=lambda name: (-tally[name], TAGS.index(name)))[:50])


def test_groups_by_artist_cross_the_split_and_by_album_or_track_do_not(pristine: Corpus) -> None:
    crossing = {}
    for kind in ("artist", "album", "track"):
        clips = load("magnatagatune", pristine("magnatagatune"), group=kind).clips
        crossing[kind] = int((clips.groupby("group")["split"].nunique() > 1).sum())
    assert crossing == {"artist": 1, "album": 0, "track": 0}
    tracks = load("magnatagatune", pristine("magnatagatune"), group="track").clips["group"]
    assert tracks.value_counts().max() == 3


def test_strict_groups_see_the_track_that_a_compilation_repeats(pristine: Corpus) -> None:
    plain = load("magnatagatune", pristine("magnatagatune")).clips.set_index("clip_id")
    strict = load("magnatagatune", pristine("magnatagatune"), group="strict").clips.set_index("clip_id")
    assert plain["group"]["40003"] == "magnatune_compilation"
    assert strict["group"]["40003"] == "artist_0"
    assert strict["split"]["40003"] == "test"
    assert (strict["group"] == "artist_0").sum() > 1
    assert (strict["group"].drop("40003") == plain["group"].drop("40003")).all()


def test_artist_and_album_come_from_clip_info_and_else_from_the_name(own: Corpus) -> None:
    root = own("magnatagatune")
    told = load("magnatagatune", root).clips
    assert told["artist"].str.startswith(("Artist ", "Magnatune", "Norine", "Jacob", "American")).all()
    assert told.groupby("artist")["group"].nunique().max() == 1  # a slug is never finer than a name
    (root / "clip_info_final.csv").unlink()
    guessed = load("magnatagatune", root).clips
    assert (guessed["artist"] == guessed["group"]).all()
    assert guessed["group"].equals(told["group"])


def test_clip_info_in_latin_1_is_read(own: Corpus) -> None:
    root = own("magnatagatune")
    info = root / "clip_info_final.csv"
    info.write_bytes(info.read_text(encoding="utf-8").encode("latin-1"))
    assert load("magnatagatune", root).clips["artist"].notna().all()


def test_lists_of_all_published_forms(own: Corpus) -> None:
    root = own("magnatagatune")
    ds = load("magnatagatune", root)
    paths = dict(zip(ds.clips["clip_id"], ds.clips["path"], strict=True))
    first, second, third, *_ = paths
    folder = root / "lists"
    folder.mkdir()
    (folder / "train.tsv").write_text(f"{first}\t{paths[first]}\n")
    (folder / "val_list.txt").write_text(paths[second].replace(".mp3", ".npy") + "\n\n")
    np.save(folder / "test.npy", np.array([f"17\t{paths[third]}"]))
    listed = load("magnatagatune", root, splits_dir=folder)
    split = listed.clips.set_index("clip_id")["split"]
    assert split.dropna().to_dict() == {first: "train", second: "valid", third: "test"}
    assert listed.options["splits_dir"] != ds.options["splits_dir"]
    (folder / "train.tsv").write_text(f"{first}\n{third}\n")
    with pytest.raises(DatasetError, match="stands in the train list and in the test list"):
        load("magnatagatune", root, splits_dir=folder)
    (folder / "train.tsv").write_text("0/nobody.mp3\n")
    with pytest.raises(DatasetError, match=r"'0/nobody\.mp3' is no clip of annotations_final\.csv"):
        load("magnatagatune", root, splits_dir=folder)


def test_pickled_lists_are_refused(own: Corpus) -> None:
    root = own("magnatagatune")
    folder = root / "lists"
    folder.mkdir()
    for side in ("train", "valid", "test"):
        np.save(folder / f"{side}.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(DatasetError, match=r"train\.npy: cannot be read as a list"):
        load("magnatagatune", root, splits_dir=folder)


def test_tables_with_a_byte_order_mark_are_read(own: Corpus) -> None:
    root = own("magnatagatune")
    for name in (ANNOTATIONS, "clip_info_final.csv"):
        (root / name).write_bytes((root / name).read_text("utf-8").encode("utf-8-sig"))
    assert load("magnatagatune", root).clips["artist"].str.startswith("Artist ").any()


def test_clip_info_may_have_longer_rows_than_its_header(own: Corpus) -> None:
    root = own("magnatagatune")
    told = load("magnatagatune", root).clips["album"]
    lines = (root / "clip_info_final.csv").read_text("utf-8").splitlines()
    (root / "clip_info_final.csv").write_text("\n".join([lines[0], *(f"{line}\t" for line in lines[1:])]), "utf-8")
    assert load("magnatagatune", root).clips["album"].equals(told)


def test_a_file_resaved_with_commas_is_refused_clearly(own: Corpus) -> None:
    root = own("magnatagatune")
    (root / ANNOTATIONS).write_text((root / ANNOTATIONS).read_text().replace("\t", ","))
    with pytest.raises(DatasetError, match="has no tabs; this file is tab-separated despite its name"):
        load("magnatagatune", root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"clasical"', '"classical2"', "188 tags and mp3_path; differs in clasical, classical2"),
        ('\t"0"', '\t"2"', "row 1, .* is '2', not 0 or 1"),
        ('"2"', '"x"', "clip_id='x' is not a number"),
        ("0/artist_0-", "0/artist-0-", "is not folder/artist-album-NN-title-start-end.mp3"),
        ("0/artist_0-", "../0/artist_0-", "is not folder/artist-album-NN-title-start-end.mp3"),
    ],
)
def test_annotations_out_of_form_are_refused(own: Corpus, old: str, new: str, message: str) -> None:
    root = own("magnatagatune")
    text = (root / ANNOTATIONS).read_text()
    assert old in text
    (root / ANNOTATIONS).write_text(text.replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        load("magnatagatune", root)
