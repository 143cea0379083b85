"""The demo on a smaller scale: everything once, and better than chance on a fold that was never seen."""

from melgrid import demo, open_store


def test_the_demo_learns_and_can_be_repeated(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(demo, "CLIPS", 150)
    monkeypatch.setattr(demo, "EPOCHS", 10)
    accuracy = demo.run_demo(tmp_path / "demo", jobs=2)
    assert accuracy > 0.3  # chance: 0.1
    store = open_store(tmp_path / "demo" / "store")
    assert sorted({fs.feature.kind for fs in store}) == ["cqt", "logmel", "stft"]
    assert len(store) == 10
    out, err = capfd.readouterr()
    assert "fold 10, never seen in training" in out
    assert "150/150" in err
    assert (tmp_path / "demo" / "grid.toml").exists()
    demo.run_demo(tmp_path / "demo", jobs=1)
    assert "nothing to do: the store has all of it" in capfd.readouterr().out
