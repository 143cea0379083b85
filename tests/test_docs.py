"""The documents do what they say: commands and examples run on a miniature, and what they list is what there is."""

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import pyarrow.parquet as pq
import pytest

from melgrid.cli import main
from melgrid.datasets import miniature

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- not run -->"  # on the line above a block
BLOCK = re.compile(rf"^({NOT_RUN}\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MELGRID = [sys.executable, "-m", "melgrid"]
# What runs the blocks of other languages, where it is installed with what the examples need.
OTHERS = {"r": ["Rscript", "-"], "octave": ["octave", "--no-gui", "--quiet"]}
R_NEEDS = 'quit(status = !all(c("rhdf5", "hdf5r") %in% rownames(installed.packages())))'


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
    """Run a command as a process of its own."""
    done = subprocess.run([*MELGRID, *words[1:]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"


def quickly(words):
    """Run a command in this process and folder: a second less each; test_cli.py has the processes."""
    words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("default")
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0, f"{shlex.join(words)}\n{err.getvalue()}"
    if target:
        Path(target).write_text(out.getvalue(), "utf-8")
    return out.getvalue()


def has(language):
    program = OTHERS[language][0]
    if shutil.which(program) is None:
        return False
    return language != "r" or subprocess.run([program, "-e", R_NEEDS], check=False).returncode == 0


def run_elsewhere(block, folder):
    done = subprocess.run(
        OTHERS[block.language], input=block.text, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"line {block.line}: {done.stderr}"
    assert done.stdout, f"line {block.line}: prints nothing"


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
    shutil.copytree(home / "features", tmp_path / "features", copy_function=os.link)  # files are replaced, not changed
    return tmp_path


def classifier():
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


# Tables, measurements, promises and words.
WITHOUT_EXAMPLES = {
    "benchmarks.md",
    "changes.md",
    "comparison.md",
    "contributing.md",
    "examples.md",
    "faq.md",
    "features.md",
    "parity.md",
    "recipes.md",
    "reliability.md",
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when saving
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run_in_order(path, folder, monkeypatch):
    monkeypatch.chdir(folder)
    if path.name == "cli.md":
        results(folder)
    names = {"__name__": "example", "root": Path("UrbanSound8K"), "model": classifier()}
    ran, trains, printed = 0, False, None
    for block in blocks(path):
        if block.language == "toml":
            Path("grid.toml").write_text(block.text, "utf-8")
        elif block.language == "text" and printed is not None:
            assert same_output(printed, block.text), f"line {block.line}: {printed}"
        elif block.language in OTHERS and block.runs and has(block.language):
            run_elsewhere(block, folder)
        elif block.language == "python" and block.runs:
            code = "\n" * (block.line - 1) + block.text  # tracebacks then name the document's lines
            exec(compile(code, str(path), "exec"), names)
            ran += 1
            trains |= "model.fit(" in block.text
        lines = [] if path.name == "README.md" else list(commands(block))  # `home` has run those of the README
        printed = "".join(map(quickly, lines)) if lines else None
        ran += len(lines)
    assert ran or path.name in WITHOUT_EXAMPLES, f"{path.name}: nothing in it runs"
    if trains:
        assert int(names["model"].optimizer.iterations) == len(names["batches"]) > 0  # one epoch, every batch


def results(folder):
    """Training results as melgrid compare reads them: a measure for each feature set."""
    ids = sorted(path.parent.name for path in folder.glob("features/*/feature.json"))
    (folder / "results.csv").write_text(
        "feature,accuracy\n" + "".join(f"{name},{0.5 + i / 100}\n" for i, name in enumerate(ids)), "utf-8"
    )


def same_output(printed, shown):
    """Compare all lines but those about this machine's disk and speed."""
    mine, theirs = ([line for line in text.splitlines() if "free: " not in line] for text in (printed, shown))
    return [re.sub(r" +\d+ %$", "", line) for line in mine] == [re.sub(r" +\d+ %$", "", line) for line in theirs]


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


def test_made_pages_are_current():
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generate)
    for name, text in generate.pages().items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"docs/{name}: run python docs/generate.py"


def test_every_command_has_an_example_in_the_reference():
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for section in page.split("\n## melgrid ")[1:]:
        name = section.split("\n", 1)[0]
        assert f"```sh\nmelgrid {name}" in section


def test_the_shell_completes_commands_options_and_names():
    asks = {
        "melgrid pre": "preprocess",
        "melgrid preprocess --dry": "--dry-run",
        "melgrid preprocess urb": "urbansound8k",
        "melgrid preprocess fma --recipe musi": "musicnn",
    }
    program = "import sys; sys.argv[0] = 'melgrid'; from melgrid.cli import main; main()"
    for words, answer in asks.items():
        wanted = {"_MELGRID_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | wanted, capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == [answer]


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r"^[\w-]+$", (ROOT / "docs" / "index.md").read_text("utf-8"), re.MULTILINE))
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"} == listed


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
