"""The command line: parse, call one library function, print.

Results go to standard output, progress and warnings to standard error. Exit codes: 0 done; 1 the run failed and can
be resumed; 2 bad usage, bad grid, or a store that does not match; 3 done, but too many clips failed; 4 verify found
faults.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melgrid._version import __version__
from melgrid.errors import DatasetError, MelgridError, MismatchError, ParameterError

if TYPE_CHECKING:
    from melgrid.datasets import Dataset
    from melgrid.params import Grid, Recipe

__all__ = ["main"]

DONE, FAILED, REFUSED, TOO_MANY_BAD, FAULTY = range(5)
_INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    help="One decode, a whole grid of spectrograms, in HDF5 files that any tool can open.",
    epilog="Example: melgrid preprocess urbansound8k --root UrbanSound8K --store features "
    '--feature "logmel n_fft=512,1024 n_mels=96,128"',
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StorePath = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a store.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def main() -> None:
    """Run the command line; errors become one line on standard error and an exit code."""
    warnings.showwarning = _show_warning
    try:
        code = app(standalone_mode=False)
    except typer.Exit as stop:
        code = stop.exit_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except (ParameterError, DatasetError, MismatchError) as error:
        code = _complain(error, REFUSED)
    except MelgridError as error:
        code = _complain(error, FAILED)
    except BrokenPipeError:  # the reader of our output has gone, e.g. head
        code = DONE
    except OSError as error:
        if not error.filename:
            raise
        code = _complain(f"{error.filename}: {error.strerror}", FAILED)
    except typer.Abort:
        code = FAILED
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a usage error of the parser's
            raise
        code = _complain(error.format_message(), REFUSED)
    if code == _INTERRUPTED:
        code = _complain("interrupted; run the same command again to resume", FAILED)
    sys.exit(code or DONE)


def _complain(error: object, code: int) -> int:
    print(f"melgrid: {error}", file=sys.stderr)
    return code


def _show_warning(message: object, *_: object, **__: object) -> None:
    print(f"melgrid: warning: {message}", file=sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"melgrid {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog='Example: melgrid preprocess gtzan --root GTZAN --store features --feature "logmel n_mels=96,128"')
def preprocess(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A known corpus, or folder.")],
    root: Annotated[Path, typer.Option(metavar="DIR", help="Where the corpus lies.")],
    store: Annotated[Path, typer.Option(metavar="DIR", help="Where the store is or will be.")],
    grid: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Grid file.")] = None,
    feature: Annotated[
        list[str] | None, typer.Option(metavar='"KIND KEY=V,V ..."', help="Features, written on the command line.")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A published grid: melgrid recipes lists them.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the corpus's adapter.")
    ] = None,
    subset: Annotated[str | None, typer.Option(metavar="NAME", help="The same as --set subset=NAME.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only N clips, a fair sample.")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Worker processes; default: one a processor.")] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="float16|float32|uint8", help="Stored type of features that name none.")
    ] = None,
    shard_mb: Annotated[int, typer.Option(metavar="N", min=1, help="Size that shards aim for, MiB.")] = 128,
    on_error: Annotated[str, typer.Option(metavar="quarantine|stop", help="What a failed clip does.")] = "quarantine",
    max_bad: Annotated[
        float, typer.Option(metavar="FRACTION", min=0, max=1, help="More failed clips than this: exit code 3.")
    ] = 0.01,
    retry: Annotated[
        bool, typer.Option("--retry", help="Also try the clips again that failed in earlier runs.")
    ] = False,
    allow_mixed: Annotated[
        bool, typer.Option("--allow-mixed", help="Go on with other versions or changed files, and record it.")
    ] = False,
    clip_seconds: Annotated[float, typer.Option(metavar="S", min=0.1, help="Time that one clip may take.")] = 300.0,
    memory_mb: Annotated[int, typer.Option(metavar="N", min=256, help="Memory that one worker may take.")] = 8192,
    max_clip_minutes: Annotated[
        float, typer.Option(metavar="M", min=0.001, help="Longer files are not decoded.")
    ] = 180.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and what it costs; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    json: Json = False,
) -> None:
    """Compute a grid of features of a corpus into a store."""
    if on_error not in ("quarantine", "stop"):
        raise ParameterError(f"--on-error {on_error}: must be quarantine or stop")
    if jobs is not None and jobs < 1:
        raise ParameterError(f"--jobs {jobs}: must be at least 1")
    wanted = _grid(grid, feature or [], recipe or [], dtype)
    corpus = _dataset(dataset, root, set_ or [], subset)

    from melgrid.preprocess import Limits, prepare, run
    from melgrid.preprocess.text import forecast_text, summary_text

    if dry_run or not quiet:
        coming, plan = prepare(corpus, wanted, store, limit=limit, jobs=jobs, shard_mb=shard_mb, timed=dry_run)
        if json and dry_run:
            _print(coming, json, str)
        else:
            print(forecast_text(coming, plan), file=sys.stdout if dry_run else sys.stderr)
    if dry_run:
        return
    summary = run(
        corpus,
        wanted,
        store,
        jobs=jobs,
        limit=limit,
        shard_mb=shard_mb,
        on_error="stop" if on_error == "stop" else "quarantine",
        allow_mixed=allow_mixed,
        retry=retry,
        limits=Limits(clip_seconds=clip_seconds, memory_bytes=memory_mb << 20, audio_seconds=max_clip_minutes * 60),
        progress=not quiet,
    )
    _print(summary, json, summary_text)
    if summary.failed > max_bad * summary.clips:
        print(
            f"melgrid: {summary.failed} of {summary.clips} clips failed, more than --max-bad {max_bad:g} allows; "
            f"melgrid inspect {store} --failures lists them",
            file=sys.stderr,
        )
        raise typer.Exit(TOO_MANY_BAD)


def _grid(path: Path | None, shorthand: list[str], recipes: list[str], dtype: str | None) -> Grid:
    from melgrid.params import Grid, recipe

    defaults = {} if dtype is None else {"dtype": dtype}
    grids = [Grid.from_toml(path, **defaults)] if path else []
    grids += [Grid.from_shorthand(shorthand, **defaults)] if shorthand else []
    grids += [recipe(name, **defaults).grid for name in recipes]
    if not grids:
        raise ParameterError(
            'no feature is named: give --grid FILE.toml, --feature "logmel n_mels=96,128" or --recipe NAME'
        )
    return reduce(add, grids)


def _dataset(name: str, root: Path, settings: list[str], subset: str | None) -> Dataset:
    from melgrid import datasets

    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise ParameterError(f"--set {setting}: must be KEY=VALUE")
        options[key] = value
    if subset is not None:
        options["subset"] = subset
    return datasets.load(name, root, **options)


@app.command(epilog="Example: melgrid inspect features --failures")
def inspect(
    store: StorePath,
    feature: Annotated[str | None, typer.Option(metavar="ID", help="One feature set in detail.")] = None,
    failures: Annotated[bool, typer.Option("--failures", help="The clips that gave no features, and why.")] = False,
    json: Json = False,
) -> None:
    """Show what is in a store."""
    from melgrid.store import inspect as look

    if feature is not None:
        _print(look.feature_summary(store, feature), json, look.feature_text)
    elif failures:
        _print(look.failures(store), json, look.failures_text)
    else:
        _print(look.store_summary(store), json, look.store_text)


@app.command(epilog="Example: melgrid verify features --deep")
def verify(
    store: StorePath,
    deep: Annotated[bool, typer.Option("--deep", help="Read and check every byte.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild the manifest from the shards.")] = False,
    json: Json = False,
) -> None:
    """Check that a store is whole; exit code 4 when it is not."""
    from melgrid.store import verify as check

    faults = check(store, deep=deep, repair=repair)
    _print(faults, json, lambda found: "\n".join(map(str, found)) if found else f"{store}: no fault found")
    if faults:
        raise typer.Exit(FAULTY)


@app.command(epilog="Example: melgrid datasets urbansound8k --root UrbanSound8K")
def datasets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One corpus in detail.")] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Compare with the files there.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the corpus's adapter.")
    ] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Also decode every file.")] = False,
    checksums: Annotated[bool, typer.Option("--checksums", help="Also compare published checksums.")] = False,
    json: Json = False,
) -> None:
    """List the known corpora, describe one, or check one on disk."""
    from melgrid import datasets as known

    if name is None:
        _print([known.describe(n) for n in known.names()], json, _corpora_text)
    elif root is None:
        _print(known.describe(name), json, _corpus_text)
    else:
        report = _dataset(name, root, set_ or [], None).validate(decode=decode, checksums=checksums)
        _print(report.as_dict() if json else report, json, known.render)


def _corpora_text(corpora: list[dict[str, Any]]) -> str:
    width = max(len(corpus["name"]) for corpus in corpora)
    return "\n".join(f"{corpus['name']:<{width}}  {corpus['summary']}" for corpus in corpora)


def _corpus_text(corpus: dict[str, Any]) -> str:
    options = [f"  {key}={o['default']}  ({o['type']})" for key, o in corpus["options"].items()]
    return "\n".join(
        [
            corpus["description"],
            "",
            f"Cite:    {corpus['citation']}",
            f"Licence: {corpus['licence']}",
            "Options (--set KEY=VALUE):" if options else "No options.",
            *options,
        ]
    )


@app.command(epilog="Example: melgrid recipes musicnn > grid.toml")
def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this one as a grid file.")] = None,
    json: Json = False,
) -> None:
    """List the published grids, or print one."""
    from melgrid.params import recipe, recipe_names

    if name is None:
        _print([_recipe_row(recipe(n)) for n in recipe_names()], json, _recipes_text)
    else:
        found = recipe(name)
        row = _recipe_row(found) | {"notes": found.notes, "assumed": found.assumed}
        _print(row, json, lambda _: found.toml.rstrip())


def _recipe_row(found: Recipe) -> dict[str, Any]:
    from melgrid.preprocess.forecast import frame_bytes

    clip = sum(frame_bytes(f) * shape[0] for f, shape in zip(found.grid, found.shape, strict=True))
    return {
        "name": found.name,
        "kinds": list(dict.fromkeys(feature.kind for feature in found.grid)),
        "shape": [list(shape) for shape in found.shape],
        "clip_seconds": found.clip_seconds,
        "bytes_per_hour": round(clip * 3600 / found.clip_seconds),
        "labels": found.labels,
        "source": found.source,
    }


def _recipes_text(rows: list[dict[str, Any]]) -> str:
    from melgrid.store.summary_text import size

    table = [("recipe", "kind", "frames x bins", "per hour", "source")]
    for row in rows:
        shapes = [" x ".join(map(str, shape)) for shape in row["shape"]]
        shown = ", ".join(shapes) if len(shapes) < 4 else f"{len(shapes)} shapes"
        table.append((row["name"], "+".join(row["kinds"]), shown, size(row["bytes_per_hour"]), row["source"]))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([*lines, "Shapes are of one clip. melgrid recipes NAME prints the grid file, with its notes."])


@app.command(epilog="Example: melgrid schema > grid.schema.json")
def schema() -> None:
    """Print the JSON schema of grid files, for editors."""
    from melgrid.params import grid_schema

    _print(grid_schema(), True, str)


@app.command(epilog="Example: melgrid demo demo")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to work in.")] = Path("melgrid-demo"),
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Worker processes.")] = None,
) -> None:
    """Make a small corpus, preprocess a grid, train a small Keras model: everything once, in minutes."""
    from melgrid.demo import run_demo

    run_demo(folder, jobs=jobs)


def _print(value: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    if not as_json:
        print(text(value))
        return
    import dataclasses
    import json

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return dataclasses.asdict(item)
        return item.item() if hasattr(item, "item") else str(item)

    print(json.dumps(value, default=plain, indent=1, ensure_ascii=False))
