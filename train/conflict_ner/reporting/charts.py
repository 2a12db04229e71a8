"""Charts of scores as inline SVG, in which text stays text; the same scores give the same bytes.

Labels differ in line style and marker as well as in color (Okabe & Ito 2008). A chart is None
where there is nothing to draw.

>>> from conflict_ner.evaluation.calibration import calibration
>>> chart = reliability_diagram(calibration([(0, "ACTOR", 0.9, True), (1, "ACTOR", 0.4, False)], 2))
>>> chart.startswith("<svg") and "share that is correct" in chart
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

# Dark enough for text and lines on white; the boxes on the page are lighter tints of them.
COLORS = ("#00639c", "#b34700", "#007a58", "#9a3d78", "#7a6200", "#4b4fb0", "#8c2d2d", "#4a5a66")
_LINES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_INK, _FAINT = "#1d2327", "#d5dade"
_WIDTH = 4.4  # inches: close to the width of a phone, where 10-point text then keeps about its size
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "conflict-ner",  # gives the same ids in every run
    "text.parse_math": False,  # a label may contain dollar signs
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


def f1_bars(scores: Scores) -> str | None:
    """Draw the strict F1 of each label and of all mentions, with lines for the intervals."""
    rows = [*scores.labels.items(), ("all (micro)", scores.micro)]
    if all(metrics.f1 is None for _, metrics in rows):
        return None
    with _figure("bars", 0.7 + 0.36 * len(rows)) as (figure, svg):
        axes = figure.add_subplot()
        for place, (_, metrics) in enumerate(rows):
            _bar(axes, place, metrics, _INK if place == len(rows) - 1 else COLORS[place % len(COLORS)])
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.invert_yaxis()
        axes.set(xlim=(0, 118), xticks=range(0, 101, 20), xlabel="strict F1, %")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return svg[0]


def _bar(axes: Axes, place: int, metrics: Metrics, color: str) -> None:
    if metrics.f1 is None:
        axes.text(1, place, "n/a", va="center")
        return
    axes.barh(place, 100 * metrics.f1, color=color, height=0.62, alpha=0.85)
    end = metrics.f1
    if metrics.interval:
        low, high = metrics.interval
        axes.plot([100 * low, 100 * high], [place, place], color="black", linewidth=1.3, marker="|", markersize=7)
        end = max(end, high)
    axes.text(100 * end + 2.5, place, f"{100 * metrics.f1:.1f}", va="center")


def reliability_diagram(calibration: Calibration | None) -> str | None:
    """Draw the share of correct predictions by mean score; a larger point stands for more mentions."""
    if calibration is None:
        return None
    filled = [
        (b.score, b.correct, b.mentions) for b in calibration.bins if b.score is not None and b.correct is not None
    ]
    scores, shares, mentions = (list(column) for column in zip(*filled, strict=True))
    with _figure("reliability", 3.6) as (figure, svg):
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="#6b757c", linestyle="--", linewidth=1, label="perfect calibration")
        axes.plot(scores, shares, color=COLORS[0], linewidth=1.2, alpha=0.6)
        sizes = [16 + 180 * count / max(mentions) for count in mentions]
        axes.scatter(scores, shares, s=sizes, color=COLORS[0], zorder=3, alpha=0.9, label="bins of width 0.1")
        axes.set(xlim=(-0.03, 1.05), ylim=(-0.03, 1.07), xlabel="mean score", ylabel="share that is correct")
        legend = axes.legend(loc="upper left", fontsize=9)
        legend.legend_handles[-1].set_sizes([40])  # type: ignore[union-attr]
    return svg[0]


def precision_recall_curves(curves: Mapping[str, Sequence[Point]]) -> str | None:
    """Draw precision against recall of each label as the threshold rises; the marker is where F1 is highest."""
    series = {
        label: [(point.recall, point.precision, point.f1) for point in points if point.recall is not None]
        for label, points in curves.items()
    }
    if not any(series.values()):
        return None
    with _figure("curves", 3.6) as (figure, svg):
        axes = figure.add_subplot()
        lowest = 1.0
        for index, (label, points) in enumerate(series.items()):
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


def learning_curve(history: Sequence[Mapping[str, float]]) -> str | None:
    """Draw the strict F1 on validation and the training loss by epoch."""
    series = [
        (title, [(h["epoch"], h[name]) for h in history if name in h and "epoch" in h and isfinite(h[name])])
        for name, title in (("strict_f1", "validation F1"), ("loss", "training loss"))
    ]
    series = [(title, points) for title, points in series if points]
    if not series:
        return None
    with _figure("learning", 0.5 + 1.55 * len(series)) as (figure, svg):
        from matplotlib.ticker import MaxNLocator

        for index, (title, points) in enumerate(series):
            axes = figure.add_subplot(len(series), 1, index + 1)
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, color=COLORS[index], marker=_MARKERS[index], markersize=4, linewidth=1.5)
            axes.set(ylabel=title, xlim=(min(epochs) - 0.3, max(epochs) + 0.3))
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
            axes.margins(y=0.15)
        axes.set_xlabel("epoch")
    return svg[0]


@contextmanager
def _figure(name: str, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Yield a figure to draw on, and a list that holds its SVG after the block."""
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
        svg.append(_inline_svg(figure, name))


def _inline_svg(figure: Figure, name: str) -> str:
    """Convert a figure to an SVG element: no prolog, no fixed size, ids that no other chart has."""
    stream = io.StringIO()
    no_metadata: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r' (?:width|height)="[^"]*pt"', "", text, count=2)
    text = re.sub(r"<style.*?</style>", "", text, count=1, flags=re.DOTALL)  # it would apply to the whole page
    text = re.sub(r'(?<= )id="', f'id="{name}-', text)
    return re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)


@contextmanager
def _matplotlib_without_cache() -> Iterator[None]:
    """Keep the first import of matplotlib, in this block, from writing a list of fonts to the home folder."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = folder
        try:
            yield
        finally:
            del os.environ["MPLCONFIGDIR"]
