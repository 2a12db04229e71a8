"""Charts are well-formed SVG with text as text, the same each time, and None without data."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations
from math import nan

import matplotlib as mpl
import pytest
from conflict_ner.data.document import Document
from conflict_ner.evaluation.calibration import Calibration
from conflict_ner.evaluation.report import score
from conflict_ner.reporting import charts
from conflict_ner.reporting.charts import TradeoffPoint
from helpers.evaluations import HISTORY, LABELS, evaluation


def draw_all() -> dict[str, str]:
    report = evaluation().report
    drawn = {
        "bars": charts.f1_bars(report.strict),
        "reliability": charts.reliability_diagram(report.calibration),
        "curves": charts.precision_recall_curves(report.curves),
        "learning": charts.learning_curve(HISTORY),
    }
    return {name: chart for name, chart in drawn.items() if chart is not None}


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_every_chart_is_well_formed_and_the_same_each_time() -> None:
    first = draw_all()
    assert len(first) == 4
    assert draw_all() == first


def test_no_two_elements_of_a_page_share_an_id() -> None:
    page = "".join(draw_all().values())
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    referred = re.findall(r'(?:xlink:href="#|url\(#)([^")]*)', page)
    assert referred
    assert set(referred) <= set(ids)


def test_text_is_text_whatever_a_label_says() -> None:
    shown = texts(draw_all()["bars"])
    assert set(LABELS) <= set(shown)
    assert "n/a" not in shown
    micro = evaluation().report.strict.micro.f1
    assert micro is not None
    assert f"{100 * micro:.1f}" in shown


def test_a_label_without_mentions_is_na() -> None:
    report = score([Document("r", "Calm.")], [[]], ["A"])
    assert charts.f1_bars(report.strict) is None
    original = evaluation()
    wider = score(original.documents, original.predicted, [*LABELS, "NEVER"])
    assert "n/a" in texts(charts.f1_bars(wider.strict) or "")


@pytest.mark.parametrize("history", [(), ({"epoch": 1, "loss": nan},), ({"loss": 0.5},)])
def test_no_history_no_chart(history: tuple[dict[str, float], ...]) -> None:
    assert charts.learning_curve(history) is None


def test_no_predictions_no_charts() -> None:
    assert charts.reliability_diagram(None) is None
    assert charts.precision_recall_curves({"A": ()}) is None


def test_more_labels_than_colours() -> None:
    curve = next(points for points in evaluation().report.curves.values() if points)
    shown = texts(charts.precision_recall_curves({f"L{k}": curve for k in range(11)}) or "")
    assert {f"L{k}" for k in range(11)} <= set(shown)


def test_a_users_own_style_changes_nothing_and_is_not_changed() -> None:
    calibration = evaluation().report.calibration
    assert isinstance(calibration, Calibration)
    plain = charts.reliability_diagram(calibration)
    with mpl.rc_context({"svg.fonttype": "path", "axes.facecolor": "red", "font.size": 30}):
        assert charts.reliability_diagram(calibration) == plain
        assert mpl.rcParams["font.size"] == 30


def test_labels_of_the_tradeoff_cover_neither_each_other_nor_the_edge() -> None:
    near = [TradeoffPoint(f"model number {k}", 1 + k / 50, 0.85 + k / 1000, "tagger", "23 MB, 0.5 s") for k in range(6)]
    far = [TradeoffPoint("spaCy en_core_web_sm", 8.0, 0.33, "spacy"), TradeoffPoint("slow", 0.3, 0.91, "other")]
    drawn = charts.tradeoff_chart([*near, *far], "times the pipeline") or ""
    assert drawn == charts.tradeoff_chart([*near, *far], "times the pipeline")
    assert {"model number 5", "spaCy en_core_web_sm", "times the pipeline"} <= set(texts(drawn))
    size = 9.0
    boxes = []
    for node in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text"):
        text = "".join(node.itertext())
        if re.fullmatch("model.*|.*MB.*|spaCy.*|slow", text):
            place = re.search(r"translate\(([\d.]+) ([\d.]+)\)", node.get("transform", ""))
            x, y = map(float, place.groups() if place else (node.get("x", ""), node.get("y", "")))
            boxes.append((x, y - 0.7 * size, x + 0.5 * size * len(text), y))
    assert len(boxes) == 14
    assert all(left > 0 and right < 518.4 and top > 0 and bottom < 331.2 for left, top, right, bottom in boxes)
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (one, other)


def test_no_score_no_tradeoff() -> None:
    assert charts.tradeoff_chart([], "speed") is None
