"""CONTRIBUTING's worked examples work: a copy of the repository gets their blocks, and their commands run there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import melgrid
from melgrid.datasets import miniature

ROOT = Path(__file__).parents[1]
PACKAGE = Path(melgrid.__file__).parent
# A paragraph that names a file last, and what becomes of that file.
BLOCK = re.compile(r"`([\w/]+\.py)`(?:(?!\n\n|\w\.py`).)*:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^Then\n\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(title):
    (found,) = re.findall(
        rf"^## {title}, worked through\n(.*?)(?=^## |\Z)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M | re.S
    )
    return found


def patched(text, diff):
    """Replace each hunk's lines, which must be there once, by what becomes of them."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines()
        assert all(line[:1] in {" ", "-", "+"} for line in lines), hunk
        before, after = ("\n".join(line[1:] for line in lines if line[0] in {" ", sign}) for sign in "-+")
        assert text.count(before) == 1, f"{text.count(before)} times in the file:\n{before}"
        text = text.replace(before, after)
    return text


def follow(page, folder):
    """Do in a copy of the repository what a section says; yield what each of its commands prints."""
    shutil.copytree(PACKAGE, folder / "melgrid")  # with what numba has compiled
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    applied = BLOCK.findall(page)
    assert len(applied) == len(re.findall("^```(?:python|diff)$", page, re.MULTILINE))
    for name, form, block in applied:
        file = folder / name
        assert file.exists() == (form == "diff"), name
        file.write_text(block if form == "python" else patched(file.read_text("utf-8"), block), "utf-8")
    (commands,) = COMMANDS.findall(page)
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        words = ["-m", "melgrid", *words] if program == "melgrid" else words
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        yield done.stdout


def test_the_new_corpus_is_found_conforms_and_is_preprocessed(tmp_path):
    page = section("A new corpus")
    corpus = miniature_esc50(page)(tmp_path / "ESC-50", clips=20, seconds=0.5)
    tests, about, _ = follow(page, tmp_path)
    assert int(re.search(r"(\d+) passed", tests)[1]) > 15
    assert "Piczak" in about
    assert re.search(r"clips +4 ", about)  # of the two classes that are in ESC-10
    store = melgrid.open_store(tmp_path / "features")
    assert len(store[0]) == 20 == len(list(corpus.glob("audio/*.wav")))
    assert store.about.splits == {"fold": (1, 2, 3, 4, 5)}


def miniature_esc50(page):
    """The look-alike's function, from its block."""
    source = next(block for name, _, block in BLOCK.findall(page) if "/miniature/esc50" in name)
    names = {}
    exec(compile(source, "esc50.py", "exec"), names)
    return names["esc50"]


def test_the_new_kind_agrees_with_librosa_shares_its_spectrum_and_is_drawn(tmp_path):
    miniature.folder(tmp_path / "clips", seconds=0.5)
    tests, plan, _, _ = follow(section("A new kind of feature"), tmp_path)
    assert int(re.search(r"(\d+) passed", tests)[1]) == 7
    assert "spectrum n_fft=2048 hop_length=512  (shared by 2 features)" in plan
    assert len(list(tmp_path.glob("features/rms-*/feature.json"))) == 2
    report = (tmp_path / "features-report.html").read_text("utf-8")
    assert {"Curve, rms window=hann", "Curve, rms window=boxcar"} <= set(re.findall(r"Curve, [^:]*", report))


@pytest.mark.parametrize("diff", ["-gone\n+new\n", " twice\n+new\n", "no sign\n"])
def test_a_hunk_that_does_not_fit_is_told(diff):
    with pytest.raises(AssertionError):
        patched("once\ntwice\ntwice\n", diff)
