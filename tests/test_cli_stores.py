"""The commands that change and copy stores, in this process: test_cli.py has what concerns processes."""

import json
import sys

import pytest

from melgrid.cli import main
from melgrid.datasets import miniature
from melgrid.store import Manifest, open_store


@pytest.fixture
def melgrid(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["melgrid", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return miniature.urbansound8k(tmp_path_factory.mktemp("us8k") / "UrbanSound8K", clips=20, faults=False)


def test_a_store_grows_is_copied_and_thinned_out(melgrid, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = ("urbansound8k", "--root", root, "--store", "s", "--quiet", "--jobs", "1")
    grid = ("--feature", "logmel n_mels=16,20 n_fft=512", "--augment", "gain db=-6 + noise snr_db=20")
    code, _, err = melgrid("preprocess", *corpus, *grid, "--limit", "8")
    assert (code, err) == (0, "")
    code, _, err = melgrid("preprocess", *corpus, *grid)
    assert code == 2
    assert "24 clips that the store was made without" in err
    assert "melgrid add-clips adds them" in err
    code, out, err = melgrid("add-clips", *corpus)
    assert (code, err) == (0, "")
    assert "24 clips joined the store" in out
    assert len(open_store("s").clips) == 40
    code, out, _ = melgrid("add-clips", *corpus)
    assert code == 0
    assert "nothing to do" in out

    one, other = open_store("s").ids
    code, out, _ = melgrid("export", "s", one, "--to", "webdataset", "--quiet")
    assert (code, out) == (0, f"{tmp_path / one}.webdataset\n")
    assert len(list((tmp_path / f"{one}.webdataset").glob("*.tar"))) == len(open_store("s")[0].record.shards)
    assert melgrid("export", "s", one, "--to", "webdataset", "--quiet")[0] == 2
    assert melgrid("export", "s", one, "--to", "webdatset", "-o", "x")[0] == 2
    code, _, err = melgrid("export", "s", one, "--to", "npz", "-o", "y")
    assert "40/40" in err

    code, _, err = melgrid("remove", "s", "logmel")
    assert code == 2
    assert "write more of the id" in err
    code, out, _ = melgrid("remove", "s", other)
    assert (code, out.split(",")[0]) == (0, f"removed {other}")
    code, out, _ = melgrid("remove", "s", "logmel", "--json")
    assert (code, json.loads(out)["feature"]) == (0, one)
    assert Manifest.load(tmp_path / "s").features == ()
    code, _, err = melgrid("add-clips", *corpus)
    assert code == 2
    assert "has no feature set" in err


def test_a_folder_that_cannot_be_a_store_is_refused(melgrid, root, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("words")
    for store, message in (("home", "has other files in it"), ("home/thesis.tex", "is a file")):
        code, out, err = melgrid(
            "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / store, "--feature", "logmel", "--quiet"
        )
        assert (code, out, message in err) == (2, "", True)
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]
    code, _, err = melgrid("add-clips", "urbansound8k", "--root", root, "--store", tmp_path / "none")
    assert (code, "does not exist" in err) == (2, True)
    for command in ("inspect", "verify", "report"):
        for name, message in (("none", "does not exist"), ("home/thesis.tex", "is a file")):
            code, _, err = melgrid(command, tmp_path / name)
            assert (code, message in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--augment", "reverb room=big"), "'reverb' is no effect"),
        (("--augment", "gain db=0"), "changes nothing"),
    ],
)
def test_a_wrong_augmentation_is_refused_before_anything_is_done(melgrid, tmp_path, words, message):
    code, _, err = melgrid(
        "preprocess", "folder", "--root", tmp_path / "no", "--store", tmp_path / "s", "--feature", "logmel", *words
    )
    assert code == 2
    assert message in err


def test_a_dry_run_counts_variants(melgrid, root, tmp_path):
    code, out, _ = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--dry-run",
        "--feature", "logmel", "--augment", "time_stretch rate=0.5,2",
    )  # fmt: skip
    assert code == 0
    assert out.startswith("60 clips")


@pytest.mark.parametrize("command", ["add-clips", "export", "remove"])
def test_help_has_an_example(melgrid, command):
    code, out, _ = melgrid(command, "--help")
    assert code == 0
    assert f"melgrid {command} " in out
