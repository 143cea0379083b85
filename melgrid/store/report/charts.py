"""Small charts as SVG: colours come from the page's style sheet, so they follow its theme, and all text is escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from melgrid.store.report.scales import Scale

__all__ = ["WIDTH", "Plot", "bars", "colour_bar", "envelope", "fitted", "histogram", "short"]

WIDTH = 380
EM = 11.5  # the size of text, as in the style sheet
Floats = NDArray[np.float64]


def short(text: object, most: int = 24) -> str:
    """Cut a text that is too long to stand in a picture."""
    shown = " ".join(str(text).split()) or "(no name)"
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def fitted(text: object, room: float) -> str:
    """Cut a text to a width in a picture, by what its letters take in a wide font."""
    shown = short(text, 200)
    ends = list(accumulate(EM * _width(letter) for letter in shown))
    if ends[-1] <= room:
        return shown
    return shown[: sum(end <= room - EM for end in ends)] + "…"


def _width(letter: str) -> float:
    """Width in ems, rather too much than too little."""
    if unicodedata.east_asian_width(letter) in "WF" or letter in "MW@%m":
        return 1.0
    return 0.75 if letter.isupper() else 0.36 if letter in "il.,:;'|!() " else 0.64


@dataclass
class Plot:
    """A picture with two axes, drawn piece by piece.

    Attributes
    ----------
    x, y : Scale
    height : int
    pieces : list of Markup
    """

    x: Scale
    y: Scale
    height: int
    pieces: list[Markup] = field(default_factory=list)

    def draw(self, template: str, **values: object) -> None:
        """Append an element; values are escaped, numbers rounded."""
        plain = {k: f"{v:.2f}".rstrip("0").rstrip(".") if isinstance(v, float) else v for k, v in values.items()}
        self.pieces.append(Markup(template).format(**plain))

    def axes(
        self,
        x_ticks: Sequence[tuple[float, str]],
        y_ticks: Sequence[tuple[float, str]],
        x_label: str,
        y_label: str,
        grid: bool = True,
    ) -> None:
        """Draw ticks, their texts and what the axes are of."""
        left, right, bottom, top = self.x.start, self.x.stop, self.y.start, self.y.stop
        if grid:
            for place, _ in y_ticks:
                self.draw('<path class="grid" d="M{a} {y}H{b}"/>', a=left, b=right, y=place)
        for place, text in x_ticks:
            self.draw('<path class="tick" d="M{x} {y}v4"/>', x=place, y=bottom)
            self.draw('<text x="{x}" y="{y}" class="m">{t}</text>', x=place, y=bottom + 15, t=text)
        for place, text in y_ticks:
            self.draw('<path class="tick" d="M{x} {y}h-4"/>', x=left, y=place)
            self.draw('<text x="{x}" y="{y}" class="e">{t}</text>', x=left - 7, y=place + 3.5, t=text)
        if x_label:
            self.draw('<text x="{x}" y="{y}" class="m l">{t}</text>', x=(left + right) / 2, y=bottom + 30, t=x_label)
        if y_label:
            self.draw('<text x="{x}" y="{y}" class="l">{t}</text>', x=2.0, y=top - 11, t=y_label)

    def line(self, xs: Floats, ys: Floats, css: str) -> None:
        """Draw a line through points."""
        self.draw('<path class="{c}" d="{d}"/>', c=css, d=_path(self.x(xs), self.y(ys)))

    def area(self, xs: Floats, low: Floats, high: Floats, css: str) -> None:
        """Fill the stretch between two lines."""
        both = np.concatenate([xs, xs[::-1]]), np.concatenate([high, low[::-1]])
        self.draw('<path class="{c}" d="{d}Z"/>', c=css, d=_path(self.x(both[0]), self.y(both[1])))

    def svg(self, alt: str) -> Markup:
        """Return the picture; `alt` is for those who do not see it."""
        head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, self.height, alt)
        return head + Markup("").join(self.pieces) + Markup("</svg>")


def _path(xs: Floats, ys: Floats) -> str:
    points = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(points)


def bars(rows: Sequence[tuple[str, Sequence[float], str]], series: Sequence[str], alt: str) -> Markup:
    """Draw horizontal bars, each of one or several parts.

    Parameters
    ----------
    rows : sequence of (name, values, text)
        A value for each series; the text stands behind the bar.
    series : sequence of str
        What the parts are; at most four, and none with a single part.
    alt : str

    Returns
    -------
    Markup
    """
    step, top, left = 21, 20 if series else 4, 128
    longest = max((sum(values) for _, values, _ in rows), default=0.0) or 1.0
    room = WIDTH - left - 10 - 0.66 * EM * max((len(text) for _, _, text in rows), default=0)
    plot = Plot(Scale(0, longest, left, left + room), Scale(0, 1, 0, 1), top + step * len(rows) + 4)
    x = float(left)
    for i, name in enumerate(series):
        plot.draw('<rect class="s{i}" x="{x}" y="3" width="10" height="10" rx="2"/>', i=i, x=x)
        plot.draw('<text x="{x}" y="12">{t}</text>', x=x + 14, t=short(name, 14))
        x += 24 + 6.4 * min(len(name), 14)
    for place, (name, values, text) in enumerate(rows):
        y = float(top + step * place)
        plot.draw('<text x="{x}" y="{y}" class="e">{t}</text>', x=left - 8.0, y=y + 13, t=fitted(name, left - 12))
        done = 0.0
        for i, value in enumerate(values):
            a, b = float(plot.x(done)), float(plot.x(done + value))
            plot.draw('<rect class="s{i}" x="{x}" y="{y}" width="{w}" height="14"/>', i=i, x=a, y=y + 2, w=b - a)
            done += value
        plot.draw('<text x="{x}" y="{y}" class="l">{t}</text>', x=float(plot.x(done)) + 6, y=y + 13, t=text)
    return plot.svg(alt)


def histogram(
    values: Floats, *, x_label: str, alt: str, log: bool = False, highlight: bool = True, what: str = "values"
) -> Markup:
    """Draw how often values occur.

    Parameters
    ----------
    values : ndarray, shape (n,), finite, n > 0
    x_label : str
    alt : str
    log : bool
        Space the bins evenly on a logarithmic axis; values must be above 0.
    highlight : bool
        Draw in the colour of what is meant.
    what : str
        What is counted.

    Returns
    -------
    Markup
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    edges = np.geomspace(low, high, 49) if log else np.linspace(low, high, 49)
    edges[0], edges[-1] = low, high
    shares = 100 * np.histogram(values, edges)[0] / len(values)
    top = float(shares.max()) * 1.05
    plot = Plot(Scale(low, high, 40, WIDTH - 12, log), Scale(0, top, 136, 26), 172)
    plot.axes(plot.x.ticks(5), plot.y.ticks(3), x_label, f"% of {what}")
    xs = np.repeat(edges, 2)
    ys = np.concatenate([[0.0], np.repeat(shares, 2), [0.0]])
    plot.area(xs, np.zeros_like(ys), ys, "f0" if highlight else "f1")
    return plot.svg(alt)


def envelope(low: Floats, high: Floats, seconds: tuple[float, float], y_label: str, alt: str) -> Markup:
    """Draw one value over time by its lowest and highest in each stretch."""
    peak = max(float(np.abs(low).max(initial=0)), float(np.abs(high).max(initial=0)), 1e-3)
    plot = Plot(Scale(*seconds, 40, WIDTH - 12), Scale(-peak, peak, 172, 26), 208)
    plot.axes(plot.x.ticks(5), plot.y.ticks(4), "seconds", y_label)
    xs = np.linspace(*seconds, len(low))
    plot.area(xs, low, high, "f0")
    return plot.svg(alt)


def colour_bar(plot: Plot, low: float, high: float, unit: str, ramp: str) -> None:
    """Draw the colours of a picture beside it, with what they mean."""
    y = Scale(low, high, plot.y.start, plot.y.stop)
    x, height = plot.x.stop + 10, plot.y.start - plot.y.stop
    plot.draw('<rect x="{x}" y="{y}" width="9" height="{h}" fill="url(#{r})"/>', x=x, y=plot.y.stop, h=height, r=ramp)
    for place, text in y.ticks(4):
        plot.draw('<path class="tick" d="M{x} {y}h3"/>', x=x + 9, y=place)
        plot.draw('<text x="{x}" y="{y}">{t}</text>', x=x + 14, y=place + 3.5, t=text)
    plot.draw('<text x="{x}" y="{y}" class="e l">{t}</text>', x=float(WIDTH - 2), y=plot.y.stop - 11, t=short(unit, 26))
