"""The examples run on a miniature, print what they measured and on which clips, and learn where that takes seconds."""

import os
import re
import runpy
import sys
from pathlib import Path

import pytest

from melgrid import Cqt, LogMel, datasets, open_store, preprocess
from melgrid.datasets import miniature
from melgrid.params import recipe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported

EXAMPLES = Path(__file__).parents[1] / "examples"
CLIPS = 100
CHANCE = 0.1
FEATURES = [
    *recipe("choi2017_compact").grid,
    LogMel(sr=44100, n_fft=2048, hop_length=1024, n_mels=128),
    LogMel(sr=22050, n_fft=512, hop_length=256, n_mels=40),
    LogMel(sr=22050, n_fft=1024, hop_length=512, n_mels=64),
    Cqt(sr=22050, hop_length=256, n_bins=80, output="log", ref="max"),
]
LINE = re.compile(r"^(\w+): (.+) on \d+ test clips \(fold 10\) of urbansound8k, 10 classes; [\w.-]+$", re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when saving


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder as `melgrid demo` leaves it, with everything that the examples want, made in one run."""
    folder = tmp_path_factory.mktemp("demo")
    root = miniature.urbansound8k(folder / "corpus", clips=CLIPS, faults=False)
    preprocess.run(datasets.load("urbansound8k", root), FEATURES, folder / "store", progress=False)
    return folder


@pytest.fixture(scope="module")
def few_clips(tmp_path_factory):
    """The same for networks that need seconds a clip."""
    folder = tmp_path_factory.mktemp("few")
    root = miniature.urbansound8k(folder / "corpus", clips=40, faults=False)
    grid = recipe("choi2016_tagger_power").grid
    preprocess.run(datasets.load("urbansound8k", root), grid, folder / "store", progress=False)
    return folder


def run(name, corpus, monkeypatch, capsys, *arguments):
    """Run an example as its reader would; return its metrics."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    words = ["--root", corpus / "corpus", "--store", corpus / "store", *arguments]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    (found,) = LINE.findall(capsys.readouterr().out)
    assert found[0] == name
    return {key: float(value) for key, _, value in (metric.rpartition(" ") for metric in found[1].split(", "))}


def test_every_example_is_tested():
    text = Path(__file__).read_text("utf-8")
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"corpus"}
    assert len(names) == 9
    assert all(f'"{name}"' in text for name in names)


@pytest.mark.parametrize("name", ["choi_cnn", "choi_crnn"])
def test_large_networks_run(name, few_clips, monkeypatch, capsys):
    metrics = run(name, few_clips, monkeypatch, capsys, "--epochs", 1, "--steps", 1, "--batch-size", 2)
    assert metrics.keys() == {"accuracy", "ROC-AUC"}
    assert all(0 <= value <= 1 for value in metrics.values())


@pytest.mark.parametrize("name", ["parallel_cnn", "urbansound8k_cnn"])
def test_networks_of_crops_run(name, corpus, monkeypatch, capsys):
    metrics = run(name, corpus, monkeypatch, capsys, "--epochs", 1, "--steps", 2, "--batch-size", 2)
    assert metrics.keys() == {"accuracy", "ROC-AUC"}
    assert all(0 <= value <= 1 for value in metrics.values())


def test_music_speech_learns(corpus, monkeypatch, capsys):
    assert run("music_speech", corpus, monkeypatch, capsys, "--epochs", 6)["accuracy"] > 2 * CHANCE


def test_siamese_learns(corpus, monkeypatch, capsys):
    metrics = run("siamese", corpus, monkeypatch, capsys, "--epochs", 6)
    assert metrics["ROC-AUC of pairs"] > 0.6
    assert metrics["accuracy of the nearest"] > 2 * CHANCE


def test_random_features_tell_classes_apart(corpus, monkeypatch, capsys):
    assert run("random_features", corpus, monkeypatch, capsys)["accuracy"] > 2 * CHANCE
    derived = open_store(corpus / "store").find(kind="derived", parent=FEATURES[3].id)
    assert (len(derived), set(derived.lengths.tolist()), derived.feature.bins) == (CLIPS, {1}, 160)


def test_a_compact_cnn_is_saved_and_transferred(corpus, monkeypatch, capsys):
    model = corpus / "compact.keras"
    run("compact_cnn", corpus, monkeypatch, capsys, "--epochs", 1, "--steps", 4, "--save", model)
    assert run("transfer_features", corpus, monkeypatch, capsys, "--model", model)["accuracy"] > 2 * CHANCE


def test_the_same_scripts_take_other_corpora(tmp_path, monkeypatch, capsys):
    """A folder with a table: four classes, groups and no official split."""
    corpus = datasets.load(
        "urbansound8k", miniature.urbansound8k(tmp_path / "corpus", clips=80, seconds=2.0, faults=False)
    )
    root, table = corpus.root, corpus.clips[["path", "label", "group"]]
    table[table["label"].isin(corpus.classes[:4])].to_csv(root / "table.csv", index=False)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    words = ["--dataset", "folder", "--root", root, "--set", "table=table.csv", "--store", tmp_path / "store"]
    monkeypatch.setattr(sys, "argv", ["random_features.py", *map(str, words)])
    runpy.run_path(str(EXAMPLES / "random_features.py"), run_name="__main__")
    assert "test clips (groups of their own) of folder, 4 classes" in capsys.readouterr().out
