"""The command line as a person uses it: real processes, real files, exit codes."""

import json
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from melgrid.datasets import miniature
from melgrid.params import LogMel


def melgrid(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "melgrid", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return miniature.urbansound8k(tmp_path_factory.mktemp("us8k") / "UrbanSound8K", clips=40, faults=False)


@pytest.fixture(scope="module")
def store(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "store"
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", path, "--jobs", 2, "--quiet", "--json",
        "--feature", "logmel n_fft=512 n_mels=32,40", "--feature", "stft n_fft=256",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return path, json.loads(done.stdout)


def test_preprocess_prints_a_summary_for_machines(store):
    _, summary = store
    assert summary["clips"] == 40
    assert summary["failed"] == 0
    assert len(summary["features"]) == 3


def test_progress_goes_to_stderr_and_results_to_stdout(root, tmp_path):
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--limit", 5, "--feature", "logmel"
    )
    assert done.returncode == 0
    assert "feature set of 5 clips" in done.stdout
    assert "next: melgrid inspect" in done.stdout
    assert "5 of 5 clips" in done.stderr
    assert "to write:" in done.stderr


def test_dry_run_shows_the_graph_and_writes_nothing(root, tmp_path):
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--dry-run",
        "--feature", "logmel n_fft=512,1024 hop_length=256,512 n_mels=32",
    )  # fmt: skip
    assert done.returncode == 0
    assert "shared by 2 features" in done.stdout
    assert "free:" in done.stdout
    assert "time: about" in done.stdout
    assert not (tmp_path / "s").exists()


def test_a_grid_file_and_the_default_type(root, tmp_path):
    (tmp_path / "grid.toml").write_text('[[features]]\nkind = "logmel"\nn_mels = [20, 24]\n')
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--limit", 4, "--quiet",
        "--grid", tmp_path / "grid.toml", "--dtype", "float32",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = json.loads(melgrid("inspect", tmp_path / "s", "--json").stdout)
    assert "float32" in json.dumps(listed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--feature", "logmel n_ftt=512"], "n_ftt: unknown parameter. Did you mean 'n_fft'?"),
        (["--feature", "logmel fmax=20000"], "must not be above the Nyquist frequency"),
        ([], "no feature is named"),
        (["--grid", "none.toml"], "there is no such file"),
        (["--feature", "logmel", "--on-error", "panic"], "must be quarantine or stop"),
        (["--feature", "logmel", "--jobs", "0"], "--jobs 0: must be greater than or equal to 1"),
        (["--feature", "logmel", "--set", "nonsense"], "must be KEY=VALUE"),
        (["--feature", "logmel", "--set", "flavour=sweet"], "unknown option 'flavour'"),
        (["--feature", "logmel", "--limit", "many"], "--limit many: must be a valid integer\n"),
        (["--recipe", "musicn"], "recipe 'musicn': unknown. Did you mean 'musicnn'?"),
        (["--recipe", "choi_us8k", "--dtype", "float16"], "is no default for linear power"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_written(root, tmp_path, arguments, words):
    done = melgrid("preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_wrong_corpus_says_what_was_expected_and_found(root, tmp_path):
    done = melgrid("preprocess", "gtzan", "--root", root, "--store", tmp_path / "s", "--feature", "logmel")
    assert done.returncode == 2
    assert "gtzan" in done.stderr
    assert "Traceback" not in done.stderr
    done = melgrid("preprocess", "gtzn", "--root", root, "--store", tmp_path / "s", "--feature", "logmel")
    assert done.returncode == 2
    assert "gtzan" in done.stderr


def test_another_subset_does_not_mix_into_a_store(root, store):
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", store[0], "--limit", 5, "--feature", "logmel n_mels=24"
    )
    assert done.returncode == 2
    assert "was made of other clips" in done.stderr
    assert "use the subset and limit of the first run, or another --store" in done.stderr
    assert "to write" not in done.stderr


def test_clips_that_are_known_to_be_bad_are_not_too_many(root, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("one.wav", "two.wav"):
        (corpus / name).write_bytes(next((root / "audio" / "fold1").glob("*.wav")).read_bytes())
    (corpus / "clips.csv").write_text("path,known_bad\none.wav,\ntwo.wav,noise only\n")
    arguments = ["preprocess", "folder", "--root", corpus, "--set", "table=clips.csv", "--feature", "logmel", "--quiet"]
    share = ["--store", tmp_path / "t", "--task", "1/1"]
    for place in (["--store", tmp_path / "s"], share, share):  # again: the shards are there, and as bad as before
        done = melgrid(*arguments, *place)
        assert done.returncode == 0, done.stderr
        assert "known_bad 1" in done.stdout


def test_too_many_bad_clips_give_their_own_exit_code(root, tmp_path):
    bad = tmp_path / "bad"
    (bad / "a").mkdir(parents=True)
    (bad / "a" / "one.wav").write_text("words")
    (bad / "a" / "two.wav").write_bytes(next((root / "audio" / "fold1").glob("*.wav")).read_bytes())
    arguments = ["preprocess", "folder", "--root", bad, "--store", tmp_path / "s", "--feature", "logmel", "--quiet"]
    share = melgrid(*arguments, "--task", "1/1")
    assert share.returncode == 3
    assert "allows; when all tasks are done, melgrid inspect" in share.stderr  # readers do not see a share's clips yet
    done = melgrid(*arguments)
    assert done.returncode == 3
    assert "1 of 2 clips failed, more than --max-bad 0.01 allows" in done.stderr
    assert melgrid(*arguments, "--max-bad", "0.5").returncode == 0
    (feature,) = json.loads(melgrid("inspect", tmp_path / "s", "--json").stdout)["features"]
    for of in ([], ["--feature", feature["id"]]):
        failures = melgrid("inspect", tmp_path / "s", "--failures", *of)
        assert "one.wav" in failures.stdout
        assert "undecodable" in failures.stdout


def test_inspect_shows_features_and_one_of_them(store):
    path, summary = store
    shown = melgrid("inspect", path)
    assert shown.returncode == 0
    assert all(feature in shown.stdout for feature in summary["features"])
    one = melgrid("inspect", path, "--feature", summary["features"][0])
    assert summary["features"][0] in one.stdout
    assert melgrid("inspect", path, "--feature", "logmel-nothing").returncode != 0
    assert json.loads(melgrid("inspect", path, "--json").stdout)


def test_verify_tells_a_whole_store_from_a_damaged_one(store, tmp_path):
    import shutil

    path, summary = store
    assert "no fault found" in melgrid("verify", path, "--deep").stdout
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    (copy / "clips.parquet").unlink()
    assert melgrid("verify", copy).returncode == 4
    done = melgrid("verify", copy, "--repair")
    assert (done.returncode, "no fault left" in done.stdout) == (0, True)
    shard = next((copy / summary["features"][0]).glob("shard-*.h5"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    done = melgrid("verify", copy, "--deep")
    assert done.returncode == 4
    assert shard.name in done.stdout


def test_no_store_is_said_plainly(tmp_path):
    for command in ("inspect", "verify"):
        done = melgrid(command, tmp_path)
        assert done.returncode in (1, 4)
        assert "Traceback" not in done.stderr
        assert "store" in done.stdout + done.stderr


def test_datasets_lists_describes_and_checks(root):
    listed = melgrid("datasets")
    assert listed.returncode == 0
    assert {"urbansound8k", "fma", "gtzan", "magnatagatune", "folder"} <= set(listed.stdout.split())
    assert "Salamon" in melgrid("datasets", "urbansound8k").stdout
    refused = melgrid("datasets", "urbansound8k", "--checksums")
    assert (refused.returncode, "its --root" in refused.stderr) == (2, True)
    assert melgrid("datasets", "--root", root).returncode == 2
    checked = melgrid("datasets", "urbansound8k", "--root", root)
    assert checked.returncode == 0
    assert "missing" in checked.stdout
    decoded = json.loads(melgrid("datasets", "urbansound8k", "--root", root, "--decode", "--json").stdout)
    assert decoded["broken"] == {}
    assert json.loads(melgrid("datasets", "urbansound8k", "--root", root, "--json").stdout)["broken"] is None


def test_ctrl_c_leaves_a_store_that_resumes(root, tmp_path):
    slow = "logmel n_fft=1024,2048 hop_length=64,128 n_mels=64,96,128"
    arguments = [
        "preprocess",
        "urbansound8k",
        "--root",
        root,
        "--store",
        tmp_path / "s",
        "--feature",
        slow,
        "--jobs",
        1,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "melgrid", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "s").rglob(".shard*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "kept: " in err
    assert "interrupted; run the same command again to resume" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "s").rglob(".shard*"))
    assert melgrid(*arguments).returncode == 0


def test_recipes_are_listed_and_printed_as_grid_files(root, tmp_path):
    listed = melgrid("recipes")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("choi_us8k ")]
    assert "mel+stft+waveform" in line
    assert "188 x 96, 188 x 257, 48000 x 1" in line
    assert "412 MB" in line  # float32: (188 * (96 + 257) + 48000) * 4 bytes every 4 s
    rows = {row["name"]: row for row in json.loads(melgrid("recipes", "--json").stdout)}
    assert rows["choi_us8k"]["bytes_per_hour"] == (188 * (96 + 257) + 48000) * 4 * 900
    assert rows["choi2017_grid"]["shape"][0] == [1292, 128]
    assert json.loads(melgrid("recipes", "mirex2015_speechmusic", "--json").stdout)["assumed"]

    (tmp_path / "grid.toml").write_text(melgrid("recipes", "choi2016_tagger").stdout)
    plans = [
        melgrid("preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--dry-run", *grid).stdout
        for grid in (["--grid", tmp_path / "grid.toml"], ["--recipe", "choi2016_tagger"])
    ]
    assert "excerpt 29.12:center:zeros" in plans[0]
    assert "1366 x 96" in plans[0]
    assert plans[0].splitlines()[2] == plans[1].splitlines()[2]


def test_recipes_add_to_the_grid(root, tmp_path):
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--limit", 3, "--quiet", "--json",
        "--recipe", "choi2016_tagger", "--recipe", "choi_us8k", "--feature", "logmel n_mels=24",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["features"]) == 5


def test_a_dry_run_for_machines_names_features_by_id(root, tmp_path):
    done = melgrid(
        "preprocess", "urbansound8k", "--root", root, "--store", tmp_path / "s", "--limit", 3, "--dry-run", "--json",
        "--feature", "logmel n_mels=24",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (feature,) = json.loads(done.stdout)["features"]
    assert feature["feature"] == LogMel(n_mels=24).id


def test_schema_is_json():
    assert json.loads(melgrid("schema").stdout)["title"] == "melgrid grid file"


def test_help_and_version():
    shown = melgrid("--help").stdout
    assert "preprocess" in shown
    assert "..." not in shown.partition("Commands:")[2]  # no summary is cut off
    for command in ("preprocess", "inspect", "verify", "datasets", "recipes", "schema", "demo"):
        assert f"Example:\n    melgrid {command}" in melgrid(command, "--help").stdout
    assert melgrid("--version").stdout.startswith("melgrid 0.")
    assert melgrid("frobnicate").returncode == 2
