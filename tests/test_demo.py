"""The demo on a smaller scale: everything once, and better than chance on a fold that was never seen."""

import csv

from melgrid import demo, open_store
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
