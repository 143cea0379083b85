"""One unit of work: a shard of clips, decoded once each, into the shard's files of all missing features."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from melgrid.errors import ClipError, MelgridError, MismatchError, ParameterError, Reason, StoreError
from melgrid.params import Feature
from melgrid.params.augmentation import augmentations
from melgrid.preprocess.audio.augment import altered
from melgrid.preprocess.audio.complaints import Complaints, in_short
from melgrid.preprocess.audio.decode import LONGEST_SECONDS
from melgrid.preprocess.audio.signal import Float32, SignalKey
from melgrid.preprocess.audio.source import Source, cut, place_of
from melgrid.preprocess.plan import Plan, compile_plan
from melgrid.store import About, FeatureSet, ShardInfo, ShardWriter, open_store
from melgrid.store.shards.encoding import encode_with_moments

__all__ = ["STAGES", "ClipDone", "ShardResult", "ShardTask", "run_shard"]

_TOO_LOUD = "the samples are finite, but so large that the feature is not"
STAGES = ("read", "decode", "resample", "spectrum", "bands", "write")


@dataclass(frozen=True)
class ShardTask:
    """What a worker needs to know to make one shard of every missing feature.

    Attributes
    ----------
    root : str
        Folder that the clips' paths start from.
    store : str
    index : int
        Number of the shard.
    features : tuple of Feature
        Those that this shard lacks.
    about : About
    clips : DataFrame
        The store's rows of this shard, in row order.
    skip : mapping of row to (reason, words)
        Clips that are known to fail and must not be touched.
    on_error : str
        ``stop`` ends the run at the first clip that fails and is not known to be bad.
    allow_mixed : bool
        Accept source files that changed since the store first saw them.
    waveforms : mapping of SignalKey to str
        Feature sets of the store that hold the signals of all features: nothing needs to be decoded. Else empty.
    probe : bool
        Compute, but write nothing: does the clip in hand kill the process?
    longest_seconds : float
        Longer files are not decoded.
    generations : mapping of str to int
        By feature id, where a shard is made anew to try failed clips again; others are 0.
    keep : frozenset of int
        Rows that earlier generations have features of: none of them may be lost.
    """

    root: str
    store: str
    index: int
    features: tuple[Feature, ...]
    about: About
    clips: pd.DataFrame
    skip: Mapping[int, tuple[Reason, str]] = field(default_factory=dict)
    on_error: Literal["quarantine", "stop"] = "quarantine"
    allow_mixed: bool = False
    waveforms: Mapping[SignalKey, str] = field(default_factory=dict)
    probe: bool = False
    longest_seconds: float = LONGEST_SECONDS
    generations: Mapping[str, int] = field(default_factory=dict)
    keep: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.on_error not in ("quarantine", "stop"):
            raise ParameterError(f"on_error={self.on_error!r}: must be 'quarantine' or 'stop'")

    @classmethod
    def blank(cls, root: str | Path, store: str | Path, about: About, **options: Any) -> Self:
        """Make a task without shard, features and clips, of which a run makes all others with `replace`."""
        return cls(str(root), str(store), index=-1, features=(), about=about, clips=pd.DataFrame(), **options)


@dataclass(frozen=True)
class ClipDone:
    """What became of one clip: for progress and the closing summary."""

    row: int
    seconds: float
    reason: Reason | None


@dataclass
class ShardResult:
    """What was published, and where the time went.

    Attributes
    ----------
    index : int
    infos : dict of str to ShardInfo
        By feature id.
    stage_seconds : dict of str to float
        Seconds in each of `STAGES`.
    feature_seconds : dict of str to float
        Seconds of each feature, by id; features that share a piece of work share its time.
    """

    index: int
    infos: dict[str, ShardInfo] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    feature_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, features: Sequence[Feature]) -> Iterator[Callable[[str, float], None]]:
        """Add the time of the block to a stage and to features; yield a function that moves some to another stage."""

        def credit(other: str, seconds: float) -> None:
            self.stage_seconds[other] += seconds
            self.stage_seconds[name] -= seconds

        start = time.perf_counter()
        try:
            yield credit
        finally:
            seconds = time.perf_counter() - start
            self.stage_seconds[name] += seconds
            for feature in features:
                self.feature_seconds[feature.id] = self.feature_seconds.get(feature.id, 0.0) + seconds / len(features)


@dataclass
class _Outcome:
    """All that is to be written of one clip."""

    values: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    lacking: dict[str, tuple[Reason, str]] = field(default_factory=dict)  # features that it does not give, and why
    num_samples: dict[str, int] = field(default_factory=dict)
    source_sha256: str | None = None
    native_sr: int | None = None
    native_channels: int | None = None
    native_frames: int | None = None
    reason: Reason | None = None
    words: str = ""

    def take(self, computed: Iterable[tuple[Feature, npt.NDArray[Any], int]]) -> None:
        for feature, values, num_samples in computed:
            self.values[feature.id] = values
            self.num_samples[feature.id] = num_samples
            if len(values) == 0:
                self.lacking[feature.id] = "too_short", f"{num_samples} samples at {feature.sr} Hz give no frame"
            elif not _finite(values):
                self.lacking[feature.id] = "non_finite", _TOO_LOUD
        if self.lacking and self.lacking.keys() == self.values.keys():
            self.fail(*next(iter(self.lacking.values())))

    def fail(self, reason: Reason, words: str) -> None:
        self.values.clear()
        self.reason, self.words = reason, in_short(words)


def _finite(values: npt.NDArray[Any]) -> bool:
    """A sum is quick and finite, unless a value is not or all are so large that they must be looked at."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def run_shard(task: ShardTask, started: Callable[[int], None], done: Callable[[ClipDone], None]) -> ShardResult:
    """Compute and publish one shard of every feature of a task.

    Parameters
    ----------
    task : ShardTask
    started : callable(row)
        Called before a clip is touched.
    done : callable(ClipDone)
        Called after a clip.

    Returns
    -------
    ShardResult

    Raises
    ------
    MismatchError
        A source file changed since the store first saw it.
    StoreError
        The shard cannot be written.
    MelgridError
        A clip failed and the task says stop, or that it must not.
    """
    plan = _plan(task.features)
    result = ShardResult(task.index)
    with ExitStack() as stack:
        writers: list[tuple[Feature, ShardWriter]] = []
        if not task.probe:
            for feature in task.features:
                writer = ShardWriter(
                    Path(task.store) / feature.id,
                    index=task.index,
                    feature=feature,
                    about=task.about,
                    clips=task.clips,
                    generation=task.generations.get(feature.id, 0),
                )
                writers.append((feature, stack.enter_context(writer)))
        clips = task.clips.to_dict("records")
        source: Source | None = None
        for number, clip in enumerate(clips):
            started(int(clip["row"]))
            if source is None:
                source = Source(Path(task.root) / clip["path"], place_of(clip))
            again = number + 1 < len(clips) and place_of(clips[number + 1]) == source.place
            outcome = _compute(task, plan, clip, result, source, again)
            source = source if again else None  # variants follow their parent: its file is decoded once
            if outcome.reason not in (None, "known_bad") and task.on_error == "stop":
                raise MelgridError(f"clip {clip['clip_id']} ({clip['path']}): {outcome.reason}: {outcome.words}")
            if outcome.reason is not None and clip["row"] in task.keep:
                raise MelgridError(
                    f"clip {clip['clip_id']} ({clip['path']}) has features in the store, but gives none now "
                    f"({outcome.reason}: {outcome.words}); its shard stays as it is. Restore the file, then try again"
                )
            for feature, writer in writers:
                with result.stage("write", [feature]):
                    _append(writer, feature, outcome)
            rate, frames = outcome.native_sr, outcome.native_frames
            done(ClipDone(int(clip["row"]), frames / rate if rate and frames else 0.0, outcome.reason))
        # Together, since each waits for the disk: a file system flushes many files in the time of a few.
        with result.stage("write", task.features), ThreadPoolExecutor(len(writers) or 1) as pool:
            infos = pool.map(lambda pair: pair[1].publish(), writers)
            result.infos = {feature.id: info for (feature, _), info in zip(writers, infos, strict=True)}
    return result


@lru_cache(maxsize=8)
def _plan(features: tuple[Feature, ...]) -> Plan:
    return compile_plan(features)


@lru_cache(maxsize=8)
def _warm_up(features: tuple[Feature, ...], effects: tuple[str, ...]) -> None:
    """Do what a process does once for a grid outside of the time of any feature: compile loops, build filter banks."""
    with suppress(Exception):  # what cannot be computed fails with a clip, which says so
        for feature, values in _plan(features).run_noise():
            encode_with_moments(values, feature)
        for augmentation in augmentations(effects):  # librosa's vocoder takes seconds to load and compile
            altered(np.ones(1 << 12, np.float32), 22050, augmentation, "")


def _compute(
    task: ShardTask, plan: Plan, clip: Mapping[Any, Any], result: ShardResult, source: Source, again: bool
) -> _Outcome:
    outcome = _Outcome()
    if clip["row"] in task.skip:
        outcome.fail(*task.skip[clip["row"]])
        return outcome
    if isinstance(clip["known_bad"], str):
        outcome.fail("known_bad", clip["known_bad"])
        return outcome
    effects = () if task.waveforms else task.about.options.get("augment", ())
    _warm_up(plan.features, tuple(effects))  # here, for this too may kill the process: of a clip in hand
    complaints = Complaints()
    try:
        if task.waveforms:
            _take_from_waveforms(task, plan, clip, result, outcome)
        else:
            _take_from_file(task, plan, clip, result, outcome, source, again)
    except ClipError as error:
        outcome.fail(error.code, f"{error.message} {complaints.read()}")
    except StoreError:
        raise
    except MemoryError:
        outcome.fail("crashed", f"wants more memory than a worker may have {complaints.read()}")
    except Exception as error:  # a clip must never end the run; what happened is kept with it
        outcome.fail("crashed", f"{type(error).__name__}: {error} {complaints.read()}")
    return outcome


def _take_from_file(
    task: ShardTask,
    plan: Plan,
    clip: Mapping[Any, Any],
    result: ShardResult,
    outcome: _Outcome,
    source: Source,
    again: bool,
) -> None:
    with result.stage("read", task.features):
        outcome.source_sha256 = source.read()
    known = clip["source_sha256"]
    if isinstance(known, str) and known != outcome.source_sha256 and not task.allow_mixed:
        raise MismatchError(
            f"{clip['path']} (clip {clip['clip_id']}) has changed since this store was made: its SHA-256 was "
            f"{known[:12]}..., now {outcome.source_sha256[:12]}...; restore the file, make a new store, or say "
            "--allow-mixed"
        )
    with result.stage("decode", task.features):
        audio = source.decode(task.longest_seconds)
    outcome.native_sr, outcome.native_channels = audio.sr, audio.samples.shape[1]
    audio = cut(audio, clip["start"], clip["end"])
    outcome.native_frames = len(audio.samples)
    outcome.take(plan.run_signals(source.signal_of(clip, audio, again=again), stage=result.stage))


def _take_from_waveforms(
    task: ShardTask, plan: Plan, clip: Mapping[Any, Any], result: ShardResult, outcome: _Outcome
) -> None:
    """The same from signals that the store has already."""
    outcome.source_sha256 = clip["source_sha256"]
    outcome.native_sr, outcome.native_channels, outcome.native_frames = (
        None if pd.isna(clip[name]) else int(clip[name]) for name in ("native_sr", "native_channels", "native_frames")
    )
    if clip["status"] == "failed":
        code, _, words = str(clip["reason"]).partition(": ")
        outcome.fail(cast("Reason", code), words)
        return

    def signal(key: SignalKey) -> Float32:
        with result.stage("read", task.features):
            samples = _waveforms(task.store, task.waveforms[key])[clip["clip_id"]][:, 0]
        return np.ascontiguousarray(samples.T)

    outcome.take(plan.run_signals(signal, stage=result.stage))


@lru_cache(maxsize=8)
def _waveforms(store: str, feature_id: str) -> FeatureSet:
    return open_store(store)[feature_id]


def _append(writer: ShardWriter, feature: Feature, outcome: _Outcome) -> None:
    values = outcome.values.get(feature.id)
    # What a feature lacks itself comes first: it would say so alone, too.
    reason, words = outcome.lacking.get(feature.id, (outcome.reason, outcome.words))
    writer.append(
        values if reason is None else None,
        num_samples=outcome.num_samples.get(feature.id, 0),
        status="ok" if reason is None else "failed",
        reason=None if reason is None else f"{reason}: {words}".rstrip(": "),
        source_sha256=outcome.source_sha256,
        native_sr=outcome.native_sr,
        native_channels=outcome.native_channels,
        native_frames=outcome.native_frames,
    )
