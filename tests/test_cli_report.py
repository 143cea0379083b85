"""``melgrid report`` and ``melgrid compare`` as a person uses them."""

import json
import subprocess
import sys

import pytest

from melgrid.datasets import miniature


def melgrid(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "melgrid", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    root = miniature.urbansound8k(folder / "UrbanSound8K", clips=20, faults=False)
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", folder / "features", "--quiet", "--json", "--jobs", 1,
        "--feature", "logmel n_fft=512 n_mels=32,40 hop_length=256,512",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ids = json.loads(done.stdout)["features"]
    lines = [f"{name},{seed},{0.5 + 0.1 * ('mel40' in name)}" for name in ids for seed in (0, 1)]
    (folder / "results.csv").write_text("\n".join(["feature,seed,accuracy", *lines]) + "\n")
    return folder / "features"


def test_a_report_is_one_file_beside_the_store(store, tmp_path):
    done = melgrid("report", store)
    assert (done.returncode, done.stderr) == (0, "")
    path = store.with_name("features-report.html")
    assert done.stdout == f"{path}\n"
    assert "urbansound8k" in path.read_text("utf-8")
    done = melgrid("report", "features", "-o", tmp_path / "page.html", "--metric", "results.csv", cwd=store.parent)
    assert done.returncode == 0, done.stderr
    assert "Which setting?" in (tmp_path / "page.html").read_text("utf-8")


def test_a_comparison_for_people_and_machines(store):
    done = melgrid("compare", "features", "--metric", "results.csv", cwd=store.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "effect of n_mels" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads(
        melgrid("compare", store, "--metric", store.with_name("results.csv"), "--lower", "--json").stdout
    )
    assert found["outcomes"][0]["mean"] == 0.5
    assert found["outcomes"][0]["repeats"] == 2


def test_what_does_not_fit_is_refused(store, tmp_path):
    results = tmp_path / "results.csv"
    results.write_text("feature,accuracy\nlogmel,0.5\n")
    for command in ("compare", "report"):
        done = melgrid(command, store, "--metric", results)
        assert done.returncode == 2
        assert "line 2: the store has no feature set 'logmel'" in done.stderr
        assert "Traceback" not in done.stderr
    assert melgrid("compare", store, "--metric", tmp_path / "none.csv").returncode == 2
    done = melgrid("report", store, "-o", tmp_path / "page.html", "--lower")
    assert (done.returncode, "name their file with metric" in done.stderr) == (2, True)
    assert melgrid("report", tmp_path).returncode == 1
    done = melgrid("report", store, "-o", tmp_path / "none" / "page.html")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_report_needs_no_framework(store, tmp_path):
    code = (
        "import sys; from melgrid.store.report import write_report; write_report(*sys.argv[1:]); "
        "print({'tensorflow', 'keras', 'torch', 'matplotlib', 'librosa'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, store, tmp_path / "page.html"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
