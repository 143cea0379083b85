import json
import os
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from melgrid.errors import MismatchError, ShardError, StoreError
from melgrid.store import About, Manifest, create_store, open_store
from melgrid.store import manifest as manifest_module
from melgrid.store.clips import ClipTable, table_to_bytes, with_all_columns

TABLE = pd.DataFrame({"clip_id": ["a", "b", "c"], "shard": [0, 1, 0], "row": [0, 0, 1]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip_id": ["a", "b", "b"]}, "'b' occurs twice"),
        ({"clip_id": ["a", None, "c"]}, "no id"),
        ({"row": [0, 0, 2]}, "without gaps"),
        ({"row": [0, 1, 1]}, "without gaps"),
        ({"colour": [1, 2, 3]}, "colour"),
        ({"labels": [[0], [], [1]]}, r"'c': labels \[1\] are not among 1 classes"),
        ({"labels": [[0], [], [0, 0]]}, "'c': has 2 labels, but the task is single"),
    ],
)
def test_a_clip_table_that_makes_no_sense_is_refused(tmp_path, change, message):
    with pytest.raises(StoreError, match=message):
        create_store(tmp_path / "s", About(dataset="x", classes=("k",), task="single"), TABLE.assign(**change))
    with pytest.raises(StoreError, match="shard"):
        with_all_columns(TABLE.drop(columns="shard"))


def test_the_clip_table_survives_its_file():
    table = with_all_columns(
        TABLE.assign(
            labels=pd.Series([[1, 2], [], [0]]),
            fold=pd.array([1, None, 0], dtype="Int64"),
            split=["train", None, ""],
            start=[0.5, np.nan, 1.0],
            native_frames=pd.array([10, None, 5], dtype="Int64"),
        )
    )
    data = table_to_bytes(table)
    back = ClipTable(data, About(dataset="x", classes=("k", "l", "m"), task="multi")).stored
    assert table_to_bytes(back) == data
    assert back["labels"].tolist() == [[1, 2], [0], []]
    assert back["fold"].isna().tolist() == [False, False, True]
    assert back["split"].tolist() == ["train", None, None]
    assert back["path"].tolist() == [None, None, None]


def test_a_feature_set_is_seen_only_when_it_is_whole(make_toy, features):
    toy = make_toy(features=[])
    infos = toy.write(features["float16"])
    assert len(toy.store) == 0
    Manifest.load(toy.path).add_feature_set(features["float16"], infos)
    assert len(toy.store) == 1


def test_shards_that_are_not_there_are_refused(make_toy, features):
    toy = make_toy(features=[])
    infos = toy.write(features["float16"])
    manifest = Manifest.load(toy.path)
    with pytest.raises(ShardError, match="should have"):
        manifest.add_feature_set(features["float16"], [replace(infos[0], bytes=1), *infos[1:]])
    with pytest.raises(ShardError, match="missing"):
        manifest.add_feature_set(features["float32"], infos)
    with pytest.raises(StoreError, match="occurs twice"):
        manifest.add_feature_set(features["float16"], [infos[0], infos[0]])
    assert len(toy.store) == 0


def test_the_order_in_which_features_come_does_not_matter(make_toy, features):
    chosen = [features["float16"], features["complex"]]
    one, other = make_toy("one", chosen), make_toy("other", chosen[::-1])
    for path in sorted(one.path.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (other.path / path.relative_to(one.path)).read_bytes()


ABOUT = {"dataset": "toy", "classes": ("cat", "dog", "owl"), "task": "single", "splits": {"fold": (1, 2, 3, 4)}}


@pytest.mark.parametrize(
    ("change", "message", "mixable"),
    [
        ({"versions": {"fft": "2"}}, "versions.fft: store has '1', this run '2'", True),
        ({"versions": {"fft": "1", "x": "3"}}, "versions.x: store has None, this run '3'", True),
        ({"options": {"fps": 3}}, "options.fps: store has None, this run 3", True),
        ({"dataset": "other"}, "dataset: store has 'toy'", False),
        ({"classes": ("cat",)}, r"classes: store has \['cat', 'dog', 'owl'\]", False),
        ({"versions": {"fft": "2"}, "task": "multi"}, "task", False),
    ],
)
def test_a_run_with_other_inputs_is_refused(make_toy, change, message, mixable):
    toy = make_toy()
    manifest = Manifest.load(toy.path)
    manifest.check_matches(toy.about)
    other = toy.about.model_copy(update=change)
    with pytest.raises(MismatchError, match=message) as caught:
        manifest.check_matches(other)
    assert ("--allow-mixed" in str(caught.value)) == mixable
    if mixable:
        manifest.check_matches(other, allow_mixed=True)
    else:
        with pytest.raises(MismatchError):
            manifest.check_matches(other, allow_mixed=True)


def test_every_difference_is_named(make_toy):
    toy = make_toy()
    other = toy.about.model_copy(update={"versions": {"fft": "2"}, "options": {"a": 1}})
    with pytest.raises(MismatchError, match=r"options\.a.*versions\.fft"):
        Manifest.load(toy.path).check_matches(other)


def test_mixing_on_purpose_is_recorded(make_toy, features):
    toy = make_toy()
    toy.about = toy.about.model_copy(update={"versions": {"fft": "2"}})
    infos = toy.write(features["float32"])
    Manifest.load(toy.path).add_feature_set(features["float32"], infos, toy.about)
    store = toy.store
    assert store.about.versions == {"fft": "1"}
    assert store[features["float32"].id].record.versions == {"fft": "2"}
    assert store[features["float16"].id].record.versions == {"fft": "1"}


def test_clips_that_changed_are_refused(make_toy):
    toy = make_toy()
    manifest = Manifest.load(toy.path)
    table = manifest.clips()[["clip_id", "path", "labels", "split", "fold", "group", "start", "end"]]
    table = table.sample(frac=1, random_state=1)
    assert manifest.check_clips(table) == []
    more = pd.concat([table, table.iloc[:1].assign(clip_id="new")])
    assert manifest.check_clips(more) == ["new"]
    with pytest.raises(MismatchError, match="3 clips are no longer"):
        manifest.check_clips(table.iloc[3:])
    moved = table.assign(fold=table["fold"].where(table["clip_id"] != "clip-5", 9))
    with pytest.raises(MismatchError, match="clip-5: fold is 9, was 2"):
        manifest.check_clips(moved)
    relabelled = table.assign(labels=[[1 - min(1, a) for a in labels] for labels in table["labels"]])
    with pytest.raises(MismatchError, match=r"labels is .* and .* more"):
        manifest.check_clips(relabelled)


def test_whatever_a_column_calls_none_is_none(make_toy):
    toy = make_toy(columns={"group": None, "split": None, "fold": None, "labels": None})
    manifest = Manifest.load(toy.path)
    table = manifest.clips()[["clip_id", "path", "labels", "split", "fold", "group", "start", "end"]]
    for none in (None, np.nan, ""):
        assert manifest.check_clips(table.assign(group=none, split=none)) == []
    assert manifest.check_clips(table.assign(fold=pd.array([pd.NA] * len(table), dtype="Int64"))) == []
    assert manifest.check_clips(table.assign(labels=None)) == []
    with pytest.raises(MismatchError, match="group is 'g', was None"):
        manifest.check_clips(table.assign(group="g"))


def test_labels_are_checked_against_the_classes(make_toy):
    manifest = Manifest.load(make_toy().path)
    table, classes = manifest.clips(), len(manifest.about.classes)
    labels = table["labels"].tolist()
    with pytest.raises(StoreError, match=rf"{table['clip_id'][7]}.*\[{classes}\] are not among {classes} classes"):
        manifest.write_clips(table.assign(labels=pd.Series([*labels[:7], [classes], *labels[8:]], dtype=object)))
    with pytest.raises(StoreError, match=rf"{table['clip_id'][3]}.*has 2 labels, but the task is single"):
        manifest.write_clips(table.assign(labels=pd.Series([*labels[:3], [0, 1], *labels[4:]], dtype=object)))


def test_a_changed_manifest_file_is_an_error_that_names_it(make_toy):
    toy = make_toy()
    path = toy.path / "clips.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"clips.parquet: has SHA-256 .*--repair"):
        toy.store.clips  # noqa: B018
    path.unlink()
    with pytest.raises(StoreError, match=r"clips.parquet: is missing"):
        toy.store.clips  # noqa: B018


@pytest.mark.parametrize("name", ["../other.h5", "/etc/passwd", "shard-00000.h5/..", "a.h5"])
def test_names_that_lead_elsewhere_are_refused(make_toy, name):
    toy = make_toy()
    manifest = Manifest.load(toy.path)
    path = toy.path / manifest.features[0] / "feature.json"
    fields = json.loads(path.read_text())
    fields["shards"][0]["file"] = name
    manifest._replace({f"{manifest.features[0]}/feature.json": json.dumps(fields).encode()})
    with pytest.raises(StoreError, match="no name of a shard"):
        toy.store[0]


def test_ids_that_lead_elsewhere_are_refused(make_toy):
    toy = make_toy()
    manifest = Manifest.load(toy.path)
    manifest.files["../elsewhere/feature.json"] = "0" * 64
    manifest._write()
    with pytest.raises(StoreError, match="no name of a manifest file"):
        Manifest.load(toy.path)


@pytest.mark.parametrize("step", range(6))
def test_a_writer_killed_at_any_step_leaves_a_readable_store(make_toy, features, monkeypatch, step):
    toy = make_toy()
    infos = toy.write(features["float32"])
    real, calls = manifest_module.publish_bytes, []

    class Killed(BaseException):
        pass

    def publish(path, data):
        if len(calls) == step:
            raise Killed
        calls.append(path)
        real(path, data)

    monkeypatch.setattr(manifest_module, "publish_bytes", publish)
    manifest = Manifest.load(toy.path)
    with suppress(Killed):
        manifest.add_feature_set(features["float32"], infos)
        manifest.write_clips(manifest.clips().assign(status="ok"))
    assert len(calls) == min(step, 5)
    monkeypatch.undo()
    store = toy.store
    assert len(store) == (1 if step < 2 else 2)
    assert len(store.clips) == 20
    for fs in store:
        assert fs["clip-4"].shape == (5, 8)
    manifest = Manifest.load(toy.path)
    manifest.settle()
    assert manifest.pending == {}
    manifest.add_feature_set(features["float32"], infos)
    assert len(toy.store) == 2


def test_a_reader_from_before_an_update_reads_the_new_files(make_toy):
    toy = make_toy()
    old = Manifest.load(toy.path)
    manifest = Manifest.load(toy.path)
    manifest.write_clips(manifest.clips().assign(reason="x"))
    assert set(old.clips()["reason"]) == {"x"}


def test_a_newer_format_is_refused_whatever_its_keys_are(make_toy):
    toy = make_toy()
    document = {"format": "melgrid-store", "format_version": 2, "something": "else"}
    (toy.path / "store.json").write_text(json.dumps(document))
    with pytest.raises(MismatchError, match=r"store\.json: is of format 2, this melgrid reads 1; use the newer one"):
        open_store(toy.path)
    (toy.path / "store.json").write_text(json.dumps({**document, "format": "other"}))
    with pytest.raises(StoreError, match=r"damaged \(is of format \('other', 2\), not"):
        open_store(toy.path)


def test_outcomes_come_from_the_shards(make_toy, features):
    toy = make_toy(features=[])
    Manifest.load(toy.path).add_feature_set(features["float16"], toy.write(features["float16"]))
    assert toy.store.clips["status"].isna().all()
    clips = Manifest.load(toy.path).gather_outcomes().set_index("clip_id")
    assert clips.loc["clip-3", "status"] == "failed"
    assert clips.loc["clip-4", "source_sha256"] == f"{4:064x}"
    assert clips.loc["clip-4", "native_frames"] == 200


def test_manifest_files_are_readable_by_people(make_toy):
    toy = make_toy()
    document = json.loads((toy.path / "store.json").read_text())
    assert document["format"] == "melgrid-store"
    assert document["about"]["dataset"] == "toy"
    assert document["features"] == list(toy.store.ids)
    assert str(toy.path) not in (toy.path / "store.json").read_text()
    assert os.uname().nodename not in (toy.path / "store.json").read_text()


def test_a_store_that_lost_its_store_json_is_not_taken_for_a_foreign_folder(make_toy):
    toy = make_toy()
    clips = Manifest.load(toy.path).clips()
    (toy.path / "store.json").unlink()
    with pytest.raises(StoreError, match=r"no store\.json\. melgrid verify --repair"):
        create_store(toy.path, toy.about, clips)
