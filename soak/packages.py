"""What is installed is what was built: wheel and sdist, with and without TensorFlow, newest and oldest dependencies.

``python -m soak.packages [PYTHON]...``: interpreters to try beside this one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
GRID = ("--feature", "logmel n_fft=512,1024 n_mels=40", "--feature", "cqt", "--quiet")

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


def environment(folder: Path, python: str, *requirements: str) -> Path:
    """Make a virtual environment with just these packages; return its interpreter."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    own = folder / "bin" / "python"
    subprocess.run([own, "-m", "pip", "install", "--quiet", *requirements], check=True)
    return own


def use(python: Path, folder: Path, *, tensorflow: bool) -> None:
    """Do what a user does, with what is installed; the working folder is not the repository."""
    folder.mkdir()

    def run(*command: str) -> None:
        subprocess.run([python, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run("-c", MAKE_CORPUS, "corpus")
    run("-m", "melgrid", "preprocess", "gtzan", "--root", "corpus", "--store", "store", "--max-bad", "1", *GRID)
    run("-m", "melgrid", "inspect", "store")
    run("-m", "melgrid", "verify", "store", "--deep")
    run("-m", "melgrid", "report", "store", "-o", "report.html")
    run("-c", READ, "store", "tensorflow" if tensorflow else "alone")
    if tensorflow:
        run("-m", "melgrid", "demo", "demo")


def oldest() -> list[str]:
    """Every dependency at the lowest version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["tensorflow"]]
    return [bound.replace(">=", "==") for bound in bounds]


def main(*pythons: str) -> None:
    """Build, install and use melgrid in every way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builder = environment(folder / "builder", sys.executable, "build", "twine")
        subprocess.run(
            [builder, "-m", "build", "--outdir", folder / "dist", ROOT], check=True, stdout=subprocess.DEVNULL
        )
        files = sorted((folder / "dist").iterdir())
        subprocess.run([builder, "-m", "twine", "check", "--strict", *files], check=True)
        sdist, wheel = (next(file for file in files if file.suffix == end) for end in (".gz", ".whl"))
        for number, python in enumerate((sys.executable, *pythons)):
            for built in (wheel, sdist):
                own = environment(folder / f"{number}{built.suffix}", python, str(built))
                use(own, folder / f"{number}{built.suffix}-used", tensorflow=False)
                print(f"{python}: {built.name} without TensorFlow: works", flush=True)
            own = environment(folder / f"{number}-tensorflow", python, f"{wheel}[tensorflow]")
            use(own, folder / f"{number}-tensorflow-used", tensorflow=True)
            print(f"{python}: {wheel.name} with TensorFlow: works", flush=True)
        own = environment(folder / "oldest", sys.executable, *oldest(), "hypothesis", "pytest", "pytest-timeout")
        subprocess.run([own, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
        use(own, folder / "oldest-used", tensorflow=True)
        print("oldest dependencies:", ", ".join(oldest()), flush=True)
        # Warnings of old releases are theirs.
        tests = [
            own,
            "-m",
            "pytest",
            "-q",
            "-W",
            "ignore",
            "tests/transforms",
            "tests/store",
            "tests/loaders",
            "tests/preprocess",
        ]
        subprocess.run(tests, cwd=ROOT, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
