"""Charts of a report as inline SVG: its text stays text, and the same report gives the same bytes.

Labels are told apart by line style and marker as well as by colour (Okabe & Ito 2008). A chart
is None where there is nothing to draw.

>>> from conflict_ner.evaluation.calibration import calibration
>>> chart = reliability(calibration([(0, "ACTOR", 0.9, True), (1, "ACTOR", 0.4, False)], 2))
>>> chart.startswith("<svg") and "share that is right" in chart
True
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from conflict_ner.evaluation.calibration import Calibration, Point
from conflict_ner.evaluation.scores import Metrics, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Dark enough for text and lines on white; the page tints its boxes from them.
COLORS = ("#00639c", "#b34700", "#007a58", "#9a3d78", "#7a6200", "#4b4fb0", "#8c2d2d", "#4a5a66")
_LINES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_INK, _FAINT = "#1d2327", "#d5dade"
_WIDTH = 4.4  # inches of 72 units: close to a phone's width, so that 10 points are read as such
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "conflict-ner",  # ids that do not change from run to run
    "text.parse_math": False,  # a label may have dollar signs
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a949c",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
}


def bars(scores: Scores) -> str | None:
    """Strict F1 of each label and of all, with whiskers for the interval."""
    rows = [*scores.labels.items(), ("all (micro)", scores.micro)]
    if all(figures.f1 is None for _, figures in rows):
        return None
    with _figure("bars", 0.7 + 0.36 * len(rows)) as (figure, svg):
        axes = figure.add_subplot()
        for place, (_, figures) in enumerate(rows):
            _bar(axes, place, figures, _INK if place == len(rows) - 1 else COLORS[place % len(COLORS)])
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.invert_yaxis()
        axes.set(xlim=(0, 118), xticks=range(0, 101, 20), xlabel="strict F1, %")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return svg[0]


def _bar(axes: Axes, place: int, figures: Metrics, colour: str) -> None:
    if figures.f1 is None:
        axes.text(1, place, "n/a", va="center")
        return
    axes.barh(place, 100 * figures.f1, color=colour, height=0.62, alpha=0.85)
    reach = figures.f1
    if figures.interval:
        low, high = figures.interval
        axes.plot([100 * low, 100 * high], [place, place], color="black", linewidth=1.3, marker="|", markersize=7)
        reach = max(reach, high)
    axes.text(100 * reach + 2.5, place, f"{100 * figures.f1:.1f}", va="center")


def reliability(calibration: Calibration | None) -> str | None:
    """The share that is right by mean score; the size of a point grows with its mentions."""
    if calibration is None:
        return None
    filled = [
        (b.score, b.correct, b.mentions) for b in calibration.bins if b.score is not None and b.correct is not None
    ]
    scores, shares, mentions = (list(column) for column in zip(*filled, strict=True))
    with _figure("reliability", 3.6) as (figure, svg):
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="#6b757c", linestyle="--", linewidth=1, label="as sure as right")
        axes.plot(scores, shares, color=COLORS[0], linewidth=1.2, alpha=0.6)
        sizes = [16 + 180 * count / max(mentions) for count in mentions]
        axes.scatter(scores, shares, s=sizes, color=COLORS[0], zorder=3, alpha=0.9, label="scores in tenths")
        axes.set(xlim=(-0.03, 1.05), ylim=(-0.03, 1.07), xlabel="mean score", ylabel="share that is right")
        legend = axes.legend(loc="upper left", fontsize=9)
        legend.legend_handles[-1].set_sizes([40])  # type: ignore[union-attr]
    return svg[0]


def precision_recall(curves: Mapping[str, Sequence[Point]]) -> str | None:
    """Precision against recall of each label as the threshold rises; the dot is where F1 is best."""
    drawn = {
        label: [(one.recall, one.precision, one.f1) for one in points if one.recall is not None]
        for label, points in curves.items()
    }
    if not any(drawn.values()):
        return None
    with _figure("curves", 3.6) as (figure, svg):
        axes = figure.add_subplot()
        lowest = 1.0
        for index, (label, points) in enumerate(drawn.items()):
            if not points:
                continue
            recalls, precisions, f1s = zip(*points, strict=True)
            [line] = axes.plot(recalls, precisions, label=label, color=COLORS[index % len(COLORS)], linewidth=1.6)
            line.set_linestyle(_LINES[index % len(_LINES)])
            line.set_marker(_MARKERS[index % len(_MARKERS)])
            line.set_markevery([f1s.index(max(f1s))])
            lowest = min(lowest, *precisions)
        axes.set(xlim=(0, 1.03), ylim=(max(0, lowest - 0.08), 1.02), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", fontsize=9)
    return svg[0]


def learning(history: Sequence[Mapping[str, float]]) -> str | None:
    """Training loss and the strict F1 on validation by epoch."""
    drawn = [
        (name, title, [(h["epoch"], h[name]) for h in history if name in h and "epoch" in h and isfinite(h[name])])
        for name, title in (("strict_f1", "validation F1"), ("loss", "training loss"))
    ]
    drawn = [(name, title, points) for name, title, points in drawn if points]
    if not drawn:
        return None
    with _figure("learning", 0.5 + 1.55 * len(drawn)) as (figure, svg):
        from matplotlib.ticker import MaxNLocator

        for index, (_, title, points) in enumerate(drawn):
            axes = figure.add_subplot(len(drawn), 1, index + 1)
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, color=COLORS[index], marker=_MARKERS[index], markersize=4, linewidth=1.5)
            axes.set(ylabel=title, xlim=(min(epochs) - 0.3, max(epochs) + 0.3))
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
            axes.margins(y=0.15)
        axes.set_xlabel("epoch")
    return svg[0]


@contextmanager
def _figure(name: str, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """A figure to draw on, and the list that has its SVG after the block."""
    with _matplotlib_without_cache():
        import matplotlib as mpl
        from matplotlib.figure import Figure

    svg: list[str] = []
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own style file must not change the page
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's fonts draw the text, not ours
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        yield figure, svg
        svg.append(_inline(figure, name))


def _inline(figure: Figure, name: str) -> str:
    """The figure as an element of a page: no prolog, no fixed size, ids that no other chart has."""
    stream = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r' (?:width|height)="[^"]*pt"', "", text, count=2)
    text = re.sub(r"<style.*?</style>", "", text, count=1, flags=re.DOTALL)  # it would rule the whole page
    text = re.sub(r'(?<= )id="', f'id="{name}-', text)
    return re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)


@contextmanager
def _matplotlib_without_cache() -> Iterator[None]:
    """Import matplotlib in this block for the first time, and its list of fonts is not kept in the home folder."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = folder
        try:
            yield
        finally:
            del os.environ["MPLCONFIGDIR"]
