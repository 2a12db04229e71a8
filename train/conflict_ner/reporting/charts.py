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
from dataclasses import dataclass
from math import isfinite, log10
from typing import TYPE_CHECKING, Any, Literal

from conflict_ner.data.entity_html import COLORS
from conflict_ner.evaluation.calibration import Calibration, Point
from conflict_ner.evaluation.scores import Metrics, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_LINES: tuple[Literal["-", "--", "-.", ":"], ...] = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_INK, _FAINT = "#1d2327", "#d5dade"
_WIDTH = 4.4  # inches: close to the width of a phone, where 10-point text then keeps about its size
_FILE_SIZE = (7.2, 4.6)  # inches, of a chart that is a file of its own
_SYSTEMS = ("tagger", "pipeline", "spacy")  # kinds of systems: each has a color and a marker
# Where a label may stand beside its point: the share of its own width and height that it is moved by.
_SIDES = ((0.0, -0.5), (-1.0, -0.5), (-0.5, 0.0), (-0.5, -1.0), (0.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (-1.0, -1.0))
_ENDINGS = {  # of trials of a search: color, marker and inside
    "finished": (COLORS[0], "o", COLORS[0]),
    "pruned": ("#8a949c", "o", "none"),
    "best": (COLORS[1], "*", COLORS[1]),
}
_WIDE = 50  # from this ratio on, a logarithmic axis has only powers of ten
_GAPS = (7, 16, 28, 42, 60)  # points between a label and its point; from the second on a line joins them
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


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """A system in a chart of quality against speed.

    kind: tagger, pipeline or spacy. cost: the second line of its label.
    """

    name: str
    speed: float
    f1: float
    kind: str
    cost: str = ""


def tradeoff_chart(points: Sequence[TradeoffPoint], speed: str) -> str | None:
    """Draw strict F1 over speed, on a logarithmic axis, with a label at each point that covers no other; an SVG file.

    Args:
        speed: the name of the axis of speed.
    """
    if not points:
        return None
    with _figure("tradeoff", _FILE_SIZE[1], _FILE_SIZE[0], as_file=True) as (figure, svg):
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes = figure.add_subplot()
        for point in points:
            look = _SYSTEMS.index(point.kind) if point.kind in _SYSTEMS else len(_SYSTEMS)
            axes.scatter(point.speed, 100 * point.f1, s=46, color=COLORS[look], marker=_MARKERS[look], zorder=3)
        speeds = [log10(point.speed) for point in points]
        scores = [100 * point.f1 for point in points]
        wide, high = max(0.35, 0.22 * (max(speeds) - min(speeds))), max(2.0, 0.2 * (max(scores) - min(scores)))
        axes.set(xscale="log", xlabel=speed, ylabel="strict F1, %")
        axes.set(xlim=(10 ** (min(speeds) - wide), 10 ** (max(speeds) + wide)))
        axes.set(ylim=(max(-2.0, min(scores) - high), min(102.0, max(scores) + high)))
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _label_points(figure, axes, points)
    return svg[0]


@dataclass(frozen=True, slots=True)
class SearchPanel:
    """A setting in a chart of a search: its name, and for each trial a value, an F1 and how the trial ended.

    A trial has ended as "best", "finished" or "pruned". Values that are text stand beside each other.
    """

    name: str
    is_log: bool
    trials: Sequence[tuple[float | str, float, str]]


def search_chart(panels: Sequence[SearchPanel]) -> str | None:
    """Draw strict F1 over the values of each setting of a search; an SVG file."""
    if not any(panel.trials for panel in panels):
        return None
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    with _figure("search", 0.6 + 2.4 * rows, _FILE_SIZE[0], as_file=True) as (figure, svg):
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        for place, panel in enumerate(panels, start=1):
            axes = figure.add_subplot(rows, columns, place)
            for ending, (color, marker, face) in _ENDINGS.items():
                points = [(value, 100 * f1) for value, f1, ended in panel.trials if ended == ending]
                if points:
                    values, scores = zip(*points, strict=True)
                    size = 110 if ending == "best" else 34
                    axes.scatter(
                        values, scores, s=size, marker=marker, edgecolors=color, facecolors=face, label=ending, zorder=3
                    )
            if panel.is_log and panel.trials:
                axes.set_xscale("log")
                numbers = [float(value) for value, *_ in panel.trials]
                is_wide = max(numbers) >= _WIDE * min(numbers)
                axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if is_wide else (1.0, 2.0, 5.0)))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # its own is for TeX
                axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(panel.name)
            if place % columns == 1 or columns == 1:
                axes.set_ylabel("validation F1, %")
            axes.margins(0.12)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=len(_ENDINGS), fontsize=9)
    return svg[0]


def _label_points(figure: Figure, axes: Axes, points: Sequence[TradeoffPoint]) -> None:
    """Write a label beside each point, at the first place where it covers no point and no label written before."""
    from matplotlib.transforms import Bbox

    figure.set_dpi(72)  # as in the file: a pixel is a point
    figure.draw_without_rendering()  # gives the axes their place
    centers = [axes.transData.transform((point.speed, 100 * point.f1)) for point in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in centers]
    for point, (x, y) in zip(points, centers, strict=True):
        text = f"{point.name}\n{point.cost}" if point.cost else point.name
        label = axes.annotate(text, (point.speed, 100 * point.f1), (0, 0), textcoords="offset points", fontsize=9)
        label.set_in_layout(False)
        size = label.get_window_extent()
        place, gap = _free_place((x, y), (size.width, size.height), taken, axes.get_window_extent())
        taken.append(place)
        label.set_position((place.x0 - x, place.y0 - y))
        label.set_verticalalignment("bottom")
        if gap > _GAPS[0]:
            axes.annotate(
                "",
                (point.speed, 100 * point.f1),
                xytext=(min(max(0, place.x0 - x), place.x1 - x), min(max(0, place.y0 - y), place.y1 - y)),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": "#8a949c", "linewidth": 0.8},
            )


def _free_place(
    center: tuple[float, float], size: tuple[float, float], taken: Sequence[Bbox], inside: Bbox
) -> tuple[Bbox, float]:
    """Return where a label of this size covers nothing, as near to its point as can be, and the gap between them."""
    from matplotlib.transforms import Bbox

    (x, y), (width, height) = center, size
    places = [
        (Bbox.from_bounds(x + gap * dx + width * left, y + gap * dy + height * low, width, height), gap)
        for gap in _GAPS
        for left, low in _SIDES
        for dx, dy in [(2 * left + 1, 2 * low + 1)]
    ]
    free = [
        (place, gap)
        for place, gap in places
        if not any(place.overlaps(other) for other in taken)
        and inside.x0 <= place.x0
        and place.x1 <= inside.x1
        and inside.y0 <= place.y0
        and place.y1 <= inside.y1
    ]
    return (free or places)[0]


@contextmanager
def _figure(
    name: str, height: float, width: float = _WIDTH, *, as_file: bool = False
) -> Iterator[tuple[Figure, list[str]]]:
    """Yield a figure to draw on, and a list that holds its SVG after the block: an element, or a file's content."""
    with _matplotlib_without_cache():
        import matplotlib as mpl
        from matplotlib.figure import Figure

    svg: list[str] = []
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own style file must not change the page
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's fonts draw the text, not ours
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        svg.append(_svg(figure, transparent=False) if as_file else _inline_svg(figure, name))


def _svg(figure: Figure, *, transparent: bool) -> str:
    """Convert a figure to the content of an SVG file; not transparent it is readable on a dark page too."""
    stream = io.StringIO()
    no_metadata: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=transparent, metadata=no_metadata)
    return stream.getvalue()


def _inline_svg(figure: Figure, name: str) -> str:
    """Convert a figure to an SVG element: no prolog, no fixed size, ids that no other chart has."""
    text = _svg(figure, transparent=True)
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
