"""What is installed is what was built: wheel and sdist, with and without TensorFlow, newest and oldest dependencies.

``python -m soak.packages [PYTHON]...``: interpreters to try beside this one, the newest that TensorFlow has builds for
among them. Needs 5 GB of disk and a package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
GRID = ("--feature", "logmel n_fft=512,1024 n_mels=40", "--feature", "cqt", "--quiet")
ROOMS = [f"tests/{room}" for room in ("params", "transforms", "datasets", "preprocess", "store", "loaders")]

MAKE_CORPUS = """
import sys
from pathlib import Path
from melgrid.datasets import miniature
miniature.gtzan(Path(sys.argv[1]), clips=20)
"""
READ = """
import importlib.util, sys
import melgrid
from melgrid.loaders import NumpyLoader
features = melgrid.open_store(sys.argv[1]).find(kind="cqt")
train, test = features.split(train=0.5, test=0.5, seed=0)
assert len(train) and len(test)
batches = NumpyLoader(train, batch_size=4, crop_frames=16)
assert all(batch["x"].shape[1:] == (16, 84) for batch in batches)
assert (importlib.util.find_spec("tensorflow") is not None) == (sys.argv[2] == "tensorflow")
"""


def build(folder: Path, python: Path) -> tuple[Path, Path]:
    """Make wheel and sdist, check what they hold; return their paths."""
    for which, source in (("--sdist", ROOT), ("--wheel", ROOT)):
        subprocess.run([python, "-m", "build", which, "-o", folder, source], check=True, stdout=subprocess.DEVNULL)
    wheel, sdist = next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))
    subprocess.run([python, "-m", "twine", "check", "--strict", wheel, sdist], check=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    subprocess.run(
        [python, "-m", "build", "--wheel", "-o", folder / "again", source], check=True, stdout=subprocess.DEVNULL
    )
    assert (folder / "again" / wheel.name).read_bytes() == wheel.read_bytes(), "the sdist builds another wheel"
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (file for file in (ROOT / "melgrid").rglob("*") if file.is_file() and file.parent.name != "__pycache__")
    assert held == {file.relative_to(ROOT).as_posix() for file in files}, "the wheel is not the package"
    return wheel, sdist


def install(python: Path, *requirements: str) -> None:
    """Install packages, exactly these and what they need."""
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)


def environment(folder: Path, python: str | Path, *requirements: str) -> Path:
    """Make a virtual environment with just these packages, in the place of an earlier one; return its interpreter."""
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    own = folder / "bin" / "python"
    install(own, *requirements)
    return own


def use(python: Path, folder: Path, *, tensorflow: bool) -> None:
    """Do what a user does, with what is installed; the working folder is not the repository."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def run(*command: str) -> None:
        subprocess.run([python, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run("-c", MAKE_CORPUS, "corpus")
    run("-m", "melgrid", "--version")
    run("-m", "melgrid", "preprocess", "gtzan", "--root", "corpus", "--store", "store", "--max-bad", "1", *GRID)
    run("-m", "melgrid", "inspect", "store")
    run("-m", "melgrid", "verify", "store", "--deep")
    run("-m", "melgrid", "report", "store", "-o", "report.html")
    run("-c", READ, "store", "tensorflow" if tensorflow else "alone")
    if tensorflow:
        run("-m", "melgrid", "demo", "demo")


def run_tests(python: Path, sdist: Path, folder: Path, *options: str) -> None:
    """Run the sdist's tests on what is installed: the sdist's own package is put away."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    shutil.rmtree(source / "melgrid")
    subprocess.run([python, "-m", "pytest", "-q", *options, *ROOMS], cwd=source, check=True)


def oldest() -> list[str]:
    """Every dependency of a user, extras included, at the lowest version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = list(project["dependencies"])
    for extra in ("tensorflow", "dask", "export", "huggingface"):  # mkl needs a younger NumPy than TensorFlow's oldest
        bounds += project["optional-dependencies"][extra]
    return [bound.replace(">=", "==") for bound in bounds]


def main(*pythons: str) -> None:
    """Build, install and use melgrid in every way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PIP_NO_CACHE_DIR"] = "1"
        os.environ.pop("PYTHONPATH", None)  # or the repository could be used in place of what is installed
        wheel, sdist = build(folder / "dist", environment(folder / "builder", sys.executable, "build", "twine"))
        print(f"{wheel.name}, {sdist.name}: whole, and the same wheel from both", flush=True)
        place, work = folder / "environment", folder / "work"
        for python in (sys.executable, *pythons):
            for built in (wheel, sdist):
                use(environment(place, python, str(built)), work, tensorflow=False)
                print(f"{python}: {built.name} without TensorFlow: works", flush=True)
            own = environment(place, python, f"{wheel}[tensorflow]")
            use(own, work, tensorflow=True)
            print(f"{python}: {wheel.name} with TensorFlow: works", flush=True)
            install(own, f"{wheel}[dev]")
            subprocess.run([own, "-m", "pip", "list", "--format", "freeze"], check=True)
            run_tests(own, sdist, work)
            print(f"{python}: tests pass with the newest dependencies", flush=True)
        own = environment(place, sys.executable, *oldest(), "hypothesis", "pytest", "pytest-timeout")
        install(own, "--no-deps", str(wheel))
        use(own, work, tensorflow=True)
        run_tests(own, sdist, work, "-W", "ignore")  # warnings of old releases are theirs
        print("tests pass with the oldest dependencies:", ", ".join(oldest()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
