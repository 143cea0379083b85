from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from melgrid.datasets import load
from melgrid.datasets.adapters.fma import BARE, GENRE_COUNTS, SHORT, SIDES, SILENT
from melgrid.errors import DatasetError

Corpus = Callable[[str], Path]
TRACKS = Path("fma_metadata") / "tracks.csv"


def edit(root: Path, old: str, new: str) -> None:
    text = (root / TRACKS).read_text()
    assert old in text
    (root / TRACKS).write_text(text.replace(old, new, 1))


@pytest.fixture
def large(own: Corpus) -> Path:
    """The metadata with the audio folder under the name of the large subset."""
    root = own("fma")
    (root / "fma_medium").rename(root / "fma_large")
    return root


def test_published_counts_agree_with_each_other() -> None:
    assert {name: sum(sides) for name, sides in SIDES.items()} == {"small": 8000, "medium": 25000, "large": 106574}
    assert {name: sum(counts.values()) for name, counts in GENRE_COUNTS.items()} == {"small": 8000, "medium": 25000}
    assert 106574 - BARE["genre_top"] == 49598
    assert len({*SHORT, *SILENT}) == 21


def test_medium_holds_small(pristine: Corpus) -> None:
    small = load("fma", pristine("fma"), subset="small")
    medium = load("fma", pristine("fma"), subset="medium")
    assert set(small.clips["clip_id"]) < set(medium.clips["clip_id"])
    assert small.root == medium.root  # the medium folder serves the small subset
    assert len(small.classes) == 8
    assert set(medium.clips["subset"]) == {"small", "medium"}


def test_ids_are_six_digits_and_make_the_path(pristine: Corpus) -> None:
    clips = load("fma", pristine("fma"), subset="medium").clips
    assert clips["path"].tolist() == [f"{clip[:3]}/{clip}.mp3" for clip in clips["clip_id"]]
    assert clips["clip_id"].str.fullmatch(r"\d{6}").all()
    assert {"000002"} < set(clips["clip_id"])
    assert clips["clip_id"].astype(int).max() > 100000


def test_cells_with_line_ends_do_not_split_rows(pristine: Corpus) -> None:
    text = (pristine("fma") / TRACKS).read_text()
    assert text.count("\n") > 2 * 43  # more lines than rows
    medium = load("fma", pristine("fma"), subset="medium")
    assert len(medium.clips) + sum(reason == "not in subset medium" for reason in medium.excluded.values()) == 43


def test_the_split_keeps_artists_apart_and_the_group_is_the_artist(pristine: Corpus) -> None:
    clips = load("fma", pristine("fma"), subset="medium").clips
    assert set(clips["split"]) == {"train", "valid", "test"}
    assert clips.groupby("group")["split"].nunique().max() == 1
    assert clips.groupby("group").size().max() > 1


def test_minus_one_is_no_album(pristine: Corpus) -> None:
    albums = load("fma", pristine("fma"), subset="medium").clips["album"]
    assert albums.isna().sum() == 1
    assert "-1" not in set(albums)


def test_each_track_carries_its_licence(pristine: Corpus) -> None:
    assert load("fma", pristine("fma")).clips["license"].str.startswith("Attribution").all()


def test_track_duration_is_not_the_length_of_the_clip(pristine: Corpus) -> None:
    assert load("fma", pristine("fma")).clips["seconds"].isna().all()


def test_tracks_without_genre_need_a_choice(large: Path) -> None:
    with pytest.raises(DatasetError, match=r"11 of 43 tracks of subset large have no genre_top; say unlabelled=drop"):
        load("fma", large, subset="large")
    kept = load("fma", large, subset="large", unlabelled="keep")
    dropped = load("fma", large, subset="large", unlabelled="drop")
    assert len(kept.clips) == 43
    assert kept.clips["label"].isna().sum() == 11
    assert len(dropped.clips) == 32
    assert list(dropped.excluded.values()) == ["no genre_top"] * 11
    assert kept.classes == dropped.classes
    assert dropped.validate().excluded == {"no genre_top": 11}


def test_all_genres_come_with_their_ancestors(large: Path) -> None:
    ds = load("fma", large, subset="large", labels="genres_all")
    assert ds.task == "multi"
    assert ds.classes == tuple(sorted(ds.classes))
    deepest = ds.clips[ds.clips["labels"].map(lambda names: "Christmas" in names)]
    assert set(deepest["labels"].iloc[0]) == {
        "Christmas",
        "Holiday",
        "Sound Effects",
        "Novelty",
        "Experimental",
        "Rock",
    }
    assert (ds.clips["labels"].map(len) == 0).sum() == 1  # 155320 has no genre and stays
    assert len(load("fma", large, subset="large", labels="genres_all", unlabelled="drop").clips) == 42


def test_known_bad_tracks_are_marked_and_stay(pristine: Corpus) -> None:
    clips = load("fma", pristine("fma")).clips.set_index("clip_id")
    assert clips["known_bad"].dropna().to_dict() == {
        "098565": "clip far shorter than 30 s",
        "099134": "file without audio",
    }


def test_tracks_in_latin_1_are_read(own: Corpus) -> None:
    root = own("fma")
    table = root / "fma_metadata" / "tracks.csv"
    table.write_bytes(table.read_bytes().replace(b"lyricist", "lyricist é".encode("latin-1")))
    assert len(load("fma", root)) > 0


def test_full_tracks_were_never_cut(own: Corpus) -> None:
    root = own("fma")
    (root / "fma_medium").rename(root / "fma_full")
    full = load("fma", root, subset="full", unlabelled="keep")
    assert full.clips["known_bad"].isna().all()
    assert (full.clips["seconds"] == 168.0).all()
    with pytest.raises(DatasetError, match="must hold fma_small/000"):
        load("fma", root, subset="small")  # full tracks are no clips


def test_the_audio_folder_will_do_as_root(pristine: Corpus) -> None:
    beside = load("fma", pristine("fma") / "fma_medium", subset="medium")
    assert len(beside) == len(load("fma", pristine("fma"), subset="medium"))


def test_a_smaller_folder_does_not_serve_a_larger_subset(pristine: Corpus) -> None:
    for root in (pristine("fma"), pristine("fma") / "fma_medium"):
        with pytest.raises(DatasetError, match="must hold fma_large/000"):
            load("fma", root, subset="large", unlabelled="keep")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("track_id", "2", "three header lines"),
        (",validation,", ",valid,", "set.split='valid' is not one of training"),
        (",small,", ",tiny,", "set.subset='tiny'"),
        (",genre_top,", ",top_genre,", r"track\.genre_top' is missing"),
        ("\n2,", "\n2x,", "track_id='2x' is not a number"),
    ],
)
def test_a_table_out_of_form_is_refused(own: Corpus, old: str, new: str, message: str) -> None:
    root = own("fma")
    edit(root, old, new)
    with pytest.raises(DatasetError, match=message):
        load("fma", root)


def test_raw_tracks_is_not_tracks(own: Corpus) -> None:
    root = own("fma")
    (root / TRACKS).write_text("track_id,album_id,album_title\n2,1.0,x\n3,1.0,x\n")
    with pytest.raises(DatasetError, match="three header lines"):
        load("fma", root)


@pytest.mark.parametrize("cell", ["[99999]", "[21", "__import__('os').getcwd()", "21"])
def test_genre_lists_are_parsed_never_run(own: Corpus, cell: str) -> None:
    root = own("fma")
    edit(root, ",[15],[15],", f',[15],"{cell}",')
    with pytest.raises(DatasetError, match=r"is no genre of genres\.csv"):
        load("fma", root, labels="genres_all")


def test_checksums_are_verified_on_request(own: Corpus) -> None:
    root = own("fma")
    ds = load("fma", root, subset="medium")
    assert ds.validate().wrong_checksum is None
    assert ds.validate(checksums=True).wrong_checksum == ("000/000002.mp3",)
    (ds.root / "000" / "000005.mp3").write_bytes(b"other")
    (root / "fma_small.zip").write_bytes(b"an archive of another release")
    assert ds.validate(checksums=True).wrong_checksum == ("000/000002.mp3", "000/000005.mp3", "fma_small.zip")
    (ds.root / "checksums").write_text("nonsense\n")
    with pytest.raises(DatasetError, match="checksums, line 1"):
        ds.validate(checksums=True)


def test_pickles_are_never_opened(pristine: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened.append(self.name) or original(self, *a, **k))
    load("fma", pristine("fma"))
    assert "tracks.csv" in opened
    assert not any(name.endswith(".pickle") for name in opened)
