"""Pages that follow from the code: commands, features, recipes, benchmarks. ``python docs/generate.py`` writes them.

A test compares them with what this writes; `make docs` writes them first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
NOT_RUN = "<!-- not run -->\n"  # tests/test_docs.py runs the others
BESIDE = ("demo", "derive")  # need minutes, or a model
MADE = "<!-- Made by docs/generate.py: edit that, or what it reads. -->\n"


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Text of each page, by its name."""
    made = {"cli.md": commands(), "features.md": features(), "recipes.md": recipes(), "benchmarks.md": benchmarks()}
    return {name: re.sub(r"\n{3,}", "\n\n", f"{MADE}\n{text.strip()}\n") for name, text in made.items()}


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


# ---- commands


def commands() -> str:
    import typer.main

    from melgrid.cli.app import app

    group: Any = typer.main.get_command(app)
    parts = [
        cleandoc(
            """
            # Commands

            The same text as `melgrid COMMAND --help`; `make docs` also writes it as a man page, `build/man/melgrid.1`.
            Results go to standard output, progress and warnings to standard error; `--json` prints for machines.
            `melgrid --version` prints the version.

            ## Exit codes
            """
        ),
        table(
            ("code", "meaning"),
            [
                (0, "done"),
                (1, "failed or interrupted; the same `melgrid preprocess` again resumes a run"),
                (2, "refused: bad usage, a bad grid, a corpus or store that does not match; nothing is written"),
                (3, "done, but more clips failed than `--max-bad` allows"),
                (4, "`melgrid verify` found faults"),
            ],
        ),
        cleandoc(
            """
            ## Shell completion

            `melgrid --install-completion` adds completion of commands, options, corpora and recipes to the shell it is
            called from (bash, zsh, fish, PowerShell); `melgrid --show-completion` prints the lines, to place by hand.
            """
        ),
    ]
    for name, command in group.commands.items():
        parts += [f"## melgrid {name}", *_command(name, command)]
    return "\n\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    wanted = [f"{p.opts[-1]} {p.metavar}" for p in options if p.required]
    usage = " ".join(["melgrid", name, *(p.metavar or p.name.upper() for p in arguments), *wanted, "[OPTIONS]"])
    yield "\n\n".join(_clean(part) for part in (command.help or "").split("\n\n"))
    yield f"```\n{usage}\n```"
    rows = [(f"`{p.metavar or p.name.upper()}`", p.help or "") for p in arguments]
    for p in options:
        shown = f"`{' '.join([*p.opts, *([p.metavar] if p.metavar else [])])}`"
        default = "" if p.default in (None, False, ()) or callable(p.default) else f" Default: {p.default}."
        rows.append((shown, _clean(p.help or "") + (" Needed." if p.required else default)))
    if rows:
        yield table(("argument or option", "meaning"), rows)
    for part in filter(None, (command.epilog or "").split("\n\n")):
        lines = part.removeprefix("\b\n").splitlines()
        if lines[0] != "Example:":
            yield _clean(part)
            continue
        example = "\n".join(line.removeprefix("  ") for line in lines[1:])
        yield f"{NOT_RUN if name in BESIDE else ''}```sh\n{example}\n```"


def _clean(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


# ---- features


def features() -> str:
    from melgrid.params import KINDS, Excerpt, Segments
    from melgrid.params.features import Feature

    parts = [
        cleandoc(
            """
            # Features and their parameters

            Every parameter of every kind, with its default, in grid files (`n_fft = 1024`), on the command line
            (`--feature "logmel n_fft=1024"`) and in Python (`melgrid.LogMel(n_fft=1024)`). Names and defaults are
            librosa's where librosa has them. A list of values is an axis of a grid. `none` (in Python `None`) asks for
            "not applied".
            """
        ),
        table(
            ("kind", "what it is", "bins by default", "unit", "stored as"),
            [(f"`{kind}`", _summary(cls), cls().bins, cls().unit, cls().dtype) for kind, cls in KINDS.items()],
        ),
    ]
    families: dict[type, list[str]] = {}
    for kind, cls in KINDS.items():
        for base in cls.__mro__:
            if issubclass(base, Feature):
                families.setdefault(base, []).append(kind)
    for base, kinds in sorted(families.items(), key=lambda item: -len(item[1])):
        rows = list(_parameters(base, KINDS[kinds[0]]()))
        if rows:
            title = "all kinds" if len(kinds) == len(KINDS) else ", ".join(kinds)
            parts += [
                f"## Parameters of {title}",
                table(("parameter", "type, range, unit", "default", "meaning"), rows),
            ]
    parts.append(
        "A default in brackets follows from other parameters (`fmax` is half of `sr`); the value shown is the one for "
        "the other defaults."
    )
    for stretch, example in ((Excerpt, "29.12:center:zeros"), (Segments, "0.1:0.04")):
        name = stretch.__name__.lower()
        parts += [
            f"## {name}",
            f"{_summary(stretch)} A table in grid files, `{name} = {{ ... }}`, or its values in order with colons "
            f"between them: `{name}={example}`.",
            table(("key", "type, range, unit", "default", "meaning"), list(_parameters(stretch, None))),
        ]
    return "\n\n".join(parts)


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _parameters(cls: Any, example: Any) -> Iterator[tuple[str, str, str, str]]:
    """Rows of the parameters that a class documents under "Attributes"."""
    text = cleandoc(cls.__doc__ or "")
    body = re.split(r"^\w+\n-+$", text.partition("Attributes\n----------\n")[2], flags=re.MULTILINE)[0]
    for names, kind, meaning in re.findall(r"^(\w[\w, ]*) : (.*)\n((?: +.*\n?|\n)*)", body + "\n", re.MULTILINE):
        for name in names.split(", "):
            field = cls.model_fields.get(name)
            if field is None:
                continue
            own = type(example).model_fields[name] if example is not None else field
            if own.default_factory is not None and example is not None:
                default = f"({_value(getattr(example, name))})"
            elif own.is_required():
                default = ""
            else:
                default = _value(own.default)
            yield f"`{name}`", kind, default, _clean(meaning)


def _value(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# ---- recipes


def recipes() -> str:
    from melgrid.cli.recipes import _recipe_row
    from melgrid.params import recipe, recipe_names
    from melgrid.store.views.summary_text import size

    rows = []
    for name in recipe_names():
        row = _recipe_row(recipe(name))
        shapes = list(dict.fromkeys(" x ".join(map(str, shape)) for shape in row["shape"]))
        shown = ", ".join(shapes) if len(shapes) < 4 else f"{len(shapes)} shapes"
        rows.append((f"`{name}`", ", ".join(row["kinds"]), shown, size(row["bytes_per_hour"]), row["source"]))
    intro = cleandoc(
        f"""
        # Recipes

        The settings of {len(rows)} published systems, under names. `melgrid preprocess ... --recipe NAME` computes one,
        `melgrid recipes NAME` prints its grid file with notes on where it departs from its source, and `melgrid
        recipes NAME > grid.toml` is a start for a grid of your own. Shapes are of one clip of the length that the
        source uses; bytes are per hour of audio. Each has golden values in the tests.
        """
    )
    return "\n\n".join([intro, table(("recipe", "kind", "frames x bins", "an hour", "source"), rows)])


# ---- benchmarks


def benchmarks() -> str:
    parts = [
        cleandoc(
            """
            # Benchmarks

            ```sh
            make bench                                        # everything; about half an hour
            python -m benchmarks grid --clips 40 --repeats 3  # one of them; python -m benchmarks --help names all
            ```

            Candidates run side by side in one process on one core, in turns, files in the page cache. *Naive* is a
            loop with librosa over settings and clips; *hoisted* is librosa with decode and STFT shared by hand; the
            *floor* is decode, mix and resample alone. Corpora are look-alikes of real audio that the benchmark makes.
            Figures depend on the machine: what counts is the ratio of two of them in one table.
            """
        )
    ]
    found = sorted(RESULTS.glob("*.json"))
    if not found:
        parts.append(
            "No results are kept in this copy. `python -m benchmarks --json benchmarks/results/NAME.json` makes some, "
            "`python docs/generate.py` puts them on this page."
        )
    for path in found:
        kept = json.loads(path.read_text("utf-8"))
        if "benchmarks" in kept:
            parts += [f"## {path.stem}", _machine(kept["machine"])]
            for name, report in kept["benchmarks"].items():
                parts += [f"### {name}", *_report(name, report)]
        if "corpora" in kept:
            parts += [f"## {path.stem}", _machine(kept["machine"]), *_full_size(kept["corpora"])]
    return "\n\n".join(parts)


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    return (
        f"{machine.get('processor')}, {machine.get('cores')} cores, {machine.get('memory_gib')} GiB, "
        f"Python {machine.get('python')}; {versions}."
    )


def _report(name: str, report: dict[str, Any]) -> Iterator[str]:
    command = f"python -m benchmarks {name} --clips {report['clips']} --repeats {report['repeats']}"
    yield f"`{command}`, {report['finished'][:10]}."
    for one in report["tables"]:
        yield f"**{one['title']}**"
        yield table(one["columns"], [[_cell(cell) for cell in row] for row in one["rows"]])
    if report["targets"]:
        yield "**Against the targets of [the design](design.md#8-numbers)**"
        yield table(
            ("what", "target", "reached", ""),
            [
                (
                    t["what"],
                    f"{'at most' if t['at_most'] else 'at least'} {t['target']:g}",
                    _cell(t["reached"]),
                    t["verdict"],
                )
                for t in report["targets"]
            ],
        )
    for note in report["notes"]:
        yield f"Note: {note}."


def _full_size(corpora: dict[str, Any]) -> Iterator[str]:
    yield _clean(
        """
        Whole corpora of look-alikes, as `python -m benchmarks.full_size CORPUS ROOT STORE` measures them: eight log-mel
        settings, a CQT and an STFT, killed half-way and run again, every byte verified, crops and a network on nine
        tenths of the clips.
        """
    )
    names = list(corpora)
    rows = {
        "clips (of them failed)": lambda c: f"{c['clips']:,} ({c['failed']})",
        "hours of audio": lambda c: c["audio_hours"],
        "forecast, s": lambda c: c["seconds"]["forecast"],
        "run, s: until the kill, and from there": lambda c: (
            f"{_cell(c['seconds']['until_kill'])} + {_cell(c['seconds']['resumed'])}"
        ),
        "clips a second": lambda c: c["clips_per_second"],
        "times real time": lambda c: c["times_real_time"],
        "forecast, GB": lambda c: c["bytes"]["forecast"] / 1e9,
        "stored, GB": lambda c: c["bytes"]["stored"] / 1e9,
        "largest process, MiB": lambda c: c["peak_process_mib"],
        "`verify --deep`, s (faults)": lambda c: f"{_cell(c['seconds']['verify'])} ({len(c['faults'])})",
        "crops a second": lambda c: c["epoch"]["crops_per_second"],
        "two epochs of a small network, s": lambda c: c["epoch"]["fit_seconds_of_two_epochs"],
    }
    yield table(
        ("", *names), [(what, *(_cell(value(corpora[name])) for name in names)) for what, value in rows.items()]
    )


def _cell(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


if __name__ == "__main__":
    main()
