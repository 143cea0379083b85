"""The commands together, and how a process ends.

Results go to standard output, progress and warnings to standard error. Exit codes: 0 done; 1 failed or interrupted, the
same melgrid preprocess resumes a run; 2 bad usage, bad grid, or a store that does not match, nothing written; 3 done,
but too many clips failed; 4 verify found faults.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Annotated, Any

import typer

from melgrid._version import __version__
from melgrid.cli.add_clips import add_clips
from melgrid.cli.compare import compare
from melgrid.cli.datasets import datasets
from melgrid.cli.demo import demo
from melgrid.cli.derive import derive
from melgrid.cli.export import export
from melgrid.cli.inspect import inspect
from melgrid.cli.preprocess import preprocess
from melgrid.cli.recipes import recipes, schema
from melgrid.cli.remove import remove
from melgrid.cli.report import report
from melgrid.cli.verify import verify
from melgrid.errors import DatasetError, MelgridError, MismatchError, ParameterError

__all__ = ["main"]

DONE, FAILED, REFUSED = 0, 1, 2  # 3 and 4 are the commands' own
_INTERRUPTED = 130  # what typer makes of Ctrl-C
_WIDTH = 74  # of an example in the help

app = typer.Typer(
    help="One decode, a whole grid of spectrograms, in HDF5 files that any tool can open.",
    epilog="Example: melgrid preprocess urbansound8k --root UrbanSound8K --store features "
    '--feature "logmel n_fft=512,1024 n_mels=96,128"',
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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
        code = _complain(_misuse(error), REFUSED)
    if code == _INTERRUPTED:
        code = _complain("interrupted; run the same command again to resume", FAILED)
    sys.exit(code or DONE)


def _complain(error: object, code: int) -> int:
    print(f"melgrid: {error}", file=sys.stderr)
    return code


def _misuse(error: Any) -> str:
    """What the parser says of a wrong option, with the value, which typer leaves out of numbers out of range."""
    findings: list[Any] = getattr(error.__cause__, "errors", list)()
    if not findings:
        return str(error.format_message())
    rule = findings[0]["msg"].removeprefix("Input should be ").partition(", unable to parse")[0]
    return f"{error.param.opts[0]} {findings[0]['input']}: must be {rule}"


def _show_warning(message: object, *_: object, **__: object) -> None:
    print(f"melgrid: warning: {message}", file=sys.stderr)


def _laid_out(epilog: str) -> str:
    """Keep an example as it is typed, long ones continued with a backslash: a wrapped one could not be copied."""
    paragraphs = []
    for paragraph in epilog.split("\n\n"):
        if paragraph.startswith("Example: "):
            lines = ["\b\nExample:\n  "]
            for part in re.split(r" (?=--|>)", paragraph.removeprefix("Example: ")):
                last = lines[-1].rpartition("\n")[2]
                if last.strip() and len(last) + len(part) > _WIDTH:
                    lines[-1] += " \\\n"
                    lines.append(f"      {part}")
                else:
                    lines[-1] += (" " if last.strip() else "") + part
            paragraph = "".join(lines)
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


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


app.command(
    epilog="Example: melgrid preprocess urbansound8k --root UrbanSound8K --store features "
    '--feature "logmel n_mels=96,128"'
    "\n\nExit codes: 0 done; 1 failed or interrupted, the same command resumes; 2 refused, nothing written; "
    "3 done, but more clips failed than --max-bad allows."
)(preprocess)
app.command(epilog="Example: melgrid inspect features --failures")(inspect)
app.command(epilog="Example: melgrid report features -o features.html")(report)
app.command(epilog="Example: melgrid compare features --metric results.csv")(compare)
app.command(epilog="Example: melgrid verify features --deep")(verify)
app.command(epilog="Example: melgrid add-clips urbansound8k --root UrbanSound8K --store features")(add_clips)
app.command(epilog="Example: melgrid export features cqt --to webdataset")(export)
app.command(epilog="Example: melgrid remove features cqt")(remove)
app.command(epilog="Example: melgrid derive features FEATURE model.keras --layer pooled")(derive)
app.command(epilog="Example: melgrid datasets urbansound8k --root UrbanSound8K")(datasets)
app.command(epilog="Example: melgrid recipes musicnn > grid.toml")(recipes)
app.command(epilog="Example: melgrid schema > grid.schema.json")(schema)
app.command(epilog="Example: melgrid demo demo")(demo)

app.info.epilog = _laid_out(str(app.info.epilog))
for _command in app.registered_commands:
    _command.epilog = _laid_out(_command.epilog or "")
