import pickle
import shutil

import pandas as pd
import pytest

import melgrid
from melgrid.errors import ParameterError, StoreError
from melgrid.params import Feature, LogMel, Vqt
from melgrid.store import open_store
from melgrid.store.about import About, restore_feature


def test_a_store_is_a_sequence_of_feature_sets_ordered_by_id(make_toy, features):
    chosen = [features["uint8"], features["complex"], features["float16"]]
    store = make_toy(features=chosen).store
    assert len(store) == 3
    assert [fs.id for fs in store] == sorted(f.id for f in chosen)
    assert store[0].id == store.ids[0]
    assert store[-1].id == store.ids[-1]
    assert store[features["complex"].id].feature == features["complex"]
    assert store[0] is store[0]
    assert features["complex"].id in store
    assert "3 feature sets" in repr(store)


def test_unknown_feature_sets_are_errors_with_a_hint(make_toy, features):
    store = make_toy().store
    feature_id = features["float16"].id
    with pytest.raises(StoreError, match=f"Did you mean '{feature_id}'"):
        store[feature_id[:-1] + "x"]
    with pytest.raises(IndexError, match="1 feature sets, none at 1"):
        store[1]


def test_find_wants_exactly_one(make_toy, features):
    store = make_toy(features=[features["float16"], features["uint8"], features["float32"]]).store
    assert store.find(kind="mel").feature == features["float32"]
    assert store.find(kind="logmel", dtype="uint8").feature == features["uint8"]
    with pytest.raises(StoreError, match="2 feature sets have kind='logmel'") as caught:
        store.find(kind="logmel")
    assert features["uint8"].id in str(caught.value)
    with pytest.raises(StoreError, match="no feature set has n_mels=9"):
        store.find(n_mels=9)
    with pytest.raises(StoreError, match=r"n_mel: .*Did you mean 'n_mels'"):
        store.find(n_mel=8)
    with pytest.raises(StoreError, match=r"no feature set has kind='lgmel'\. Did you mean 'logmel'\?$"):
        store.find(kind="lgmel", n_mels=8)
    with pytest.raises(StoreError, match=r"no feature set has kind=\['mel'\]"):
        store.find(kind=["mel"])
    with pytest.raises(StoreError, match=r"has 3 feature sets, say which\. Candidates: logmel"):
        store.find()


def test_find_says_that_there_is_nothing_yet(make_toy):
    for conditions in ({}, {"kind": "logmel"}):
        with pytest.raises(StoreError, match="has no feature sets yet; the same melgrid preprocess again makes them"):
            make_toy(name=f"toy{len(conditions)}", features=[]).store.find(**conditions)


def test_clips_are_shown_with_names_in_store_order(make_toy):
    toy = make_toy()
    clips = toy.store.clips
    assert clips.columns.tolist() == [
        "clip_id", "path", "label", "split", "fold", "group", "start", "end", "source_sha256", "native_sr",
        "native_channels", "native_frames", "shard", "row", "status", "reason", "parent",
    ]  # fmt: skip
    assert clips["label"].cat.categories.tolist() == ["cat", "dog", "owl"]
    assert (clips["label"] == clips["clip_id"].map(lambda i: toy.about.classes[int(i[5:]) % 3])).all()
    assert clips["fold"].dtype == "Int64"
    assert (clips["shard"] * 8 + clips["row"]).tolist() == list(range(20))
    failed = clips.set_index("clip_id").loc["clip-3"]
    assert (failed["status"], failed["reason"]) == ("failed", "undecodable: no sync")
    assert (clips["status"] == "ok").sum() == 19
    assert clips["native_frames"].isna().sum() == 1
    assert (clips["native_sr"] == 44100).all()


def test_clips_of_several_labels_are_tuples(make_toy):
    clips = make_toy(task="multi").store.clips
    assert "label" not in clips
    assert set(clips["labels"]) == {(), ("cat", "owl")}


def test_clips_without_labels(make_toy):
    clips = make_toy(task="none", classes=()).store.clips
    assert clips["label"].isna().all()


def test_opening_something_else_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match="no store: there is no such folder"):
        open_store(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no store: is a file; name the folder"):
        open_store(tmp_path / "file")
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        open_store(tmp_path)


def test_a_store_opens_anywhere(make_toy, tmp_path):
    toy = make_toy()
    moved = tmp_path / "with blanks and ü"
    shutil.move(toy.path, moved)
    link = tmp_path / "link"
    link.symlink_to(moved)
    for path in (moved, link, str(moved)):
        fs = melgrid.open_store(path)[0]
        assert fs["clip-0"].shape == (1, 8)


def test_a_store_stays_open_when_the_working_folder_changes(make_toy, monkeypatch):
    toy = make_toy()
    monkeypatch.chdir(toy.path.parent)
    store = open_store(toy.path.name)
    monkeypatch.chdir("/")
    assert len(store.clips) == 20
    assert len(store[0]) == 19


def test_a_read_only_store_opens(make_toy):
    toy = make_toy()
    for path in [toy.path, *toy.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert toy.store[0]["clip-0"].shape == (1, 8)


def test_a_store_can_be_pickled(make_toy):
    store = pickle.loads(pickle.dumps(make_toy().store))
    assert isinstance(store.clips, pd.DataFrame)


@pytest.mark.parametrize(
    "feature",
    [
        LogMel(top_db=None),
        LogMel(norm=None, fmax=8000.0),
        LogMel(sr=44100, n_fft=512, n_mels=128, empty_bands="allow"),
        LogMel(center=False),
        Vqt(gamma=None),
        Vqt(gamma=3.0),
    ],
)
def test_a_feature_comes_back_from_its_canonical_parameters(feature):
    restored = restore_feature(feature.canonical())
    assert isinstance(restored, Feature)
    assert restored.id == feature.id
    assert {**restored.model_dump(), "empty_bands": 0} == {**feature.model_dump(), "empty_bands": 0}


def test_parameters_that_no_feature_has_are_refused():
    with pytest.raises(StoreError, match="'logmell' is unknown"):
        restore_feature({**LogMel().canonical(), "kind": "logmell"})
    with pytest.raises(ParameterError, match="n_melz"):
        restore_feature({**LogMel().canonical(), "n_melz": 3})


def test_about_survives_json():
    about = About(dataset="x", options={"a": (1, {"b": None})}, classes=["u", "v"], splits={"fold": range(1, 3)})
    assert About.parse(about.canonical()) == about
    assert about.splits == {"fold": (1, 2)}
    with pytest.raises(StoreError, match="task"):
        About.parse({**about.canonical(), "task": "both"})
    with pytest.raises(StoreError, match="damaged"):
        About.parse(None)
