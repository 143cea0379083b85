"""What a run says of its pace: right in time, quiet in logs, once a clip."""

import heapq
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from melgrid.preprocess import progress as module
from melgrid.preprocess.pace import Pace
from melgrid.preprocess.progress import progress
from melgrid.preprocess.summary import RunSummary
from melgrid.preprocess.task import ClipDone, ShardTask
from melgrid.store import About


def make_tasks(lengths, per_shard, bad=()):
    tasks = []
    for index, first in enumerate(range(0, len(lengths), per_shard)):
        seconds = lengths[first : first + per_shard]
        known = ["broken" if first + row in bad else None for row in range(len(seconds))]
        clips = pd.DataFrame({"row": range(len(seconds)), "seconds": seconds, "known_bad": known})
        tasks.append(ShardTask("", "", index, (), About(dataset="folder"), clips))
    return tasks


def story(tasks, jobs, cost, start=3.0, publish=0.2):
    """When each clip is done, by the order in which jobs take shards: (time, shard, row); row -1: it is published."""
    hands = [start + 0.1 * job for job in range(jobs)]
    events = []
    for task in tasks:
        now = heapq.heappop(hands)
        for row in range(len(task.clips)):
            now += cost(task, row)
            events.append((now, task.index, row))
        events.append((now + publish, task.index, -1))
        heapq.heappush(hands, now + publish)
    return sorted(events)


def check(tasks, jobs, cost, end=0.9, publish=0.2):
    """From a third on, the time that is left is told within 20 %."""
    now = [0.0]
    pace = Pace(tasks, lambda: jobs, lambda: now[0])
    events = story(tasks, jobs, cost, publish=publish)
    last = events[-1][0]
    told = 0
    for time, shard, row in events:
        now[0] = time
        if row < 0:
            pace.published(shard)
        else:
            assert pace.did(shard, row)
            assert not pace.did(shard, row)
        if last / 3 <= time <= end * last:
            assert pace.left() == pytest.approx(last - time, rel=0.2)
            told += 1
    assert told > 20
    assert pace.left() == 0


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_lengths_that_differ_a_hundredfold(rng, jobs):
    lengths = np.exp(rng.normal(3.0, 1.2, 1200)).clip(1, 600)
    tasks = make_tasks(lengths, 16)
    check(tasks, jobs, lambda task, row: 0.004 + 0.0015 * task.clips["seconds"][row] * rng.uniform(0.9, 1.1))


def test_the_last_shard_keeps_one_of_two_jobs_busy(rng):
    tasks = make_tasks(np.full(300, 30.0), 100)
    check(tasks, 2, lambda task, row: 0.045 * rng.uniform(0.9, 1.1))


def test_shards_that_take_as_long_to_publish_as_to_make(rng):
    check(make_tasks(np.full(600, 30.0), 10), 2, lambda task, row: 0.045 * rng.uniform(0.9, 1.1), publish=0.5)


def test_clips_that_fail_at_once_and_clips_known_to(rng):
    lengths = np.full(1200, 30.0)
    fails = set(rng.permutation(1200)[:300].tolist())
    known = set(rng.permutation(1200)[:200].tolist())
    tasks = make_tasks(lengths, 16, known)

    def cost(task, row):
        number = task.index * 16 + row
        return 0.0005 if number in fails | known else 0.05

    check(tasks, 2, cost)


def test_failures_at_the_beginning_only():
    tasks = make_tasks(np.full(1200, 30.0), 16)
    check(tasks, 2, lambda task, row: 0.0005 if task.index < 12 else 0.05)


def test_lengths_that_nobody_knows(rng):
    tasks = make_tasks(np.full(600, np.nan), 10)
    check(tasks, 3, lambda task, row: 0.05 * rng.uniform(0.5, 1.5))


def test_nothing_is_said_of_what_is_not_known():
    pace = Pace(make_tasks(np.ones(4), 2), lambda: 2, lambda: 1.0)
    assert pace.left() is None
    pace.did(0, 0)
    assert pace.left() is None
    assert Pace([], lambda: 2, lambda: 1.0).left() == 0


class One:
    jobs = 1


def played(tasks, capsys, seconds, monkeypatch):
    """A run whose clips take so long; what it wrote."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    summary = RunSummary("store")
    with progress(tasks, summary, One(), enabled=True) as bar:
        for task in tasks:
            for row in task.clips["row"]:
                now[0] += seconds
                for _ in range(2):  # a shard that starts again
                    bar.seen(task.index, ClipDone(row, 30.0, "crashed" if row == 3 else None))
            bar.published(task.index)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err, summary


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    tasks = make_tasks(np.full(1000, 30.0), 20)
    text, summary = played(tasks, capsys, 2.0, monkeypatch)
    lines = text.splitlines()
    assert 40 <= len(lines) <= 52
    assert "\r" not in text
    assert lines[24].startswith("500 of 1,000 clips [16:40, 16:")
    assert lines[24].endswith(" left, 15 s of audio/s, 25 failed]")
    assert lines[-1] == "1,000 of 1,000 clips [33:20, 00:00 left, 15 s of audio/s, 50 failed]"
    assert summary.audio_seconds == 30_000
    slow, _ = played(make_tasks(np.full(20, 30.0), 20), capsys, 900.0, monkeypatch)
    assert len(slow.splitlines()) == 20  # ten minutes without a word are enough
    fast, _ = played(tasks, capsys, 0.001, monkeypatch)
    assert len(fast.splitlines()) == 1


def test_a_terminal_gets_one_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    text, _ = played(make_tasks(np.full(100, 30.0), 10), capsys, 0.1, monkeypatch)
    assert "100%|" in text
    assert "| 100/100 clips [" in text
    assert ", 00:00 left, 300 s of audio/s, 10 failed]" in text
    assert text.count("\n") == 1


def test_quiet_is_quiet(capsys):
    summary = RunSummary("store")
    with progress(make_tasks(np.ones(2), 2), summary, One(), enabled=False) as bar:
        bar.seen(0, ClipDone(0, 5.0, None))
    assert capsys.readouterr() == ("", "")
    assert summary.audio_seconds == 5


def test_a_shard_is_not_published_while_a_clip_asks_for_the_rest(monkeypatch):
    asking, go_on, found = threading.Event(), threading.Event(), []

    class Slow(Pace):
        def did(self, shard, row):
            asking.set()
            go_on.wait(10)
            asking.clear()
            return super().did(shard, row)

        def published(self, shard):
            found.append(asking.is_set())

    monkeypatch.setattr(module, "Pace", Slow)
    with progress(make_tasks(np.ones(2), 2), RunSummary("store"), One(), enabled=False) as bar:
        threads = [
            threading.Thread(target=bar.seen, args=(0, ClipDone(0, 1.0, None))),
            threading.Thread(target=bar.published, args=(0,)),
        ]
        threads[0].start()
        asking.wait(10)
        threads[1].start()
        threads[1].join(0.2)
        go_on.set()
        for thread in threads:
            thread.join(10)
    assert found == [False]
