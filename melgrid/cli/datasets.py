"""``melgrid datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from melgrid.cli.corpus import load_dataset
from melgrid.cli.names import complete_corpus
from melgrid.cli.options import Settings
from melgrid.cli.output import Json, show
from melgrid.errors import ParameterError

__all__ = ["datasets"]


def datasets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", autocompletion=complete_corpus, help="One corpus in detail.")
    ] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Compare with the files there.")] = None,
    set_: Settings = None,
    decode: Annotated[bool, typer.Option("--decode", help="Also decode every file, as a run does.")] = False,
    checksums: Annotated[bool, typer.Option("--checksums", help="Also compare published checksums.")] = False,
    json: Json = False,
) -> None:
    """List the known corpora, describe one, or check one on disk."""
    from melgrid import datasets as known

    if root is None and (set_ or decode or checksums):
        raise ParameterError("--set, --decode and --checksums are for a corpus on disk: name it, and its --root")
    if root is not None and name is None:
        raise ParameterError(f"--root {root}: name the corpus that lies there")
    if name is None:
        show([known.describe(n) for n in known.names()], json, _corpora_text)
    elif root is None:
        show(known.describe(name), json, _corpus_text)
    else:
        from melgrid.preprocess import audition

        dataset = load_dataset(name, root, set_ or [], None)
        report = dataset.validate(decode=audition if decode else None, checksums=checksums)
        show(report.as_dict() if json else report, json, known.render)


def _corpora_text(corpora: list[dict[str, Any]]) -> str:
    width = max(len(corpus["name"]) for corpus in corpora)
    return "\n".join(f"{corpus['name']:<{width}}  {corpus['summary']}" for corpus in corpora)


def _corpus_text(corpus: dict[str, Any]) -> str:
    options = [f"  {key}={o['default']}  ({o['type']})" for key, o in corpus["options"].items()]
    return "\n".join(
        [
            corpus["description"].replace("``", ""),
            "",
            f"Cite:    {corpus['citation']}",
            f"Licence: {corpus['licence']}",
            "Options (--set KEY=VALUE):" if options else "No options.",
            *options,
        ]
    )
