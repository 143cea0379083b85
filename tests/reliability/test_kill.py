"""A handful of the kills that ``make soak`` does by the hundred."""

import sys
import time
from pathlib import Path

import pytest

from soak.kill import Scene, children, contents, make_retry

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def retry(tmp_path_factory):
    """A store of which two clips failed whose files are whole now, and the store that a retry leaves."""
    folder = tmp_path_factory.mktemp("retry")
    scene = make_retry(folder)
    after = scene.store(folder / "after")
    scene.finish(after)
    return scene, contents(after)


def killed_at_some_moment(scene, folder, victim):
    """A store whose run was killed at work: sooner where a machine was done before the kill."""
    for attempt in range(7):
        store = scene.store(folder / f"store-{attempt}")
        if scene.kill_at_random(store, victim, 0.9 / 2**attempt):
            return store
    raise AssertionError("every run was over before it could be killed")


@pytest.mark.parametrize(("who", "step"), [("run", 26), ("worker", 14), ("worker", 17)])
def test_a_kill_at_a_step_of_the_protocol(corpus, reference, tmp_path, who, step):
    assert Scene(corpus).kill_at_step(tmp_path / "store", who, step)
    Scene(corpus).check(tmp_path / "store", contents(reference))


@pytest.mark.parametrize("victim", ["workers", "both"])
def test_a_kill_at_some_moment(corpus, reference, tmp_path, victim):
    scene = Scene(corpus)
    store = killed_at_some_moment(scene, tmp_path, victim)
    scene.check(store, contents(reference))


def test_a_retry_leaves_all_that_worked_and_new_generations(retry):
    scene, after = retry
    before = contents(scene.before)
    new = {name for name in after if "-r1.h5" in name}
    assert new
    gone = before.keys() - after.keys()
    assert {name.replace(".h5", "-r1.h5") for name in gone} == new  # an old generation goes when the next is listed


@pytest.mark.parametrize(("who", "step"), [("run", 9), ("run", 20), ("worker", 16)])
def test_a_kill_at_a_step_of_a_retry(retry, tmp_path, who, step):
    scene, after = retry
    store = scene.store(tmp_path / "store")
    assert scene.kill_at_step(store, who, step)
    scene.check(store, after)


def test_a_kill_at_some_moment_of_a_retry(retry, tmp_path):
    scene, after = retry
    store = killed_at_some_moment(scene, tmp_path, "both")
    scene.check(store, after)


def test_two_runs_at_once_make_one_store(corpus, reference, tmp_path):
    """The second stops with a clear message, unless the first had ended."""
    store = tmp_path / "store"
    said = [tmp_path / "one", tmp_path / "other"]
    both = [Scene(corpus).start(store, said=path) for path in said]
    for process in both:
        process.join(120)
    codes = sorted(process.exitcode for process in both)
    assert codes in ([0, 0], [0, 1])
    if codes == [0, 1]:
        assert "is being written by process" in "".join(path.read_text() for path in said)
    assert contents(store) == contents(reference)


def test_children_end_when_only_their_parent_dies(corpus, reference, tmp_path):
    store = tmp_path / "store"
    process = Scene(corpus).start(store)
    while not list(store.rglob(".shard*")) and process.is_alive():
        time.sleep(0.001)
    workers = children(process.pid)
    process.kill()
    process.join(60)
    assert workers
    Scene(corpus).check(store, contents(reference))  # begins at once: late workers must not disturb it
    assert not [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists() and b"melgrid" in _command(pid)]


def _command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()
