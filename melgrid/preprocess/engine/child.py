"""The worker process: takes tasks from its standard input, says which clip is in hand, ends when its parent does."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import queue
import resource
import stat
import sys
import threading
from typing import IO, Any

__all__ = ["main"]


def main(memory_bytes: int) -> None:
    """Serve tasks until the parent closes the pipe.

    Parameters
    ----------
    memory_bytes : int
        Private memory that the system may give to this process.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    # Keep the two pipes to ourselves: whatever a library prints goes where the parent collects it.
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()

    from melgrid.preprocess.engine.failure import failure
    from melgrid.preprocess.task import ClipDone, run_shard

    def say(**message: object) -> None:
        replies.write(json.dumps(message) + "\n")

    def done(clip: ClipDone) -> None:
        say(did=dataclasses.asdict(clip))

    say(ready=True)
    while True:
        task = inbox.get()
        if stat.S_ISREG(os.fstat(2).st_mode):
            os.ftruncate(2, 0)  # complaints about earlier tasks are of no use
        try:
            result = run_shard(task, lambda row: say(start=row), done)
        except Exception as error:
            say(**failure(error))
        else:
            say(result=dataclasses.asdict(result))


def _receive(requests: IO[bytes], inbox: queue.SimpleQueue[Any]) -> None:
    # A thread of its own, so that the process ends with its parent even in the middle of a long clip.
    try:
        while True:
            inbox.put(pickle.load(requests))
    except EOFError:
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
