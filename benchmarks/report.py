"""What a benchmark found: tables to read, figures against targets, and one JSON file for all of it."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import pin

__all__ = ["Report", "Settings", "Table", "Target", "measure", "record"]

Cell = str | int | float | None


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes
    ----------
    corpora : Path
        Folder of the corpora; absent ones are built.
    scratch : Path
        Folder for what candidates write.
    clips : int
        Clips of about 30 s; of short ones four times as many.
    repeats : int
        Rounds over the candidates; quick ones run several times as many.
    """

    corpora: Path
    scratch: Path
    clips: int
    repeats: int


@dataclass(frozen=True)
class Table:
    """Figures under a title."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]

    def text(self) -> str:
        """Lay out in columns."""
        return "\n".join((self.title, *_columns(self.columns, self.rows)))


@dataclass(frozen=True)
class Target:
    """A figure of the design.

    Attributes
    ----------
    what : str
    target, reached : float
    by_cpu : float or None
        Reached by processor time, which others on the machine disturb less.
    at_most : bool
        Smaller is better.
    """

    what: str
    target: float
    reached: float
    by_cpu: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float:
        """Reached in units of the target; 1 and more holds it."""
        return self.target / self.reached if self.at_most else self.reached / self.target

    @property
    def verdict(self) -> str:
        """Whether it is held; a busy machine is given away by processor time that says otherwise."""
        by_cpu = self.reached if self.by_cpu is None else self.by_cpu
        held = [value <= self.target if self.at_most else value >= self.target for value in (self.reached, by_cpu)]
        return "holds" if all(held) else "unclear" if any(held) else "MISSED"


@dataclass
class Report:
    """All that one benchmark has to say.

    Attributes
    ----------
    tables : list of Table
    targets : list of Target
    notes : list of str
        What a reader must know, such as synthetic clips in place of real ones.
    skipped : dict of str to str
        Rivals that could not run, and why.
    """

    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """All of it, to be printed."""
        parts = [table.text() for table in self.tables]
        if self.targets:
            rows = [
                (
                    target.what,
                    f"{'<=' if target.at_most else '>='} {target.target:g}",
                    target.reached,
                    target.ratio,
                    target.by_cpu,
                    target.verdict,
                )
                for target in self.targets
            ]
            table = Table("against the design", ("what", "target", "reached", "ratio", "by CPU time", ""), rows)
            parts.append(table.text())
        return "\n\n".join(parts) + "".join(f"\n{line}" for line in self._asides())

    def skip(self, where: str, why_by_name: dict[str, str]) -> None:
        """Note rivals that could not run somewhere; one that is not installed is named once."""
        for name, why in why_by_name.items():
            self.skipped[name if why.startswith("ModuleNotFoundError") else f"{name}, {where}"] = why

    def _asides(self) -> list[str]:
        return [f"note: {note}" for note in self.notes] + [f"skipped: {n} ({why})" for n, why in self.skipped.items()]


def _columns(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    cells = [list(names), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = []
    for first, *others in cells:
        padded = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(("", f"{first:<{widths[0]}}", *padded)).rstrip())
    return lines


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return f"{cell:,}" if isinstance(cell, int) else cell
    if cell and abs(cell) < 1e-3:
        return f"{cell:.1e}"
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"


def measure(name: str, settings: Settings, machine: dict[str, Any], results: Path) -> None:
    """Run one benchmark in this process, print what it found and add it to the results."""
    pin()
    print(f"\n==== {name} ====", flush=True)
    begin = time.perf_counter()
    report = importlib.import_module(f"benchmarks.{name}").measure(settings)
    print(report.text(), flush=True)
    record(results, machine, name, settings, report, time.perf_counter() - begin)


def record(path: Path, machine: dict[str, Any], name: str, settings: Settings, report: Report, seconds: float) -> None:
    """Add a report to the JSON file; results of another machine or other versions there are dropped.

    Parameters
    ----------
    path : Path
    machine : dict
    name : str
        Of the benchmark.
    settings : Settings
    report : Report
    seconds : float
        That the benchmark took.
    """
    old = json.loads(path.read_text("utf-8")) if path.exists() else {}
    benchmarks = old.get("benchmarks", {}) if old.get("machine") == machine else {}
    benchmarks[name] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "load_average": os.getloadavg()[0],
        "clips": settings.clips,
        "repeats": settings.repeats,
        **asdict(report),
    }
    for entry, target in zip(benchmarks[name]["targets"], report.targets, strict=True):
        entry |= {"ratio": target.ratio, "verdict": target.verdict}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "benchmarks": benchmarks}, indent=1) + "\n", "utf-8")
