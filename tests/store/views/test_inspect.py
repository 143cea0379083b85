import json

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.store.views import inspect
from melgrid.store.views.summary_text import size, span


@pytest.fixture
def toy(make_toy, features):
    return make_toy(features=[features["float16"], features["complex"]])


def test_a_store_in_figures(toy):
    summary = inspect.store_summary(toy.path)
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["clips"], summary["ok"], summary["failed"]) == (20, 19, 1)
    assert summary["reasons"] == {"undecodable": 1}
    assert summary["labels"] == {"cat": 7, "dog": 7, "owl": 6}
    assert [facts["id"] for facts in summary["features"]] == list(toy.store.ids)
    sizes = [sum(p.stat().st_size for p in (toy.path / i).glob("shard*")) for i in toy.store.ids]
    assert summary["bytes"] == sum(sizes)


def test_what_an_interrupted_run_has_done(toy, make_toy, features):
    assert inspect.store_summary(toy.path)["unfinished"] == {}
    toy = make_toy(name="other", features=[])
    assert inspect.store_text(inspect.store_summary(toy.path)).endswith("no feature sets yet")
    feature = features["float32"]
    toy.write(feature)
    (toy.path / feature.id / "shard-00001.h5").unlink()
    summary = inspect.store_summary(toy.path)
    assert summary["unfinished"] == {feature.id: 12}  # shards of 8, 8 and 4
    text = " ".join(inspect.store_text(summary).split())
    assert f"{feature.id} 12 of 20" in text
    assert text.endswith("computes only what is missing of these.")


def test_a_feature_set_in_figures(toy, features):
    fs = toy.store[features["float16"].id]
    summary = inspect.feature_summary(toy.store, fs.id)
    assert json.loads(json.dumps(summary)) == summary
    frames = np.concatenate([fs[c] for c in fs]).astype(float)
    assert summary["frames"] == len(frames)
    assert (summary["shortest"], summary["longest"]) == (1, 5)
    assert summary["mean"] == pytest.approx(frames.mean())
    assert summary["std"] == pytest.approx(frames.std())
    worst = max(np.abs(fs[c] - toy.values[fs.id, c]).max() for c in fs)
    assert summary["worst_error"] == pytest.approx(float(worst))
    assert inspect.feature_summary(toy.path, features["complex"].id)["mean"] is None
    assert inspect.feature_summary(toy.path, "logmel") == summary
    with pytest.raises(ParameterError, match="no feature set 'logmal'"):
        inspect.feature_summary(toy.path, "logmal")


def test_figures_of_a_feature_set_are_of_variants_as_well(make_toy, features):
    parents = [None if i < 3 else f"clip-{i % 3}" for i in range(9)]
    toy = make_toy(clips=9, columns={"parent": parents}, failing=())
    fs = toy.store[0]
    frames = np.concatenate([fs[c] for c in fs]).astype(float)
    summary = inspect.feature_summary(toy.store, fs.id)
    assert (summary["clips"], summary["frames"]) == (9, len(frames))
    assert summary["mean"] == pytest.approx(frames.mean())


def test_failures_are_listed_with_their_reasons(toy, features):
    expected = [{"clip_id": "clip-3", "path": "audio/ü 3.wav", "code": "undecodable", "words": "no sync"}]
    assert inspect.failures(toy.path) == expected
    toy.add(features["float32"], failing=("clip-3", "clip-7"))
    assert inspect.failures(toy.path) == expected
    for text in (features["float32"].id, "mel-"):
        assert {f["clip_id"] for f in inspect.failures(toy.path, text)} == {"clip-3", "clip-7"}


def test_texts_have_the_figures(toy, features):
    text = inspect.store_text(inspect.store_summary(toy.path))
    assert "20, of which 1 failed (undecodable 1)" in text
    assert all(feature_id in text for feature_id in toy.store.ids)
    text = inspect.feature_text(inspect.feature_summary(toy.path, features["complex"].id))
    assert "(frames, 9, 2) float32" in text
    assert "clip-3" in inspect.failures_text(inspect.failures(toy.path))
    assert inspect.failures_text([]) == "no clip failed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (size(999), "999 B"),
        (size(999_700), "1 MB"),
        (size(1_400_000_000), "1.4 GB"),
        (span(0.25), "0.25 s"),
        (span(1800), "30 min"),
        (span(3600 * 888), "888 h"),
        (span(3600 * 12_345.6), "12,346 h"),
    ],
)
def test_figures_have_no_exponents(text, expected):
    assert text == expected


def test_the_corpus_in_figures(toy):
    summary = inspect.store_summary(toy.path)
    assert summary["formats"] == [{"sr": 44100, "channels": 2, "clips": 20}]
    assert summary["durations"]["median"] == pytest.approx(200 / 44100)
    fold = summary["balance"]["fold"]["1"]
    assert (fold["clips"], sum(fold["labels"].values())) == (5, 5)


def test_texts_fit_a_terminal(toy, features):
    toy.add(features["channels"])
    texts = [
        inspect.store_text(inspect.store_summary(toy.path) | {"path": "store"}),
        *(inspect.feature_text(inspect.feature_summary(toy.path, name)) for name in toy.store.ids),
        inspect.failures_text([{"clip_id": "a", "path": "b", "code": "undecodable", "words": "so many words " * 20}]),
    ]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
    assert "class, fold  1  2  3  4  all" in texts[0]
    assert "20 of 44100 Hz, 2 ch" in texts[0]


def test_failures_are_gathered_by_reason():
    found = [
        {"clip_id": name, "path": name, "code": code, "words": "x"}
        for name, code in (("a", "empty"), ("b", "missing"), ("c", "empty"))
    ]
    assert inspect.failures_text(found).splitlines() == ["empty: 2", "  a: x", "  c: x", "missing: 1", "  b: x"]


def test_a_store_without_features_has_a_text(make_toy):
    toy = make_toy(features=[], task="none", classes=())
    assert "no feature sets yet" in inspect.store_text(inspect.store_summary(toy.path))


def test_mixed_versions_are_shown(toy, features):
    from melgrid.store import Manifest

    toy.about = toy.about.model_copy(update={"versions": {"fft": "2"}})
    Manifest.load(toy.path).add_feature_set(features["waveform"], toy.write(features["waveform"]), toy.about)
    summary = inspect.feature_summary(toy.path, features["waveform"].id)
    assert summary["mixed"] == {"versions": {"fft": "2"}}
    assert "fft=2" in inspect.feature_text(summary)
    assert "(mixed)" in inspect.store_text(inspect.store_summary(toy.path))


def test_an_empty_feature_set_has_figures(make_toy, features):
    toy = make_toy(frames=lambda i: 0)
    summary = inspect.feature_summary(toy.path, features["float16"].id)
    assert (summary["frames"], summary["mean"], summary["longest"]) == (0, None, 0)
    inspect.feature_text(summary)
