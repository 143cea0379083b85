"""A small run that dies by its own hand at a named step, or not at all.

``python -m soak.victim CORPUS STORE [WHO STEP [HOW]]``: WHO is ``run``, ``worker`` or ``nobody``; STEP counts the calls
with which that process changes the store. The process kills itself just before that call, once: a file beside the store
tells of it. Another one, ``STORE.begun``, says that the imports are done. HOW is ``retry``, or ``K/N`` for a share.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CALLS = ("open", "mkdir", "posix_fallocate", "pwrite", "ftruncate", "fsync", "link", "unlink", "replace")


def die_at(step: int, store: Path) -> None:
    """Let this process kill itself before its `step`-th call that changes the store; log what it calls until then."""
    mark = store.with_name(f"{store.name}.died")
    log = store.with_name(f"{store.name}.steps")
    count = 0

    def counted(name: str, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        nonlocal count
        if _concerns(name, args, store):
            count += 1
            if count == step and not mark.exists():
                log.write_text(name, "utf-8")
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **options)

    for name in CALLS:
        setattr(os, name, partial(counted, name, getattr(os, name)))


def _concerns(name: str, args: tuple[Any, ...], store: Path) -> bool:
    if isinstance(args[0], int):
        return str(Path(f"/proc/self/fd/{args[0]}").readlink()).startswith(f"{store}/")
    if name == "open" and not args[1] & os.O_CREAT:
        return False
    return os.fspath(args[0]).startswith(str(store)) and not os.fspath(args[0]).startswith(f"{store}.")


def main(corpus: str, store: str, who: str = "nobody", step: str = "0", how: str = "") -> None:
    """Run."""
    from melgrid import datasets
    from melgrid.errors import MelgridError
    from melgrid.params import Mel, Stft
    from melgrid.preprocess import run
    from melgrid.preprocess.engine.workers import Workers

    features = [Mel(sr=8000, n_fft=256, n_mels=16), Stft(sr=8000, n_fft=128, output="log")]
    if who == "run":
        die_at(int(step), Path(store))
    elif who == "worker":
        preamble = f"from pathlib import Path; from soak.victim import die_at; die_at({step}, Path({store!r}))"
        Workers.__init__.__defaults__ = (preamble,)  # wherever it is made
    dataset = datasets.load("folder", corpus)
    Path(f"{store}.begun").touch()
    try:
        share = how if "/" in how else None
        run(dataset, features, store, jobs=1, shard_mb=1, retry=how == "retry", task=share, progress=False)
    except MelgridError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def tell(path: Path, *arguments: str) -> None:
    """Run, and write to a file what would stand on standard error."""
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
    main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
