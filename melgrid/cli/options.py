"""Options that several commands take, and what they must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.preprocess import Limits

__all__ = [
    "AllowMixed",
    "ClipSeconds",
    "Executor",
    "Jobs",
    "MaxClipMinutes",
    "MemoryMb",
    "OnError",
    "Quiet",
    "Root",
    "Scheduler",
    "Settings",
    "Subset",
    "limits_of",
]


def _one_of(*words: str) -> Callable[[typer.CallbackParam, str], str]:
    def check(option: typer.CallbackParam, value: str) -> str:
        if value not in words:
            raise ParameterError(f"{option.opts[0]} {value}: must be {' or '.join(words)}")
        return value

    return check


Root = Annotated[Path, typer.Option(metavar="DIR", help="Where the corpus lies.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the corpus's adapter; may be given several times."),
]
Subset = Annotated[str | None, typer.Option(metavar="NAME", help="The same as --set subset=NAME.")]
Jobs = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Worker processes; default: one a processor. Not with --scheduler."),
]
OnError = Annotated[
    str,
    typer.Option(metavar="quarantine|stop", callback=_one_of("quarantine", "stop"), help="What a failed clip does."),
]
AllowMixed = Annotated[
    bool, typer.Option("--allow-mixed", help="Go on with other versions or changed files, and record it.")
]
ClipSeconds = Annotated[float, typer.Option(metavar="S", min=0.1, help="Time that one clip may take.")]
MemoryMb = Annotated[int, typer.Option(metavar="N", min=256, help="Memory that one worker may take.")]
MaxClipMinutes = Annotated[float, typer.Option(metavar="M", min=0.001, help="Longer files are not decoded.")]
Executor = Annotated[
    str,
    typer.Option(
        metavar="threads|dask",
        callback=_one_of("threads", "dask"),
        help="Who starts the worker processes: threads of this command, or dask.",
    ),
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Of dask, or its scheduler file; default: a local cluster.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def limits_of(clip_seconds: float, memory_mb: int, max_clip_minutes: float) -> Limits:
    """What one clip may cost, from the units of the command line."""
    from melgrid.preprocess import Limits

    return Limits(clip_seconds=clip_seconds, memory_bytes=memory_mb << 20, audio_seconds=max_clip_minutes * 60)
