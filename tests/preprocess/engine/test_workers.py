"""Workers that crash, hang, grow or chatter: real processes with a decoder that really does it."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from melgrid.errors import MelgridError
from melgrid.params import LogMel
from melgrid.preprocess.audio.decode import decoder_version
from melgrid.preprocess.engine.supervisor import Child, ChildDied, Limits
from melgrid.preprocess.engine.workers import Workers
from melgrid.preprocess.task import ShardTask
from melgrid.store import About

FEATURE = LogMel(n_mels=20, n_fft=512)


def decoder_that(does, size):
    """Python for a child: the clip whose file has `size` bytes is decoded by `does`."""
    return textwrap.dedent(
        f"""
        import os, signal, sys, time
        import melgrid.preprocess.audio.source as source
        from melgrid.errors import ClipError
        real = source.decode
        def decode(data, *claims):
            if len(data) == {size}:
                {does}
            return real(data, *claims)
        source.decode = decode
        """
    )


@pytest.fixture
def shard(dataset, tmp_path):
    """A task of six good clips, and the size of the file of the third."""
    clips = dataset.clips[dataset.clips["path"].str.contains("clip")].iloc[:6]
    table = clips[["clip_id", "path"]].assign(
        labels=[[] for _ in range(6)], split=None, fold=None, group=None, start=float("nan"), end=float("nan"),
        shard=0, row=range(6), source_sha256=None, known_bad=None,
    ).reset_index(drop=True)  # fmt: skip
    about = About(dataset="folder", versions={"decoder": decoder_version()})
    task = ShardTask(str(dataset.root), str(tmp_path), 0, (FEATURE,), about, table)
    return task, (dataset.root / table["path"][2]).stat().st_size


def outcome(task, does, size, limits=Limits()):  # noqa: B008
    workers = Workers(limits, decoder_that(does, size))
    reasons = {}
    try:
        result = workers.do(task, lambda _, clip: reasons.__setitem__(clip.row, clip.reason))
    finally:
        workers.close()
    from melgrid.store.shards.shard_info import read_arrays

    (words,) = read_arrays(result_path(task), "reason")
    return result, reasons, words[2].decode()


def result_path(task):
    return Path(task.store) / FEATURE.id / "shard-00000.h5"


@pytest.mark.parametrize(
    ("does", "code", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV"),
        ("os.abort()", "crashed", "SIGABRT"),
        ("os._exit(7)", "crashed", "exit code 7"),
        ("os.write(2, b'libfoo: out of cheese'); os._exit(1)", "crashed", "out of cheese"),
        ("raise RuntimeError('no good')", "crashed", "RuntimeError: no good"),
    ],
)
def test_a_clip_that_kills_its_process_costs_only_itself(shard, does, code, words):
    task, size = shard
    result, reasons, said = outcome(task, does, size)
    assert reasons == {0: None, 1: None, 2: code, 3: None, 4: None, 5: None}
    assert said.startswith(code)
    assert words in said
    assert result.infos[FEATURE.id].failed == 1


def test_a_decoder_that_loops_for_ever_is_stopped(shard):
    task, size = shard
    _, reasons, said = outcome(task, "while True: pass", size, Limits(clip_seconds=1.5))
    assert reasons[2] == "timeout"
    assert [reasons[row] for row in (0, 1, 3, 4, 5)] == [None] * 5
    assert "still busy after 1.5 s" in said


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is watched through /proc")
def test_a_decoder_that_eats_memory_is_stopped(shard):
    task, size = shard
    _, reasons, said = outcome(
        task, "hoard = [bytearray(50 << 20) for _ in range(25)]; time.sleep(60)", size, Limits(memory_bytes=1 << 30)
    )
    assert reasons[2] == "crashed"
    assert "MiB of memory" in said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts private memory against a limit")
def test_a_decoder_that_asks_for_too_much_at_once_is_refused(shard):
    task, size = shard
    result, reasons, said = outcome(task, "hoard = bytearray(8 << 30)", size, Limits(memory_bytes=1 << 30))
    assert reasons == {0: None, 1: None, 2: "crashed", 3: None, 4: None, 5: None}
    assert "more memory than a worker may have" in said
    assert result.infos[FEATURE.id].failed == 1


def test_a_worker_that_dies_between_clips_is_replaced_once(shard, tmp_path):
    task, _ = shard
    flag = tmp_path / "once"
    dies_while_publishing = textwrap.dedent(
        f"""
        import os, signal
        link = os.link
        def dying(*names):
            if not os.path.exists({str(flag)!r}):
                open({str(flag)!r}, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            link(*names)
        os.link = dying
        """
    )
    workers = Workers(Limits(), dies_while_publishing)
    try:
        assert workers.do(task, lambda *_: None).infos[FEATURE.id].failed == 0
    finally:
        workers.close()
    assert flag.exists()
    always = Workers(Limits(), dies_while_publishing.replace("not os.path.exists", "os.path.exists"))
    result_path(task).unlink()
    try:
        with pytest.raises(MelgridError, match=r"no clip in hand .*SIGKILL.*again to resume"):
            always.do(task, lambda *_: None)
    finally:
        always.close()


def test_a_clip_that_crashes_once_is_forgiven(shard, tmp_path):
    task, size = shard
    flag = tmp_path / "once"
    does = f"if not os.path.exists({str(flag)!r}): open({str(flag)!r}, 'w'); os._exit(1)"
    result, reasons, _ = outcome(task, does.replace("if not", "if not", 1), size)
    assert set(reasons.values()) == {None}
    assert result.infos[FEATURE.id].failed == 0


def test_what_a_decoder_prints_goes_into_the_reason_not_to_the_terminal(shard, capfd):
    task, size = shard
    does = "print('on stdout'); os.write(2, b'mpg123: oh dear'); raise ClipError('undecodable', 'no luck')"
    _, reasons, said = outcome(task, does, size)
    assert reasons[2] == "undecodable"
    assert "no luck" in said
    assert "oh dear" in said
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_child_ends_with_its_parent(shard):
    code = textwrap.dedent(
        """
        import os, sys, time
        from melgrid.preprocess.engine.supervisor import Child, Limits
        child = Child(Limits())
        print(child._process.pid, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_numeric_libraries_in_a_child_have_one_thread(shard, tmp_path):
    task, _ = shard
    told = tmp_path / "threads"
    preamble = (
        "import atexit, threadpoolctl, numba, scipy.fft, melgrid.preprocess.audio.source as source\n"
        "real = source.decode\n"
        "def decode(data, *claims):\n"
        f"    open({str(told)!r}, 'w').write(repr([p['num_threads'] for p in threadpoolctl.threadpool_info()]"
        " + [numba.get_num_threads()]))\n"
        "    return real(data, *claims)\n"
        "source.decode = decode"
    )
    child = Child(Limits(), preamble)
    try:
        child.run(task, lambda clip: None)
    finally:
        child.close()
    assert set(json.loads(told.read_text())) == {1}


def test_a_child_that_cannot_start_says_why(shard):
    child = Child(Limits(), "raise SystemExit('no such thing')")
    try:
        with pytest.raises(ChildDied, match="no such thing"):
            child.run(shard[0], lambda clip: None)
    finally:
        child.close()
