"""Whole runs with real processes: the same bytes whatever happens, and nothing done twice."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import melgrid
import melgrid.store
from melgrid import datasets
from melgrid.errors import ClipError, MelgridError, MismatchError, ParameterError, StoreError
from melgrid.params import Cqt, Grid, LogMel, Stft, Waveform
from melgrid.preprocess import Limits, add_clips, prepare, run, versions
from melgrid.preprocess.engine.engine import Threads
from melgrid.preprocess.text import forecast_text, kept_text, summary_text
from melgrid.transforms import num_frames

GRID = Grid.product("logmel", n_fft=512, hop_length=[128, 256], n_mels=[32, 40])
OPTIONS = {"progress": False, "shard_mb": 1}


def digests(store):
    """Of every file that the store's own digests cover; all.h5 is derived and holds HDF5's uninitialised heap."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file() and "runs" not in path.parts and path.name not in {".lock", "all.h5"}
    }


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    """A store that one process made without interruption."""
    path = tmp_path_factory.mktemp("reference") / "store"
    summary = run(datasets.load("folder", corpus), GRID, path, jobs=1, **OPTIONS)
    return path, summary


def test_summary_counts_clips_failures_and_time(reference):
    path, summary = reference
    assert (summary.clips, summary.failed) == (24, 2)
    assert summary.reasons == {"undecodable": 1, "empty": 1}
    assert summary.features == [feature.id for feature in GRID]
    assert 22 * 0.3 < summary.audio_seconds < 22
    assert all(seconds > 0 for seconds in summary.stage_seconds.values())
    assert summary.bytes_written == sum(p.stat().st_size for p in path.rglob("shard-*.h5"))
    text = summary_text(summary)
    assert "4 feature sets of 22 clips" in text
    assert "2 clips gave no features (" in text


def test_the_store_holds_what_compute_gives_bit_for_bit(reference, corpus):
    path, _ = reference
    store = melgrid.open_store(path)
    for features in store:
        assert len(features.clip_ids) == 22
        for clip_id in features.clip_ids[::7]:
            clip = store.clips.set_index("clip_id").loc[clip_id]
            samples, sr = soundfile.read(corpus / clip["path"], dtype="float32", always_2d=True)
            expected = features.cast(melgrid.compute(features.feature, samples.T, sr))
            np.testing.assert_array_equal(features[clip_id], expected)


def test_clips_know_their_fate_and_their_source(reference, corpus):
    path, _ = reference
    clips = melgrid.open_store(path).clips.set_index("path")
    bad = clips.loc["low/words.wav"]
    assert bad["status"] == "failed"
    assert bad["reason"].startswith("undecodable: ")
    assert clips.loc["high/nothing.wav", "reason"].startswith("empty")
    good = clips.loc["high/clip01.wav"]
    assert (good["status"], good["native_sr"], good["native_channels"]) == ("ok", 44100, 2)
    assert good["source_sha256"] == hashlib.sha256((corpus / "high/clip01.wav").read_bytes()).hexdigest()


@pytest.mark.parametrize("jobs", [1, 3])
def test_bytes_do_not_depend_on_jobs_or_on_the_run(reference, dataset, tmp_path, jobs):
    run(dataset, GRID, tmp_path / "store", jobs=jobs, **OPTIONS)
    assert digests(tmp_path / "store") == digests(reference[0])


def test_a_rerun_does_nothing(reference, dataset):
    path, _ = reference
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()}
    summary = run(dataset, GRID, path, **OPTIONS)
    assert summary.features == []
    assert (summary.clips, summary.failed) == (24, 2)
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()} == before
    assert "nothing to do" in summary_text(summary)


def test_a_larger_grid_computes_only_what_is_new_and_ends_equal(reference, dataset, tmp_path):
    store = tmp_path / "store"
    features = [*sorted(GRID, key=lambda f: (f.hop_length, -f.n_mels))]
    run(dataset, features[:1], store, **OPTIONS)  # the largest: a store's first features decide how clips are dealt
    first = digests(store)
    summary = run(dataset, features, store, **OPTIONS)
    assert summary.features == [f.id for f in features[1:]]
    after = digests(store)
    assert {k: v for k, v in after.items() if k in first and ".h5" in k} == {
        k: v for k, v in first.items() if ".h5" in k
    }
    assert after == digests(reference[0])


def test_a_run_killed_in_the_middle_resumes_to_the_same_bytes(reference, dataset, corpus, tmp_path):
    store = tmp_path / "store"
    code = (
        "from melgrid import datasets; from melgrid.preprocess import run; from melgrid.params import Grid\n"
        f"run(datasets.load('folder', {str(corpus)!r}),"
        " Grid.product('logmel', n_fft=512, hop_length=[128, 256], n_mels=[32, 40]),"
        f" {str(store)!r}, jobs=1, progress=False, shard_mb=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list(store.rglob("shard-*.h5")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(store.rglob("shard-*.h5"))
    assert len(melgrid.open_store(store)) == 0  # readers see whole feature sets only
    time.sleep(0.5)  # the orphaned worker notices and ends
    run(dataset, GRID, store, jobs=2, **OPTIONS)
    assert digests(store) == digests(reference[0])
    assert not [p for p in store.rglob("*") if ".tmp" in p.name]


def test_only_some_clips_are_a_fair_fixed_sample(dataset, tmp_path):
    summary = run(dataset, LogMel(n_mels=40), tmp_path / "store", limit=10, **OPTIONS)
    assert summary.clips == 10
    again = run(dataset, LogMel(n_mels=40), tmp_path / "again", limit=10, **OPTIONS)
    assert again.clips == 10
    assert digests(tmp_path / "store") == digests(tmp_path / "again")
    with pytest.raises(MismatchError, match="14 clips that the store was made without"):
        run(dataset, LogMel(n_mels=40), tmp_path / "store", **OPTIONS)
    with pytest.raises(ParameterError, match="jobs=-1: must be at least 1"):
        run(dataset, GRID, tmp_path / "store", jobs=-1, **OPTIONS)
    with pytest.raises(ParameterError, match="limit=0: must be at least 1"):
        run(dataset, LogMel(n_mels=40), tmp_path / "none", limit=0, **OPTIONS)


def test_every_shape_and_type_goes_through(dataset, tmp_path):
    features = [
        Stft(n_fft=256, output="complex"), Stft(n_fft=256, output="phase"), Cqt(n_bins=48, output="log"), Waveform(),
        LogMel(n_mels=40, dtype="uint8", range_db=(-100, 0)), LogMel(n_mels=40, mono=False, channels=2),
    ]  # fmt: skip
    summary = run(dataset, features, tmp_path / "store", **OPTIONS)
    assert summary.failed == 2
    store = melgrid.open_store(tmp_path / "store")
    shapes = {fs.feature.kind + fs.feature.dtype: fs[fs.clip_ids[0]].shape[1:] for fs in store}
    assert shapes == {
        "stftfloat32": (129,), "cqtfloat16": (48,), "waveformfloat32": (1,), "logmeluint8": (40,),
        "logmelfloat16": (40, 2),
    }  # fmt: skip


def test_stored_waveforms_stand_for_decoding_with_the_same_bytes(reference, dataset, corpus, tmp_path):
    copy = tmp_path / "corpus"
    shutil.copytree(corpus, copy)
    here = datasets.load("folder", copy)
    store = tmp_path / "store"
    largest = max(GRID, key=lambda f: f.bins / f.hop_length)
    run(here, [largest], store, **OPTIONS)  # deals the clips as the reference does
    run(here, [Waveform(), Waveform(mono=False, channels=2)], store, **OPTIONS)
    for path in copy.rglob("*.wav"):
        path.write_bytes(b"not needed any more")
    others = [feature for feature in GRID if feature != largest]
    stereo = LogMel(n_fft=512, n_mels=40, mono=False, channels=2)
    summary = run(here, [*others, stereo], store, **OPTIONS)
    assert summary.failed == 2
    shards = {name: digest for name, digest in digests(reference[0]).items() if name.endswith(".h5")}
    assert {name: digest for name, digest in digests(store).items() if name in shards} == shards
    opened = melgrid.open_store(store)
    clip = opened.clips.set_index("clip_id").loc[opened[stereo.id].clip_ids[0]]
    samples, sr = soundfile.read(corpus / clip["path"], dtype="float32", always_2d=True)
    expected = opened[stereo.id].cast(melgrid.compute(stereo, samples.T, sr))
    np.testing.assert_array_equal(opened[stereo.id][clip.name], expected)


def test_a_clip_that_the_stored_waveforms_lack_does_not_end_the_run(corpus, tmp_path):
    copy = tmp_path / "corpus"
    shutil.copytree(corpus, copy)
    here, store = datasets.load("folder", copy), tmp_path / "store"
    first, other = list(GRID)[:2]
    run(here, [first], store, **OPTIONS)
    (copy / "high/clip01.wav").unlink()  # had features already
    run(here, [Waveform()], store, **OPTIONS)
    assert run(here, [other], store, **OPTIONS).failed == 2
    opened = melgrid.open_store(store)
    gone = opened.clips.set_index("path").loc["high/clip01.wav", "clip_id"]
    assert gone in opened[first.id].clip_ids
    with pytest.raises(ClipError, match="missing: "):
        opened[other.id][gone]
    assert len(opened[other.id].clip_ids) == 21


def test_a_clip_too_short_for_one_feature_still_gives_the_others(tmp_path):
    root = tmp_path / "corpus" / "a"
    root.mkdir(parents=True)
    soundfile.write(root / "long.wav", np.full(5000, 0.1), 22050)
    soundfile.write(root / "short.wav", np.full(500, 0.1), 22050)
    dataset = datasets.load("folder", tmp_path / "corpus")
    features = [Stft(n_fft=1024, framing="left"), Stft(n_fft=1024)]
    summary = run(dataset, features, tmp_path / "store", **OPTIONS)
    assert summary.failed == 0
    store = melgrid.open_store(tmp_path / "store")
    assert len(store.find(framing="left").clip_ids) == 1
    assert len(store.find(framing="librosa").clip_ids) == 2
    assert run(dataset, features[0], tmp_path / "alone", **OPTIONS).reasons == {"too_short": 1}
    assert digests(tmp_path / "alone" / features[0].id) == digests(tmp_path / "store" / features[0].id)


def test_each_feature_says_its_own_reason_where_a_clip_gives_none(tmp_path):
    (tmp_path / "corpus" / "a").mkdir(parents=True)
    for name, seconds in {"short": 0.002, "long": 1.0}.items():
        soundfile.write(tmp_path / "corpus" / "a" / f"{name}.wav", np.zeros(int(8000 * seconds)), 8000)
    dataset = datasets.load("folder", tmp_path / "corpus")
    features = [LogMel(sr=sr, n_fft=512, n_mels=16, fmax=4000, framing="left") for sr in (8000, 16000)]
    run(dataset, features, tmp_path / "both", **OPTIONS)
    for feature, samples in zip(features, (16, 32), strict=True):
        run(dataset, feature, tmp_path / feature.id, **OPTIONS)
        assert digests(tmp_path / "both" / feature.id) == digests(tmp_path / feature.id / feature.id)
        shard = (tmp_path / "both" / feature.id / "shard-00000.h5").read_bytes()
        assert f"too_short: {samples} samples at {feature.sr} Hz give no frame".encode() in shard


def test_features_that_are_not_finite_are_not_stored(tmp_path):
    """Finite samples whose squares are not: the clip lacks the power features and keeps the others."""
    loud = np.full(4000, 1e30, np.float32)
    fine = np.sin(np.arange(4000, dtype=np.float32))
    for name, y in {"fine": fine, "loud": loud, "large": fine * np.float32(1e6)}.items():
        (tmp_path / "corpus" / "a").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "corpus" / "a" / f"{name}.wav", y, 22050, subtype="FLOAT")
    dataset = datasets.load("folder", tmp_path / "corpus")
    mel = LogMel(n_mels=40)
    alone = run(dataset, [mel], tmp_path / "alone", **OPTIONS)
    assert (alone.failed, alone.reasons) == (1, {"non_finite": 1})
    store = melgrid.open_store(tmp_path / "alone")
    reasons = store.clips["reason"].dropna()
    assert reasons.tolist() == ["non_finite: the samples are finite, but so large that the feature is not"]
    assert np.isfinite(store[mel.id].select().statistics().mean).all()
    sound = Waveform()
    run(dataset, [mel, sound], tmp_path / "both", **OPTIONS)
    both = melgrid.open_store(tmp_path / "both")
    assert len(both[mel.id].clip_ids) == 2
    assert len(both[sound.id].clip_ids) == 3
    for feature in (sound, mel):
        run(dataset, feature, tmp_path / "in turn", **OPTIONS)
    assert digests(tmp_path / "in turn" / mel.id) == digests(tmp_path / "both" / mel.id)


def test_what_is_no_dataset_or_no_feature_is_told_apart(dataset, tmp_path):
    store = tmp_path / "store"
    for wrong, words in [
        ("logmel", "grid='logmel': must be a Grid, a feature"),
        ({"kind": "logmel"}, "grid='kind': must be"),
        ([{"kind": "logmel"}], "grid={'kind': 'logmel'}: must be"),
        (LogMel, "must be a Grid, a feature"),
        (7, "grid=7: must be"),
        ([], r"grid=\[\]: has no feature"),
    ]:
        with pytest.raises(ParameterError, match=words):
            run(dataset, wrong, store, **OPTIONS)
    with pytest.raises(ParameterError, match=r"dataset='gtzan': must be a Dataset, as melgrid\.datasets\.load"):
        run("gtzan", LogMel(), store, **OPTIONS)
    assert not store.exists()
    with pytest.raises(ParameterError, match="shard_mb=0: must be at least 1"):
        run(dataset, LogMel(), store, progress=False, shard_mb=0)


def test_on_error_is_one_of_two_words_before_anything_is_written(dataset, tmp_path):
    with pytest.raises(ParameterError, match="on_error='panic': must be 'quarantine' or 'stop'"):
        run(dataset, LogMel(n_mels=40), tmp_path / "store", on_error="panic", **OPTIONS)
    assert not (tmp_path / "store").exists()


def test_on_error_stop_ends_the_run_and_names_the_clip(dataset, tmp_path):
    with pytest.raises(MelgridError, match=r"(low/words|high/nothing)\.wav.*: (undecodable|empty)"):
        run(dataset, LogMel(n_mels=40), tmp_path / "store", on_error="stop", **OPTIONS)
    assert not [p for p in (tmp_path / "store").rglob("*") if ".tmp" in p.name]
    assert run(dataset, LogMel(n_mels=40), tmp_path / "store", **OPTIONS).failed == 2


def test_on_error_stop_passes_over_what_is_known_to_be_bad(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    bad = ["low/words.wav", "high/nothing.wav"]
    good = sorted(str(p.relative_to(corpus)) for p in corpus.rglob("clip*.wav"))
    rows = [f"{path},{'broken' if path in bad else ''}" for path in good + bad]
    (tmp_path / "corpus" / "clips.csv").write_text("\n".join(["path,known_bad", *rows, ""]))
    dataset = datasets.load("folder", tmp_path / "corpus", table="clips.csv")
    summary = run(dataset, LogMel(n_mels=40), tmp_path / "store", on_error="stop", **OPTIONS)
    assert (summary.failed, summary.reasons) == (2, {"known_bad": 2})


def test_a_changed_source_file_is_noticed(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    dataset = datasets.load("folder", tmp_path / "corpus")
    run(dataset, LogMel(n_mels=40), tmp_path / "store", **OPTIONS)
    soundfile.write(tmp_path / "corpus/low/clip00.wav", np.full(9000, 0.2), 22050)
    with pytest.raises(MismatchError, match=r"low/clip00\.wav .* has changed since this store was made"):
        run(dataset, LogMel(n_mels=32), tmp_path / "store", **OPTIONS)
    assert run(dataset, LogMel(n_mels=32), tmp_path / "store", allow_mixed=True, **OPTIONS).features


def whole(store):
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and "runs" not in path.parts
    }


def test_failed_clips_are_tried_again_in_new_generations(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    dataset = datasets.load("folder", tmp_path / "corpus")
    store = tmp_path / "store"
    features = [LogMel(n_mels=40), LogMel(n_mels=32)]
    assert run(dataset, features, store, **OPTIONS).failed == 2
    before = whole(store)
    hopeless = run(dataset, features, store, retry=True, **OPTIONS)
    assert (hopeless.failed, hopeless.recovered, hopeless.features) == (2, 0, [])
    assert whole(store) == before

    sound = np.full(9000, 0.2)
    soundfile.write(tmp_path / "corpus/low/words.wav", sound, 22050)
    assert run(dataset, features, store, **OPTIONS).recovered == 0  # only when asked for
    summary = run(dataset, features, store, retry=True, **OPTIONS)
    assert (summary.failed, summary.recovered, len(summary.features)) == (1, 1, 2)
    assert "1 clip that had failed now have features" in summary_text(summary)
    (clip,) = [c for c, path in melgrid.open_store(store).clips[["clip_id", "path"]].to_numpy() if "words" in path]
    for fs in melgrid.open_store(store):
        expected = melgrid.compute(fs.feature, sound[:, None].astype(np.float32)[:, 0], 22050)
        np.testing.assert_allclose(fs[clip], fs.cast(expected), atol=0.1)
        names = sorted(path.name for path in (store / fs.id).glob("shard-*"))
        assert sum("-r1.h5" in name for name in names) == 1
        assert len(names) == len(fs.record.shards)  # the old generation has gone
    assert melgrid.store.verify(store, deep=True) == []

    # all other shards, and what a run over the mended corpus would write but for the name, are unchanged
    fresh = tmp_path / "fresh"
    run(dataset, features, fresh, **OPTIONS)
    renamed = {name.replace("-r1.h5", ".h5"): data for name, data in whole(store).items() if "shard-" in name}
    assert renamed == {name: data for name, data in whole(fresh).items() if "shard-" in name}
    assert whole(store)["clips.parquet"] == whole(fresh)["clips.parquet"]


def test_trying_again_loses_no_clip_that_worked(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    dataset = datasets.load("folder", tmp_path / "corpus")
    store = tmp_path / "store"
    run(dataset, LogMel(n_mels=40), store, **OPTIONS)
    soundfile.write(tmp_path / "corpus/low/words.wav", np.full(9000, 0.2), 22050)
    before = whole(store)
    table = melgrid.open_store(store).clips
    shard = table.loc[table["path"] == "low/words.wav", "shard"].item()
    lost = table[(table["shard"] == shard) & (table["status"] == "ok")]["path"].iloc[0]
    (tmp_path / "corpus" / lost).write_bytes(b"")
    with pytest.raises(MelgridError, match=r"has features in the store, but gives none now \(empty"):
        run(dataset, LogMel(n_mels=40), store, retry=True, **OPTIONS)
    assert whole(store) == before
    assert melgrid.store.verify(store, deep=True) == []


def test_two_runs_on_one_store_do_not_mix(reference, dataset, monkeypatch):
    from melgrid.store import lock

    closed = []
    monkeypatch.setattr(Threads, "close", lambda self: closed.append(self))
    with lock(reference[0]), pytest.raises(StoreError, match=r"is being written by process \d+"):
        run(dataset, LogMel(n_mels=20), reference[0], **OPTIONS)
    with lock(reference[0]), pytest.raises(StoreError, match=r"is being written by process \d+"):
        add_clips(dataset, reference[0], **OPTIONS)
    assert len(closed) == 2  # nor does a cluster go on that was started for nothing


def test_other_versions_are_refused(reference, dataset, monkeypatch):
    monkeypatch.setattr(versions, "__version__", "9.9")  # a release as such changes no number
    run(dataset, GRID, reference[0], **OPTIONS)
    monkeypatch.setattr(versions, "decoder_version", lambda: "0.9")
    with pytest.raises(MismatchError, match=r"versions\.decoder: store has .* this run 'libsndfile 0\.9'"):
        run(dataset, LogMel(n_mels=20), reference[0], **OPTIONS)


def test_native_rate(tmp_path, dataset):
    root = tmp_path / "corpus" / "a"
    root.mkdir(parents=True)
    for number in range(3):
        soundfile.write(root / f"{number}.wav", np.full(4000, 0.1), 11025)
    one_rate = datasets.load("folder", tmp_path / "corpus")
    run(one_rate, Grid.from_shorthand(["logmel sr=native n_mels=20"]), tmp_path / "store", **OPTIONS)
    assert melgrid.open_store(tmp_path / "store")[0].feature.sr == 11025
    with pytest.raises(ParameterError, match="do not share one rate"):
        run(dataset, Grid.from_shorthand(["logmel sr=native n_mels=20"]), tmp_path / "other", **OPTIONS)


def test_the_forecast_is_what_is_written(reference, dataset, tmp_path):
    path, _ = reference
    coming, plan = prepare(dataset, GRID, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    assert coming.clips == 24
    assert coming.low <= coming.high
    frames = sum(fs.lengths.sum() * fs.feature.bins * 2 for fs in melgrid.open_store(path))
    assert coming.low <= frames * 1.1
    assert frames <= coming.high * 1.1
    text = forecast_text(coming, plan)
    assert all(feature.id in text for feature in GRID)
    again, nothing = prepare(dataset, GRID, path)
    assert nothing is None
    assert again.low == again.high == 0
    assert "in the store" in forecast_text(again, nothing)


def test_the_forecast_tells_the_frames_of_the_median_clip(dataset, tmp_path):
    known = dataset.clips.assign(seconds=[0.25] * 5 + [0.5] * 14 + [9.0] * 5)
    coming, plan = prepare(replace(dataset, clips=known, nominal_seconds=4.0), GRID, tmp_path / "store")
    assert coming.median_seconds == 0.5
    assert [row.frames for row in coming.features] == [num_frames(feature, 11025) for feature in tuple(GRID)]
    assert "frames x bins: of a clip of 0.5 s" in forecast_text(coming, plan)


def test_what_a_run_would_refuse_is_refused_before_a_forecast(reference, dataset, corpus, tmp_path, monkeypatch):
    path, _ = reference
    before = digests(path)
    with pytest.raises(MismatchError, match="made of other clips"):
        prepare(dataset, GRID, path, limit=5)
    with pytest.raises(MismatchError, match="dataset: store has 'folder', this run 'other'"):
        prepare(replace(dataset, name="other"), GRID, path)
    few = run(datasets.load("folder", corpus), GRID, tmp_path / "few", limit=3, **OPTIONS)
    with pytest.raises(MismatchError, match="melgrid add-clips adds them"):
        prepare(dataset, GRID, few.store)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(MismatchError, match=r"other files in it \(thesis\.tex\)"):
        prepare(dataset, GRID, tmp_path / "home")
    monkeypatch.setattr(versions, "ENGINE", "of tomorrow")
    with pytest.raises(MismatchError, match=r"versions\.engine"):
        prepare(dataset, GRID, path)
    coming, _ = prepare(dataset, GRID, path, allow_mixed=True)
    assert all(row.done for row in coming.features)
    assert digests(path) == before


def test_an_interrupted_run_says_what_is_kept(reference, tmp_path):
    assert kept_text(tmp_path / "nowhere", tuple(GRID)) == "kept: nothing yet, only finished shards are"
    store = tmp_path / "store"
    shutil.copytree(reference[0], store)
    clips = melgrid.open_store(store).clips
    shards = sorted(set(clips["shard"]))
    assert kept_text(store, tuple(GRID)) == f"kept: {len(shards)} of {len(shards)} shards, with 24 clips"
    (store / tuple(GRID)[1].id / "shard-00000.h5").unlink()  # a shard counts when all features have it
    left = (clips["shard"] > 0).sum()
    assert kept_text(store, tuple(GRID)) == f"kept: {len(shards) - 1} of {len(shards)} shards, with {left} clips"


def test_runs_leave_a_log_with_times_and_failures(reference):
    (log,) = (reference[0] / "runs").glob("*.json")
    record = json.loads(log.read_text())
    assert {f["path"] for f in record["failures"]} == {"low/words.wav", "high/nothing.wav"}
    assert list(record["stage_seconds"]) == ["read", "decode", "resample", "spectrum", "bands", "write"]
    assert set(record["feature_seconds"]) == {feature.id for feature in GRID}
    # publishing is shared out, too, and so is what several features have in common
    assert sum(record["feature_seconds"].values()) == pytest.approx(sum(record["stage_seconds"].values()))


def test_limits_have_sensible_defaults():
    assert Limits().audio_seconds == 3 * 3600
    assert Limits().clip_seconds >= 60
    assert Limits().memory_bytes >= 1 << 30
