"""Variants: what they sound like, that they are made once and alike, and what they carry."""

import hashlib
import warnings
from dataclasses import replace

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

import melgrid
from melgrid import datasets, preprocess
from melgrid.errors import DatasetError, MismatchError
from melgrid.params import Grid, LogMel, Waveform
from melgrid.params.augmentation import augmentations
from melgrid.preprocess.audio.augment import altered, augmented, stretch
from melgrid.preprocess.clips import take

SR = 16000
TEXTS = ("time_stretch rate=0.8", "pitch_shift n_steps=2 + gain db=-6", "noise snr_db=10")
GRID = Grid.from_entries([{"kind": "logmel", "sr": SR, "n_fft": 512, "n_mels": 16}]).augmented(*TEXTS)


def one(text):
    (found,) = augmentations([text])
    return found


def tone(seconds=1.0, hz=440.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


def pitch(y):
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    return np.argmax(spectrum) * SR / len(y)


def level(y):
    return 10 * np.log10(np.mean(np.square(y, dtype=np.float64)))


def test_gain():
    y = tone()
    assert level(altered(y, SR, one("gain db=-6"), "c")) == pytest.approx(level(y) - 6, abs=1e-4)


@pytest.mark.parametrize("snr_db", [-3, 10, 40])
def test_noise_has_its_level_and_is_white(snr_db):
    y = tone(4)
    noise = altered(y, SR, one(f"noise snr_db={snr_db}"), "c") - y
    assert level(y) - level(noise) == pytest.approx(snr_db, abs=0.1)
    bands = np.abs(np.fft.rfft(noise)).reshape(-1)[1:].reshape(8, -1)
    np.testing.assert_allclose(np.mean(bands**2, axis=1) / np.mean(bands**2), 1, atol=0.1)


def test_noise_is_drawn_from_the_id():
    y = tone()
    first, again, other = (altered(y, SR, one("noise snr_db=10"), name) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first - y, other - y)[0, 1]) < 0.05
    twice = altered(y, SR, one("noise snr_db=10 + noise snr_db=10"), "a") - first
    assert abs(np.corrcoef(first - y, twice)[0, 1]) < 0.05


def test_silence_stays_silent():
    silence = np.zeros(SR, np.float32)
    for text in TEXTS:
        assert not altered(silence, SR, one(text), "c").any()


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25])
def test_time_stretch_changes_the_length_and_not_the_pitch(rate):
    y = altered(tone(2), SR, one(f"time_stretch rate={rate}"), "c")
    assert len(y) == round(2 * SR / rate)
    assert pitch(y) == pytest.approx(440, rel=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # librosa 1.0 warns of itself
        reference = librosa.effects.time_stretch(tone(2), rate=rate)
    np.testing.assert_array_equal(y, reference)


@pytest.mark.parametrize("steps", [-5, 2, 12])
def test_pitch_shift_changes_the_pitch_and_not_the_length(steps):
    y = altered(tone(2), SR, one(f"pitch_shift n_steps={steps}"), "c")
    assert len(y) == 2 * SR
    assert pitch(y) == pytest.approx(440 * 2 ** (steps / 12), rel=0.01)


@pytest.mark.parametrize("text", [*TEXTS, "time_stretch rate=4"])
@pytest.mark.parametrize("shape", [(1,), (2,), (100,), (3000,), (2, 700)])
def test_any_length_and_channels(text, shape):
    y = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = altered(y, SR, one(text), "c")
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    assert out.shape[:-1] == y.shape[:-1]
    assert np.isfinite(out).all()


def test_a_clip_of_one_frame_is_finite_with_librosa_1_0_too(monkeypatch):
    original = librosa.effects.time_stretch

    def as_in_librosa_1_0(y, *, rate):
        out = original(y, rate=rate)
        return out if y.shape[-1] >= 512 else np.full_like(out, np.nan)

    monkeypatch.setattr(librosa.effects, "time_stretch", as_in_librosa_1_0)
    monkeypatch.setattr("melgrid.preprocess.audio.augment.version", lambda name: "1.0.0")
    out = altered(tone(0.01), SR, one("time_stretch rate=0.5"), "c")
    assert out.shape == (2 * len(tone(0.01)),)
    assert np.isfinite(out).all()
    assert out.any()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Twelve sounds with split, fold, group and a file that is no audio."""
    root = tmp_path_factory.mktemp("sounds")
    rows = []
    for number in range(12):
        y = tone(0.4 + 0.05 * number, 300 + 50 * number)
        soundfile.write(root / f"{number:02}.flac", np.stack([y, 0.5 * y], axis=1), SR, subtype="PCM_16")
        side = ("train", "train", "train", "test")[number % 4]
        rows.append((f"{number:02}.flac", "ab"[number % 2], side, f"artist {number // 3}"))
    (root / "12.flac").write_bytes(b"no audio")
    rows.append(("12.flac", "a", "train", "artist 9"))
    pd.DataFrame(rows, columns=["path", "label", "split", "group"]).to_csv(root / "clips.csv", index=False)
    return root


@pytest.fixture
def corpus(root):
    return datasets.load("folder", root, table="clips.csv")


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "store"
    preprocess.run(datasets.load("folder", root, table="clips.csv"), GRID, path, jobs=1, progress=False)
    return path


def digests(path):
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and "runs" not in file.parts and file.name != "all.h5"
    }


def test_variants_carry_what_their_parents_have(made):
    clips = melgrid.open_store(made).clips.set_index("clip_id")
    parents = clips[clips["parent"].isna()]
    variants = clips[clips["parent"].notna()]
    assert len(parents) == 13
    assert len(variants) == 3 * (parents["split"] == "train").sum() == 30
    assert set(variants["parent"]) == set(parents.index[parents["split"] == "train"])
    for clip_id, row in variants.iterrows():
        parent = parents.loc[row["parent"]]
        assert clip_id.startswith(row["parent"] + "#")
        for name in ("path", "label", "split", "group", "source_sha256", "status"):
            assert row[name] == parent[name] or (pd.isna(row[name]) and pd.isna(parent[name]))
    assert clips.loc["12.flac#noise-snr_db=10", "reason"].startswith("undecodable")


def test_numbers_are_those_of_the_altered_signal(made, root):
    (features,) = melgrid.open_store(made)
    samples, _ = soundfile.read(root / "00.flac", dtype="float32")
    y = samples.mean(axis=1, dtype=np.float32)
    for augmentation in GRID.augment:
        clip_id = "00.flac" + augmentation.suffix
        expected = melgrid.compute(features.feature, altered(y, SR, augmentation, clip_id), SR)
        np.testing.assert_array_equal(features[clip_id], features.cast(expected))
    np.testing.assert_array_equal(features["00.flac"], features.cast(melgrid.compute(features.feature, y, SR)))


def test_clips_have_the_bytes_that_they_have_without_variants(made, corpus, tmp_path):
    preprocess.run(corpus, list(GRID), tmp_path / "s", jobs=1, progress=False)
    (with_,), (without,) = melgrid.open_store(made), melgrid.open_store(tmp_path / "s")
    for clip_id in without.clip_ids:
        np.testing.assert_array_equal(with_[clip_id], without[clip_id])


def test_bytes_do_not_depend_on_jobs_or_on_where_a_run_was_interrupted(made, corpus, tmp_path):
    store = tmp_path / "s"
    preprocess.run(corpus, GRID, store, jobs=3, progress=False)
    assert digests(store) == digests(made)
    manifest = melgrid.store.Manifest.load(store)
    folder = store / manifest.features[0]
    del manifest.files[f"{folder.name}/feature.json"]
    manifest._write()
    (folder / "shard-00001.h5").unlink()
    preprocess.run(corpus, GRID, store, jobs=2, progress=False)
    assert digests(store) == digests(made)


def test_a_file_is_decoded_once_for_all_variants_in_a_shard(corpus, tmp_path, monkeypatch):
    from melgrid.preprocess.audio import source
    from melgrid.preprocess.clips import clip_rows
    from melgrid.preprocess.task import ShardTask, run_shard
    from melgrid.store import About

    decoded = []
    monkeypatch.setattr(
        source, "decode", lambda data, path, *a, real=source.decode: decoded.append(path) or real(data, path, *a)
    )
    rows = clip_rows(augmented(corpus, TEXTS)).assign(shard=0, known_bad=None, source_sha256=None)
    rows["row"] = range(len(rows))
    run_shard(ShardTask(str(corpus.root), str(tmp_path), 0, tuple(GRID), About(dataset="d"), rows), id, id)
    good = [path for path in decoded if path != "12.flac"]
    assert len(good) == len(set(good)) == 12


def test_other_augmentations_are_refused(made, corpus):
    for grid in (Grid(GRID.entries), GRID.augmented("gain db=3")):
        with pytest.raises(MismatchError, match=r"options\.augment"):
            preprocess.run(corpus, grid, made, progress=False)


def test_stored_waveforms_of_variants_serve_later_grids(made, corpus, tmp_path):
    wave = Grid.from_entries([{"kind": "waveform", "sr": SR}]).augmented(*TEXTS)
    preprocess.run(corpus, wave, tmp_path / "s", jobs=1, progress=False)
    gone = replace(corpus, root=tmp_path / "nowhere")
    preprocess.run(gone, GRID, tmp_path / "s", jobs=1, progress=False)
    stored, direct = (melgrid.open_store(path).find(kind="logmel") for path in (tmp_path / "s", made))
    for clip_id in direct.clip_ids:
        np.testing.assert_array_equal(stored[clip_id], direct[clip_id])


def test_without_an_official_split_every_clip_has_variants(corpus):
    folds = replace(corpus, splits={"fold": (1, 2)}, clips=corpus.clips.assign(split=None))
    assert len(augmented(folds, TEXTS).clips) == 4 * 13
    with pytest.raises(DatasetError, match="no clip is in the training set"):
        augmented(replace(corpus, clips=corpus.clips.assign(split="test")), TEXTS)


def test_limit_counts_clips_not_variants(corpus, tmp_path):
    coming, _ = preprocess.prepare(corpus, GRID, tmp_path / "s", limit=4)
    plain = take(corpus, 4).clips
    assert coming.clips == 4 + 3 * (plain["split"] == "train").sum()


def test_an_id_that_looks_like_a_variants_is_refused(corpus):
    clips = corpus.clips.replace({"clip_id": {"03.flac": "00.flac#gain-db=3"}})
    with pytest.raises(DatasetError, match="is that of a variant; rename the clip"):
        augmented(replace(corpus, clips=clips), ["gain db=3"])


def test_labels_in_time_are_stretched_around_the_beginning_of_the_clip(corpus):
    clips = corpus.clips.assign(start=1.0, end=3.0, split=None)
    clips["intervals"] = pd.Series([((1.5, 2.0, "a"), (2.0, 3.0, "b"))] * len(clips), dtype=object)
    table = augmented(replace(corpus, clips=clips, splits={}), ["time_stretch rate=0.5", "gain db=3"]).clips
    table = table.set_index("clip_id")
    assert list(table.loc["00.flac#time_stretch-rate=0.5", "intervals"]) == [(2.0, 3.0, "a"), (3.0, 5.0, "b")]
    assert list(table.loc["00.flac#gain-db=3", "intervals"]) == list(table.loc["00.flac", "intervals"])
    assert (table["start"] == 1.0).all()
    lengths = dict(zip(table.index, stretch(table.reset_index()), strict=True))
    assert (lengths["00.flac#time_stretch-rate=0.5"], lengths["00.flac"]) == (2.0, 1.0)


def test_the_forecast_knows_the_lengths_of_variants(corpus, tmp_path):
    grid = Grid((LogMel(sr=SR), Waveform(sr=SR)) and GRID.entries).augmented("time_stretch rate=0.5")
    known = replace(corpus, clips=corpus.clips.assign(seconds=2.0))
    coming, _ = preprocess.prepare(known, grid, tmp_path / "s", timed=True)
    assert coming.clips == 23
    assert coming.audio_seconds == pytest.approx(13 * 2 + 10 * 4)
    assert coming.run_seconds > 0
