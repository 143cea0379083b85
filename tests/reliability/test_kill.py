"""A handful of the kills that ``make soak`` does by the hundred."""

import signal
import sys
import time
from pathlib import Path

import pytest

from soak.kill import check, children, contents, kill_at_random, kill_at_step, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.mark.parametrize(("who", "step"), [("run", 26), ("worker", 14), ("worker", 17)])
def test_a_kill_at_a_step_of_the_protocol(corpus, reference, tmp_path, who, step):
    assert kill_at_step(corpus, tmp_path / "store", who, step)
    check(corpus, tmp_path / "store", contents(reference))


@pytest.mark.parametrize("victim", ["workers", "both"])
def test_a_kill_at_some_moment(corpus, reference, tmp_path, victim):
    kill_at_random(corpus, tmp_path / "store", victim, 0.9)
    check(corpus, tmp_path / "store", contents(reference))


def test_two_runs_at_once_make_one_store(corpus, reference, tmp_path):
    """The second stops with a clear message, unless the first had ended."""
    store = tmp_path / "store"
    both = [start(corpus, store) for _ in range(2)]
    said = [process.communicate(timeout=120)[1].decode() for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 1])
    if codes == [0, 1]:
        assert "is being written by process" in "".join(said)
    assert contents(store) == contents(reference)


def test_children_end_when_only_their_parent_dies(corpus, reference, tmp_path):
    store = tmp_path / "store"
    process = start(corpus, store)
    while not list(store.rglob(".shard*")) and process.poll() is None:
        time.sleep(0.001)
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert workers
    check(corpus, store, contents(reference))  # begins at once: late workers must not disturb it
    assert not [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists() and b"melgrid" in _command(pid)]


def _command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()
