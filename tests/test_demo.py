"""The demo on a smaller scale: everything once, and better than chance on a fold that was never seen."""

import csv
import sys

import pytest

from melgrid import demo, open_store
from melgrid.errors import MelgridError, ParameterError
from melgrid.params import Grid
from melgrid.store.compare.settings import telling

GRID = """\
[[features]]
kind = "logmel"
sr = 22050
n_fft = 1024
hop_length = [256, 512]
n_mels = 64
"""


def test_the_demo_learns_and_can_be_repeated(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(demo, "CLIPS", 150)
    monkeypatch.setattr(demo, "EPOCHS", 8)
    monkeypatch.setattr(demo, "GRID", GRID)
    folder = tmp_path / "demo"
    accuracy = demo.run_demo(folder, jobs=2)
    assert accuracy > 0.3  # chance: 0.1
    store = open_store(folder / "store")
    rows = list(csv.DictReader((folder / "results.csv").read_text("utf-8").splitlines()))
    assert {row["feature"] for row in rows} == set(store.ids)
    out, err = capfd.readouterr()
    assert "fold 10, never looked at before" in out
    assert "150 of 150 clips" in err
    best = max(rows, key=lambda row: float(row["accuracy"]))["feature"]
    assert f"  {best}\n" in out
    assert "effect of hop_length: 1 matched group" in out
    assert "Which setting?" in (folder / "report.html").read_text("utf-8")
    monkeypatch.setattr(demo, "EPOCHS", 1)
    demo.run_demo(folder, jobs=1)
    assert "nothing to do: the store has all of it" in capfd.readouterr().out


def test_the_grid_has_two_values_of_two_parameters(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(demo.GRID)
    assert list(telling([f for f in Grid.from_toml(path) if f.kind == "logmel"])) == ["n_fft", "hop_length"]


@pytest.mark.parametrize("name", ["grid.toml", "results.csv", "report.html"])
def test_files_of_others_are_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ParameterError, match=f"has {name}, not from this demo; name another folder"):
        demo.run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_without_keras_nothing_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MelgridError, match=r"pip install 'melgrid\[tensorflow\]'"):
        demo.run_demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_keras_without_its_framework_is_told_in_the_same_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)  # importing it raises ImportError
    with pytest.raises(MelgridError, match=r"pip install 'melgrid\[tensorflow\]'"):
        demo._train(None)
