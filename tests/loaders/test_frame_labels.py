"""Labels in time, from files of marks through a store to the labels of the frames of crops."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from melgrid import datasets, open_store, preprocess
from melgrid.datasets import frame_labels, miniature
from melgrid.errors import DatasetError, MismatchError, ParameterError, StoreError
from melgrid.loaders import KerasLoader, NumpyLoader, tf_dataset
from melgrid.loaders.frame_labels import first_seconds
from melgrid.params import Excerpt, LogMel, Segments, Stft, Waveform
from melgrid.store import Selection, verify

LOGMEL = LogMel(sr=16000, n_fft=512, hop_length=160, n_mels=8)
HOP = 0.01


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.jamendo(tmp_path_factory.mktemp("songs") / "jamendo", seconds=2.0)


@pytest.fixture(scope="module")
def store(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "jamendo"
    features = [LOGMEL, LogMel(sr=16000, n_fft=512, hop_length=160, n_mels=8, framing="same")]
    preprocess.run(datasets.load("jamendo", songs), features, path, jobs=1, progress=False, shard_mb=1)
    return path


@pytest.fixture
def singing(store: Path) -> Selection:
    return open_store(store)[LOGMEL.id].select()


def contents(store: Path) -> dict[str, bytes]:
    files = (path for path in store.rglob("*") if path.is_file() and "runs" not in path.parts)
    return {str(path.relative_to(store)): path.read_bytes() for path in files if path.name != ".lock"}


def test_a_store_has_the_marks_of_its_dataset(songs: Path, store: Path) -> None:
    marks = datasets.load("jamendo", songs).clips.set_index("clip_id")["intervals"]
    kept = open_store(store).clips.set_index("clip_id")["intervals"]
    assert kept.to_dict() == marks.to_dict()
    shard = next((store / LOGMEL.id).glob("shard-*.h5"))
    for path in (shard, store / LOGMEL.id / "all.h5"):
        with h5py.File(path) as file:
            ids = file["clip/id"].asstr()[:].tolist()
            offset, seconds = file["clip/interval_offset"][:], file["clip/interval_seconds"][:]
            names = np.array(["nosing", "sing"])[file["clip/interval_class"][:]]
        for i, clip in enumerate(ids):
            part = slice(offset[i], offset[i + 1])
            found = [(*times, name) for times, name in zip(seconds[part].tolist(), names[part], strict=True)]
            assert found == list(marks[clip])


def test_marks_are_rebuilt_from_the_shards_alone(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    before = contents(copy)
    for name in ("clips.parquet", "store.json"):
        (copy / name).unlink()
    assert verify(copy, repair=True) == []
    assert contents(copy)["clips.parquet"] == before["clips.parquet"]
    (copy / "clips.parquet").write_bytes(before["clips.parquet"][:-40])
    assert verify(copy)
    assert verify(copy, repair=True) == []
    assert contents(copy)["clips.parquet"] == before["clips.parquet"]
    assert contents(copy).keys() == before.keys()


def test_two_runs_give_the_same_bytes_and_other_marks_are_refused(songs: Path, store: Path, tmp_path: Path) -> None:
    dataset = datasets.load("jamendo", songs)
    features = [fs.feature for fs in open_store(store)]
    preprocess.run(dataset, features, tmp_path / "again", jobs=2, progress=False, shard_mb=1)
    assert contents(tmp_path / "again") == contents(store)
    dataset.clips.at[0, "intervals"] = dataset.clips["intervals"][0][:-1]
    with pytest.raises(MismatchError, match="intervals is"):
        preprocess.run(dataset, Waveform(sr=8000), tmp_path / "again", jobs=1, progress=False)


def test_stores_without_marks_have_no_trace_of_them(make_store: Any) -> None:
    fs = make_store({"a": np.zeros((4, 8), np.float32)}, LOGMEL)
    assert "intervals" not in fs.store.clips
    assert fs.select().intervals is None
    with h5py.File(next(fs.store.path.glob("*/shard-*.h5"))) as file:
        assert not [name for name in file["clip"] if "interval" in name]
    for labels in ("frames", "frames-multi-hot"):
        with pytest.raises(ParameterError, match="labels in time"):
            NumpyLoader(fs.select(), labels=labels)


@pytest.mark.parametrize("framing", ["librosa", "same"])
@pytest.mark.parametrize("crop", [{"crop_frames": 37}, {"crop_frames": 250}, {"crop_frames": 64, "crop": "tile"}, {}])
def test_crops_have_the_labels_of_their_frames(songs: Path, store: Path, framing: str, crop: dict[str, Any]) -> None:
    fs = open_store(store).find(framing=framing)
    marks = datasets.load("jamendo", songs).clips.set_index("clip_id")["intervals"]
    selection = fs.select()
    zero = dict(zip(selection.clip_ids, first_seconds(fs.feature, fs.num_samples), strict=True))
    core = NumpyLoader(selection, batch_size=4, labels="frames", with_ids=True, with_lengths=True, **crop).batches
    hot = NumpyLoader(selection, batch_size=4, labels="frames-multi-hot", **crop).batches
    for i in range(len(core)):
        batch, (_, _, starts) = core.batch(1, i), core._schedule.part(1, i)
        many = hot.batch(1, i)
        assert batch["y"].shape == batch["x"].shape[:2] == batch["y_weight"].shape == many["y"].shape[:2]
        for clip, start, count, y, weight, rows, counted in zip(
            batch["clip_id"], starts, batch["length"], batch["y"], batch["y_weight"], many["y"], many["y_weight"],
            strict=True,
        ):  # fmt: skip
            whole = frame_labels(
                marks[str(clip)], fs.store.about.classes, num_frames=len(fs[str(clip)]), hop_seconds=HOP,
                first_seconds=float(zero[str(clip)]),
            )  # fmt: skip
            wanted = whole[start : start + count]
            np.testing.assert_array_equal(rows[:count], wanted)
            assert not rows[count:].any()
            assert counted.tolist() == [1] * count + [0] * (len(y) - count)
            np.testing.assert_array_equal(y[:count], wanted.argmax(axis=1))
            assert weight.tolist() == [*wanted.sum(axis=1).tolist(), *[0] * (len(y) - count)]


def frames_of(feature: Any, samples: int) -> float:
    return float(first_seconds(feature, np.array([samples]))[0]) * feature.sr


def test_frames_are_where_their_centres_are() -> None:
    def stft(**options: Any) -> Stft:
        return Stft(**{"sr": 8000, "n_fft": 256, "hop_length": 64, **options})

    assert frames_of(stft(), 1000) == 0
    assert frames_of(stft(framing="left"), 1000) == 128
    same = stft(framing="same")  # 16 frames reach 1216 samples: 216 more than there are, half of them before
    assert frames_of(same, 1000) == 128 - 108
    assert frames_of(Waveform(sr=8000), 1000) == 0
    assert frames_of(stft(excerpt=Excerpt(seconds=0.05, start=0.01)), 1000) == 80
    assert frames_of(stft(excerpt=Excerpt(seconds=0.05, start="center")), 1000) == 300
    assert frames_of(stft(excerpt=Excerpt(seconds=0.2, pad="front")), 1000) == -600
    for moved in (
        {"segments": Segments(seconds=0.05, step=0.05)},
        {"excerpt": Excerpt(seconds=0.2, pad="repeat")},
        {"excerpt": Excerpt(seconds=0.2, start="center", pad="frames")},
    ):
        with pytest.raises(ParameterError, match="no fixed place in time"):
            frames_of(stft(**moved), 1000)


@pytest.fixture
def overlapping(tmp_path: Path) -> Selection:
    """One file in two clips, with classes that overlap, and a stretch without any."""
    root = tmp_path / "corpus"
    root.mkdir()
    soundfile.write(root / "a.wav", np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    (root / "a.lab").write_text("0 1.2 dog\n0.5 0.8 cat\n1.5 2.0 cat\n")
    (root / "clips.csv").write_text("path,start,end\na.wav,0,1\na.wav,1,2\n")
    dataset = datasets.load("folder", root, table=root / "clips.csv", intervals="lab")
    preprocess.run(dataset, LOGMEL, tmp_path / "store", jobs=1, progress=False)
    return open_store(tmp_path / "store")[0].select()


def test_overlaps_gaps_and_clips_within_a_file(overlapping: Selection) -> None:
    assert overlapping.classes == ("cat", "dog")
    with pytest.raises(ParameterError, match=r"two classes hold at once in 'a.wav@0.0-1.0' \(frame 50\)"):
        NumpyLoader(overlapping, labels="frames")
    late = overlapping.feature_set.select(clip_id="a.wav@1.0-2.0")
    batch = NumpyLoader(late, labels="frames").batches.batch(0, 0)
    assert batch["y"][0].tolist() == [1] * 20 + [0] * 30 + [0] * 51
    assert batch["y_weight"][0].tolist() == [1] * 20 + [0] * 30 + [1] * 50 + [0]  # a frame at 2.0 s is behind the end
    batch = NumpyLoader(overlapping, labels="frames-multi-hot", shuffle=False, with_ids=True).batches.batch(0, 0)
    early = batch["y"][batch["clip_id"].tolist().index("a.wav@0.0-1.0")]
    assert early[:, 1].tolist() == [1] * 101
    assert early[:, 0].tolist() == [0] * 50 + [1] * 30 + [0] * 21


def test_a_state_belongs_to_one_kind_of_frame_labels(singing: Selection) -> None:
    state = NumpyLoader(singing, batch_size=2, crop_frames=8, labels="frames").state()
    other = NumpyLoader(singing, batch_size=2, crop_frames=8, labels="frames-multi-hot")
    with pytest.raises(ParameterError, match="another order of batches"):
        other.restore(state)


def test_mixup_mixes_them(singing: Selection) -> None:
    with pytest.raises(ParameterError, match="frames-multi-hot"):
        NumpyLoader(singing, labels="frames", mixup=0.4)
    options: Any = {"labels": "frames-multi-hot", "crop_frames": 20, "batch_size": 3, "crop": "random"}
    plain = NumpyLoader(singing, **options).batches.batch(0, 0)
    mixed = NumpyLoader(singing, mixup=0.4, **options).batches.batch(0, 0)
    share = (mixed["x"] - np.roll(plain["x"], -1, axis=0))[:, :1, :1] / (plain["x"] - np.roll(plain["x"], -1, axis=0))[
        :, :1, :1
    ]
    wanted = share * plain["y"] + (1 - share) * np.roll(plain["y"], -1, axis=0)
    np.testing.assert_allclose(mixed["y"], wanted, atol=1e-3)


def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((None, 8, 1)), keras.layers.Reshape((-1, 8)), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), weighted_metrics=["accuracy"])
    return model


def test_keras_trains_on_frames_and_does_not_count_the_padding(singing: Selection) -> None:
    options: Any = {"labels": "frames", "crop_frames": 300, "batch_size": 4, "shuffle": False}  # longer than clips
    loader = KerasLoader(singing, **options)
    x, y, weight = loader[0]
    assert (x.shape, y.shape, weight.shape) == ((4, 300, 8, 1), (4, 300), (4, 300))
    trained = model()
    trained.fit(loader, epochs=2, verbose=0, shuffle=False)
    measured = trained.evaluate(loader, verbose=0, return_dict=True)["accuracy"]
    right = total = 0.0
    for x, y, weight in loader:
        right += float(((trained(x).numpy().argmax(axis=-1) == y) * weight).sum())
        total += float(weight.sum())
    assert total < 6 * 300
    assert measured == pytest.approx(right / total, abs=1e-5)


@pytest.mark.parametrize("labels", ["frames", "frames-multi-hot"])
@pytest.mark.parametrize("crop", [{"crop_frames": 30}, {}])
def test_tensorflow_gets_the_same(singing: Selection, labels: Any, crop: dict[str, int]) -> None:
    options: Any = {"labels": labels, "batch_size": 4, **crop}
    core = NumpyLoader(singing, axes="TFC", **options)
    dataset = tf_dataset(singing, **options)
    _, spec, weight = dataset.element_spec
    assert spec.shape.as_list()[1] == weight.shape.as_list()[1] == crop.get("crop_frames")
    assert spec.dtype == (tf.int64 if labels == "frames" else tf.float32)
    for (x, y, weight), batch in zip(dataset.as_numpy_iterator(), core, strict=True):
        np.testing.assert_array_equal(x["x"] if isinstance(x, dict) else x, batch["x"])
        np.testing.assert_array_equal(y, batch["y"])
        np.testing.assert_array_equal(weight, batch["y_weight"])


@pytest.mark.parametrize("wrong", ["noise", [(0.5, 0.1, "sing")], [(0.0, 1.0, "hum")], [(0.0, 1.0)]])
def test_a_column_that_holds_something_else_is_refused_before_work_starts(
    songs: Path, tmp_path: Path, wrong: Any
) -> None:
    dataset = datasets.load("jamendo", songs)
    dataset.clips.at[0, "intervals"] = wrong
    with pytest.raises(DatasetError, match="column intervals must hold"):
        preprocess.run(dataset, LOGMEL, tmp_path / "store", jobs=1, progress=False)
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").rglob("*.h5"))


def test_a_table_with_impossible_marks_is_damaged(store: Path) -> None:
    from melgrid.store.clips import ClipTable, table_to_bytes

    opened = open_store(store)
    table = opened.table.stored
    for wrong in ([(1.0, 0.5, 0)], [(0.0, float("inf"), 0)], [(0.0, 1.0, 2)], [(0.0, None, 0)]):
        broken = table.copy()
        broken.at[0, "intervals"] = wrong
        with pytest.raises(StoreError, match=r"clips\.parquet"):
            ClipTable(table_to_bytes(broken), opened.about)
