"""The documents do what they say: commands and examples run on a miniature, and the format page leaves nothing out."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import pyarrow.parquet as pq
import pytest

from melgrid.datasets import miniature

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- not run -->"  # on the line above a block
BLOCK = re.compile(rf"^({NOT_RUN}\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MELGRID = [sys.executable, "-m", "melgrid"]


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    language: str
    text: str
    line: int  # of its first line in the document
    runs: bool


def blocks(path):
    text = path.read_text("utf-8")
    for match in BLOCK.finditer(text):
        skipped, language, content = match.groups()
        yield Block(language, content, text.count("\n", 0, match.start(3)) + 1, runs=skipped is None)


def commands(block):
    """Commands of a shell block that begins with melgrid, one list of words each."""
    if block.language != "sh" or not block.runs or not block.text.startswith("melgrid "):
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            assert words[0] == "melgrid", f"line {block.line}: {line}"
            yield words


def melgrid(words, folder):
    done = subprocess.run([*MELGRID, *words[1:]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A small UrbanSound8K, and the store that the README's own commands make of it."""
    folder = tmp_path_factory.mktemp("docs")
    miniature.urbansound8k(folder / "UrbanSound8K", clips=40, faults=False)
    for block in blocks(ROOT / "README.md"):
        for words in commands(block):
            melgrid(words, folder)
    return folder


@pytest.fixture
def folder(home, tmp_path):
    """The same, for one document to write to."""
    (tmp_path / "UrbanSound8K").symlink_to(home / "UrbanSound8K")
    (tmp_path / "features").symlink_to(home / "features")
    return tmp_path


def classifier():
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


WITHOUT_EXAMPLES = {"parity.md", "reliability.md"}  # tables of measurements and of promises


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run_in_order(path, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {"__name__": "example", "root": Path("UrbanSound8K"), "model": classifier()}
    ran, trains, printed = 0, False, None
    for block in blocks(path):
        if block.language == "toml":
            Path("grid.toml").write_text(block.text, "utf-8")
        elif block.language == "text" and printed is not None:
            assert same_output(printed, block.text), f"line {block.line}: {printed}"
        elif block.language == "python" and block.runs:
            code = "\n" * (block.line - 1) + block.text  # tracebacks then name the document's lines
            exec(compile(code, str(path), "exec"), names)
            ran += 1
            trains |= "model.fit(" in block.text
        lines = [] if path.name == "README.md" else list(commands(block))  # `home` has run those of the README
        printed = "".join(melgrid(words, folder) for words in lines) if lines else None
        ran += len(lines)
    assert ran or path.name in WITHOUT_EXAMPLES, f"{path.name}: nothing in it runs"
    if trains:
        assert int(names["model"].optimizer.iterations) == len(names["batches"]) > 0  # one epoch, every batch


def same_output(printed, shown):
    """Compare all lines but those about this machine's disk and speed."""
    mine, theirs = ([line for line in text.splitlines() if "free: " not in line] for text in (printed, shown))
    return mine == theirs


def test_the_readme_normalises_by_the_training_clips(folder, monkeypatch):
    import numpy as np

    monkeypatch.chdir(folder)
    names = {"model": classifier()}
    for block in blocks(ROOT / "README.md"):
        if block.language == "python":
            exec(block.text, names)
    features, train = names["features"], names["train"]
    frames = np.concatenate([features[clip_id] for clip_id in train.clip_ids])
    normal = np.asarray(names["layer"](frames[None, :, :, None]))[0, :, :, 0]
    np.testing.assert_allclose(normal.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(normal.std(axis=0), 1, atol=2e-3)


def test_the_format_page_names_everything_in_a_store(folder):
    page = (ROOT / "docs" / "format.md").read_text("utf-8")
    named = {word for quoted in re.findall(r"`([^`\n]+)`", page) for word in re.findall(r"\w+", quoted)}
    kinds = ["logmel n_mels=20 dtype=uint8 range_db=-80:0", "stft n_fft=256 output=complex mono=false channels=2"]
    melgrid(
        ["melgrid", "preprocess", "urbansound8k", "--root", "UrbanSound8K", "--store", "all", "--limit", "8", "--quiet",
         "--feature", kinds[0], "--feature", kinds[1]],
        folder,
    )  # fmt: skip
    store = folder / "all"
    found = set(pq.read_schema(store / "clips.parquet").names)
    manifest = json.loads((store / "store.json").read_bytes())
    found |= manifest.keys() | manifest["about"].keys() | manifest["about"]["versions"].keys()
    for path in store.glob("*/feature.json"):
        record = json.loads(path.read_bytes())
        found |= record.keys() | record["shards"][0].keys()

    def note(name, thing):
        found.update([*name.split("/"), *thing.attrs])

    for path in store.glob("*/*.h5"):
        with h5py.File(path) as file:
            found.update(file.attrs)
            file.visititems(note)
    assert {"scale_factor", "channel", "part", "shards_expected", "m2", "native_frames", "sha256"} <= found
    assert not found - named


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target
